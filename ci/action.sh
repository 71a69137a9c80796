#!/usr/bin/env bash
# What the action of action.yml does once the simulator ($1) is built: plays each scenario, puts findings on the lines they speak of and on the
# job's page, and fails when one run did. Everything else comes in the variables that action.yml sets, so that no input is ever part of a script.
set -euo pipefail
simulator=$1
seen=$RUNNER_TEMP/waverig-seen
mkdir -p "$seen"
echo "seen=$seen" >> "$GITHUB_OUTPUT"

# GitHub's workflow commands end at a line's end, and these characters are written otherwise in them.
annotate() {
    awk -v prefix="$GITHUB_WORKSPACE/" '
        function data(text) { gsub(/%/, "%25", text); gsub(/\r/, "%0D", text); return text }
        function property(text) { text = data(text); gsub(/:/, "%3A", text); gsub(/,/, "%2C", text); return text }
        function tell() {
            if (level == "") return
            print "::" level " title=" property(rule) place "::" data(text)
            level = ""
        }
        match($0, /^(error|warning)(\[[a-z-]+\])?: /) {
            tell()
            split(substr($0, 1, RLENGTH - 2), head, /[][]/)
            level = head[1]; rule = head[2] == "" ? "waverig" : head[2]; text = substr($0, RLENGTH + 1); place = ""
        }
        level != "" && place == "" && match($0, /^ *--> .*:[0-9]+$/) {
            file = $0; sub(/^ *--> (.*, )?/, "", file)
            number = file; sub(/.*:/, "", number); sub(/:[0-9]+$/, "", file)
            if (index(file, prefix) == 1) file = substr(file, length(prefix) + 1)
            place = ",file=" property(file) ",line=" number
        }
        END { tell() }
    ' "$1"
}

play() {
    local name=$1 code=0
    shift
    echo "::group::$name"
    "$simulator" "$DRIVER" --inf "$INF" ${SOURCES:+--sources "$SOURCES"} "$@" > "$seen/$name.txt" 2>&1 || code=$?
    cat "$seen/$name.txt"
    echo "::endgroup::"
    annotate "$seen/$name.txt"
    {
        case $code in
            0) echo "- $name: passed" ;;
            1) echo "- **$name: failed**" ;;
            *) echo "- **$name: not played** (exit code $code)" ;;
        esac
        if [ "$code" != 0 ]; then
            printf '\n~~~text\n'
            # A job's page takes a megabyte: the whole text is in the artefact.
            head -c 60000 "$seen/$name.txt"
            printf '\n~~~\n'
        fi
    } >> "$GITHUB_STEP_SUMMARY"
    [ "$code" = 0 ] || failed=$((failed + 1))
}

failed=0
played=0
while IFS= read -r scenario; do
    [ -n "$scenario" ] || continue
    name=$(basename "$scenario" .toml)
    play "$name" --scenario "$scenario" --out "$seen/$name"
    played=$((played + 1))
done <<< "$SCENARIOS"
if [ "$played" = 0 ]; then
    play installation
    played=1
fi
echo "$((played - failed)) of $played passed; what was seen: $seen"
[ "$failed" = 0 ]
