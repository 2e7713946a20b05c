#!/bin/sh
# The crash harness for about an hour (`make soak`): the same scenarios as in `make test`, with many more kills. The last
# lines are one for each scenario: its row of docs/guides/faults.md, seed, kills, events, violations.
#   FLOODMARK_TEST_KILLS   kills of each scenario (default: 150)
#   FLOODMARK_TEST_SEED    a seed to repeat
#   SOAK_TESTS             part of a test's name, to run only some
set -eu
cd "$(dirname "$0")/.."
cargo=${CARGO:-cargo}
target=${CARGO_TARGET_DIR:-target}

scripts/servers.sh
while IFS= read -r variable; do
    export "${variable?}"
done <"${FLOODMARK_TEST_SERVERS:-$target/test-servers}/env"
export FLOODMARK_TEST_KILLS="${FLOODMARK_TEST_KILLS:-150}"

"$cargo" test --locked -p floodmark --test stack --no-run
"$cargo" build --locked -p floodmark-tests --bin with_servers
mkdir -p "$target"
log=$target/soak.log
outcome=0
"$target/debug/with_servers" "$cargo" test --locked -p floodmark --test stack -- --nocapture --test-threads 2 ${SOAK_TESTS:+"$SOAK_TESTS"} \
    >"$log" 2>&1 || outcome=$?
grep -E '^(test .* \.\.\. |[A-Za-z0-9]+ seed |test result)' "$log" || true
[ "$outcome" -eq 0 ] || echo "soak failed: see $log" >&2
exit "$outcome"
