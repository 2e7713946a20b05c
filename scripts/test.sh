#!/bin/sh
# The whole test suite: documentation tests first, then every other test, so that the output ends in the runner's
# own summary. cargo-nextest is used where it is installed; it runs each test in its own process and is faster.
# The servers that tests use are found or installed before; what runs for all tests ends with this script.
set -eu
cd "$(dirname "$0")/.."
cargo=${CARGO:-cargo}

if [ -n "${FLOODMARK_INPUTS:-}" ]; then
    echo "recorded inputs: $FLOODMARK_INPUTS"
else
    echo "recorded inputs: FLOODMARK_INPUTS is not set; tests that need them say \"skipped\""
fi

scripts/servers.sh
while IFS= read -r variable; do
    export "${variable?}"
done <"${FLOODMARK_TEST_SERVERS:-${CARGO_TARGET_DIR:-target}/test-servers}/env"

"$cargo" test --locked --workspace --doc --quiet
if "$cargo" nextest --version >/dev/null 2>&1; then
    set -- "$cargo" nextest run --locked --workspace --lib --bins --tests
    "$@" --no-run
else
    set -- "$cargo" test --locked --workspace --lib --bins --tests
    "$@" --no-run
    set -- "$@" --no-fail-fast
fi
built=$("$cargo" metadata --locked --no-deps --format-version 1 | sed -n 's/.*"target_directory":"\([^"]*\)".*/\1/p')
exec "$built/debug/with_servers" "$@"
