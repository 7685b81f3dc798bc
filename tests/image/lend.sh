#!/bin/bash
# lend.sh COMMAND...: COMMAND with the full step image in the engine at DOCKER_HOST (ENGINE: its kind).
#
# An image that was there before stays. One that this made is removed by the last of those that use it at
# the same time: each holds a shared lock, and the mark says that the image is a loan. Its files stay in
# the cache of build.sh, so the next loan is an import.
set -euo pipefail
here=$(dirname "$(readlink -f "$0")")
tag=shithub/runner-test:1
socket=${DOCKER_HOST#unix://}
case ${ENGINE:-docker} in
podman) dir=${SHITHUB_PODMAN_DIR:-/var/lib/shithub-local/podman} ;;
*) dir=${SHITHUB_ENGINE_DIR:-/var/lib/shithub-local/engine} ;;
esac
mkdir -p "$dir"
users=$dir/image.users
mark=$dir/image.lent

api() { curl -sS --unix-socket "$socket" "$@"; }
present() { [ "$(api -o /dev/null -w '%{http_code}' "http://engine/images/$tag/json")" = 200 ]; }

give_back() {
	exec 6>&-
	# shellcheck disable=SC2016
	flock -n "$users" sh -c '[ ! -e "$0" ] || { rm "$0"; exec "$@"; }' "$mark" \
		curl -sS -o /dev/null --unix-socket "$socket" -X DELETE "http://engine/images/$tag?force=1" || :
}

exec 6>>"$users"
flock -s 6
trap give_back EXIT
(
	flock 5 # one of several at a time
	present || : >"$mark"
	"$here/build.sh" --full
) 5>>"$dir/image.lock" 6>&-
"$@" 6>&-
