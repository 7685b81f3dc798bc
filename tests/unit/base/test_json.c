/* The parser, its caps, dispatch tables, the salvage scan and the writer. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "base/json.h"
#include "base/limits.h"

/* text → tree → text, so that every expectation is one string */
static void copied(const struct json_value *v, struct buf *out)
{
	struct json_writer w;
	struct err e = { 0 };

	json_writer_init(&w, out, false);
	json_copy(&w, v);
	assert_int_equal(json_writer_finish(&w, &e), 0);
}

static void accepts(UNUSED void **state)
{
	static const struct {
		const char *text, *want; /* NULL: the same */
	} cases[] = {
		{ "null", NULL }, { "true", NULL }, { " 1 ", "1" }, { "12", NULL },
		{ "-0.5e+3", NULL }, { "\"\"", NULL }, { "[]", NULL }, { "{}", NULL },
		{ " { \"a\" : [ 1 , 2 , { } ] } ", "{\"a\":[1,2,{}]}" },
		{ "[[],[[]],{\"\":null}]", NULL },
		{ "\"\\u00e9\\ud83d\\ude00\\n\\/\\\\\"", "\"\xc3\xa9\xf0\x9f\x98\x80\\n/\\\\\"" },
		{ "\"\xf0\x9f\x98\x80 \xe2\x82\xac\"", NULL },
		{ "{\"a\":1,\"A\":2,\"a \":3}", NULL },
		{ "\"\\\\u0000\"", NULL }, /* an escaped backslash, not an escape */
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct err e = { 0 };

		struct json_doc *d CLEAN_JSON =
			json_parse(cases[i].text, strlen(cases[i].text), NULL, &e);
		struct buf out CLEAN_BUF = BUF_INIT(1000);
		assert_string_equal(e.text, "");
		assert_non_null(d);
		copied(json_root(d), &out);
		assert_string_equal(buf_cstr(&out), cases[i].want ? cases[i].want : cases[i].text);
	}
}

