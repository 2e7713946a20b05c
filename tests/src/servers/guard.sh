# Ends a server when the test that started it is over, however that happened: by its end, a panic, Ctrl-C or kill -9.
# The test holds the other end of stdin and writes a line with the ids of the server's processes whenever they change.
#   $1 the signal that ends the server   $2 the server's folder, which is removed
trap '' HUP INT TERM
ids=
while read -r line; do ids=$line; done

if [ -n "$ids" ]; then
    # shellcheck disable=SC2086 # several ids
    kill -s CONT $ids 2>/dev/null
    kill -s "$1" "${ids%% *}" 2>/dev/null
    looks=0
    while [ $looks -lt 100 ] && kill -0 "${ids%% *}" 2>/dev/null; do
        sleep 0.05
        looks=$((looks + 1))
    done
    # shellcheck disable=SC2086
    [ $looks -lt 100 ] || kill -s KILL $ids 2>/dev/null
fi

# A PostgreSQL that was killed leaves its shared memory, which only its next start would remove (its id is in line 7).
if [ -f "$2/data/postmaster.pid" ]; then
    segment=$(sed -n '7s/.* //p' "$2/data/postmaster.pid")
    [ -z "$segment" ] || ipcrm -m "$segment" 2>/dev/null
fi
rm -rf -- "$2"
