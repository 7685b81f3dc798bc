/*
 * The only user of yajl. yajl knows the grammar; what it lacks is added on both sides of it:
 *
 * - before: json_check walks the strings of the text once and refuses what yajl lets through or
 *   decodes into something else (weak UTF-8, \u0000, unpaired surrogates), and too deep nesting, so
 *   yajl's own validation stays off;
 * - in the callbacks: node cap, own number conversion, values in an arena that is wiped on free;
 * - at the end of each object: duplicate keys, by sorting when there are many.
 *
 * Offsets: inside a callback yajl_get_bytes_consumed is the end of the token, because the whole
 * text is given in one chunk; its start is the first byte behind the previous token that is no
 * blank, comma or colon.
 */
#include "base/json.h"

#include <inttypes.h>
#include <malloc.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <yajl/yajl_gen.h>
#include <yajl/yajl_parse.h>

#include "base/arena.h"
#include "base/codec.h"
#include "base/json_check.h"
#include "base/limits.h"
#include "base/utf8.h"

enum {
	NUMBER_TEXT_MAX = 512,
	SORT_FROM = 16, /* members; below comparing each with each is faster */
};

struct json_doc {
	struct arena memory;
	struct json_value *root;
};

/* A value whose container is not complete yet. */
struct pending {
	struct json_value *value;
	size_t at; /* offset of its key */
};

struct frame {
	struct json_value *container;
	size_t first; /* its first entry in pending */
};

struct parser {
	const char *text;
	size_t n, end; /* end of the last token */
	struct json_limits lim;
	size_t nodes;
	struct json_doc *doc;
	struct pending *pending;
	size_t n_pending, cap_pending;
	struct frame *frames;
	size_t n_frames, cap_frames;
	const char *key;
	size_t key_at;
	yajl_handle handle;
	bool complete; /* the whole text was consumed; yajl only flushes a last number */
	bool failed;
	struct err *e;
};

/* Memory */

void json_free(struct json_doc *d)
{
	if (d)
		arena_release(&d->memory);
	free(d);
}

const struct json_value *json_root(const struct json_doc *d)
{
	return d->root;
}

/* yajl's buffers hold decoded strings, which may be secrets: wiped whenever they are given back. */
static void yajl_give_back(UNUSED void *ctx, void *p)
{
	if (p)
		wipe(p, malloc_usable_size(p));
	free(p);
}

static void *yajl_alloc_bytes(UNUSED void *ctx, size_t n)
{
	return xmalloc(n);
}

static void *yajl_grow(void *ctx, void *p, size_t n)
{
	void *q = xmalloc(n);

	if (p) {
		size_t old = malloc_usable_size(p);

		memcpy(q, p, old < n ? old : n);
		yajl_give_back(ctx, p);
	}
	return q;
}

/* yajl copies it, although it asks for a pointer it could write through. */
static const yajl_alloc_funcs memory = { yajl_alloc_bytes, yajl_grow, yajl_give_back, NULL };

PRINTF_LIKE(4, 5)
static void parse_fail(struct parser *p, enum err_class class, size_t at, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	json_error_at(p->e, class, p->text, p->n, at, fmt, ap);
	va_end(ap);
	p->failed = true;
}

/* Callbacks: 1 to go on, 0 to stop */

static size_t token_start(const struct parser *p)
{
	size_t at = p->end;

	while (at < p->n && memchr(" \t\r\n,:", p->text[at], 6))
		at++;
	return at;
}

static void token_done(struct parser *p)
{
	p->end = p->complete ? p->n : yajl_get_bytes_consumed(p->handle);
}

/* Doubles the array when it is full. */
static void *room_for_one(void *v, size_t n, size_t *cap, size_t size)
{
	if (n < *cap)
		return v;
	*cap = *cap ? *cap * 2 : 64;
	return xrealloc(v, *cap * size);
}

static struct json_value *add_value(struct parser *p, enum json_type type)
{
	struct json_value *v;
	size_t at = token_start(p);

