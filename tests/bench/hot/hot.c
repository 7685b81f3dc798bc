/*
 * hot ROW: one of the loops that a byte of untrusted input passes, over a text that is the same
 * each time. hot_measured is what tests/bench/hot/count.py has callgrind count; it is called once
 * and does nothing but the loop. Prints what the count is divided by: "UNITS UNIT".
 *
 * hot: the names of the rows, a line each. hot --rate ROW: MB (10^6) of its text that pass in a
 * second of processor time.
 */
#include <inttypes.h>
#include <stdio.h>
#include <time.h>

#include "base/json.h"
#include "base/mask/mask.h"
#include "checkout/pktline.h"
#include "workflow/command/commands.h"
#include "workflow/expr/expr.h"

enum { TEXT = 1 << 20, EVALUATIONS = 1000, SECRETS = 20, SECRET_MAX = 8 + 3 * SECRETS };

/* What a row works on; built before anything is measured. */
struct hot {
	struct buf text;
	struct mask *mask;
	bool narrow; /* counts are to be the same on each machine */
	char secrets[SECRETS][SECRET_MAX];
	struct expr *expr;
	struct expr_arena *values;
	struct expr_context context;
	uint64_t units, seen; /* seen: keeps results alive, and says that work was done */
};

struct row {
	const char *name, *unit;
	void (*build)(struct hot *h);
	void (*run)(struct hot *h);
	bool foreign; /* for comparison: not in the list, since nobody here can make it dearer */
};

void hot_measured(const struct row *r, struct hot *h);

/* Bytes of the text in pieces, as they come from a pipe or a socket. */
static struct slice piece(const struct hot *h, size_t at, size_t size)
{
	return (struct slice){ h->text.data + at,
		h->text.len - at < size ? h->text.len - at : size };
}

static void must(bool ok, const char *what)
{
	if (ok)
		return;
	(void)fprintf(stderr, "hot: %s\n", what);
	exit(1);
}

/* ---- texts ---- */

static uint32_t dice_state = 1;

static uint32_t dice(uint32_t below)
{
	dice_state = dice_state * 1664525 + 1013904223;
	return (dice_state >> 8) % below;
}

static void add_word(struct buf *b, const char *letters, size_t n_letters, size_t n)
{
	for (size_t i = 0; i < n; i++)
		buf_add(b, &letters[dice((uint32_t)n_letters)], 1);
}

