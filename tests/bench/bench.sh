#!/bin/bash
# bench.sh measure|check BUILD [ROW...]: the table of docs/PERFORMANCE.md, or of it the rows that are named.
#
# measure  writes bench/results.json and what is made of it: the tables and plots of docs/PERFORMANCE.md.
# check    leaves both as they are and compares: a ratio that is worse than the committed one by more than its
#          doubt and a tolerance is a failure.
set -euo pipefail
here=$(dirname "$(readlink -f "$0")")
root=$(readlink -f "$here/../..")
verb=${1:?usage: bench.sh measure|check BUILD [ROW...]}
build=$(readlink -f "${2:?usage: bench.sh measure|check BUILD [ROW...]}")
shift 2
if [ "$(id -u)" != 0 ]; then
	exec sudo ${DOCKER_HOST:+DOCKER_HOST="$DOCKER_HOST"} "$0" "$verb" "$build" "$@"
fi
if [ -z "${BENCH_INSIDE:-}" ]; then
	export BENCH_INSIDE=yes SHITHUB_IMAGE_CACHE=${SHITHUB_IMAGE_CACHE:-$build/image}
	lent=("$root/deploy/local/engine.sh" with "$root/tests/image/lend.sh" env)
	ENGINE=podman "${lent[@]}" ENGINE=docker "${lent[@]}" "$0" "$verb" "$build" "$@"
	exit
fi
work=$(mktemp -d "${TMPDIR:-/tmp}/sht-bench.XXXXXX")
trap 'rm -rf "$work"' EXIT
chmod 711 "$work"
export PYTHONDONTWRITEBYTECODE=1
python=/usr/bin/python3
results=$root/bench/results.json
[ "$verb" = measure ] || results=$work/results.json
"$python" "$here/table.py" "$build" "$work" shithub/runner-test:1 "$results" "$@"
if [ "$verb" = measure ]; then
	"$python" "$here/page.py" "$root"
	[ -z "${SUDO_UID:-}" ] || chown -R "$SUDO_UID:${SUDO_GID:-}" "$root/bench" "$root/docs"
else
	"$python" "$here/check.py" "$root/bench/results.json" "$results" "$@"
fi
