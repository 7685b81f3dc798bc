#!/bin/bash
# Makes a pool of droplets for runners: README.md. Safe to run again: what exists is kept.
arguments=("$@")
# shellcheck source=deploy/doctl/lib.sh
. "$(dirname "$(readlink -f "$0")")/lib.sh"
read_flags "usage: provision.sh --ssh-key NAME --ssh-from CIDR[,CIDR…] [FLAGS]

Makes the firewall of the pool and the droplets shithub-runner-POOL-1 to -COUNT that are missing.
No secret goes to a droplet: Ansible brings the registration token afterwards.

  --pool NAME            $POOL_NAME
  --count N              droplets in the pool (default $COUNT; 3 survive an upgrade and a lost host)
  --ssh-key NAME         name of a key of the account, for root
  --ssh-from CIDR,…      networks that may use SSH, each with a prefix
  --project, --region, --size, --image, --vpc UUID
  --resource-tag, --pool-tag, --firewall NAME
  --user-data-file FILE  cloud-init without secrets (default cloud-init.yaml beside this script)
  --dry-run              check and print the calls that would change something
  --output text|json     {pool_name project region size image tags firewall droplets}" \
	--count --ssh-key --ssh-from --project --region --size --image --vpc --resource-tag --firewall \
	--user-data-file
[ ${#names[@]} = 0 ] || refuse "unexpected word '${names[0]}'; see --help"
need doctl jq python3

# ---- everything is checked before anything is made ----

[[ $COUNT =~ ^[1-9][0-9]?$ ]] || refuse "--count is '$COUNT', expected 1 to 99"
[ -n "$SSH_KEY_NAME" ] || refuse "--ssh-key is missing: the name of a key in doctl compute ssh-key list"
[ -n "$SSH_ALLOWED_CIDRS" ] ||
	refuse "--ssh-from is missing: the networks of the operators, such as 203.0.113.7/32"
networks=$(python3 - "$SSH_ALLOWED_CIDRS" <<'END'
import ipaddress
import sys
for word in sys.argv[1].split(","):
    word = word.strip()
    if "/" not in word:
        sys.exit(f"'{word}' has no prefix; for one address write {word}/32")
    try:
        network = ipaddress.ip_network(word, strict=False)
    except ValueError as error:
        sys.exit(f"{error}")
    if network.prefixlen < (8 if network.version == 4 else 16):
        sys.exit(f"'{word}' opens SSH to the world; name the operators' networks")
    print(network)
END
) || refuse "--ssh-from: see above"

[ -f "$USER_DATA_FILE" ] || refuse "--user-data-file $USER_DATA_FILE does not exist"
[ "$(stat -c %s "$USER_DATA_FILE")" -le 65536 ] || refuse "$USER_DATA_FILE has more than 64 KiB"
! grep -nE '[0-9a-f]{64}|_TOKEN *[=:] *[^ ]|dop_v1_|BEGIN [A-Z ]*PRIVATE KEY' "$USER_DATA_FILE" >&2 ||
	refuse "$USER_DATA_FILE has a secret: every process of a droplet can read it. Ansible brings the token."

key=$(ask compute ssh-key list | jq -r --arg n "$SSH_KEY_NAME" '.[] | select(.name == $n) | .id')
[ -n "$key" ] || refuse "the account has no SSH key '$SSH_KEY_NAME'; see doctl compute ssh-key list"
project=$(ask projects list | jq -r --arg n "$PROJECT_NAME" '.[] | select(.name == $n) | .id')
[ -n "$project" ] || refuse "the account has no project '$PROJECT_NAME'; see doctl projects list"
firewall=$(ask compute firewall list | jq -r --arg n "$FIREWALL_NAME" '.[] | select(.name == $n) | .id')
have=$(pool_droplets)
missing=()
for ((i = 1; i <= COUNT; i++)); do
	name=shithub-runner-$POOL_NAME-$i
	jq -e --arg n "$name" 'any(.name == $n)' <<<"$have" >/dev/null || missing+=("$name")
done

# ---- the firewall before the droplets, by tag: no droplet is ever open ----

for tag in "$RESOURCE_TAG" "$POOL_TAG"; do
	change compute tag create "$tag" >/dev/null
done
inbound=
for network in $networks; do
	inbound+="${inbound:+ }protocol:tcp,ports:22,address:$network"
done
all=address:0.0.0.0/0,address:::/0
rules=(--name "$FIREWALL_NAME" --tag-names "$POOL_TAG" --inbound-rules "$inbound"
	--outbound-rules "protocol:tcp,ports:all,$all protocol:udp,ports:all,$all protocol:icmp,$all")
if [ -z "$firewall" ]; then
	change compute firewall create "${rules[@]}" >/dev/null
else
	change compute firewall update "$firewall" "${rules[@]}" >/dev/null
fi
if [ ${#missing[@]} -gt 0 ]; then
	change compute droplet create "${missing[@]}" --region "$REGION" --size "$SIZE" --image "$IMAGE" \
		--ssh-keys "$key" --user-data-file "$USER_DATA_FILE" --tag-names "$RESOURCE_TAG,$POOL_TAG" \
		--project-id "$project" --enable-monitoring --wait \
		${VPC_UUID:+--vpc-uuid "$VPC_UUID"} >/dev/null
fi

# ---- what there is now ----

[ -n "$dry_run" ] || have=$(pool_droplets)
if [ "$output" = json ]; then
	jq -n --arg pool "$POOL_NAME" --arg project "$PROJECT_NAME" --arg region "$REGION" --arg size "$SIZE" \
		--arg image "$IMAGE" --arg tags "$RESOURCE_TAG,$POOL_TAG" --arg firewall "$FIREWALL_NAME" \
		--argjson droplets "$have" --arg missing "${missing[*]}" --arg dry "$dry_run" \
		'{pool_name: $pool, project: $project, region: $region, size: $size, image: $image,
		  tags: ($tags | split(",")), firewall: $firewall, droplets: $droplets,
		  created: ($missing | split(" ")), dry_run: ($dry != "")}'
else
	say "pool $POOL_NAME: $(jq length <<<"$have") droplets, ${#missing[@]} ${dry_run:+would be }made"
	jq -r '.[] | "\(.name) \(.public_ipv4 // "-") \(.status)"' <<<"$have"
fi
