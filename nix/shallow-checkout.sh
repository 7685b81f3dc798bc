#!/bin/bash
# shithub-shallow-checkout URL SHA DEST: one commit of a repository, without history, into a folder.
# For scripts of images; the action actions/checkout needs no program in the image.
set -euo pipefail
if [ $# != 3 ]; then
	echo "usage: shithub-shallow-checkout URL SHA DEST" >&2
	exit 2
fi
if ! [[ $2 =~ ^([0-9a-f]{40}|[0-9a-f]{64})$ ]]; then
	echo "shithub-shallow-checkout: '$2' is no commit id, expected 40 or 64 lower-case hex digits" >&2
	exit 2
fi
git init -q "$3"
git -C "$3" fetch -q --depth 1 --no-tags -- "$1" "$2"
git -C "$3" -c advice.detachedHead=false checkout -q FETCH_HEAD
