# shellcheck shell=bash
# What provision.sh, inventory.sh and destroy.sh share: settings, checks, and calls of doctl. A setting
# comes from its flag, else from the environment variable of the same name, else from here.
set -euo pipefail
export LC_ALL=C
here=$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")
me=$(basename "$0" .sh)

POOL_NAME=${POOL_NAME:-shared-linux}
PROJECT_NAME=${PROJECT_NAME:-shithub-prod}
REGION=${REGION:-sfo3}
SIZE=${SIZE:-s-2vcpu-4gb}
IMAGE=${IMAGE:-ubuntu-24-04-x64}
COUNT=${COUNT:-1}
SSH_KEY_NAME=${SSH_KEY_NAME:-}
SSH_ALLOWED_CIDRS=${SSH_ALLOWED_CIDRS:-}
VPC_UUID=${VPC_UUID:-}
RESOURCE_TAG=${RESOURCE_TAG:-shithub-actions-runner}
POOL_TAG=${POOL_TAG:-}
FIREWALL_NAME=${FIREWALL_NAME:-}
USER_DATA_FILE=${USER_DATA_FILE:-$here/cloud-init.yaml}
ADMIN=${ADMIN:-}
DRAIN_TIMEOUT=${DRAIN_TIMEOUT:-21600}
dry_run=
output=text
names=()
declare -a arguments # the script's own, set before it reads this file
declare -A flags=([--pool]=POOL_NAME [--project]=PROJECT_NAME [--region]=REGION [--size]=SIZE
	[--image]=IMAGE [--count]=COUNT [--ssh-key]=SSH_KEY_NAME [--ssh-from]=SSH_ALLOWED_CIDRS
	[--vpc]=VPC_UUID [--resource-tag]=RESOURCE_TAG [--pool-tag]=POOL_TAG
	[--firewall]=FIREWALL_NAME [--user-data-file]=USER_DATA_FILE [--admin]=ADMIN
	[--drain-timeout]=DRAIN_TIMEOUT [--output]=output)

say() { echo "$me: $*" >&2; }
refuse() { # bad usage, or not safe: nothing was changed
	say "$*"
	exit 2
}
fail() {
	say "$*"
	exit 1
}

# read_flags USAGE FLAG...: the flags that this script knows; words go to names
read_flags() {
	local usage=$1 flag value known
	shift
	known=" $* --pool --pool-tag --output --dry-run --help "
	for flag in "${arguments[@]}"; do
		[ "$flag" != --help ] || {
			echo "$usage"
			exit 0
		}
	done
	set -- "${arguments[@]}"
	while [ $# -gt 0 ]; do
		flag=${1%%=*}
		[[ $1 == --* ]] || {
			names+=("$1")
			shift
			continue
		}
		[[ $known == *" $flag "* ]] || refuse "unknown flag $flag; see --help"
		case $flag in
		--dry-run | --yes | --no-coordinator | --all)
			[ "$flag" = "$1" ] || refuse "$flag takes no value"
			flag=${flag#--}
			declare -g "${flag//-/_}=yes"
			shift
			continue
			;;
		esac
		if [ "$flag" = "$1" ]; then
			[ $# -ge 2 ] || refuse "$flag needs a value"
			value=$2
			shift 2
		else
			value=${1#*=}
			shift
		fi
		declare -g "${flags[$flag]}=$value"
	done
	[[ $output =~ ^(text|json)$ ]] || refuse "--output is '$output', expected text or json"
	[[ $POOL_NAME =~ ^[a-z0-9][a-z0-9-]{0,40}$ ]] ||
		refuse "--pool is '$POOL_NAME', expected lower-case letters, digits and hyphens"
	POOL_TAG=${POOL_TAG:-shithub-actions-$POOL_NAME}
	FIREWALL_NAME=${FIREWALL_NAME:-shithub-actions-runners-$POOL_NAME}
}

need() {
	local program
	for program in "$@"; do
		command -v "$program" >/dev/null || refuse "$program is missing: install it first"
	done
}

# ask WORDS...: what doctl knows, as JSON; an empty list is [] whatever doctl prints for it
ask() {
	local got
	got=$(doctl "$@" --output json) || fail "doctl $* failed; is doctl logged in (doctl auth init)?"
	jq -c '. // []' <<<"${got:-[]}"
}

# change WORDS...: a call that changes something; with --dry-run it is only printed
change() {
	if [ -n "$dry_run" ]; then
		printf 'would run: doctl' >&2
		printf ' %q' "$@" >&2
		echo >&2
		echo '[]'
	else
		doctl "$@" --output json || fail "doctl $* failed"
	fi
}

# pool_droplets: the droplets of this pool as [{id,name,status,region,public_ipv4,private_ipv4}], by name
pool_droplets() {
	ask compute droplet list --tag-name "$POOL_TAG" | jq -c 'map({id, name, status, region: .region.slug,
		public_ipv4: ([.networks.v4[]? | select(.type == "public") | .ip_address] | first),
		private_ipv4: ([.networks.v4[]? | select(.type == "private") | .ip_address] | first)})
		| sort_by(.name | [scan("[0-9]+") | tonumber], .)'
}
