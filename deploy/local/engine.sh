#!/bin/bash
# engine.sh start|stop|status [DIR], engine.sh with COMMAND...: a container engine for this machine,
# with the job network. ENGINE=docker (default) or podman; not root and podman: a rootless one.
# DIR when not given is SHITHUB_ENGINE_DIR or /var/lib/shithub-local/engine, for Podman
# SHITHUB_PODMAN_DIR or /var/lib/shithub-local/podman, without root ~/.shithub-podman.
#
# start   uses the engine that answers already (DOCKER_HOST=unix://..., the usual socket), else
#         starts dockerd or Podman's service by hand with its data in DIR; makes the network
#         shithub-actions (not rootless: no bridge); prints the socket's path on stdout.
# stop    stops the engine of DIR and the containers in it; any other engine stays as it is. While
#         another program holds DIR/users (flock, shared) the engine stays up.
# status  prints "own SOCKET", "foreign SOCKET" or "stopped" (exit 1).
# with    start, COMMAND with DOCKER_HOST (Podman: and CONTAINER_HOST) set, then stop unless it ran
#         before; COMMAND's exit code.
#
# Works without systemd, in containers and in chroots: control groups are mounted when they are not,
# a root directory that is no mount point is bound onto itself first (runc's pivot_root needs one),
# and where overlayfs cannot be stacked dockerd itself falls back to vfs.
set -euo pipefail
PATH=$PATH:/usr/sbin:/sbin

say() { echo "engine: $*" >&2; }
die() {
	say "$@"
	exit 1
}

verb=${1:-}
[ "$verb" = with ] && folder='' || folder=${2:-}
engine=${ENGINE:-docker}
network=shithub-actions
rootless=
me=$(id -u)
case $engine,$me in
docker,*)
	usual=/var/run/docker.sock
	folder=${folder:-${SHITHUB_ENGINE_DIR:-/var/lib/shithub-local/engine}}
	;;
podman,0)
	usual=/run/podman/podman.sock
	folder=${folder:-${SHITHUB_PODMAN_DIR:-/var/lib/shithub-local/podman}}
	;;
podman,*)
	rootless=yes
	usual=${XDG_RUNTIME_DIR:-/run/user/$me}/podman/podman.sock
	folder=${folder:-${SHITHUB_PODMAN_DIR:-$HOME/.shithub-podman}}
	;;
*) die "ENGINE=$engine: expected docker or podman" ;;
esac
dir=$(readlink -m "$folder")
socket=$dir/$engine.sock

