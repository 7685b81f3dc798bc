#!/bin/bash
# run.sh KIND BUILD [SAN]: one of the test runs. KIND is
#   test   unit tests, fuzz corpora, all system tests; the soak with 100 jobs
#   check  the everyday loop: unit tests, fuzz corpora, include check, one job of each kind
#   soak   the soak alone, with 500 jobs
#   unit   unit tests and fuzz corpora alone
#
# A test has one try. A missing prerequisite and a skipped test count as failures. Each test has a time
# limit, so a broken product turns red instead of hanging. Logs of failures stay in BUILD/test and are
# shown. The run ends with pytest's closing line and "N passed, N failed" over everything.
#
# Tests of the coordinator's store find a PostgreSQL server of their own (deploy/local/postgres.sh).
#
# Images: shithub/runner-test:1 is imported for the run and removed after it, unless it was there before
# (tests/image/lend.sh); its files stay in BUILD/image, so the next run only imports them. Tests remove
# every other image that they make. One that is left in an engine counts as a failure.
set -uo pipefail
cd "$(dirname "$0")/.." || exit 2
usage="usage: tests/run.sh test|check|soak|unit BUILD [SAN]"
kind=${1:?$usage}
build=$(readlink -m "${2:?$usage}")
san=${3:-}
out=$build/test
python=/usr/bin/python3 # the distribution's, which has its pytest
passed=0
failed=0
workers=$(($(nproc) * 5 / 2)) # most tests wait
# Seconds until a hang is a failure. The slowest unit program and system test without a limit of its
# own take 40 and 70 on two idle cores; there are machines that take four times as long.
unit_limit=300
limit=400
[ -z "$san" ] || limit=800 unit_limit=600
export SHITHUB_IMAGE_CACHE=$build/image SHITHUB_TEST_IMAGE=shithub/runner-test:1

case $kind in
test | check | soak | unit) ;;
*)
	echo "$usage" >&2
	exit 2
	;;
esac

if [ "${4:-}" != inside ]; then
	mkdir -p "$build"
	if ! make -j"$(nproc)" SAN="$san" B="$2" all test-programs >"$build/build.log" 2>&1; then
		grep -aE -A5 'error|undefined|No such|\*\*\*' "$build/build.log" | head -n 60
		echo "0 passed, 1 failed: make all test-programs (log: $build/build.log)"
		exit 1
	fi
	# Engine and workspaces need root, as on a runner host; what we leave behind is the caller's.
	command=()
	[ "$(id -u)" = 0 ] || command=(sudo ${DOCKER_HOST:+DOCKER_HOST="$DOCKER_HOST"})
	command+=(env SHITHUB_IMAGE_CACHE="$SHITHUB_IMAGE_CACHE" SHITHUB_TEST_IMAGE="$SHITHUB_TEST_IMAGE")
	lent=(deploy/local/engine.sh with tests/image/lend.sh)
	[ "$kind" != test ] || command+=(ENGINE=podman "${lent[@]}" env)
	command+=(ENGINE=docker deploy/local/postgres.sh)
	"${command[@]}" "${lent[@]}" tests/run.sh "$kind" "$build" "$san" inside
	exit
fi