	token_done(p);
	if (++p->nodes > p->lim.nodes) {
		parse_fail(p, ERR_LIMIT, at, "more than %zu values", p->lim.nodes);
		return NULL;
	}
	v = arena_take(&p->doc->memory, sizeof(*v));
	*v = (struct json_value){ .type = type, .key = p->key };
	p->key = NULL;
	if (p->n_frames == 0) {
		p->doc->root = v;
		return v;
	}
	p->pending = room_for_one(p->pending, p->n_pending, &p->cap_pending, sizeof(*p->pending));
	p->pending[p->n_pending++] = (struct pending){ v, p->key_at };
	return v;
}

static int on_null(void *ctx)
{
	return add_value(ctx, JSON_NULL) != NULL;
}

static int on_bool(void *ctx, int boolean)
{
	struct json_value *v = add_value(ctx, JSON_BOOL);

	if (v)
		v->boolean = boolean != 0;
	return v != NULL;
}

static int on_number(void *ctx, const char *text, size_t n)
{
	struct parser *p = ctx;
	size_t at = token_start(p);
	struct json_value *v = add_value(p, JSON_NUMBER);

	if (!v)
		return 0;
	if (n > NUMBER_TEXT_MAX) {
		parse_fail(p, ERR_LIMIT, at, "number longer than %d characters", NUMBER_TEXT_MAX);
		return 0;
	}
	v->raw = arena_copy(&p->doc->memory, text, n);
	v->is_integer = parse_i64(v->raw, INT64_MIN, INT64_MAX, &v->integer);
	v->number = strtod(v->raw, NULL);
	if (!isfinite(v->number)) {
		parse_fail(p, ERR_INPUT, at, "number out of range");
		return 0;
	}
	return 1;
}

static int on_string(void *ctx, const unsigned char *text, size_t n)
{
	struct parser *p = ctx;
	struct json_value *v = add_value(p, JSON_STRING);

	if (!v)
		return 0;
	v->string = arena_copy(&p->doc->memory, text, n);
	v->len = n;
	return 1;
}

static int on_key(void *ctx, const unsigned char *text, size_t n)
{
	struct parser *p = ctx;

	p->key_at = token_start(p);
	token_done(p);
	p->key = arena_copy(&p->doc->memory, text, n);
	return 1;
}

static int open_container(struct parser *p, enum json_type type)
{
	struct json_value *v = add_value(p, type);

	if (!v)
		return 0;
	p->frames = room_for_one(p->frames, p->n_frames, &p->cap_frames, sizeof(*p->frames));
	p->frames[p->n_frames++] = (struct frame){ v, p->n_pending };
	return 1;
}

static int on_start_object(void *ctx)
{
	return open_container(ctx, JSON_OBJECT);
}

static int on_start_array(void *ctx)
{
	return open_container(ctx, JSON_ARRAY);
}

/* Moves the collected values into their container, which is complete. */
static const struct frame *close_container(struct parser *p)
{
	const struct frame *f = &p->frames[p->n_frames - 1];
	struct json_value *v = f->container;

	token_done(p);
	v->count = p->n_pending - f->first;
	v->items = arena_take(&p->doc->memory, v->count * sizeof(*v->items));
	for (size_t i = 0; i < v->count; i++)
		v->items[i] = p->pending[f->first + i].value;
	p->n_pending = f->first;
	p->n_frames--;
	return f;
}

static int on_end_array(void *ctx)
{
	close_container(ctx);
	return 1;
}

static int by_key(const void *a, const void *b)
{
	const struct pending *x = a, *y = b;
	int order = strcmp(x->value->key, y->value->key);

	return order ? order : (x->at > y->at) - (x->at < y->at);
}

/* The first member whose key appeared before, or NULL. Reorders the members. */
static const struct pending *find_duplicate(struct pending *m, size_t n)
{
	const struct pending *found = NULL;

	if (n <= SORT_FROM) {
		for (size_t i = 1; i < n; i++)
			for (size_t j = 0; j < i; j++)
				if (strcmp(m[i].value->key, m[j].value->key) == 0)
					return &m[i];
		return NULL;
	}
	qsort(m, n, sizeof(*m), by_key);
	for (size_t i = 1; i < n; i++)
		if (strcmp(m[i].value->key, m[i - 1].value->key) == 0 &&
			(!found || m[i].at < found->at))
			found = &m[i];
	return found;
}

