#!/bin/bash
# bench.sh BUILD: ratios of this runner against docker run and git on the same machine, measured
# interleaved, medians; the summary also stands in build/bench.txt.
set -euo pipefail
here=$(dirname "$(readlink -f "$0")")
root=$here/../..
if [ "$(id -u)" != 0 ]; then
	exec sudo ${DOCKER_HOST:+DOCKER_HOST="$DOCKER_HOST"} "$0" "$@"
fi
build=$(readlink -f "${1:?usage: bench.sh BUILD}")
if [ "${2:-}" != inside ]; then
	exec "$root/deploy/local/engine.sh" with "$0" "$build" inside
fi
work=$(mktemp -d "${TMPDIR:-/tmp}/sht-bench.XXXXXX")
trap 'rm -rf "$work"' EXIT
chmod 711 "$work"
"$root/tests/image/build.sh" --full
export PYTHONDONTWRITEBYTECODE=1
for part in bench bench_logpath bench_mask bench_walk; do
	/usr/bin/python3 "$here/$part.py" "$build" "$work" shithub/runner-test:1
done | tee "$build/bench.txt"
