#!/bin/bash
# Removes droplets of a pool: README.md. Each runner is drained and revoked at the coordinator first.
arguments=("$@")
# shellcheck source=deploy/doctl/lib.sh
. "$(dirname "$(readlink -f "$0")")/lib.sh"
yes='' all='' no_coordinator=''
read_flags "usage: destroy.sh (DROPLET… | --all) --admin COMMAND --yes [FLAGS]

Drains the runner of each droplet, waits for its jobs, revokes it, and deletes the droplet. With --all the
firewall of the pool goes too. A runner is found at the coordinator by the droplet's name.

  --pool NAME            $POOL_NAME
  --admin COMMAND        how to reach the coordinator's verbs, such as
                         'ssh coordinator sudo -u shithubd shithubd admin'
  --no-coordinator       instead of --admin: you have drained and revoked the runners yourself
  --drain-timeout S      give up when a job runs longer, and let the runner work on (default $DRAIN_TIMEOUT)
  --yes                  really do it
  --dry-run              print what would be done
  --output text|json     {pool_name revoked deleted firewall_deleted dry_run}" \
	--admin --no-coordinator --drain-timeout --yes --all --firewall
need doctl jq
if [ -n "$all" ]; then
	[ ${#names[@]} = 0 ] || refuse "name droplets or say --all, not both"
elif [ ${#names[@]} = 0 ]; then
	refuse "name the droplets, or say --all; see doctl compute droplet list --tag-name $POOL_TAG"
fi
[[ $DRAIN_TIMEOUT =~ ^[0-9]{1,6}$ ]] || refuse "--drain-timeout is '$DRAIN_TIMEOUT', expected seconds"
[ -n "$yes$dry_run" ] || refuse "say --yes to delete, or --dry-run to see what would be done"
if [ -z "$ADMIN" ] && [ -z "$no_coordinator" ]; then
	refuse "--admin is missing: jobs would be lost and tokens stay valid. --no-coordinator if you cared for both"
fi
[ -z "$ADMIN" ] || [ -z "$no_coordinator" ] || refuse "use --admin or --no-coordinator, not both"
read -ra admin <<<"$ADMIN"

# ---- which droplets and which runners ----

have=$(pool_droplets)
[ -z "$all" ] || mapfile -t names < <(jq -r '.[].name' <<<"$have")
for name in "${names[@]}"; do
	jq -e --arg n "$name" 'any(.name == $n)' <<<"$have" >/dev/null ||
		refuse "the pool $POOL_NAME has no droplet '$name'"
done
wanted=$(jq -c --args 'map(select(.name | IN($ARGS.positional[])))' "${names[@]}" <<<"$have")
list_runners() {
	"${admin[@]}" runner list --output json || fail "${admin[*]} runner list failed; nothing more is done"
}
runners='[]'
if [ -n "$ADMIN" ]; then
	runners=$(list_runners | jq -c --args 'map(select((.name | IN($ARGS.positional[])) and (.revoked_at == null)
		and (.revoked | not)))' "${names[@]}")
fi
mapfile -t ids < <(jq -r '.[].id' <<<"$runners")

# ---- drain all of them, then wait for their jobs ----

coordinator() {
	if [ -n "$dry_run" ]; then
		echo "would run: ${admin[*]} runner $*" >&2
	else
		"${admin[@]}" runner "$@" >/dev/null || fail "${admin[*]} runner $* failed; no droplet was deleted"
	fi
}
undrain() {
	local id
	for id in "${ids[@]}"; do coordinator undrain --id "$id"; done
}
busy() { # names of drained runners that still have jobs
	list_runners | jq -r --argjson ids "$(jq 'map(.id)' <<<"$runners")" \
		'map(select((.id | IN($ids[])) and (.active_job_count // .active_jobs // 0) > 0) | .name) | join(", ")'
}
for id in "${ids[@]}"; do coordinator drain --id "$id" --reason "droplet is removed"; done
if [ ${#ids[@]} -gt 0 ] && [ -z "$dry_run" ]; then
	until=$((SECONDS + DRAIN_TIMEOUT))
	while left=$(busy); test -n "$left"; do
		if [ $SECONDS -ge "$until" ]; then
			undrain
			fail "still running jobs after $DRAIN_TIMEOUT s: $left. No droplet was deleted, all claim again."
		fi
		sleep "${POLL_SECONDS:-5}"
	done
fi
for id in "${ids[@]}"; do coordinator revoke --id "$id" --reason "droplet is removed"; done

# ---- the droplets, and with the last one the firewall ----

mapfile -t droplets < <(jq -r '.[].id' <<<"$wanted")
[ ${#droplets[@]} = 0 ] || change compute droplet delete "${droplets[@]}" --force >/dev/null
gone=false
if [ -n "$all" ]; then
	firewall=$(ask compute firewall list | jq -r --arg n "$FIREWALL_NAME" '.[] | select(.name == $n) | .id')
	if [ -n "$firewall" ]; then
		change compute firewall delete "$firewall" --force >/dev/null
		gone=true
	fi
fi
if [ "$output" = json ]; then
	jq -n --arg pool "$POOL_NAME" --argjson runners "$runners" --argjson wanted "$wanted" --argjson gone "$gone" \
		--arg dry "$dry_run" '{pool_name: $pool, revoked: ($runners | map(.name)),
		deleted: ($wanted | map(.name)), firewall_deleted: $gone, dry_run: ($dry != "")}'
else
	say "${dry_run:+would be }revoked ${#ids[@]} runners, deleted ${#droplets[@]} droplets"
fi
