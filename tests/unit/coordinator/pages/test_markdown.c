/* Markdown of an author: what becomes of each construct, that nothing of it is markup, and that no
 * text of the size that is taken makes its reader work long. */
#include <setjmp.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <time.h>

#include <cmocka.h>

#include "base/limits.h"
#include "coordinator/pages/markdown.h"

#define REL "\" rel=\"nofollow noopener noreferrer\">"

static void test_constructs(void **state UNUSED)
{
	static const struct {
		const char *in, *out;
	} cases[] = {
		{ "", "" },
		{ "a *b* **c** `d` ~~e~~",
			"<p>a <em>b</em> <strong>c</strong> <code>d</code> <del>e</del></p>" },
		{ "# A\n\n###### B", "<h4>A</h4><h4>B</h4>" },
		{ "- a\n- b\n", "<ul><li>a</li><li>b</li></ul>" },
		{ "1. a\n", "<ol><li>a</li></ol>" },
		{ "- [ ] a\n- [x] b", "<ul><li>\xe2\x98\x90 a</li><li>\xe2\x98\x91 b</li></ul>" },
		{ "> a", "<blockquote><p>a</p></blockquote>" },
		{ "a  \nb\nc", "<p>a<br>b\nc</p>" },
		{ "---", "<hr>" },
		{ "```sh\nx <y>\n```", "<pre>x &lt;y&gt;\n</pre>" },
		{ "|a|b|\n|---|---|\n|1|2|",
			"<div class=\"wide\" role=\"group\" aria-label=\"Table\" tabindex=\"0\">"
			"<table><thead><tr><th>a</th><th>b</th></tr></thead>"
			"<tbody><tr><td>1</td><td>2</td></tr></tbody></table></div>" },
		{ "|a|b|\n|--:|:-:|\n|1|2|",
			"<div class=\"wide\" role=\"group\" aria-label=\"Table\" tabindex=\"0\">"
			"<table><thead><tr><th class=\"right\">a</th><th class=\"center\">b</th>"
			"</tr></thead><tbody><tr><td class=\"right\">1</td>"
			"<td class=\"center\">2</td></tr></tbody></table></div>" },
		{ "&lt;&#60;&#x3c; &copy; &nosuch; &#0; &#x110000; &#x202e;",
			"<p>&lt;&lt;&lt; \xc2\xa9 &amp;nosuch; \xef\xbf\xbd \xef\xbf\xbd "
			"<span class=\"esc\">\\u202e</span></p>" },
		/* links */
		{ "[a](https://x/?b&c)", "<p><a href=\"https://x/?b&amp;c" REL "a</a></p>" },
		{ "https://x.org/y", "<p><a href=\"https://x.org/y" REL "https://x.org/y</a></p>" },
		{ "<https://x>", "<p><a href=\"https://x" REL "https://x</a></p>" },
		{ "![alt *t*](https://x/i.png)",
			"<p><a href=\"https://x/i.png" REL "alt <em>t</em></a></p>" },
		{ "[![i](https://x/i.png)](https://y)", "<p><a href=\"https://y" REL "i</a></p>" },
		{ "[a](javascript:alert(1))", "<p>a</p>" },
		{ "[a](JaVaScRiPt:x) [b](data:text/html,x) [c](//x) [d](/x) [e](\tvbscript:x)",
			"<p>a b c d e</p>" },
		{ "[a](&#106;avascript:x) [b](java&#10;script:x)", "<p>a b</p>" },
		{ "[a](https://x/\"onclick=\"y)",
			"<p><a href=\"https://x/&quot;onclick=&quot;y" REL "a</a></p>" },
		{ "[a](<https://x/ y'z>)", "<p><a href=\"https://x/%20y&#39;z" REL "a</a></p>" },
		{ "**a*b*c*", "<p>*<em>a<em>b</em>c</em></p>" },
		/* HTML is text */
		{ "<script>alert(1)</script>", "<p>&lt;script&gt;alert(1)&lt;/script&gt;</p>" },
		{ "a <img src=x onerror=alert(1)> b",
			"<p>a &lt;img src=x onerror=alert(1)&gt; b</p>" },
		{ "<!-- x -->", "<p>&lt;!-- x --&gt;</p>" },
		{ "\x1b[31m \xff", "<p><span class=\"esc\">\\x1b</span>[31m "
				   "<span class=\"esc\">\\xff</span></p>" },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		CLEAN_HTML struct html h;

		html_init(&h, MIB(1));
		html_markdown(&h, slice_of(cases[i].in));
		assert_string_equal(cases[i].out, buf_cstr(&h.out));
	}
}

