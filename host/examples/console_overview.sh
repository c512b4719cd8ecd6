#!/bin/sh
# Starts a console, prints what its Overview says, and stops it. The arguments are the program and the options of its console:
#
#   host/examples/console_overview.sh target/release/sluice --lake file:lake --registry file:registry
#
# As in a browser, the token of the printed address is exchanged for a cookie, with which pages are read.

command -v curl >/dev/null || { echo "curl is not installed, so the Overview is not shown here"; exit 0; }

program=$1
shift
folder=$(mktemp -d)
"$program" console --port 0 "$@" 2>"$folder/printed" &
console=$!
trap 'kill "$console" 2>/dev/null; rm -rf "$folder"' EXIT

fail() { # why
    cat "$folder/printed" >&2
    echo "console_overview: $1" >&2
    exit 1
}

# What follows an element with this text, without tags.
shown() { # the text, and the end of what is shown
    grep -o "$1.*" "$folder/page" | head -n 1 | sed "s|^$1||; s|$2.*||; s|<span class=\"badge[^>]*>[^<]*</span> *||; s|<[^>]*>||g"
}

# Half a minute at most: for the console to start, and then for it to read everything.
address=
tries=0
while :; do
    tries=$((tries + 1))
    [ "$tries" -le 60 ] || fail "the console has not read everything in 30 s"
    kill -0 "$console" 2>/dev/null || fail "the console has ended"
    sleep 0.5
    if [ -z "$address" ]; then
        # The address for who cannot find the name of the console, such as an old curl.
        opened=$(sed -n 's/^sluice: if your browser cannot find that name: //p' "$folder/printed")
        [ -n "$opened" ] || continue
        address=${opened%%\?*}
        curl -sf -c "$folder/cookie" -o "$folder/page" "$opened" || fail "it does not take its own token"
    fi
    curl -sf -b "$folder/cookie" -o "$folder/page" "$address" || fail "it has no Overview"
    grep -q 'class="reading"' "$folder/page" || break
done

verdict=$(shown '<div class="verdict"><h2>' '</h2>')
records=$(shown '<dt>Committed records</dt><dd>' '</dd>')
[ -n "$verdict" ] || fail "its Overview says nothing"
echo "Console: $address says: $verdict${records:+, $records records committed}"
