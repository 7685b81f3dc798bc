#!/bin/bash
# demo.sh BUILD: the whole system on this machine, once (make run): engine, local image, coordinator,
# two repositories, two jobs. Stops what it started; ends with 0 only when both jobs succeeded.
set -euo pipefail
here=$(dirname "$(readlink -f "$0")")
build=$(readlink -f "${1:?usage: demo.sh BUILD}")
image=shithub/runner-local:1

# The runner hands workspaces to the step user and the engine needs root: as on a runner host.
if [ "$(id -u)" != 0 ]; then
	exec sudo ${DOCKER_HOST:+DOCKER_HOST="$DOCKER_HOST"} "$0" "$@"
fi

engine_dir=${SHITHUB_ENGINE_DIR:-/var/lib/shithub-local/engine}
mkdir -p "$engine_dir"
exec 9>>"$engine_dir/users" # as long as we hold it nobody else's engine.sh stop ends the engine
flock -s 9
started=no
"$here/engine.sh" status "$engine_dir" >/dev/null || started=yes
work=$(mktemp -d "${TMPDIR:-/tmp}/shithub-run.XXXXXX")
chmod 711 "$work" # the checkout runs as the step user and must reach its workspace

cleanup() {
	rm -rf "$work"
	exec 9>&-
	[ $started = no ] || "$here/engine.sh" stop "$engine_dir"
}
trap cleanup EXIT

socket=$("$here/engine.sh" start "$engine_dir")
export DOCKER_HOST=unix://$socket
"$here/../../tests/image/build.sh" "$image"
PYTHONDONTWRITEBYTECODE=1 /usr/bin/python3 "$here/demo.py" "$build" "$work" "$image"