static void refuses_with_position(UNUSED void **state)
{
	static const struct {
		struct slice text;
		enum err_class class;
		const char *where, *why;
	} cases[] = {
		{ SLICE(""), ERR_INPUT, "offset 0 (line 1, column 1)", "premature EOF" },
		{ SLICE("  "), ERR_INPUT, "offset 2 (", "premature EOF" },
		{ SLICE("[1,"), ERR_INPUT, "offset 3 (", "premature EOF" },
		{ SLICE("{\"a\":1"), ERR_INPUT, "offset 6 (", "premature EOF" },
		{ SLICE("\"abc"), ERR_INPUT, "offset 4 (", "premature EOF" },
		{ SLICE("{\"id\":1,\n  \"id\":2}"), ERR_INPUT, "offset 11 (line 2, column 3)",
			"duplicate key \"id\"" },
		{ SLICE("{\"id\":1,\"\\u0069d\":2}"), ERR_INPUT, "offset 8 (", "duplicate key" },
		{ SLICE("[{\"x\":{\"a\":0,\"b\":0,\"a\":0}}]"), ERR_INPUT, "offset 19 (",
			"duplicate key \"a\"" },
		{ SLICE("[1] x"), ERR_INPUT, "offset 4 (", "trailing garbage" },
		{ SLICE("1 2"), ERR_INPUT, "offset 2 (", "trailing garbage" },
		{ SLICE("[1,]"), ERR_INPUT, "offset 3 (", "unallowed token" },
		{ SLICE("{a:1}"), ERR_INPUT, "offset 1 (", "invalid char" },
		{ SLICE("[1,,2]"), ERR_INPUT, "offset 3 (", "unallowed token" },
		{ SLICE("{\"a\" 1}"), ERR_INPUT, "offset 5 (", "colon" },
		{ SLICE("[01]"), ERR_INPUT, "offset 2 (", "" },
		{ SLICE("[+1]"), ERR_INPUT, "offset 1 (", "" },
		{ SLICE("[1.]"), ERR_INPUT, "offset ", "" },
		{ SLICE("[-]"), ERR_INPUT, "offset ", "" },
		{ SLICE("[nul]"), ERR_INPUT, "offset 3 (", "" },
		{ SLICE("// x\n1"), ERR_INPUT, "offset ", "" },
		{ SLICE("\xef\xbb\xbf{}"), ERR_INPUT, "offset ", "" },
		{ SLICE("[\"a\nb\"]"), ERR_INPUT, "offset 2 (", "invalid char" },
		{ SLICE("[\"\\x\"]"), ERR_INPUT, "offset 2 (", "" },
		{ SLICE("[\"\\u12g4\"]"), ERR_INPUT, "offset 5 (", "" },
		{ SLICE("]"), ERR_INPUT, "offset 0 (", "" },
		{ SLICE("[}"), ERR_INPUT, "offset 1 (", "" },
		{ SLICE("[1\0]"), ERR_INPUT, "offset ", "" },
		{ SLICE("[\"\xc3\xa4\",\"\xc0\x80\"]"), ERR_INPUT, "offset 7 (line 1, column 7)",
			"invalid UTF-8" },
		{ SLICE("[\"\xed\xa0\x80\"]"), ERR_INPUT, "offset 2 (", "invalid UTF-8" },
		{ SLICE("[\"\xe2\x82"), ERR_INPUT, "offset 2 (", "invalid UTF-8" },
		{ SLICE("[\"a\\u0000\"]"), ERR_INPUT, "offset 3 (", "NUL" },
		{ SLICE("{\"\\u0000\":1}"), ERR_INPUT, "offset 2 (", "NUL" },
		{ SLICE("[\"a\0b\"]"), ERR_INPUT, "offset ", "invalid char" },
		{ SLICE("[\"\\ud800\"]"), ERR_INPUT, "offset 2 (", "surrogate" },
		{ SLICE("[\"\\udc00\"]"), ERR_INPUT, "offset 2 (", "surrogate" },
		{ SLICE("[\"\\ud800\\u0041\"]"), ERR_INPUT, "offset 2 (", "surrogate" },
		{ SLICE("[\"\\ud800"), ERR_INPUT, "offset 2 (", "surrogate" },
		{ SLICE("[1e400]"), ERR_INPUT, "offset 1 (", "out of range" },
		{ SLICE("[0,\n -1e999]"), ERR_INPUT, "offset 5 (line 2, column 2)",
			"out of range" },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct err e = { 0 };
		/* an exact copy, so that a read past the end is seen */
		char *exact = xmalloc(cases[i].text.len);

		memcpy(exact, cases[i].text.ptr, cases[i].text.len);
		struct json_doc *d = json_parse(exact, cases[i].text.len, NULL, &e);
		free(exact);
		assert_null(d);
		assert_int_equal(e.class, cases[i].class);
		assert_true(str_starts(e.text, "JSON offset "));
		if (!strstr(e.text, cases[i].where) || !strstr(e.text, cases[i].why))
			fail_msg("case %zu: %s", i, e.text);
	}
}

static void converts_numbers(UNUSED void **state)
{
	static const struct {
		const char *text;
		bool is_integer;
		int64_t integer;
		double number;
	} cases[] = {
		{ "0", true, 0, 0 },
		{ "-0", true, 0, 0 },
		{ "9223372036854775807", true, INT64_MAX, 9223372036854775807.0 },
		{ "-9223372036854775808", true, INT64_MIN, -9223372036854775808.0 },
		{ "9223372036854775808", false, 0, 9223372036854775808.0 },
		{ "1.0", false, 0, 1 },
		{ "1e3", false, 0, 1000 },
		{ "1e-400", false, 0, 0 },
		{ "0.1", false, 0, 0.1 },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct err e = { 0 };

		struct json_doc *d CLEAN_JSON =
			json_parse(cases[i].text, strlen(cases[i].text), NULL, &e);
		assert_non_null(d);
		const struct json_value *v = json_root(d);
		assert_int_equal(v->type, JSON_NUMBER);
		assert_string_equal(v->raw, cases[i].text);
		assert_int_equal(v->is_integer, cases[i].is_integer);
		if (v->is_integer)
			assert_int_equal(v->integer, cases[i].integer);
		assert_true(v->number == cases[i].number);
	}
}

