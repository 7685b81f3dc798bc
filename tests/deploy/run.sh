#!/bin/bash
# run.sh BUILD [PYTEST-ARGUMENT...]: installs and boots what an operator would, each way in a machine of
# its own. Prints one line for each way with what was really run, what this machine cannot do, and last
# "N passed, N failed". A missing prerequisite and a skipped test count as failures.
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 2
build=$(readlink -m "${1:?usage: tests/deploy/run.sh BUILD [PYTEST-ARGUMENT...]}")
shift
if [ "$(id -u)" != 0 ]; then
	exec sudo ${SHITHUB_DEPLOY_CACHE:+SHITHUB_DEPLOY_CACHE="$SHITHUB_DEPLOY_CACHE"} \
		tests/deploy/run.sh "$build" "$@"
fi
out=$build/deploy
mkdir -p "$out"
rm -f "$out/report.txt" "$out/pytest.xml"
[ -n "${SHITHUB_IMAGE_CACHE:-}" ] || export SHITHUB_IMAGE_CACHE=$build/image

# Made before the first test, so that no test's time limit covers it.
if ! tests/deploy/root.sh "$build" >/dev/null; then
	echo "0 passed, 1 failed: tests/deploy/root.sh"
	exit 1
fi
SHITHUB_BUILD=$build PYTHONDONTWRITEBYTECODE=1 /usr/bin/python3 -m pytest -p no:cacheprovider -ra \
	--confcutdir=tests/deploy --timeout 600 -n 2 --dist loadscope --junitxml="$out/pytest.xml" \
	"${@:-tests/deploy}" 2>&1 | tee "$out/pytest.log"
rc=${PIPESTATUS[0]}

echo "what was really run:"
[ ! -f "$out/report.txt" ] || sort "$out/report.txt" | sed 's/^/  /'
sed 's/^/  not here: /' tests/deploy/not_here.txt
/usr/bin/python3 - "$out/pytest.xml" "$rc" <<'END'
import sys
import xml.etree.ElementTree as tree
try:
    suites = list(tree.parse(sys.argv[1]).getroot().iter("testsuite"))
except (OSError, tree.ParseError):
    suites = []
count = lambda key: sum(int(suite.get(key, 0)) for suite in suites)
bad = count("failures") + count("errors") + count("skipped")
if int(sys.argv[2]) != 0:
    bad = max(bad, 1)  # pytest itself failed
print(f"{max(count('tests') - bad, 0)} passed, {bad} failed")
sys.exit(bad != 0)
END
