/* How a shell reads a place of a script; the place is where the @ stands. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "base/util.h"
#include "workflow/expr/quoting.h"

static enum quoting_place place_of(const char *script)
{
	struct quoting q = { 0 };

	quoting_feed(&q, script, strcspn(script, "@"));
	return quoting_now(&q);
}

static void places(UNUSED void **state)
{
	static const struct {
		const char *script;
		enum quoting_place expected;
	} rows[] = {
		/* bare, and in what a shell replaces in */
		{ "@", QUOTING_READ },
		{ "echo @", QUOTING_READ },
		{ "echo \"@", QUOTING_READ },
		{ "echo \"it's @", QUOTING_READ },
		{ "echo 'a' @", QUOTING_READ },
		{ "echo 'a'\"'\"'b' @", QUOTING_READ },
		{ "echo \\' @", QUOTING_READ },
		{ "echo \"\\\"'@", QUOTING_READ },
		{ "echo \"$(echo \"'\" @", QUOTING_READ },
		{ "echo \"`echo 'x'` ' @", QUOTING_READ },
		{ "echo \"${x:-it's} @", QUOTING_READ },
		{ "echo ${x#'} @'} @", QUOTING_DATA },
		{ "x=$((1 << 2))\necho @", QUOTING_READ },
		{ "(( x << 2 ))\necho @", QUOTING_READ },
		{ "x=$(( (1 + 2) * 3 )); echo \"'@", QUOTING_READ },
		{ "x=$((16#ff)) # it's\necho @", QUOTING_READ },
		{ "echo a#'b' @", QUOTING_READ },
		{ "# don't\necho @", QUOTING_READ },
		{ "echo a # don't @", QUOTING_READ },
		{ "echo $'it\\'s' @", QUOTING_READ },
		{ "cat <<E\nit's @", QUOTING_READ },
		{ "cat <<'E'\nit's\nE\necho @", QUOTING_READ },
		{ "cat <<-'E'\n\tit's\n\tE\necho @", QUOTING_READ },
		{ "cat <<'E' <<F\nit's\nE\n@", QUOTING_READ },
		{ "cat <<\"E\" | grep x\nit's\nE\necho \"@", QUOTING_READ },
		{ "x=\"$(cat <<'E'\nit's\nE\n)\" @", QUOTING_READ },
		{ "cat <<''\nit's\n\necho @", QUOTING_READ },
		/* here-documents that are read as they are */
		{ "cat <<'E'\n@", QUOTING_DOCUMENT },
		{ "cat <<\"E\"\n@", QUOTING_DOCUMENT },
		{ "cat <<\\E\n@", QUOTING_DOCUMENT },
		{ "cat << 'E'\nE \n EE\n@", QUOTING_DOCUMENT },
		{ "cat <<-'E'\n\tx\n\t@", QUOTING_DOCUMENT },
		{ "cat > f <<'E'; echo 'x'\n@", QUOTING_DOCUMENT },
		{ "cat <<F <<'E'\nF\n@", QUOTING_DOCUMENT },
		{ "if true; then\n  cat <<'E'\n@", QUOTING_DOCUMENT },
		/* single quotes that are data */
		{ "echo '@", QUOTING_DATA },
		{ "echo 'a' b '@", QUOTING_DATA },
		{ "echo \\\n  '@", QUOTING_DATA },
		{ "printf '%s\\n' '@", QUOTING_DATA },
		{ "X='@", QUOTING_DATA },
		{ "X=1 Y=a'@", QUOTING_DATA },
		{ "export X='@", QUOTING_DATA },
		{ "run X='@", QUOTING_DATA },
		{ "if [ '@", QUOTING_DATA },
		{ "if [[ $x == '@", QUOTING_DATA },
		{ "while ! test '@", QUOTING_DATA },
		{ "x && echo '@", QUOTING_DATA },
		{ "x 2>&1 | y; echo '@", QUOTING_DATA },
		{ "echo >&2 '@", QUOTING_DATA },
		{ "echo &>f '@", QUOTING_DATA },
		{ "jq . <<<'@", QUOTING_DATA },
		{ "jq . <<< '@", QUOTING_DATA },
		{ "for x in '@", QUOTING_DATA },
		{ "case '@", QUOTING_DATA },
		{ "case x in\n  x) echo '@", QUOTING_DATA },
		{ "x=\"$(case a in a) echo '@", QUOTING_DATA },
		{ "x=$(case a in a) b;; esac); echo '@", QUOTING_DATA },
		{ "X=(a\n  '@", QUOTING_DATA },
		{ "X=(a\n  b)\necho '@", QUOTING_DATA },
		{ "(cd x; echo '@", QUOTING_DATA },
		{ "x=$(echo '@", QUOTING_DATA },
		{ "x=\"$(echo '@", QUOTING_DATA },
		{ "x=`echo '@", QUOTING_DATA },
		{ "{ echo '@", QUOTING_DATA },
		{ "f() { echo '@", QUOTING_DATA },
		{ "echo $'a\\'@", QUOTING_ANSI },
		{ "X=$'@", QUOTING_ANSI },
		/* single quotes that another shell reads, with the same environment */
		{ "sh -c '@", QUOTING_LATER },
		{ "bash -euc 'echo \"@", QUOTING_LATER },
		{ "trap '@", QUOTING_LATER },
		{ "x; eval '@", QUOTING_LATER },
		/* single quotes that may be code of another language or another machine's */
		{ "awk '@", QUOTING_LITERAL },
		{ "echo x | jq '@", QUOTING_LITERAL },
		{ "python3 -c '@", QUOTING_LITERAL },
		{ "ssh host '@", QUOTING_LITERAL },
		{ "sh -c x '@", QUOTING_LITERAL },
		{ "bash x '@", QUOTING_LITERAL },
		{ "curl --data='@", QUOTING_LITERAL },
		{ "\"$x\" '@", QUOTING_LITERAL },
		{ "echo x\nsed -e '@", QUOTING_LITERAL },
		{ "echo \"$(sed '@", QUOTING_LITERAL },
		{ "X=1 sed '@", QUOTING_LITERAL },
		{ "sed $'@", QUOTING_LITERAL },
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		if (place_of(rows[i].script) != rows[i].expected)
			fail_msg("%s\n  expected %d\n  but got  %d", rows[i].script,
				rows[i].expected, place_of(rows[i].script));
}

/* What it cannot follow is no reason to refuse a script. */
static void too_much(UNUSED void **state)
{
	struct quoting q = { 0 };
	char document[2 * QUOTING_END_WORD] = "cat <<'";

	for (size_t i = 0; i < 10000; i++)
		quoting_feed(&q, "$(", 2);
	quoting_feed(&q, "awk '", 5);
	assert_int_equal(quoting_now(&q), QUOTING_READ);

	memset(document + 7, 'x', sizeof(document) - 7);
	document[sizeof(document) - 1] = '\n';
	q = (struct quoting){ 0 };
	quoting_feed(&q, document, sizeof(document));
	assert_int_equal(quoting_now(&q), QUOTING_READ);

	q = (struct quoting){ 0 };
	for (size_t i = 0; i < 10000; i++)
		quoting_feed(&q, "cat <<'E' ", 10);
	quoting_feed(&q, "\n", 1);
	assert_int_equal(quoting_now(&q), QUOTING_READ);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(places),
		cmocka_unit_test(too_much),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
