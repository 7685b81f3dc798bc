#!/bin/bash
# root.sh [BUILD]: a minimal Debian with systemd, as a droplet has it, for the tests of deployment.
#
# Makes BUILD/deploy/root (BUILD: build) once and prints its path; the next call answers at once as
# long as this file and the libraries of the programs stay the same. Nobody boots or changes the
# folder itself: a test mounts an overlay on it (roots.py), so that each starts from the same files in
# no time. With SHITHUB_DEPLOY_CACHE, a folder, it is made there instead and shared between trees.
# Inside: systemd, python3 and sshd for Ansible, the programs' libraries, the role's packages
# (docker.io too, masked: the engine of the tests is the machine's, by its socket), and two proxies.
set -euo pipefail
export LC_ALL=C DEBIAN_FRONTEND=noninteractive
here=$(dirname "$(readlink -f "$0")")
build=$(readlink -f "${1:-$here/../../build}")
cache=${SHITHUB_DEPLOY_CACHE:-$build/deploy}
packages=(systemd systemd-sysv dbus python3 python3-apt openssh-server sudo docker.io nftables
	dnsmasq-base ca-certificates curl git iproute2 procps nginx caddy)
masked=(docker.service docker.socket containerd.service ssh.service ssh.socket nginx.service caddy.service)

die() {
	echo "root: $*" >&2
	exit 1
}
[ "$(id -u)" = 0 ] || die "only root can make a root; run the tests of deployment as root"

# By name, not by path: dpkg knows some of them below /lib, ldd says /usr/lib.
libraries=$(ldd "$build/shithubd-runner" "$build/shithubd" |
	awk '$3 ~ /^\// { print "*-linux-gnu*/" $1 }' | sort -u | xargs dpkg-query -S |
	cut -d: -f1 | sort -u) || die "make all first"
# And those that the programs load themselves, which ldd does not see.
late=$(/usr/bin/python3 "$here/../../deploy/debian/late.py" "$build/shithubd-runner" "$build/shithubd" |
	tr ',' '\n' | awk '{ print $1 }' | sort -u) || die "deploy/debian/late.py failed"
mapfile -t -O "${#packages[@]}" packages <<<"$libraries"
mapfile -t -O "${#packages[@]}" packages <<<"$late"

mkdir -p "$cache"
exec 9>"$cache/lock"
flock 9
hash=$({
	cat "$0"
	printf '%s\n' "${packages[@]}"
} | sha256sum | cut -c1-32)
if [ "$(cat "$cache/root.hash" 2>/dev/null)" = "$hash" ]; then
	echo "$cache/root"
	exit 0
fi

# shellcheck disable=SC2016 # apt's own variables
read -r site release _ < <(apt-get indextargets --format '$(SITE) $(RELEASE) $(COMPONENT)' |
	awk '$3 == "main" && $2 !~ /-/ { print; exit }') || die "apt knows no sources: apt-get update"
work=$(mktemp -d "$cache/making.XXXXXX")
trap 'rm -rf --one-file-system "$work"' EXIT
logged() {
	"$@" >"$work/log" 2>&1 </dev/null || {
		tail -n 30 "$work/log" >&2
		die "$1 failed"
	}
}
logged debootstrap --variant=minbase "$release" "$work/root" "$site"
printf '#!/bin/sh\nexit 101\n' >"$work/root/usr/sbin/policy-rc.d" # nothing starts while it is made
chmod 0755 "$work/root/usr/sbin/policy-rc.d"
logged chroot "$work/root" apt-get -q -y install --no-install-recommends "${packages[@]}"
rm "$work/root/usr/sbin/policy-rc.d" "$work"/root/var/cache/apt/archives/*.deb
for unit in "${masked[@]}"; do
	ln -sf /dev/null "$work/root/etc/systemd/system/$unit"
done
rm -f "$work"/root/etc/machine-id "$work"/root/etc/ssh/ssh_host_*
: >"$work/root/etc/machine-id"

rm -rf --one-file-system "$cache/root"
mv "$work/root" "$cache/root"
echo "$hash" >"$cache/root.hash"
echo "root: ${#packages[@]} packages and what they need" >&2
echo "$cache/root"
