#!/usr/bin/env bash
# Asks http://127.0.0.1:PORT/PATH and succeeds when the status is 200. For health checks in images that have bash and
# no program that speaks HTTP.
#
#   http-ok.sh PORT PATH
set -euo pipefail

port=${1:?"usage: http-ok.sh PORT PATH"}
path=${2:?"usage: http-ok.sh PORT PATH"}

exec 3<>"/dev/tcp/127.0.0.1/$port"
printf 'GET %s HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n' "$path" >&3
IFS=' ' read -r -t 4 _ status _ <&3
[[ $status == 200 ]]
