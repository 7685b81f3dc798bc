#!/bin/bash
# Prints the Ansible inventory of a pool of droplets: README.md. Changes nothing.
arguments=("$@")
# shellcheck source=deploy/doctl/lib.sh
. "$(dirname "$(readlink -f "$0")")/lib.sh"
read_flags "usage: inventory.sh [--pool NAME] [--pool-tag TAG] [--output text|json]

Prints the group actions_runners in INI form, or its hosts as JSON. Replace each token placeholder, best by a
variable of the vault: the role refuses a placeholder."
[ ${#names[@]} = 0 ] || refuse "unexpected word '${names[0]}'; see --help"
[ -z "$dry_run" ] || refuse "inventory.sh changes nothing: leave out --dry-run"
need doctl jq

hosts=$(pool_droplets | jq -c 'map({name, ansible_host: .public_ipv4, ansible_user: "root", do_droplet_id: .id,
	do_private_ipv4: .private_ipv4, shithub_runner_enabled: true, shithub_runner_token:
	("REPLACE_WITH_RUNNER_TOKEN_" + (.name | ascii_upcase | gsub("[^A-Z0-9]"; "_")))})')
[ "$hosts" != '[]' ] || refuse "no droplet has the tag $POOL_TAG; run provision.sh first"
without=$(jq -r 'map(select(.ansible_host == null) | .name) | join(", ")' <<<"$hosts")
[ -z "$without" ] || fail "no public address yet: $without. Run this again in a minute."
if [ "$output" = json ]; then
	jq . <<<"$hosts"
else
	echo '[actions_runners]'
	jq -r '.[] | .name as $name | del(.name) | with_entries(select(.value != null)) | to_entries
		| $name + " " + (map("\(.key)=\(.value)") | join(" "))' <<<"$hosts"
fi