static const char BASE64[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

static void log_lines(struct hot *h)
{
	while (h->text.len < TEXT)
		buf_addf(&h->text,
			"2026-01-01T12:00:00Z info compiler built target=//src/base:buffer "
			"seconds=0.42 cached=no %" PRIu32 "\n",
			dice(1000));
	h->units = h->text.len;
}

static void short_lines(struct hot *h)
{
	while (h->text.len < TEXT)
		buf_adds(&h->text, "ok\n");
	h->units = h->text.len;
}

static void json_lines(struct hot *h)
{
	while (h->text.len < TEXT)
		buf_addf(&h->text,
			"{\"level\":\"info\",\"msg\":\"built \\\"%" PRIu32 "\\\"\\n\",\"path\":"
			"\"C:\\\\src\\\\%" PRIu32 "\",\"url\":\"https://h/%%20a?b=c&d=e\"}\n",
			dice(1000), dice(1000));
	h->units = h->text.len;
}

static void base64_lines(struct hot *h)
{
	while (h->text.len < TEXT) {
		add_word(&h->text, BASE64, 64, 76);
		buf_add(&h->text, "\n", 1);
	}
	h->units = h->text.len;
}

static void command_lines(struct hot *h)
{
	while (h->text.len < TEXT)
		buf_addf(&h->text,
			" compiling %" PRIu32 ".c\n::warning file=src/%" PRIu32
			".c,line=7::unused variable%%0Ain a function\nnamespace::type value\n",
			dice(1000), dice(1000));
	h->units = h->text.len;
}

/* ---- the masker ---- */

static void on_bytes(void *data, const char *p, size_t n)
{
	(void)p;
	((struct hot *)data)->seen += n;
}

static void twenty_secrets(struct hot *h)
{
	h->mask = mask_new();
	if (h->narrow)
		mask_set_narrow(h->mask);
	for (size_t i = 0; i < SECRETS; i++) {
		CLEAN_BUF struct buf value = BUF_INIT(SECRET_MAX);

		add_word(&value, BASE64, 62, 8 + 3 * i);
		must(mask_add(h->mask, value.data, value.len, NULL, NULL) == 0, "mask_add");
		memcpy(h->secrets[i], value.data, value.len);
	}
	/* the first byte builds the automaton */
	mask_feed(h->mask, "\n", 1, on_bytes, h);
	mask_end(h->mask, on_bytes, h);
	h->seen = 0;
}

static void mask_log(struct hot *h)
{
	twenty_secrets(h);
	log_lines(h);
}

static void mask_short(struct hot *h)
{
	twenty_secrets(h);
	short_lines(h);
}

/* Every second word is a secret without its last character. */
static void mask_near(struct hot *h)
{
	twenty_secrets(h);
	while (h->text.len < TEXT) {
		size_t i = dice(SECRETS);

		buf_add(&h->text, h->secrets[i], 8 + 3 * i - 1);
		buf_addf(&h->text, " is not %" PRIu32 "\n", dice(1000));
	}
	h->units = h->text.len;
}

/* Quoted again and again, as logs of logs are. */
static void mask_quoted(struct hot *h)
{
	twenty_secrets(h);
	while (h->text.len < TEXT)
		buf_addf(&h->text,
			"{\"log\":\"{\\\"level\\\":\\\"info\\\",\\\"message\\\":\\\"built the "
			"%" PRIu32
			"th of all\\\\n\\\",\\\"unit\\\":\\\"base\\\"}\",\"stream\":\"stdout\"}\n",
			dice(1000));
	h->units = h->text.len;
}

static void mask_json(struct hot *h)
{
	twenty_secrets(h);
	json_lines(h);
}

static void mask_base64(struct hot *h)
{
	twenty_secrets(h);
	base64_lines(h);
}

static void mask_run(struct hot *h)
{
	for (size_t at = 0; at < h->text.len; at += KIB(64)) {
		struct slice s = piece(h, at, KIB(64));

		mask_feed(h->mask, s.ptr, s.len, on_bytes, h);
	}
	mask_end(h->mask, on_bytes, h);
}

/* ---- what a byte costs at least ---- */

static void find_run(struct hot *h)
{
	h->seen += memchr(h->text.data, '\1', h->text.len) ? 0 : h->text.len;
}

static char copied[TEXT + KIB(1)];

static void copy_run(struct hot *h)
{
	memcpy(copied, h->text.data, h->text.len < sizeof(copied) ? h->text.len : sizeof(copied));
	h->seen += h->text.len;
}

/* ---- commands in a step's output ---- */

static void on_command(void *data, const struct command *c)
{
	((struct hot *)data)->seen += c->value.len;
}

static void commands_run(struct hot *h)
{
	struct commands c;

	commands_init(&c, on_command, h);
	for (size_t at = 0; at < h->text.len; at += KIB(64)) {
		struct slice s = piece(h, at, KIB(64));

		commands_feed(&c, s.ptr, s.len, on_bytes, h);
	}
	commands_end(&c, on_bytes, h);
	commands_release(&c);
}

/* ---- JSON ---- */

static void json_array(struct hot *h)
{
	struct hot lines = { .text = BUF_INIT(2 * TEXT) };

	json_lines(&lines);
	buf_add(&h->text, "[", 1);
	for (size_t i = 0; i + 1 < lines.text.len; i++)
		buf_add(&h->text, lines.text.data[i] == '\n' ? "," : &lines.text.data[i], 1);
	buf_add(&h->text, "]", 1);
	buf_release(&lines.text);
	h->units = h->text.len;
}

static void json_run(struct hot *h)
{
	const struct json_limits limits = { .bytes = 2 * (size_t)TEXT, .nodes = TEXT };
	CLEAN_JSON struct json_doc *d = json_parse(h->text.data, h->text.len, &limits, NULL);

	must(d, "json_parse");
	h->seen = json_root(d)->count;
}

/* ---- an upload-pack answer ---- */

static void pack_answer(struct hot *h)
{
	static const char pack[PKT_MAX];

	buf_addf(&h->text, "0008NAK\n");
	while (h->text.len < TEXT) {
		buf_addf(&h->text, "fff0\001");
		buf_add(&h->text, pack, PKT_MAX - 5);
		buf_addf(&h->text, "0022\002Counting objects: done. 7\n\n\n\n");
	}
	buf_addf(&h->text, "0000");
	h->units = h->text.len;
}

static int on_pack(void *data, const char *p, size_t n, struct err *e)
{
	(void)e;
	on_bytes(data, p, n);
	return 0;
}

static void pack_run(struct hot *h)
{
	const struct answer_sink sink = { on_pack, NULL, h };
	struct answer a;

	answer_init(&a, &sink, 2 * (uint64_t)TEXT);
	for (size_t at = 0; at < h->text.len; at += KIB(16)) {
		struct slice s = piece(h, at, KIB(16));

		must(answer_feed(&a, s.ptr, s.len, NULL) == 0, "answer_feed");
	}
	must(answer_end(&a, NULL) == 0, "answer_end");
	answer_release(&a);
}

/* ---- expressions ---- */

static const char CONTEXTS[] =
	"{\"github\":{\"ref\":\"refs/heads/trunk\",\"event\":{\"commits\":[{\"id\":1},{\"id\":2},"
	"{\"id\":3}]}},\"matrix\":{\"os\":\"linux\",\"v\":3.1},\"env\":{\"NAME\":\"a name\"}}";
static const char EXPRESSION[] =
	"startsWith(github.ref, 'refs/HEADS/') && (matrix.v >= 3 || env.NAME == 'b') && "
	"contains(join(github.event.commits.*.id, '-'), '2-3') && format('{0}/{1}', matrix.os, "
	"env.NAME)";

static void expression(struct hot *h)
{
	CLEAN_JSON struct json_doc *d = json_parse(CONTEXTS, sizeof(CONTEXTS) - 1, NULL, NULL);

	must(d, "contexts");
	h->values = expr_arena_new();
	h->context.root = expr_from_json(h->values, json_root(d), 0);
	expr_root_finish(h->values, &h->context.root);
	h->expr = expr_parse(EXPRESSION, sizeof(EXPRESSION) - 1, NULL, NULL);
	must(h->expr, "expression");
	h->units = EVALUATIONS;
}

static void parse_run(struct hot *h)
{
	for (size_t i = 0; i < EVALUATIONS; i++) {
		CLEAN_EXPR struct expr *x =
			expr_parse(EXPRESSION, sizeof(EXPRESSION) - 1, NULL, NULL);

		must(x, "expr_parse");
		h->seen++;
	}
}

static void eval_run(struct hot *h)
{
	for (size_t i = 0; i < EVALUATIONS; i++) {
		CLEAN_EXPR_ARENA struct expr_arena *work = expr_arena_new();
		struct expr_value v;

		must(expr_eval(h->expr, &h->context, work, &v, NULL, NULL) == 0, "expr_eval");
		must(expr_truthy(&v), "expected a text");
		h->seen++;
	}
}

/* ---- the rows ---- */

static const struct row ROWS[] = {
	{ "mask log lines", "byte", mask_log, mask_run },
	{ "mask short lines", "byte", mask_short, mask_run },
	{ "mask JSON", "byte", mask_json, mask_run },
	{ "mask quoted JSON", "byte", mask_quoted, mask_run },
	{ "mask base64", "byte", mask_base64, mask_run },
	{ "mask near-matches", "byte", mask_near, mask_run },
	{ "memchr", "byte", log_lines, find_run, true },
	{ "memcpy", "byte", log_lines, copy_run, true },
	{ "commands in log lines", "byte", log_lines, commands_run },
	{ "commands in short lines", "byte", short_lines, commands_run },
	{ "commands in warnings", "byte", command_lines, commands_run },
	{ "JSON parse", "byte", json_array, json_run },
	{ "upload-pack answer", "byte", pack_answer, pack_run },
	{ "expression parse", "expression", expression, parse_run },
	{ "expression evaluate", "expression", expression, eval_run },
};

__attribute__((noinline)) void hot_measured(const struct row *r, struct hot *h)
{
	r->run(h);
}

static void hot_release(struct hot *h)
{
	mask_free(h->mask);
	expr_free(h->expr);
	expr_arena_free(h->values);
	buf_release(&h->text);
}

static double cpu_seconds(void)
{
	struct timespec t;

	must(clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t) == 0, "clock_gettime");
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* Again and again for a third of a second. */
static double rate(const struct row *r, struct hot *h)
{
	double began = cpu_seconds(), took;
	uint64_t units = 0;

	do {
		hot_measured(r, h);
		units += h->units;
		took = cpu_seconds() - began;
	} while (took < 0.3);
	return (double)units / took / 1e6;
}

static void measure(const struct row *r, bool rated)
{
	struct hot h = { .text = BUF_INIT(2 * (size_t)TEXT), .narrow = !rated };

	r->build(&h);
	must(buf_ok(&h.text), "the text does not fit");
	if (rated) {
		(void)printf("%.1f\n", rate(r, &h));
	} else {
		hot_measured(r, &h);
		(void)printf("%" PRIu64 " %s\n", h.units, r->unit);
	}
	must(h.seen > 0, "nothing was done");
	hot_release(&h);
}

int main(int argc, char **argv)
{
	const bool rated = argc == 3 && strcmp(argv[1], "--rate") == 0;

	if (argc > 2 && !rated)
		return 2;
	for (size_t i = 0; i < ARRAY_LEN(ROWS); i++) {
		if (argc < 2) {
			if (!ROWS[i].foreign)
				(void)printf("%s\n", ROWS[i].name);
		} else if (strcmp(argv[argc - 1], ROWS[i].name) == 0) {
			measure(&ROWS[i], rated);
			return 0;
		}
	}
	must(argc < 2, "no such row");
	return 0;
}