# The engine's kind shows in a header that only Podman sends.
answers() {
	local head kind=docker
	[ -S "$1" ] && head=$(curl -fsi -m 5 --unix-socket "$1" http://engine/_ping 2>/dev/null) ||
		return 1
	[[ ${head,,} != *libpod-api-version* ]] || kind=podman
	[ "$kind" = "$engine" ]
}
api() { # api METHOD PATH [BODY]
	curl -sS -m 60 --unix-socket "$using" -X "$1" -H 'Content-Type: application/json' \
		${3:+-d "$3"} -w '\n%{http_code}' "http://engine$2"
}

# A zombie answers kill -0, and a stale pid may be somebody else by now: look at what it is.
running() {
	local state
	state=$(sed 's/.*) //; s/ .*//' "/proc/$1/stat" 2>/dev/null) && [ "$state" != Z ]
}
alive() { # alive PID-FILE: a process of this DIR
	local pid
	pid=$(cat "$1" 2>/dev/null) && running "$pid" &&
		tr '\0' ' ' <"/proc/$pid/cmdline" | grep -qF " $dir/"
}

find_engine() { # sets using and kind
	local candidate
	for candidate in "${CONTAINER_HOST:-}" "${DOCKER_HOST:-}" "unix://$usual" "unix://$socket"; do
		case $candidate in
		unix://*) ;;
		*) continue ;;
		esac
		using=${candidate#unix://}
		answers "$using" || continue
		kind=foreign
		[ "$using" = "$socket" ] && kind=own
		return 0
	done
	return 1
}

mount_cgroups() {
	local name hierarchy enabled
	[ -e /proc/self/stat ] || mount -t proc proc /proc
	[ -e /sys/kernel ] || mount -t sysfs sysfs /sys
	awk '$3 ~ /^cgroup2?$/ && $2 ~ "^/sys/fs/cgroup" { found = 1 } END { exit !found }' \
		/proc/self/mounts && return
	if awk '!/^#/ && $2 != 0 { v1 = 1 } END { exit !v1 }' /proc/cgroups; then
		mount -t tmpfs -o mode=755 cgroup /sys/fs/cgroup
		while read -r name hierarchy _ enabled; do
			if [ "$enabled" != 1 ] || [ "$hierarchy" = 0 ]; then
				continue
			fi
			mkdir "/sys/fs/cgroup/$name"
			mount -t cgroup -o "$name" cgroup "/sys/fs/cgroup/$name" ||
				rmdir "/sys/fs/cgroup/$name" # joined with another controller
		done < <(grep -v '^#' /proc/cgroups)
	else
		mount -t cgroup2 cgroup /sys/fs/cgroup
	fi
}

# In a container on cgroup v2 our own cgroup holds processes, and a group with processes cannot hand
# controllers to children. The true root has no cgroup.type and needs nothing.
open_cgroup2() {
	local top=/sys/fs/cgroup
	[ -f $top/cgroup.type ] && [ -w $top/cgroup.subtree_control ] || return 0
	mkdir -p $top/init
	xargs -rn1 <$top/cgroup.procs >$top/init/cgroup.procs 2>/dev/null || :
	sed 's/ / +/g; s/^/+/' <$top/cgroup.controllers >$top/cgroup.subtree_control || :
}

# Runs a program that survives this script and its terminal, with its output in DIR/log.
launch() {
	local pre=()
	# shellcheck disable=SC2016
	if [ "$me" = 0 ] && ! awk '$5 == "/" { found = 1 } END { exit !found }' /proc/self/mountinfo; then
		mkdir -p "$dir/top"
		pre=(unshare -m --propagation unchanged sh -c
			'mount --rbind / "$0" && cd "$0" && exec chroot . "$@"' "$dir/top")
	fi
	[ ! -e "$dir/log" ] || mv -f "$dir/log" "$dir/log.before" # why the one before ended
	"${pre[@]}" setsid "$@" >"$dir/log" 2>&1 </dev/null 8>&- 9>&- &
	starter=$!
}

launch_docker() {
	local file
	[ "$me" = 0 ] || die "starting dockerd needs root"
	command -v dockerd >/dev/null || die "no dockerd; run deploy/local/deps.sh run"
	mkdir -p "$dir/root" "$dir/exec"
	for file in pid exec/containerd/containerd.pid; do
		alive "$dir/$file" || rm -f "${dir:?}/$file" # else dockerd refuses to start
	done
	launch dockerd --data-root "$dir/root" --exec-root "$dir/exec" -p "$dir/pid" -H "unix://$socket"
}

# What the machine's own files would decide. No /etc/hosts of the host in containers; crun wants
# pure cgroup v2. Limits: without CAP_SYS_RESOURCE the default ones cannot be given.
podman_conf() {
	local runtime=runc
	[ "$(stat -f -c %T /sys/fs/cgroup)" != cgroup2fs ] || runtime=crun
	command -v "$runtime" >/dev/null || { [ $runtime = crun ] && runtime=runc || runtime=crun; }
	cat <<END
[engine]
cgroup_manager = "cgroupfs"
events_logger = "file"
runtime = "$runtime"
[network]
network_backend = "netavark"
[containers]
base_hosts_file = "none"
host_containers_internal_ip = "none"
default_ulimits = ["nofile=1024:1024", "nproc=1024:1024"]
END
}

overlay_works() { # in an overlay (a container, a chroot) another cannot be stacked
	local inside=() t=$dir/try rc=0
	[ "$me" = 0 ] || inside=(unshare -Ur)
	mkdir -p "$t"/{lower,upper,work,merged}
	# shellcheck disable=SC2016
	"${inside[@]}" unshare -m --propagation unchanged sh -c 'cd "$0" && mount -t overlay \
		-o lowerdir=lower,upperdir=upper,workdir=work none merged && umount merged' "$t" \
		2>/dev/null || rc=1
	rm -rf "$t"
	return $rc
}

launch_podman() {
	local driver boot
	command -v podman >/dev/null || die "no podman; run deploy/local/deps.sh podman"
	[ "${#dir}" -le 46 ] || die "$dir: Podman takes at most 46 bytes, set SHITHUB_PODMAN_DIR"
	[ "$me" = 0 ] || unshare -U true 2>/dev/null ||
		die "no user namespaces for ordinary users here (a chroot, a container, a sysctl):" \
			"no rootless Podman"
	boot=$(cat /proc/sys/kernel/random/boot_id)
	if [ "$(cat "$dir/boot" 2>/dev/null)" != "$boot" ]; then
		rm -rf "$dir/run" "$dir/tmp" # what they say is about processes before the reboot
		echo "$boot" >"$dir/boot"
	fi
	mkdir -p "$dir"/{root,run,tmp,net}
	podman_conf >"$dir/containers.conf"
	if ! driver=$(cat "$dir/driver" 2>/dev/null); then
		overlay_works && driver=overlay || driver=vfs
		echo "$driver" >"$dir/driver" # what is stored stays readable
	fi
	export CONTAINERS_CONF=$dir/containers.conf
	if [ "$me" != 0 ] && [ ! -w "${XDG_RUNTIME_DIR:-/nonexistent}" ]; then
		export XDG_RUNTIME_DIR=$dir/tmp
		chmod 700 "$dir/tmp"
	fi
	# conmon leaves a file "oom" in the folder it was started in
	launch env -C "$dir" podman --root "$dir/root" --runroot "$dir/run" --tmpdir "$dir/tmp" \
		--storage-driver "$driver" --network-config-dir "$dir/net" system service --time=0 "unix://$socket"
	echo "$starter" >"$dir/pid"
}

start_own() {
	local tries starter
	rm -f "$dir/borrowed"
	if [ "$me" = 0 ]; then
		mount_cgroups
		open_cgroup2
	fi
	"launch_$engine"
	for ((tries = 0; tries < 600; tries++)); do
		answers "$socket" && return
		running "$starter" || break
		sleep 0.05
	done
	tail -n 15 "$dir/log" >&2
	die "$engine did not come up; its log is $dir/log"
}

# Podman's stands beside Docker's and other Podmans' on the same machine: the first subnet that it
# finds free, and a bridge of its own. Its own resolver stays off, it would answer any name.
network_body() { # network_body NUMBER
	if [ "$engine" = docker ]; then
		echo '{"Name":"'$network'","CheckDuplicate":true,"Driver":"bridge",
			"IPAM":{"Config":[{"Subnet":"172.30.0.0/24","Gateway":"172.30.0.1"}]},
			"Options":{"com.docker.network.bridge.name":"'$network'",
			"com.docker.network.bridge.enable_icc":"false"}}'
	else
		echo '{"name":"'$network'","driver":"bridge","network_interface":"shithub-podman'"$1"'",
			"subnets":[{"subnet":"172.30.'"$1"'.0/24","gateway":"172.30.'"$1"'.1"}],
			"dns_enabled":false,"ipv6_enabled":false}'
	fi
}
ensure_network() {
	local answer number path=/networks/create
	[ "$engine" != podman ] || path=/v4.0.0/libpod$path
	answer=$(api GET "/networks/$network")
	[ "${answer##*$'\n'}" != 200 ] || return 0
	for number in 1 2 3 4 5 6 7 8 9; do
		answer=$(api POST "$path" "$(network_body $number)")
		case ${answer##*$'\n'} in
		200 | 201) return ;;
		esac
		[[ $answer = *'is already used on the host'* ]] || break
	done
	die "network $network: ${answer%$'\n'*}"
}

