#!/bin/bash
# build.sh [--full|--runner] [TAG]: a small Debian image for steps, made from packages without any registry.
#
# The plain one (default tag shithub/runner-local:1) has bash and the usual small tools; --full
# (default tag shithub/runner-test:1) adds git, python3 and what the system tests use; --runner (default
# tag shithub/runner-debian:1.1) has all that nix/contract.tsv promises of an image. apt resolves
# against an empty status, dpkg-deb unpacks, the engine imports; no maintainer script runs, so what
# those would have made (passwd, awk) is made here. An image whose label carries the hash of this
# file and of the package list is kept, so the second run answers at once. With SHITHUB_IMAGE_CACHE, a
# folder, the files of an image are kept there too: another engine, or the same one later, imports them.
set -euo pipefail
export LC_ALL=C
checkout=

packages=(base-files bash coreutils dash findutils grep gzip hostname mawk procps sed tar util-linux)
tag=shithub/runner-local:1
if [ "${1:-}" = --full ]; then
	packages+=(ca-certificates curl git netbase python3)
	tag=shithub/runner-test:1
	shift
elif [ "${1:-}" = --runner ]; then
	packages+=(ca-certificates curl debianutils diffutils file g++ gawk gcc gfortran git gnupg make netbase
		openssh-client python3 python3-pip python3-setuptools python3-virtualenv python3-wheel xz-utils)
	tag=shithub/runner-debian:1.1
	checkout=$(dirname "$(readlink -f "$0")")/../../nix/shallow-checkout.sh
	shift
fi
tag=${1:-$tag}
socket=${DOCKER_HOST:-unix:///var/run/docker.sock}
socket=${socket#unix://}

die() {
	echo "image $tag: $*" >&2
	exit 1
}
api() { curl -sS --unix-socket "$socket" "$@"; }

hash=$({
	cat "$0" ${checkout:+"$checkout"}
	dpkg --print-architecture
	echo "${packages[@]}"
} | sha256sum | cut -c1-32)
label=sh.shithub.content
before=$(api "http://engine/images/$tag/json")
if grep -q "\"$label\":\"$hash\"" <<<"$before"; then
	exit 0
fi

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
root=$work/root
files=${SHITHUB_IMAGE_CACHE:-$work}/$hash.tar

apt() {
	apt-get -q -y -o Dir::State::status="$work/status" -o Dir::Cache::archives="$work/archives" \
		-o Dir::Cache::pkgcache= -o Dir::Cache::srcpkgcache= -o Debug::NoLocking=1 \
		-o APT::Sandbox::User=root -o APT::Acquire::Retries=3 \
		-o Dir::State::extended_states="$work/extended" "$@" >"$work/log" 2>&1
}
fetch() { apt "$@" install --no-install-recommends --download-only "${packages[@]}"; }
own_lists=(-o Dir::State::lists="$work/lists")

make_root() {
	mkdir -p "$work"/{archives/partial,lists/partial} "$root"
	: >"$work/status"
	# The machine's own package lists first; lists of our own where it has none or they are too old.
	fetch || { apt "${own_lists[@]}" update && fetch "${own_lists[@]}"; } || {
		tail -n 20 "$work/log" >&2
		die "packages could not be downloaded"
	}

	mkdir -p "$root"/usr/{bin,sbin,lib,lib32,lib64,libx32}
	for name in bin sbin lib lib32 lib64 libx32; do
		ln -s "usr/$name" "$root/$name"
	done
	for deb in "$work"/archives/*.deb; do
		dpkg-deb --fsys-tarfile "$deb" |
			tar -x -C "$root" --keep-directory-symlink --no-same-owner \
				--exclude='./usr/share/doc/*' --exclude='./usr/share/man/*' \
				--exclude='./usr/share/locale/*' --exclude='./usr/share/info/*' ||
			die "cannot unpack ${deb##*/}"
	done

	ln -sf "$([ -e "$root/usr/bin/gawk" ] && echo gawk || echo mawk)" "$root/usr/bin/awk"
	[ -e "$root/usr/bin/which" ] || [ ! -e "$root/usr/bin/which.debianutils" ] ||
		ln -s which.debianutils "$root/usr/bin/which"
	[ -z "$checkout" ] || install -D -m 0755 "$checkout" "$root/usr/local/bin/shithub-shallow-checkout"
	[ -e "$root/usr/bin/sh" ] || ln -s dash "$root/usr/bin/sh"
	cat >"$root/etc/passwd" <<-'END'
		root:x:0:0:root:/root:/bin/bash
		nobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin
	END
	cat >"$root/etc/group" <<-'END'
		root:x:0:
		nogroup:x:65534:
	END
	if [ -d "$root/usr/share/ca-certificates" ]; then
		mkdir -p "$root/etc/ssl/certs"
		find "$root/usr/share/ca-certificates" -name '*.crt' -exec cat {} + \
			>"$root/etc/ssl/certs/ca-certificates.crt"
	fi
	mkdir -p "$root"/{workspace,shithub,tmp,proc,sys,dev,run}
	chmod 1777 "$root/tmp"
}

if [ ! -f "$files" ]; then
	make_root
	mkdir -p "$(dirname "$files")"
	tar -c -C "$root" --owner=0 --group=0 --numeric-owner -f "$files.$$" .
	mv "$files.$$" "$files"
fi

changes=(
	"LABEL%20$label=$hash"
	'CMD%20%5B%22bash%22%5D'
	'ENV%20PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'
)
query=fromSrc=-$(printf '&changes=%s' "${changes[@]}")
# Podman's import keeps no tag, so the tag is set by id afterwards; on Docker that changes nothing.
api -X POST -H 'Content-Type: application/x-tar' -T "$files" "http://engine/images/create?$query" \
	>"$work/answer" || die "the engine at $socket did not take it"
id=$(grep -o 'sha256:[0-9a-f]*' "$work/answer" | tail -n 1)
[ -n "$id" ] || die "import failed: $(tail -c 300 "$work/answer")"
answer=$(api -X POST -o "$work/tagged" -w '%{http_code}' \
	"http://engine/images/$id/tag?repo=${tag%:*}&tag=${tag##*:}")
[ "$answer" = 201 ] || die "tag failed: $answer"
if grep -q "\"$label\":" <<<"$before"; then # an older one of ours just lost its name
	old=$(grep -o '"Id":"[^"]*"' <<<"$before" | head -n 1 | cut -d'"' -f4)
	api -o /dev/null -X DELETE "http://engine/images/$old"
fi
echo "image $tag: ${#packages[@]} packages and what they need, $(du -m "$files" | cut -f1) MB" >&2