/* Every cap at every value around what the text needs: below refused as a limit, else accepted. */
static void sweeps_the_caps(UNUSED void **state)
{
	static const char text[] = "{\"a\":[1,[2,\"x\"],{\"b\":{}}],\"c\":null}"; /* depth 4 */

	enum { NODES = 9, DEPTH = 4, SIZE = sizeof(text) - 1 };

	for (size_t i = 1; i < 2 * sizeof(text); i++) {
		const struct {
			struct json_limits lim;
			size_t need;
		} sweeps[] = {
			{ { .bytes = i }, SIZE },
			{ { .depth = i }, DEPTH },
			{ { .nodes = i }, NODES },
		};
		for (size_t k = 0; k < ARRAY_LEN(sweeps); k++) {
			struct err e = { 0 };

			struct json_doc *d CLEAN_JSON = json_parse(text, SIZE, &sweeps[k].lim, &e);
			assert_int_equal(d != NULL, i >= sweeps[k].need);
			assert_int_equal(e.class, d ? ERR_NONE : ERR_LIMIT);
		}
	}
}

static void every_prefix_is_refused(UNUSED void **state)
{
	static const char text[] =
		"{\"a\":[1.5e3,true,\"\\ud83d\\ude00\xe2\x82\xac\"],\"b\":{\"c\":-1}}";

	for (size_t n = 0; n < sizeof(text) - 1; n++) {
		struct err e = { 0 };
		char *exact = xmalloc(n);

		memcpy(exact, text, n);
		assert_null(json_parse(exact, n, NULL, &e));
		assert_int_equal(e.class, ERR_INPUT);
		free(exact);
	}
}

static void refuses_the_huge(UNUSED void **state)
{
	const size_t size = MIB(50);
	const struct json_limits claim = { .bytes = LIMIT_CLAIM_BYTES };
	struct json_limits deep = { .bytes = size };
	char *text = xmalloc(size);
	struct err e = { 0 };

	memset(text, ' ', size);
	assert_null(json_parse(text, size, &claim, &e));
	assert_string_equal(e.text, "JSON: 52428800 bytes, expected at most 8388608");
	memset(text, '[', 10000);
	assert_null(json_parse(text, 10000, &claim, &e));
	assert_string_equal(e.text, "JSON offset 64 (line 1, column 65): nested deeper than 64");
	deep.depth = 10000;
	memset(text + 10000, ']', 10000);
	struct json_doc *d CLEAN_JSON = json_parse(text, 20000, &deep, &e);
	assert_non_null(d);
	memset(text, '1', 513);
	assert_null(json_parse(text, 513, &claim, &e));
	assert_int_equal(e.class, ERR_LIMIT);
	free(text);
}

/* A large object: sorted, not compared pairwise; the first repetition is reported. */
static void finds_duplicates_among_many(UNUSED void **state)
{
	struct buf text CLEAN_BUF = BUF_INIT(MIB(8));
	const struct json_limits lim = { .bytes = MIB(8) };
	struct err e = { 0 };

	buf_addc(&text, '{');
	for (int i = 0; i < 150000; i++)
		buf_addf(&text, "%s\"k%d\":%d", i ? "," : "", i, i);
	size_t len = text.len;
	buf_adds(&text, "}");
	struct json_doc *fine CLEAN_JSON = json_parse(text.data, text.len, &lim, &e);
	assert_non_null(fine);
	assert_int_equal(json_get_int(json_root(fine), "k149999", -1), 149999);
	text.len = len;
	buf_adds(&text, ",\n\"z\":1,\"k7\":2,\"k5\":3}");
	assert_null(json_parse(text.data, text.len, &lim, &e));
	assert_non_null(strstr(e.text, "(line 2, column 7): duplicate key \"k7\""));
}