static void repeat(struct buf *out, const char *unit, size_t most)
{
	size_t n = strlen(unit);

	while (out->len + n <= most)
		buf_add(out, unit, n);
}

/* What nests or grows without end is shown as it was written. */
static void test_bounds(void **state UNUSED)
{
	static const char *const units[] = { "> ", "[a]\n", "1. " };
	CLEAN_BUF struct buf wide = BUF_INIT(MIB(1));
	CLEAN_HTML struct html w;

	for (size_t i = 0; i < ARRAY_LEN(units); i++) {
		CLEAN_BUF struct buf in = BUF_INIT(MIB(1));
		CLEAN_HTML struct html h;

		repeat(&in, units[i], MARKDOWN_MAX);
		html_init(&h, MIB(4));
		html_markdown(&h, buf_slice(&in));
		assert_true(str_starts(buf_cstr(&h.out), "<pre>"));
	}
	/* a table fills each row up to its width */
	repeat(&wide, "|a", MARKDOWN_MAX / 4);
	buf_adds(&wide, "|\n");
	repeat(&wide, "|---", 3 * (MARKDOWN_MAX / 4));
	buf_adds(&wide, "|\n");
	repeat(&wide, "|\n", MARKDOWN_MAX);
	html_init(&w, MIB(4));
	html_markdown(&w, buf_slice(&wide));
	assert_true(buf_ok(&w.out) && w.out.len < 2 * MARKDOWN_HTML_MAX);
}

static int64_t cpu_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

static void take_time(struct slice text, int64_t *ret)
{
	CLEAN_HTML struct html h;
	int64_t start = cpu_us();

	html_init(&h, MIB(4));
	html_markdown(&h, text);
	*ret = cpu_us() - start;
}

/* No text of the full size costs more than so many times what prose of that size does. */
static void test_nothing_keeps_it_busy(void **state UNUSED)
{
	static const char *const units[] = { "[", "![", "*a ", "**a", "_a_", "`", "a`", "``a", "<",
		"<a ", "&a", "|", "|a|b|\n|---|---|\n", "[a](", "[a](b", "[a]: b\n", "[a][", "*a_ ",
		"~~a", "\\", "&#", "https://a", "<!--", "<a href='", "***", "*_", "x\n- ",
		"`a``b```c", "[a]\n", "[ (](", "a* b*", "> a\n> - ", "[[[]]]\n", "[a]\n\n", "-\n" };
	CLEAN_BUF struct buf prose = BUF_INIT(MIB(1));
	int64_t usual = INT64_MAX, most = 0;

	repeat(&prose, "Words of a *summary* with a [link](https://example.org/x).\n\n",
		MARKDOWN_MAX);
	for (int i = 0; i < 5; i++) {
		int64_t us;

		take_time(buf_slice(&prose), &us);
		usual = us < usual ? us : usual;
	}
	for (size_t i = 0; i < ARRAY_LEN(units); i++) {
		CLEAN_BUF struct buf in = BUF_INIT(MIB(1));
		int64_t us, best = INT64_MAX;

		repeat(&in, units[i], MARKDOWN_MAX);
		for (int k = 0; k < 5; k++) {
			take_time(buf_slice(&in), &us);
			best = us < best ? us : best;
		}
		if (best > most) {
			most = best;
			print_message("%-12.12s %" PRId64 " us, prose %" PRId64 " us\n", units[i],
				best, usual);
		}
	}
	assert_true(most < 30 * usual);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_constructs),
		cmocka_unit_test(test_bounds),
		cmocka_unit_test(test_nothing_keeps_it_busy),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
