#!/bin/sh
# Write .env from .env.example: every secret gets its own value from the command in the "Generate:" line above it.
# What only you can know stays empty, and docker compose says so.
#
# An .env that exists keeps every value it has, because databases keep the old secrets: names that are not in it are
# added at its end, secrets that stand there empty are filled in.  No value is ever printed.
set -eu
umask 077
cd "$(dirname "$0")/../.."
target=${1:-.env}

# The command that makes the value of a name, or nothing.
command_for() {
    awk -v name="$1" '/^# Generate: /{command = substr($0, 13); next} index($0, name "=") == 1 {print command; exit}
        !/^#/{command = ""}' .env.example
}

# Lines of standard input, each empty secret among them with a value of its own.
filled() {
    while IFS= read -r line || [ -n "$line" ]; do
        case $line in
            *[!A-Z_]*=* | =*) ;;
            *=)
                command=$(command_for "${line%=}")
                [ -z "$command" ] || line=$line$(sh -c "$command")
                ;;
        esac
        printf '%s\n' "$line"
    done
}

# The blocks of .env.example, a comment and its name, whose name the file does not assign.
lacking() {
    awk '
        FILENAME != ".env.example" {
            if (match($0, /^[ \t]*(export[ \t]+)?[A-Za-z_][A-Za-z0-9_]*[ \t]*=/)) {
                name = substr($0, RSTART, RLENGTH - 1)
                sub(/^[ \t]*(export[ \t]+)?/, "", name)
                sub(/[ \t]+$/, "", name)
                there[name] = 1
            }
            next
        }
        /^[A-Z_]+=/ {
            split($0, parts, "=")
            if (!(parts[1] in there)) printf "%s%s\n", block, $0
            block = ""
            next
        }
        /^#/ && !/^# ---/ { block = block $0 "\n"; next }
        { block = "" }
    ' "$target" .env.example
}

trap 'rm -f "$target.new"' EXIT
if [ -e "$target" ]; then
    added=$(lacking | filled)
    { filled < "$target"; [ -z "$added" ] || printf '\n%s\n' "$added"; } > "$target.new"
else
    filled < .env.example > "$target.new"
fi
if cmp -s "$target.new" "$target"; then
    chmod 600 "$target"
    echo "$target lacks nothing; it is as it was." >&2
else
    mv "$target.new" "$target"
    echo "$target written, readable by you alone." >&2
fi
if grep -q '^PLUMBLINE_CODE_VERSION=' "$target"; then
    echo "Take PLUMBLINE_CODE_VERSION out of $target: it would label new code with an old commit." >&2
fi
echo "Empty still, for you to set where you need it:" >&2
grep -E '^[A-Z_]+=$' "$target" >&2 || true