static void reads_members(UNUSED void **state)
{
	static const char text[] =
		"{\"s\":\"x\",\"i\":7,\"f\":1.5,\"b\":true,\"a\":[1,2],\"n\":null}";
	struct err e = { 0 };

	struct json_doc *d CLEAN_JSON = json_parse(text, strlen(text), NULL, &e);
	const struct json_value *v = json_root(d);
	int64_t sum = 0;

	assert_string_equal(json_get_string(v, "s"), "x");
	assert_null(json_get_string(v, "i"));
	assert_null(json_get_string(v, "missing"));
	assert_int_equal(json_get_int(v, "i", -1), 7);
	assert_int_equal(json_get_int(v, "f", -1), -1);
	assert_int_equal(json_get_int(v, "s", -1), -1);
	assert_true(json_get_bool(v, "b", false));
	assert_true(json_get_bool(v, "n", true));
	assert_null(json_get(json_get(v, "a"), "x"));
	assert_null(json_get(NULL, "x"));
	json_array_each (item, json_get(v, "a"))
		sum += item->integer;
	assert_int_equal(sum, 3);
	assert_string_equal(json_type_name(json_get(v, "a")->type), "array");
}

struct sample {
	char *name;
	int64_t capacity;
	bool on;
	struct strv labels;
	struct pairs env;
	const struct json_value *raw;
	int64_t custom;
};

static int halve(const struct json_value *v, void *target, struct err *e)
{
	if (v->type != JSON_NUMBER || !v->is_integer || v->integer % 2)
		return err_set(e, ERR_INPUT, "expected an even number");
	*(int64_t *)target = v->integer / 2;
	return 0;
}

static const struct json_field sample_fields[] = {
	{ "name", JSON_TO_STRING, offsetof(struct sample, name), JSON_REQUIRED, 1, 8 },
	{ "capacity", JSON_TO_INT, offsetof(struct sample, capacity), JSON_NOT_NULL, 1, 64 },
	{ "on", JSON_TO_BOOL, offsetof(struct sample, on) },
	{ "labels", JSON_TO_STRV, offsetof(struct sample, labels), .max = 3 },
	{ "env", JSON_TO_PAIRS, offsetof(struct sample, env) },
	{ "raw", JSON_TO_VALUE, offsetof(struct sample, raw) },
	{ "custom", JSON_TO_CUSTOM, offsetof(struct sample, custom), .fn = halve },
};

static int decode_sample(const char *text, struct sample *ret, unsigned flags, struct err *e)
{
	struct json_doc *d CLEAN_JSON = json_parse(text, strlen(text), NULL, e);

	assert_non_null(d);
	int rc = json_decode(json_root(d), sample_fields, ARRAY_LEN(sample_fields), ret, flags, e);
	if (rc == 0 && ret->raw)
		assert_int_equal(ret->raw->type, JSON_OBJECT);
	return rc;
}

static void sample_release(struct sample *s)
{
	free(s->name);
	strv_release(&s->labels);
	pairs_release(&s->env);
}

static void decodes_by_table(UNUSED void **state)
{
	struct sample s = { 0 }, least = { 0 };
	struct err e = { 0 };

	assert_int_equal(decode_sample("{\"name\":\"n\",\"capacity\":64,\"on\":true,"
				       "\"labels\":[\"a\",\"b\"],\"env\":{\"A\":\"1\",\"B\":2,"
				       "\"C\":false},\"raw\":{\"x\":1},\"custom\":8,\"more\":0}",
				 &s, 0, &e),
		0);
	assert_string_equal(s.name, "n");
	assert_int_equal(s.capacity, 64);
	assert_true(s.on);
	assert_int_equal(s.labels.n, 2);
	assert_string_equal(pairs_get(&s.env, "B"), "2");
	assert_string_equal(pairs_get(&s.env, "C"), "false");
	assert_int_equal(s.custom, 4);
	sample_release(&s);
	assert_int_equal(
		decode_sample("{\"name\":\"n\",\"labels\":null}", &least, JSON_STRICT, &e), 0);
	assert_int_equal(least.labels.n, 0);
	sample_release(&least);
}

