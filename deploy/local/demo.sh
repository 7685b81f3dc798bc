#!/bin/bash
# demo.sh BUILD: the whole system on this machine, once (make run): engine, local image, coordinator,
# two repositories, two jobs. Stops what it started; ends with 0 only when both jobs succeeded.
# ENGINE=podman runs them with Podman, without root with a rootless one.
set -euo pipefail
here=$(dirname "$(readlink -f "$0")")
image=shithub/runner-local:1

# The runner hands workspaces to the step user and the engine needs root: as on a runner host.
if [ "$(id -u)" != 0 ] && [ "${ENGINE:-docker}" = docker ]; then
	exec sudo ${DOCKER_HOST:+DOCKER_HOST="$DOCKER_HOST"} "$0" "$@"
fi
build=$(readlink -f "${1:?usage: demo.sh BUILD}")
if [ "${2:-}" != inside ]; then
	exec "$here/engine.sh" with "$0" "$build" inside
fi

work=$(mktemp -d "${TMPDIR:-/tmp}/shithub-run.XXXXXX")
trap 'rm -rf "$work"' EXIT
chmod 711 "$work" # the checkout runs as the step user and must reach its workspace
"$here/../../tests/image/build.sh" "$image"
PYTHONDONTWRITEBYTECODE=1 /usr/bin/python3 "$here/demo.py" "$build" "$work" "$image"
