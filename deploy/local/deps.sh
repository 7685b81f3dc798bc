#!/bin/bash
# deps.sh [GROUP...]: installs what is missing of packages.txt, without questions, with sudo when not
# root. Groups: build run podman postgres test deploy lint fuzz bench; none given means all of them.
# Answers at once when everything is there.
set -euo pipefail
here=$(dirname "$(readlink -f "$0")")
groups=("$@")
[ $# -gt 0 ] || groups=(build run podman postgres test deploy lint fuzz bench)

die() {
	echo "deps: $*" >&2
	exit 1
}

# names of one group, one alternative list a line
wanted() {
	local found
	found=$(awk -v g="$1" '$1 !~ /^#/ && $2 == g { print $1 }' "$here/packages.txt")
	[ -n "$found" ] || die "unknown group '$1' (expected build, run, podman, postgres, test, deploy, lint, fuzz or bench)"
	echo "$found"
}

command -v dpkg-query >/dev/null ||
	die "no dpkg here: install the equivalents of $here/packages.txt by hand"

lists=()
for group in "${groups[@]}"; do
	names=$(wanted "$group")
	mapfile -t -O "${#lists[@]}" lists <<<"$names"
done

declare -A have=()
while read -r status name; do
	[ "$status" = installed ] && have[$name]=1
done < <(dpkg-query -W -f '${db:Status-Status} ${Package}\n')

missing=()
for list in "${lists[@]}"; do
	IFS='|' read -ra names <<<"$list"
	for name in "${names[@]}"; do
		[ -z "${have[$name]:-}" ] || continue 2
	done
	missing+=("${names[0]}")
done
[ ${#missing[@]} -gt 0 ] || exit 0

as_root=()
if [ "$(id -u)" != 0 ]; then
	command -v sudo >/dev/null || die "not root and no sudo; as root: apt-get install ${missing[*]}"
	as_root=(sudo)
fi
echo "deps: installing ${missing[*]}" >&2
log=$(mktemp)
trap 'rm -f "$log"' EXIT
apt() {
	"${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -q -y \
		-o Dpkg::Options::=--force-confold -o APT::Acquire::Retries=3 "$@" >"$log" 2>&1 </dev/null ||
		{
			tail -n 30 "$log" >&2
			echo "deps: apt-get $1 failed" >&2
			return 1
		}
}
apt update || : # one dead source of several must not stop us; install says what is really missing
apt install --no-install-recommends "${missing[@]}"