static void decoding_names_the_field(UNUSED void **state)
{
	static const struct {
		const char *text, *want;
	} cases[] = {
		{ "[]", "expected an object, got array" },
		{ "{}", "field \"name\": missing, but required" },
		{ "{\"name\":null}", "field \"name\": null, but required" },
		{ "{\"name\":1}", "field \"name\": expected a string, got number" },
		{ "{\"name\":\"\"}", "field \"name\": expected a string that is not empty" },
		{ "{\"name\":\"123456789\"}", "field \"name\": expected at most 8 bytes, got 9" },
		{ "{\"name\":\"n\",\"capacity\":null}", "field \"capacity\": null is not allowed" },
		{ "{\"name\":\"n\",\"capacity\":65}",
			"field \"capacity\": expected a whole number from 1 to 64, got 65" },
		{ "{\"name\":\"n\",\"capacity\":1.5}",
			"field \"capacity\": expected a whole number from 1 to 64, got 1.5" },
		{ "{\"name\":\"n\",\"capacity\":\"1\"}",
			"field \"capacity\": expected a whole number from 1 to 64, got string" },
		{ "{\"name\":\"n\",\"on\":1}", "field \"on\": expected true or false, got number" },
		{ "{\"name\":\"n\",\"labels\":{}}",
			"field \"labels\": expected an array of strings, got object" },
		{ "{\"name\":\"n\",\"labels\":[\"a\",1]}",
			"field \"labels\": entry 1: expected a string, got number" },
		{ "{\"name\":\"n\",\"labels\":[\"a\",\"b\",\"c\",\"d\"]}",
			"field \"labels\": expected at most 3 entries, got 4" },
		{ "{\"name\":\"n\",\"env\":[]}",
			"field \"env\": expected an object of strings, got array" },
		{ "{\"name\":\"n\",\"env\":{\"K\":[]}}",
			"field \"env\": entry \"K\": expected a string, got array" },
		{ "{\"name\":\"n\",\"custom\":3}", "field \"custom\": expected an even number" },
		{ "{\"name\":\"n\",\"what\":3}", "unknown field \"what\"" },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct sample s = { 0 };
		struct err e = { 0 };

		assert_int_equal(decode_sample(cases[i].text, &s, JSON_STRICT, &e), -1);
		assert_string_equal(e.text, cases[i].want);
		sample_release(&s);
	}
}

