#!/bin/bash
# demo.sh BUILD: the whole system on this machine, once (make run): engine, local image, coordinator,
# two repositories, two jobs. Stops what it started; ends with 0 only when both jobs succeeded.
# ENGINE=podman runs them with Podman, without root with a rootless one. STORE=postgres keeps the
# coordinator's rows in a PostgreSQL server of its own (postgres.sh); else they are in a file.
set -euo pipefail
here=$(dirname "$(readlink -f "$0")")
image=shithub/runner-local:1
store=${STORE:-sqlite}

[ "$store" = sqlite ] || [ "$store" = postgres ] || {
	echo "make run: STORE=$store: expected sqlite or postgres" >&2
	exit 2
}

# The runner hands workspaces to the step user and the engine needs root: as on a runner host.
if [ "$(id -u)" != 0 ] && [ "${ENGINE:-docker}" = docker ]; then
	exec sudo ${DOCKER_HOST:+DOCKER_HOST="$DOCKER_HOST"} STORE="$store" "$0" "$@"
fi
build=$(readlink -f "${1:?usage: demo.sh BUILD}")
if [ "${2:-}" != inside ]; then
	[ "$store" = sqlite ] || with=("$here/postgres.sh")
	exec ${with[@]+"${with[@]}"} "$here/engine.sh" with "$0" "$build" inside
fi

work=$(mktemp -d "${TMPDIR:-/tmp}/shithub-run.XXXXXX")
trap 'rm -rf "$work"' EXIT
chmod 711 "$work" # the checkout runs as the step user and must reach its workspace
"$here/../../tests/image/build.sh" "$image"
[ "$store" = sqlite ] || export DEMO_STORE=$SHITHUB_TEST_POSTGRES
PYTHONDONTWRITEBYTECODE=1 /usr/bin/python3 "$here/demo.py" "$build" "$work" "$image"
