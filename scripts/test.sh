#!/bin/sh
# The whole test suite: documentation tests first, then every other test, so that the output ends in the runner's
# own summary. cargo-nextest is used where it is installed; it runs each test in its own process and is faster.
set -eu
cd "$(dirname "$0")/.."
cargo=${CARGO:-cargo}

if [ -n "${FLOODMARK_INPUTS:-}" ]; then
    echo "recorded inputs: $FLOODMARK_INPUTS"
else
    echo "recorded inputs: FLOODMARK_INPUTS is not set; tests that need them say \"skipped\""
fi

"$cargo" test --locked --workspace --doc --quiet
if "$cargo" nextest --version >/dev/null 2>&1; then
    exec "$cargo" nextest run --locked --workspace --lib --bins --tests
else
    exec "$cargo" test --locked --workspace --lib --bins --tests --no-fail-fast
fi