static void salvages(UNUSED void **state)
{
	static const char *const paths[] = { "token", "job.id", "job.steps.id", "job.s" };

	static const struct {
		const char *text, *want;
	} cases[] = {
		{ "{\"token\":\"t\",\"job\":{\"id\":42,\"steps\":[{\"id\":7},{\"id\":8}],\"s\":"
		  "\"\"}}",
			"t|42|7||" },
		{ "{\"id\":1,\"job\":{\"x\":{\"id\":2},\"id\":3}}", "-|3|-|-|" },
		{ "{\"job\":{\"id\":3,\"id\":4},\"token\":\"a\",\"token\":\"b\"}", "a|3|-|-|" },
		{ "{\"job\":{\"id\":3},\"x\":[[[[[[[[[[[[[[[[{{{{", "-|3|-|-|" },
		{ "{\"job\":{\"id\":3", "-|-|-|-|" }, /* perhaps 34 */
		{ "{\"token\":\"abc", "-|-|-|-|" },   /* cut */
		{ "{\"token\":\"abc\\", "-|-|-|-|" },
		{ "{\"token\":\"a\\u0041\\n\\ud83d\\ude00\\ud800\\\\\xff\x01z\"}",
			"aA\xf0\x9f\x98\x80\\z|-|-|-|" },
		{ "{\"tok\\u0065n\":\"x\"}", "x|-|-|-|" },
		{ "{\"token\":null,\"job\":{\"s\":[\"in\"]}}", "-|-|-|in|" },
		{ "{\"job\":{\"steps\":{\"id\":\"five\"}}}", "-|-|five|-|" },
		{ "{\"job\" : \t{ \"id\" :\n5 } }", "-|5|-|-|" },
		{ "{\"a\":1;\"token\":\"x\"}", "-|-|-|-|" },
		{ "\"token\"", "-|-|-|-|" },
		{ "}}]]{\"token\":\"x\"}", "x|-|-|-|" },
		{ "", "-|-|-|-|" },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct buf got CLEAN_BUF = BUF_INIT(1000);
		size_t n = strlen(cases[i].text);
		char *ret[ARRAY_LEN(paths)], *exact = xmalloc(n);
		memcpy(exact, cases[i].text, n);
		json_scan(exact, n, paths, ARRAY_LEN(paths), ret);
		free(exact);
		for (size_t k = 0; k < ARRAY_LEN(paths); k++) {
			buf_addf(&got, "%s|", ret[k] ? ret[k] : "-");
			free(ret[k]);
		}
		assert_string_equal(buf_cstr(&got), cases[i].want);
	}
}

static void writes(UNUSED void **state)
{
	struct buf out CLEAN_BUF = BUF_INIT(1000);
	struct strv list = { 0 };
	struct pairs pairs = { 0 };
	struct json_writer w;
	struct err e = { 0 };

	strv_add(&list, "a/b");
	pairs_set(&pairs, "k", "v\n");
	json_writer_init(&w, &out, false);
	json_begin_object(&w);
	json_kv_str(&w, "s", "q\"\\\x01\xe2\x82\xac");
	json_kv_str(&w, "none", NULL);
	json_kv_int(&w, "i", INT64_MIN);
	json_kv_bool(&w, "b", false);
	json_kv_strv(&w, "l", &list);
	json_kv_pairs(&w, "p", &pairs);
	json_kv_base64(&w, "e", "", 0);
	json_kv_base64(&w, "r", "\xff\0\"", 3);
	json_key(&w, "d");
	json_begin_array(&w);
	json_double(&w, 0.1);
	json_double(&w, 1e300);
	json_double(&w, 3);
	json_double(&w, 1.0 / 3);
	json_null(&w);
	json_bool(&w, true);
	json_strn(&w, "cut", 2);
	json_end_array(&w);
	json_end_object(&w);
	assert_int_equal(json_writer_finish(&w, &e), 0);
	assert_string_equal(buf_cstr(&out),
		"{\"s\":\"q\\\"\\\\\\u0001\xe2\x82\xac\",\"none\":null,\"i\":-9223372036854775808,"
		"\"b\":false,\"l\":[\"a/b\"],\"p\":{\"k\":\"v\\n\"},\"e\":\"\",\"r\":\"/wAi\","
		"\"d\":[0.1,1e+300,3,0.3333333333333333,null,true,\"cu\"]}");
	struct json_doc *d CLEAN_JSON = json_parse(out.data, out.len, NULL, &e);
	assert_non_null(d);
	strv_release(&list);
	pairs_release(&pairs);
}

static void base64_past_the_buffer_fails(UNUSED void **state)
{
	struct buf out CLEAN_BUF = BUF_INIT(40);
	struct json_writer w;
	struct err e = { 0 };
	char bytes[40] = "";

	json_writer_init(&w, &out, false);
	json_begin_object(&w);
	json_kv_base64(&w, "k", bytes, sizeof(bytes));
	json_end_object(&w);
	assert_int_equal(json_writer_finish(&w, &e), -1);
}