static int on_end_object(void *ctx)
{
	struct parser *p = ctx;
	const struct frame *f = close_container(p);
	const struct pending *twice = NULL;

	if (f->container->count > 1)
		twice = find_duplicate(&p->pending[f->first], f->container->count);
	if (!twice)
		return 1;
	parse_fail(p, ERR_INPUT, twice->at, "duplicate key \"%.64s\"", twice->value->key);
	return 0;
}

static const yajl_callbacks callbacks = {
	.yajl_null = on_null,
	.yajl_boolean = on_bool,
	.yajl_number = on_number,
	.yajl_string = on_string,
	.yajl_start_map = on_start_object,
	.yajl_map_key = on_key,
	.yajl_end_map = on_end_object,
	.yajl_start_array = on_start_array,
	.yajl_end_array = on_end_array,
};

/* yajl's words for its own findings, without the context lines it can add (they quote the text).
 * It stops behind the offending character or token: point at that one. */
static void grammar_error(struct parser *p)
{
	char *text = (char *)yajl_get_error(p->handle, 0, NULL, 0);
	size_t consumed = p->complete ? p->n : yajl_get_bytes_consumed(p->handle);
	size_t at = token_start(p);

	if (strstr(text, "EOF"))
		at = p->n;
	else if (consumed > p->end && (str_starts(text, "lexical") || consumed <= at))
		at = consumed - 1;
	text[strcspn(text, "\n")] = '\0';
	parse_fail(p, ERR_INPUT, at, "%s", text);
	yajl_free_error(p->handle, (unsigned char *)text);
}

static void run_yajl(struct parser *p)
{
	yajl_status status;

	p->handle = yajl_alloc(&callbacks, (yajl_alloc_funcs *)&memory, p);
	if (!p->handle)
		BUG("yajl_alloc failed");
	yajl_config(p->handle, yajl_dont_validate_strings, 1);
	status = yajl_parse(p->handle, (const unsigned char *)p->text, p->n);
	if (status == yajl_status_ok) {
		p->complete = true;
		status = yajl_complete_parse(p->handle);
	}
	if (status != yajl_status_ok && !p->failed)
		grammar_error(p);
	yajl_free(p->handle);
}

static size_t limit_or(size_t limit, size_t fallback)
{
	return limit ? limit : fallback;
}

struct json_doc *json_parse(
	const char *text, size_t n, const struct json_limits *lim, struct err *e)
{
	static const struct json_limits defaults = { 0 };

	struct json_doc *doc CLEAN_JSON = NULL;
	struct parser p = { .text = text, .n = n, .lim = lim ? *lim : defaults, .e = e };

	p.lim.bytes = limit_or(p.lim.bytes, LIMIT_API_ANSWER);
	p.lim.depth = limit_or(p.lim.depth, LIMIT_JSON_DEPTH);
	p.lim.nodes = limit_or(p.lim.nodes, LIMIT_JSON_NODES);
	if (n > p.lim.bytes) {
		err_set(e, ERR_LIMIT, "JSON: %zu bytes, expected at most %zu", n, p.lim.bytes);
		return NULL;
	}
	if (json_check(text, n, p.lim.depth, e) < 0)
		return NULL;
	p.doc = doc = xcalloc(1, sizeof(*doc));
	run_yajl(&p);
	free(p.pending);
	free(p.frames);
	return p.failed ? NULL : TAKE(doc);
}

/* Writer */

static void generated(void *ctx, const char *text, size_t n)
{
	struct json_writer *w = ctx;

	buf_add(w->out, text, n);
}

static void check(struct json_writer *w, yajl_gen_status status)
{
	if (status != yajl_gen_status_ok)
		w->failed = true;
	w->started = true;
}

void json_writer_init(struct json_writer *w, struct buf *out, bool pretty)
{
	*w = (struct json_writer){ .out = out, .pretty = pretty };
	w->gen = yajl_gen_alloc((yajl_alloc_funcs *)&memory);
	if (!w->gen)
		BUG("yajl_gen_alloc failed");
	yajl_gen_config(w->gen, yajl_gen_print_callback, generated, w);
	yajl_gen_config(w->gen, yajl_gen_beautify, pretty ? 1 : 0);
	yajl_gen_config(w->gen, yajl_gen_indent_string, "  ");
}

/* Depth is counted here because yajl cannot say whether everything was closed. */
static void begin(struct json_writer *w, yajl_gen_status (*open)(yajl_gen))
{
	check(w, open(w->gen));
	w->depth++;
}

