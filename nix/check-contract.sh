#!/bin/bash
# check-contract.sh [CONTRACT]: runs each line of the contract in the image that this runs in; prints what fails
# and ends with "N kept, N broken".
set -uo pipefail
contract=${1:-/contract.tsv}
export HOME=/tmp TMPDIR=/tmp
kept=0 broken=0
while IFS=$'\t' read -r tool command; do
	[[ $tool != \#* ]] || continue
	if said=$(bash -c "$command" 2>&1 </dev/null); then
		kept=$((kept + 1))
	else
		broken=$((broken + 1))
		printf 'broken: %s: %s\n%s\n' "$tool" "$command" "$said"
	fi
done <"$contract"
echo "$kept kept, $broken broken"
[ "$kept" -gt 0 ] && [ "$broken" = 0 ]