export SHITHUB_TEST_ENGINE=${DOCKER_HOST#unix://} # for unit tests that start containers
rm -rf "$out"
mkdir -p "$out/san"
chmod 1777 "$out/san" # children that dropped their privileges report too
trap '[ -z "${SUDO_UID:-}" ] || chown -R "$SUDO_UID:${SUDO_GID:-}" "$out" "$SHITHUB_IMAGE_CACHE"' EXIT
if [ -n "$san" ]; then
	export ASAN_OPTIONS="log_path=$out/san/asan:abort_on_error=0:detect_leaks=1"
	export TSAN_OPTIONS="log_path=$out/san/tsan:second_deadlock_stack=1"
	export UBSAN_OPTIONS="log_path=$out/san/ubsan:print_stacktrace=1:halt_on_error=1"
fi

bad() { # bad NAME REASON LOG
	failed=$((failed + 1))
	echo "FAILED $1: $2 (log: $3)"
	tail -n 40 "$3" | LC_ALL=C tr "\\000-\\010\\013-\\037" "?" | sed 's/^/    /'
}

# ---- unit tests and fuzz corpora: several programs at a time, each with its own log ----

# Those of the coordinator a second time, with the store in PostgreSQL: "postgres/unit/...".
in_postgres() {
	find tests/unit/coordinator -name 'test_*.c' | sed 's#^tests/unit/coordinator/##; s#\.c$##' |
		grep -vxFf <(awk '!/^#/ { print $1 }' tests/unit/coordinator/sqlite_only.txt) |
		grep -v '^sql/' | sort | sed 's#^#postgres/unit/coordinator/#'
}

programs() { # the programs of all sources, below BUILD; first those that wait for containers
	local found
	found=$(find tests/unit tests/fuzz -name 'test_*.c' -o -name 'fuzz_*.c' | sort -r)
	{
		xargs grep -l SHITHUB_TEST_IMAGE
		echo "$found"
	} <<<"$found" | awk '!seen[$0]++' | sed 's/^tests.//; s/\.c$//'
	in_postgres
}

run_program() { # run_program PROGRAM: leaves its log, exit code and milliseconds in $out
	local corpus=() begin=${EPOCHREALTIME/./} store=
	[[ $1 != postgres/* ]] || store=postgres
	[[ $1 != fuzz/* ]] || corpus=("tests/fuzz/corpus/${1#fuzz/fuzz_}")
	mkdir -p "$(dirname "$out/$1")"
	SHITHUB_TEST_STORE=$store timeout "$unit_limit" "$build/${1#postgres/}" "${corpus[@]}" >"$out/$1.log" 2>&1
	echo "$? $(((${EPOCHREALTIME/./} - begin) / 1000))" >"$out/$1.rc"
}

# How many tests of a cmocka program's log passed; none without its closing lines.
count_of() { # count_of WORD LOG
	LC_ALL=C sed -nE "s/.*\[ +$1 +\].* ([0-9]+) test\(s\).*/\1/p" "$2" | awk '{ n += $1 } END { print n + 0 }'
}

judge_unit() { # judge_unit PROGRAM RC
	local log=$out/$1.log good wrong skips
	good=$(count_of PASSED "$log")
	wrong=$(count_of FAILED "$log")
	skips=$(count_of SKIPPED "$log")
	passed=$((passed + good))
	if [ "$2" = 0 ] && [ "$good" -gt 0 ] && [ "$wrong" = 0 ] && [ "$skips" = 0 ]; then
		return
	fi
	bad "$1" "exit $2, $wrong failed, $skips skipped" "$log"
	[ "$wrong" -le 1 ] || failed=$((failed + wrong - 1))
}

unit_and_fuzz() {
	local program rc ms
	export -f run_program
	export build out unit_limit
	programs | xargs -P "$(($(nproc) * 3))" -I{} bash -c 'run_program {}'
	while read -r program; do
		read -r rc ms <"$out/$program.rc"
		echo "$ms $program" >>"$out/times"
		if [[ $program = *unit/* ]]; then
			judge_unit "$program" "$rc"
		elif [ "$rc" = 0 ]; then
			passed=$((passed + 1))
		else
			bad "$program" "exit $rc" "$out/$program.log"
		fi
	done < <(programs)
	echo "unit tests and fuzz corpora: $passed passed, $failed failed"
}

# ---- system tests ----

# Counts of pytest's junit file: tests and those that failed. Their times join those of the programs.
junit_counts() {
	$python - "$out/pytest.xml" "$out/times" <<'END'
import sys
import xml.etree.ElementTree as tree
try:
    suites = list(tree.parse(sys.argv[1]).getroot().iter("testsuite"))
except (OSError, tree.ParseError):
    suites = []
with open(sys.argv[2], "a") as times:
    for case in [case for suite in suites for case in suite.iter("testcase")]:
        place = case.get("classname").removeprefix("tests.system.")
        print(round(float(case.get("time", 0)) * 1000), place, case.get("name"), file=times)
count = lambda key: sum(int(suite.get(key, 0)) for suite in suites)
print(count("tests"), count("failures") + count("errors") + count("skipped"))
END
}

system_tests() { # system_tests ARGUMENT...
	local rc total errors
	SHITHUB_BUILD=$build SHITHUB_TEST_LOGS=$out/system PYTHONDONTWRITEBYTECODE=1 \
		$python -m pytest -p no:cacheprovider -ra --confcutdir=tests/system --timeout "$limit" \
		--junitxml="$out/pytest.xml" "$@" 2>&1 | tee "$out/pytest.log"
	rc=${PIPESTATUS[0]}
	read -r total errors < <(junit_counts)
	[ "$rc" = 0 ] || [ "$errors" != 0 ] || errors=1 # pytest itself failed
	passed=$((passed + total - errors))
	failed=$((failed + errors))
}

# Images that only tests make. The lent one goes after us, and with its name it is not ours to judge.
left_images() { # left_images HOST
	curl -sS --unix-socket "${1#unix://}" http://engine/images/json | $python -c '
import json, re, sys
OURS = re.compile(r"(docker\.io/)?(shithub/(late|tiny|no-such)|127\.0\.0\.1:\d+/)")
for image in json.load(sys.stdin):
    names = (image["RepoTags"] or []) + (image["RepoDigests"] or [])
    if any(map(OURS.match, names)):
        print(image["Id"], *names)'
}

check_images() {
	local host
	for host in "$DOCKER_HOST" ${CONTAINER_HOST:+"$CONTAINER_HOST"}; do
		left_images "$host" >"$out/images.log" 2>&1
		[ ! -s "$out/images.log" ] || bad images "left in the engine at $host" "$out/images.log"
	done
}

slowest() {
	echo "the ten slowest tests:"
	sort -rn "$out/times" | head -n 10 | awk '{ printf "%7.1f s  %s %s\n", $1 / 1000, $2, $3 }'
}

case $kind in
test)
	unit_and_fuzz
	SHITHUB_SOAK_JOBS=100 system_tests -n "$workers" --dist loadgroup tests/system
	check_images
	;;
check)
	unit_and_fuzz
	if $python tests/lint/arrows.py >"$out/arrows.log" 2>&1; then
		passed=$((passed + 1))
	else
		bad "include check" "exit $?" "$out/arrows.log"
	fi
	SHITHUB_TEST_FLAVORS=docker-gate-step,docker-attach-job \
		system_tests -n "$workers" --dist loadgroup -m everyday tests/system
	check_images
	;;
soak)
	SHITHUB_SOAK_JOBS=${SHITHUB_SOAK_JOBS:-500} system_tests tests/system/faults/test_soak.py
	check_images
	;;
unit) unit_and_fuzz ;;
esac
for log in "$out"/san/*; do
	[ ! -f "$log" ] || bad sanitizer "a program reported" "$log"
done
[ ! -f "$out/system/figures.txt" ] || sort "$out/system/figures.txt"
slowest
grep -sE '^=+ .* in [0-9.]+s.* =+$' "$out/pytest.log" | tail -n 1
echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
