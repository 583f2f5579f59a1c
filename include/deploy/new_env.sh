#!/bin/sh
# Write .env from .env.example: every secret gets its own value from the command in the "Generate:" line above it.
# What only you can know stays empty, and docker compose says so.  An .env that exists is never touched.
set -eu
umask 077
cd "$(dirname "$0")/../.."
target=${1:-.env}
if [ -e "$target" ]; then
    echo "$target exists already. Move it away first if you want new secrets: databases keep the old ones." >&2
    exit 1
fi
command=
while IFS= read -r line; do
    case $line in
        '# Generate: '*) command=${line#'# Generate: '} ;;
        *=) [ -z "$command" ] || line=$line$(sh -c "$command"); command= ;;
        *=*) command= ;;
    esac
    printf '%s\n' "$line"
done < .env.example > "$target.new"
mv "$target.new" "$target"
echo "$target written, readable by you alone. Left for you to set:" >&2
grep -E '^[A-Z_]+=$' "$target" >&2 || true
