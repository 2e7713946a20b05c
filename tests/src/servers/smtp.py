# A mail server of a test: takes mails into a folder, and behaves badly when it is told to.
#
#   smtp.py <port> <folder> [--certificate FILE --key FILE (--implicit)] [--password TEXT]
#
# Each connection takes the next line of <folder>/plan: accept, greet-421, mail-421, mail-535, mail-550, mail-553, rcpt-450,
# rcpt-530, rcpt-550, rcpt-554, data-450, data-530, data-550, hang-after-data, drop-before-250 (it has the mail), drop-after-250.
# Without one it accepts. A recipient whose name begins with "450", "550", "554" or, in words only, "551" is always refused so.
# What was taken is in <folder>/mails: 0001.json with envelope and parts as Python's email package reads them.
import argparse
import asyncio
import email
import email.policy
import json
import os
import pathlib
import ssl

from aiosmtpd.smtp import SMTP, AuthResult

parser = argparse.ArgumentParser()
parser.add_argument("port", type=int)
parser.add_argument("folder", type=pathlib.Path)
parser.add_argument("--certificate")
parser.add_argument("--key")
parser.add_argument("--implicit", action="store_true")
parser.add_argument("--password")
args = parser.parse_args()

mails = args.folder / "mails"
mails.mkdir(exist_ok=True)


def write(path, text):
    new = path.with_suffix(".new")
    new.write_text(text)
    os.replace(new, path)


def next_turn():
    plan = args.folder / "plan"
    lines = plan.read_text().split() if plan.exists() else []
    if not lines:
        return "accept"
    write(plan, "\n".join(lines[1:]))
    return lines[0]


class Handler:
    async def handle_MAIL(self, server, session, envelope, address, options):
        if server.turn == "mail-421":
            return "421 4.3.2 shutting down"
        if server.turn == "mail-550":
            return "550 5.7.1 sender not allowed"
        if server.turn == "mail-553":
            return "553 sorry, not your address"
        if server.turn == "mail-535":
            return "535 5.7.8 no longer logged in"
        envelope.mail_from = address
        return "250 OK"

    async def handle_RCPT(self, server, session, envelope, address, options):
        if server.turn == "rcpt-450" or address.startswith("450"):
            return "450 4.2.1 try again later"
        if server.turn == "rcpt-550" or address.startswith("550"):
            return "550 5.1.1 no such user"
        if server.turn == "rcpt-530":
            return "530 log in first"
        if server.turn == "rcpt-554" or address.startswith("554"):
            return "554 5.7.1 relay access denied"
        if address.startswith("551"):
            return "550 relay not permitted"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server, session, envelope):
        if server.turn == "data-450":
            return "450 4.3.0 disk full"
        if server.turn == "data-550":
            return "550 5.7.1 looks like spam"
        if server.turn == "data-530":
            return "530 5.7.57 not authenticated"
        if server.turn == "hang-after-data":
            await asyncio.sleep(3600)
        self.keep(server, session, envelope)
        if server.turn == "drop-before-250":
            server.transport.abort()
        if server.turn == "drop-after-250":
            await server.push("250 2.0.0 taken")
            server.transport.close()
        return "250 2.0.0 taken"

    def keep(self, server, session, envelope):
        mail = email.message_from_bytes(envelope.original_content, policy=email.policy.default)
        number = len(list(mails.glob("*.json"))) + 1
        parts = [[part.get_content_type(), part.get_content().replace("\r\n", "\n")] for part in mail.walk() if not part.is_multipart()]
        login = session.auth_data
        kept = {
            "from": envelope.mail_from,
            "to": envelope.rcpt_tos,
            "user": login.login.decode() if login else None,
            "encrypted": session.ssl is not None or args.implicit,
            "hello": session.host_name,
            "headers": [[name, str(value)] for name, value in mail.items()],
            "parts": parts,
            "raw": envelope.original_content.decode("ascii"),
        }
        write(mails / f"{number:04}.json", json.dumps(kept))


class Server(SMTP):
    async def _handle_client(self):
        self.turn = getattr(self, "turn", None) or next_turn()
        if self.turn == "greet-421":
            await self.push("421 4.3.2 too busy")
            self.transport.close()
            return
        await super()._handle_client()


def authenticate(server, session, envelope, mechanism, data):
    good = data.login == b"floodmark" and data.password == args.password.encode()
    return AuthResult(success=good, handled=False, auth_data=data)


async def main():
    context = None
    if args.certificate:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(args.certificate, args.key)
    login = {"authenticator": authenticate, "auth_required": True, "auth_require_tls": False} if args.password else {}
    starttls = {"tls_context": context, "require_starttls": True} if context and not args.implicit else {}
    server = await asyncio.get_running_loop().create_server(
        lambda: Server(Handler(), hostname="mail.test", enable_SMTPUTF8=True, **login, **starttls),
        "127.0.0.1",
        args.port,
        ssl=context if args.implicit else None,
    )
    (args.folder / "ready").touch()
    await server.serve_forever()


asyncio.run(main())
