#!/bin/bash
# run.sh BUILD [SAN]: the whole test run: unit tests, fuzz corpora, system tests on a real engine.
#
# A missing prerequisite and a skipped test count as failures. A few system tests that fail beside
# others get a second try alone, which is said. Logs of failures stay in BUILD/test and are shown.
# Ends with pytest's closing line and "N passed, N failed" over everything.
set -uo pipefail
cd "$(dirname "$0")/.." || exit 2
build=$(readlink -m "${1:?usage: tests/run.sh BUILD [SAN]}")
san=${2:-}
out=$build/test
python=/usr/bin/python3 # the distribution's, which has its pytest
passed=0
failed=0
readonly SECOND_TRY_MOST=5

if [ "${3:-}" != inside ]; then
	mkdir -p "$build"
	if ! make -j"$(nproc)" SAN="$san" B="$1" all test-programs >"$build/build.log" 2>&1; then
		grep -aE -A5 'error|undefined|No such|\*\*\*' "$build/build.log" | head -n 60
		echo "0 passed, 1 failed: make all test-programs (log: $build/build.log)"
		exit 1
	fi
	# Engine and workspaces need root, as on a runner host; what we leave behind is the caller's.
	as_root=()
	[ "$(id -u)" = 0 ] || as_root=(sudo ${DOCKER_HOST:+DOCKER_HOST="$DOCKER_HOST"})
	exec "${as_root[@]}" env ENGINE=podman deploy/local/engine.sh with \
		env ENGINE=docker deploy/local/engine.sh with tests/run.sh "$build" "$san" inside
fi

rm -rf "$out"
mkdir -p "$out/san"
chmod 1777 "$out/san" # children that dropped their privileges report too
trap '[ -z "${SUDO_UID:-}" ] || chown -R "$SUDO_UID:${SUDO_GID:-}" "$out"' EXIT
if [ -n "$san" ]; then
	export ASAN_OPTIONS="log_path=$out/san/asan:abort_on_error=0:detect_leaks=1"
	export UBSAN_OPTIONS="log_path=$out/san/ubsan:print_stacktrace=1:halt_on_error=1"
fi
export SHITHUB_TEST_ENGINE=${DOCKER_HOST#unix://} SHITHUB_TEST_IMAGE=shithub/runner-test:1

bad() { # bad NAME REASON LOG
	failed=$((failed + 1))
	echo "FAILED $1: $2 (log: $3)"
	tail -n 40 "$3" | LC_ALL=C tr "\\000-\\010\\013-\\037" "?" | sed 's/^/    /'
}

# How many tests of a cmocka program's log passed; fails without its closing lines.
count_of() { # count_of WORD LOG
	LC_ALL=C sed -nE "s/.*\[ +$1 +\].* ([0-9]+) test\(s\).*/\1/p" "$2" | awk '{ n += $1 } END { print n + 0 }'
}

unit_test() {
	local program=$1 name log rc good wrong skips
	name=$(basename "$program")
	log=$out/$name.log
	timeout 300 "$program" >"$log" 2>&1
	rc=$?
	good=$(count_of PASSED "$log")
	wrong=$(count_of FAILED "$log")
	skips=$(count_of SKIPPED "$log")
	passed=$((passed + good))
	if [ $rc -eq 0 ] && [ "$good" -gt 0 ] && [ "$wrong" = 0 ] && [ "$skips" = 0 ]; then
		return
	fi
	bad "unit $name" "exit $rc, $wrong failed, $skips skipped" "$log"
	[ "$wrong" -le 1 ] || failed=$((failed + wrong - 1))
}

fuzz_replay() {
	local program=$1 name log
	name=$(basename "$program")
	log=$out/$name.log
	if timeout 300 "$program" "tests/fuzz/corpus/${name#fuzz_}" >"$log" 2>&1; then
		passed=$((passed + 1))
	else
		bad "fuzz $name" "exit $?" "$log"
	fi
}

# Counts of a junit file: tests and those that failed.
junit_counts() {
	$python - "$1" <<'END'
import sys
import xml.etree.ElementTree as tree
try:
    suites = list(tree.parse(sys.argv[1]).getroot().iter("testsuite"))
except (OSError, tree.ParseError):
    suites = []
count = lambda key: sum(int(suite.get(key, 0)) for suite in suites)
print(count("tests"), count("failures") + count("errors") + count("skipped"))
END
}

run_pytest() { # run_pytest NAME ARGUMENT...: its log and junit file in $out
	local name=$1
	shift
	SHITHUB_BUILD=$build SHITHUB_TEST_LOGS=$out/system PYTHONDONTWRITEBYTECODE=1 \
		$python -m pytest -o cache_dir="$out/cache" -ra --junitxml="$out/$name.xml" "$@" tests/system 2>&1 |
		tee "$out/$name.log"
	return "${PIPESTATUS[0]}"
}

# Three tests at a time on two cores meet timings that one alone never sees. A few that failed are run
# again, one after the other, and named; who fails twice has failed.
system_tests() {
	local rc total errors again=0
	run_pytest pytest -n $(($(nproc) + 1))
	rc=$?
	read -r total errors < <(junit_counts "$out/pytest.xml")
	if [ "$errors" -gt 0 ] && [ "$errors" -le "$SECOND_TRY_MOST" ]; then
		echo "second try of what failed:"
		grep -E '^(FAILED|ERROR) ' "$out/pytest.log" | cut -c1-200
		run_pytest second --last-failed --last-failed-no-failures none
		rc=$?
		read -r again errors < <(junit_counts "$out/second.xml")
		[ "$again" != 0 ] || errors=1
		echo "second try: $((again - errors)) of $again passed"
	fi
	[ "$rc" = 0 ] || [ "$errors" != 0 ] || errors=1 # pytest itself failed
	passed=$((passed + total - errors))
	failed=$((failed + errors))
}

for socket in "$DOCKER_HOST" "$CONTAINER_HOST"; do
	if ! DOCKER_HOST=$socket tests/image/build.sh --full >"$out/image.log" 2>&1; then
		bad image "the step image could not be built at $socket" "$out/image.log"
	fi
done

shopt -s nullglob
for source in tests/unit/test_*.c; do
	unit_test "$build/unit/$(basename "$source" .c)"
done
echo "unit tests: $passed passed, $failed failed"
for source in tests/fuzz/fuzz_*.c; do
	fuzz_replay "$build/fuzz/$(basename "$source" .c)"
done
closing=
if compgen -G 'tests/system/test_*.py' >/dev/null; then
	system_tests
	closing=$(grep -E '^=+ .* in [0-9.]+s.* =+$' "$out/pytest.log" | tail -n 1)
fi
[ ! -f "$out/system/figures.txt" ] || sort "$out/system/figures.txt"
for log in "$out"/san/*; do
	bad sanitizer "a program reported" "$log"
	[ -z "$closing" ] || echo "$closing"
done
echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
