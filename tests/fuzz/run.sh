#!/bin/bash
# run.sh BUILD TARGET SECONDS: one fuzz target for that long, from the checked-in corpus. What it finds
# goes to BUILD/corpus/TARGET and is where the next run goes on; a crashing input stays in
# BUILD/crashes. Fails when there is one. The last line says how much CPU time it took.
set -euo pipefail
cd "$(dirname "$0")/../.."
build=$1 target=$2 seconds=$3
mkdir -p "$build/corpus/$target" "$build/crashes"
export ASAN_OPTIONS=${ASAN_OPTIONS:-detect_leaks=1:allocator_may_return_null=0}
export UBSAN_OPTIONS=${UBSAN_OPTIONS:-print_stacktrace=1:halt_on_error=1}
rc=0
"$build/fuzz/fuzz_$target" -max_total_time="$seconds" -timeout=20 -rss_limit_mb=2048 \
	-print_final_stats=1 -artifact_prefix="$build/crashes/$target-" \
	"$build/corpus/$target" "tests/fuzz/corpus/$target" || rc=$?
times >"$build/cpu" # not in a pipe: that would be another shell's
echo "fuzz $target: exit $rc, CPU $(tail -n 1 "$build/cpu")"
exit "$rc"
