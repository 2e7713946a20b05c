#!/bin/sh
# Says which tool is missing and the exact command that installs it. Installs nothing itself.
#   scripts/require.sh build   what `make run` and `make test` need
#   scripts/require.sh lint    what `make check` needs besides
set -eu

fail() {
    printf 'floodmark: %s\n' "$@" >&2
    exit 1
}

need_build() {
    command -v "${CARGO:-cargo}" >/dev/null 2>&1 || fail \
        "Rust is missing. Install it with:" \
        "    curl --proto '=https' --tlsv1.2 -sSf https://sh.rustup.rs | sh -s -- -y && . \"\$HOME/.cargo/env\""
    command -v "${CC:-cc}" >/dev/null 2>&1 || fail \
        "a C compiler is missing (SQLite and the TLS library are built from source). Install it with:" \
        "    $(compiler_command)"
}

compiler_command() {
    if command -v apt-get >/dev/null 2>&1; then
        echo "sudo apt-get update && sudo apt-get install -y build-essential"
    elif command -v dnf >/dev/null 2>&1; then
        echo "sudo dnf install -y gcc make"
    elif command -v apk >/dev/null 2>&1; then
        echo "sudo apk add build-base"
    elif command -v pacman >/dev/null 2>&1; then
        echo "sudo pacman -S --needed base-devel"
    elif command -v xcode-select >/dev/null 2>&1; then
        echo "xcode-select --install"
    else
        echo "install gcc or clang with the package manager of this system (Debian: sudo apt-get install -y build-essential)"
    fi
}

need_lint() {
    "${CARGO:-cargo}" fmt --version >/dev/null 2>&1 || fail "rustfmt is missing. Install it with:" "    rustup component add rustfmt"
    "${CARGO:-cargo}" clippy --version >/dev/null 2>&1 || fail "clippy is missing. Install it with:" "    rustup component add clippy"
}

case "${1:-}" in
build) need_build ;;
lint) need_lint ;;
*) fail "usage: scripts/require.sh build|lint" ;;
esac