static void end(struct json_writer *w, yajl_gen_status (*close)(yajl_gen))
{
	if (w->depth == 0) {
		w->failed = true;
		return;
	}
	check(w, close(w->gen));
	w->depth--;
}

void json_begin_object(struct json_writer *w)
{
	if (w->depth >= JSON_WRITER_DEPTH)
		w->failed = true;
	begin(w, yajl_gen_map_open);
}

void json_end_object(struct json_writer *w)
{
	end(w, yajl_gen_map_close);
}

void json_begin_array(struct json_writer *w)
{
	if (w->depth >= JSON_WRITER_DEPTH)
		w->failed = true;
	begin(w, yajl_gen_array_open);
}

void json_end_array(struct json_writer *w)
{
	end(w, yajl_gen_array_close);
}

void json_key(struct json_writer *w, const char *key)
{
	json_str(w, key);
}

void json_str(struct json_writer *w, const char *s)
{
	if (s)
		json_strn(w, s, strlen(s));
	else
		json_null(w);
}

void json_strn(struct json_writer *w, const char *s, size_t n)
{
	if (!utf8_valid(s, n)) {
		w->failed = true;
		return;
	}
	check(w, yajl_gen_string(w->gen, (const unsigned char *)s, n));
}

static void number_text(struct json_writer *w, const char *text)
{
	check(w, yajl_gen_number(w->gen, text, strlen(text)));
}

void json_int(struct json_writer *w, int64_t v)
{
	char text[24];

	snprintf(text, sizeof(text), "%" PRId64, v);
	number_text(w, text);
}

void json_double(struct json_writer *w, double v)
{
	char text[32] = "";

	if (!isfinite(v)) {
		w->failed = true;
		return;
	}
	for (int precision = 1; precision <= 17; precision++) {
		snprintf(text, sizeof(text), "%.*g", precision, v);
		if (strtod(text, NULL) == v)
			break;
	}
	number_text(w, text);
}

void json_bool(struct json_writer *w, bool v)
{
	check(w, yajl_gen_bool(w->gen, v));
}

void json_null(struct json_writer *w)
{
	check(w, yajl_gen_null(w->gen));
}

/* Bounded twice: the parser's depth cap made v, and yajl stops at 127 open containers. */
static void copy_items(struct json_writer *w, const struct json_value *v)
{
	for (size_t i = 0; i < v->count && !w->failed; i++) {
		if (v->type == JSON_OBJECT)
			json_key(w, v->items[i]->key);
		json_copy(w, v->items[i]);
	}
}

void json_copy(struct json_writer *w, const struct json_value *v)
{
	switch (v->type) {
	case JSON_NULL:
		json_null(w);
		break;
	case JSON_BOOL:
		json_bool(w, v->boolean);
		break;
	case JSON_NUMBER:
		number_text(w, v->raw);
		break;
	case JSON_STRING:
		json_strn(w, v->string, v->len);
		break;
	case JSON_ARRAY:
		begin(w, yajl_gen_array_open);
		copy_items(w, v);
		end(w, yajl_gen_array_close);
		break;
	case JSON_OBJECT:
		begin(w, yajl_gen_map_open);
		copy_items(w, v);
		end(w, yajl_gen_map_close);
		break;
	}
}

/* The opening quote travels as a "number", which yajl writes unchanged with whatever separator
 * belongs before it; base64 needs no escaping. */
void json_kv_base64(struct json_writer *w, const char *key, const void *p, size_t n)
{
	json_key(w, key);
	number_text(w, "\"");
	if (base64_encode(w->out, p, n) < 0)
		w->failed = true;
	buf_addc(w->out, '"');
}

int json_writer_finish(struct json_writer *w, struct err *e)
{
	bool complete = w->started && w->depth == 0;

	yajl_gen_free(w->gen);
	w->gen = NULL;
	if (!buf_ok(w->out))
		return err_set(e, ERR_LIMIT, "JSON: more than %zu bytes to write", w->out->max);
	if (w->failed)
		return err_set(
			e, ERR_INPUT, "JSON: cannot be written (invalid UTF-8 or structure)");
	if (!complete)
		return err_set(e, ERR_INTERNAL, "JSON: not all values were closed");
	return 0;
}
