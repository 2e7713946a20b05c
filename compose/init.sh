#!/bin/sh
# Makes the passwords of the stack: one random value in one file each, in compose/secrets (or the directory given).
# What is there already stays as it is, so it may be run again at any time.
#
#   compose/init.sh [DIRECTORY]
set -eu
umask 077

directory=${1:-$(dirname "$0")/secrets}
mkdir -p "$directory"

# Only the owner can enter the directory. The files themselves are readable, because the users inside the containers,
# who are not the owner, see each of them alone.
write() {
    printf '%s' "$2" >"$directory/$1.new"
    chmod 0444 "$directory/$1.new"
    mv "$directory/$1.new" "$directory/$1"
    echo "made $directory/$1"
}

random() {
    od -An -N24 -tx1 /dev/urandom | tr -d ' \n'
}

for name in \
    nats_floodmark_password \
    postgres_admin_password \
    postgres_floodmark_password \
    postgres_grafana_password \
    mongodb_admin_password \
    mongodb_floodmark_password \
    grafana_admin_password; do
    [ -s "$directory/$name" ] || write "$name" "$(random)"
done

# NATS reads its users from a file of its own form, so this one is always made from the password.
write nats_users.conf "accounts {
  FLOODMARK {
    jetstream: enabled
    users: [{ user: \"floodmark\", password: \"$(cat "$directory/nats_floodmark_password")\" }]
  }
}
"
