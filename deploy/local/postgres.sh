#!/bin/bash
# postgres.sh COMMAND...: a PostgreSQL server of its own for COMMAND, which finds it in
# SHITHUB_TEST_POSTGRES (postgres://...); then the server is stopped and its data removed. COMMAND's
# exit code. Where SHITHUB_TEST_POSTGRES is set already, that server is used and left as it is.
#
# The newest server of the distribution's packages, with its data and its only socket in a temporary
# folder; no port. PostgreSQL refuses to run as root: for root it runs as the packages' user
# postgres. FSYNC=off: nobody needs the data after a loss of power. In its database `shithub`, whose
# owner the user `shithub` is, everybody with the socket may do everything; the user
# `locked`, whom COMMAND may make, needs a password.
set -euo pipefail

say() { echo "postgres: $*" >&2; }
die() {
	say "$*"
	exit 1
}

[ $# -gt 0 ] || {
	echo "usage: postgres.sh COMMAND..." >&2
	exit 2
}
[ -z "${SHITHUB_TEST_POSTGRES:-}" ] || exec "$@"

bin=$(printf '%s\n' /usr/lib/postgresql/*/bin | sort -V | tail -n 1)
[ -x "$bin/initdb" ] || bin=$(dirname "$(command -v initdb)" 2>/dev/null) ||
	die "there is no PostgreSQL server; expected the package postgresql (make deps)"

as_server=()
if [ "$(id -u)" = 0 ]; then
	id -u postgres >/dev/null 2>&1 || die "there is no user postgres; expected the package postgresql"
	as_server=(setpriv --reuid postgres --regid postgres --clear-groups)
fi

dir=$(mktemp -d /tmp/shithub-postgres-XXXXXX)
chmod 0755 "$dir"
[ "$(id -u)" != 0 ] || chown postgres: "$dir"
cd "$dir"

server() { "${as_server[@]}" env -i PATH="$bin:$PATH" LC_ALL=C.UTF-8 "$@"; }
# shellcheck disable=SC2317 # the trap calls it
end() {
	server pg_ctl -D "$dir/data" -m immediate -w stop >/dev/null 2>&1 || :
	rm -rf "$dir"
}
trap end EXIT

server initdb -D "$dir/data" -U shithub -E UTF8 --locale=C.UTF-8 -A trust --no-sync >"$dir/log" 2>&1 ||
	die "initdb failed: $(tail -n 1 "$dir/log")"
cat >>"$dir/data/postgresql.conf" <<END
listen_addresses = ''
unix_socket_directories = '$dir'
unix_socket_permissions = 0777
max_connections = 200
fsync = ${FSYNC:-off}
END
printf 'local all %s\n' 'locked scram-sha-256' 'all trust' >"$dir/data/pg_hba.conf"
# Not of this shell's descriptors: whoever reads the output of COMMAND would wait for the server.
server pg_ctl -D "$dir/data" -l "$dir/data/server.log" -w -t 60 start >/dev/null 2>&1 </dev/null ||
	die "the server did not start: $(tail -n 3 "$dir/data/server.log" | tr '\n' ' ')"
server createdb -h "$dir" -U shithub shithub || die "createdb failed"

code=0
(cd "$OLDPWD" && SHITHUB_TEST_POSTGRES="postgres://shithub@/shithub?host=$dir" "$@") || code=$?
exit "$code"