static void writes_pretty(UNUSED void **state)
{
	struct buf out CLEAN_BUF = BUF_INIT(1000);
	struct json_writer w;
	struct err e = { 0 };

	json_writer_init(&w, &out, true);
	json_begin_object(&w);
	json_kv_int(&w, "a", 1);
	json_end_object(&w);
	assert_int_equal(json_writer_finish(&w, &e), 0);
	assert_string_equal(buf_cstr(&out), "{\n  \"a\": 1\n}\n");
}

static void write_bad_text(struct json_writer *w)
{
	json_str(w, "\xff");
}

static void write_nothing(UNUSED struct json_writer *w)
{
}

static void write_open(struct json_writer *w)
{
	json_begin_array(w);
}

static void write_surplus_end(struct json_writer *w)
{
	json_end_array(w);
}

static void write_value_as_key(struct json_writer *w)
{
	json_begin_object(w);
	json_int(w, 1);
	json_end_object(w);
}

static void write_nan(struct json_writer *w)
{
	json_double(w, __builtin_nan(""));
}

static void write_two(struct json_writer *w)
{
	json_int(w, 1);
	json_int(w, 2);
}

static void write_much(struct json_writer *w)
{
	json_begin_array(w);
	for (int i = 0; i < 1000; i++)
		json_int(w, i);
	json_end_array(w);
}

static void write_deep(struct json_writer *w)
{
	for (int i = 0; i <= JSON_WRITER_DEPTH; i++)
		json_begin_array(w);
	for (int i = 0; i <= JSON_WRITER_DEPTH; i++)
		json_end_array(w);
}

static void writer_errors_stick(UNUSED void **state)
{
	static void (*const cases[])(struct json_writer * w) = { write_bad_text, write_nothing,
		write_open, write_surplus_end, write_value_as_key, write_nan, write_two, write_much,
		write_deep };

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct buf out CLEAN_BUF = BUF_INIT(200);
		struct json_writer w;
		struct err e = { 0 };
		json_writer_init(&w, &out, false);
		cases[i](&w);
		assert_int_equal(json_writer_finish(&w, &e), -1);
		assert_int_equal(e.class == ERR_LIMIT, cases[i] == write_much);
	}
}

/* What the parser lets in at its default depth can be written below a few levels of our own. */
static void copies_deep_values(UNUSED void **state)
{
	char text[2 * LIMIT_JSON_DEPTH];

	struct buf out CLEAN_BUF = BUF_INIT(1000);
	struct json_writer w;
	struct err e = { 0 };

	memset(text, '[', LIMIT_JSON_DEPTH);
	memset(text + LIMIT_JSON_DEPTH, ']', LIMIT_JSON_DEPTH);
	struct json_doc *d CLEAN_JSON = json_parse(text, sizeof(text), NULL, &e);
	assert_non_null(d);
	json_writer_init(&w, &out, false);
	json_begin_object(&w);
	json_key(&w, "event");
	json_copy(&w, json_root(d));
	json_end_object(&w);
	assert_int_equal(json_writer_finish(&w, &e), 0);
	assert_int_equal(out.len, sizeof(text) + strlen("{\"event\":}"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(accepts),
		cmocka_unit_test(refuses_with_position),
		cmocka_unit_test(converts_numbers),
		cmocka_unit_test(sweeps_the_caps),
		cmocka_unit_test(every_prefix_is_refused),
		cmocka_unit_test(refuses_the_huge),
		cmocka_unit_test(finds_duplicates_among_many),
		cmocka_unit_test(reads_members),
		cmocka_unit_test(decodes_by_table),
		cmocka_unit_test(decoding_names_the_field),
		cmocka_unit_test(salvages),
		cmocka_unit_test(writes),
		cmocka_unit_test(base64_past_the_buffer_fails),
		cmocka_unit_test(writes_pretty),
		cmocka_unit_test(writer_errors_stick),
		cmocka_unit_test(copies_deep_values),
	};

	return cmocka_run_group_tests_name("json", tests, NULL, NULL);
}
