#!/bin/bash
# lint.sh: every static check of the repository, all of them even after one failed.
# Compiler flags come from the Makefile (make lint-flags).
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 2
mkdir -p build/lint

passed=0
failed=()

check() { # check NAME COMMAND...
	local name=$1 start=$SECONDS
	shift
	if "$@" >"build/lint/$name.log" 2>&1; then
		passed=$((passed + 1))
		echo "lint: $name ok ($((SECONDS - start)) s)"
	else
		failed+=("$name")
		echo "lint: $name FAILED"
		head -n 60 "build/lint/$name.log"
	fi
}

mapfile -t c_files < <(git ls-files -co --exclude-standard -- '*.c' '*.h')
mapfile -t units < <(git ls-files -co --exclude-standard -- '*.c' ':!engine/gate' ':!tests/image')
mapfile -t scripts < <(git ls-files -co --exclude-standard -- '*.sh' .ci/run \
	'deploy/debian/*.postinst' 'deploy/debian/*.prerm' 'deploy/debian/*.postrm')
mapfile -t python < <(git ls-files -co --exclude-standard -- '*.py')
read -ra flags <<<"$(make -s lint-flags)"

tidy_one() {
	local include=(-include tests/lint/analyzer.h)
	[ "$1" != base/err.c ] || include=() # defines what analyzer.h wraps
	[[ $1 != tests/unit/* ]] || include+=(-include tests/lint/assertions.h)
	# shellcheck disable=SC2086
	clang-tidy --quiet "$1" -- "${include[@]}" $TIDY_FLAGS 2>/dev/null
}
tidy() {
	export -f tidy_one
	# shellcheck disable=SC2016
	TIDY_FLAGS="${flags[*]}" xargs -0 -n 1 -P "$(nproc)" bash -c 'tidy_one "$1"' tidy \
		< <(printf '%s\0' "${units[@]}")
}
static_check() {
	cppcheck -q -j "$(nproc)" --std=c11 --language=c --enable=warning,portability,performance \
		--inline-suppr --suppressions-list=tests/lint/cppcheck.txt --error-exitcode=1 \
		--library=posix -D_GNU_SOURCE -I. --template=gcc "${units[@]}"
}
no_debris() {
	! git grep -nE '^(<<<<<<<|>>>>>>>) |[[:space:]]+$' -- '*.c' '*.h' '*.py' '*.sh' Makefile
}

check format clang-format --dry-run --Werror "${c_files[@]}"
check arrows /usr/bin/python3 tests/lint/arrows.py
check dialect /usr/bin/python3 tests/lint/dialect.py
check plans /usr/bin/python3 tests/lint/plans.py
check postgres /usr/bin/python3 tests/lint/postgres.py
check schemas /usr/bin/python3 tests/lint/schemas.py
check named-tests /usr/bin/python3 tests/lint/named_tests.py
check planted-faults /usr/bin/python3 tests/lint/planted.py
check debris no_debris
check shellcheck shellcheck "${scripts[@]}"
check pyflakes /usr/bin/python3 -m pyflakes "${python[@]}"
check cppcheck static_check
check clang-tidy tidy

if [ ${#failed[@]} -gt 0 ]; then
	echo "lint: $passed checks passed, ${#failed[@]} failed: ${failed[*]} (logs in build/lint)"
	exit 1
fi
echo "lint: $passed checks passed"