start() {
	if ! find_engine; then
		mkdir -p "$dir" 2>/dev/null || die "cannot make $dir"
		exec 8>"$dir/lock"
		flock 8
		find_engine || {
			start_own
			using=$socket
		}
		exec 8>&-
	fi
	[ -n "$rootless" ] || ensure_network
	echo "$using"
}

stop() {
	local id tries pid
	alive "$dir/pid" || return 0
	exec 9>>"$dir/users"
	flock -n 9 || {
		say "in use by another program, left running"
		return 0
	}
	pid=$(cat "$dir/pid")
	using=$socket
	if answers "$socket"; then # dockerd's own way waits ten seconds for each container
		for id in $(api GET /containers/json | grep -o '"Id":"[0-9a-f]*"' | cut -d'"' -f4); do
			api DELETE "/containers/$id?force=1" >/dev/null || :
		done
	fi
	kill -TERM "$pid" 2>/dev/null || :
	for ((tries = 0; tries < 400; tries++)); do
		alive "$dir/pid" || return 0
		sleep 0.05
	done
	kill -KILL "$pid"
	die "$engine $pid did not stop within 20 s, killed"
}

status() {
	find_engine || {
		echo stopped
		return 1
	}
	echo "$kind $using"
}

# Who started the engine may end before others that borrowed it: the last one out stops it, unless
# it was there before or somebody started it by hand.
end_with() {
	exec 7>&-
	[ ! -e "$dir/borrowed" ] || "$0" stop "$dir"
}
with() {
	local path had=yes
	mkdir -p "$dir"
	exec 7>>"$dir/users" # while we hold it nobody else's stop ends the engine
	flock -s 7
	trap end_with EXIT
	status >/dev/null || had=no
	path=$("$0" start "$dir" 7>&-)
	[ "$had" = yes ] || : >"$dir/borrowed"
	[ "$engine" = docker ] || export CONTAINER_HOST=unix://$path
	DOCKER_HOST=unix://$path "$@" 7>&-
}

case $verb in
start | stop | status) "$verb" ;;
with)
	shift
	with "$@"
	;;
*)
	echo "usage: engine.sh start|stop|status [DIR] or engine.sh with COMMAND..." >&2
	exit 2
	;;
esac
