#!/bin/bash
# build.sh BUILD VERSION OUT: packages shithubd-runner and shithubd from the programs in BUILD.
#
# `make install` lays the files out, this sorts them into the two packages and adds what only a package has.
# The same source gives the same bytes: times come from SOURCE_DATE_EPOCH (the last commit), owners are root,
# and nothing of this machine but the versions of its libraries gets in.
set -euo pipefail
export LC_ALL=C TZ=UTC
umask 022
here=$(dirname "$(readlink -f "$0")")
tree=$(readlink -f "$here/../..")
build=$(readlink -f "$1")
version=$2
out=$(readlink -m "$3")
SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git -C "$tree" log -1 --format=%ct 2>/dev/null || echo 0)}
export SOURCE_DATE_EPOCH
architecture=$(dpkg --print-architecture)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir -p "$out"

make -s -C "$tree" -o all B="$build" PREFIX=/usr DESTDIR="$work/all" install

# Which of the installed files are the coordinator's: what has its name and not the runner's, which begins so.
coordinator='/_?shithubd([-.][^/]*)?$'
runner='/_?shithubd-runner[^/]*$'

split() {
	local file package
	while read -r file; do
		package=shithubd-runner
		[[ $file =~ $runner ]] || [[ ! $file =~ $coordinator ]] || package=shithubd
		install -D -m "$(stat -c %a "$work/all/$file")" "$work/all/$file" "$work/$package/$file"
	done < <(cd "$work/all" && find . -type f | sort)
	mkdir -p "$work/shithubd-runner/usr/share/zsh" "$work/shithubd/usr/share/zsh"
	for package in shithubd-runner shithubd; do # Debian's place for what packages bring
		mv "$work/$package/usr/share/zsh/site-functions" "$work/$package/usr/share/zsh/vendor-completions"
	done
}

strip_programs() {
	find "$work/$1" -type f -perm -u+x -exec strip --strip-unneeded --remove-section=.comment {} +
}

documents() { # documents PACKAGE
	local folder=$work/$1/usr/share/doc/$1
	mkdir -p "$folder/examples" "$work/$1/usr/share/lintian/overrides"
	install -m 0644 "$here/copyright" "$folder/copyright"
	sed "s/@PACKAGE@/$1/; s/@VERSION@/$version/; s/@DATE@/$(date -R -d "@$SOURCE_DATE_EPOCH")/" \
		"$here/changelog" | gzip -9n >"$folder/changelog.gz"
	"$build/$1" config keys >"$folder/examples/config.toml"
	[ "$1" != shithubd ] || install -m 0644 "$tree"/deploy/proxy/* "$folder/examples/"
	/usr/bin/python3 "$here/sbom.py" "$1" "$version" "$work/$1" >"$folder/sbom.spdx.json"
	install -m 0644 "$here/$1.lintian" "$work/$1/usr/share/lintian/overrides/$1"
	find "$work/$1/usr/share/man" -type f -exec gzip -9n {} +
}

shared_libraries() { # of the package's programs, as dependencies
	mkdir -p "$work/shlibs/debian"
	printf 'Source: shithub\n\nPackage: %s\nArchitecture: any\n' "$1" >"$work/shlibs/debian/control"
	(cd "$work/shlibs" && dpkg-shlibdeps -O "$work/$1"/usr/bin/* 2>/dev/null) |
		sed "s/^shlibs:Depends=//; s/$/, $(/usr/bin/python3 "$here/late.py" "$work/$1"/usr/bin/*)/"
}

control() { # control PACKAGE
	local folder=$work/$1/DEBIAN script
	mkdir "$folder"
	(cd "$work/$1" && find . -type f ! -path './DEBIAN/*' -printf '%P\n' | sort | xargs md5sum) \
		>"$folder/md5sums"
	{
		printf 'Package: %s\nVersion: %s\nArchitecture: %s\n' "$1" "$version" "$architecture"
		echo 'Maintainer: shithub maintainers <maintainers@shithub.example>'
		echo "Installed-Size: $(du -k --apparent-size -s "$work/$1/usr" | cut -f1)"
		sed "s/@SHLIBS@/$(shared_libraries "$1")/" "$here/$1.control"
	} >"$folder/control"
	for script in postinst prerm postrm; do
		install -m 0755 "$here/$1.$script" "$folder/$script"
	done
}

split
for package in shithubd-runner shithubd; do
	strip_programs "$package"
	documents "$package"
	control "$package"
	find "$work/$package" -exec touch -h -d "@$SOURCE_DATE_EPOCH" {} +
	dpkg-deb --root-owner-group -Zxz --build "$work/$package" \
		"$out/${package}_${version}_$architecture.deb" >/dev/null
	echo "$out/${package}_${version}_$architecture.deb"
done
