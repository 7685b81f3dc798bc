/*
 * Lines are cut out of the stream and parsed one by one. Totals grow while layers are announced,
 * so progress counts only layers whose size is known.
 */
#include "engine/pull_stream.h"

#include <stdio.h>

#include "base/json.h"

void pull_stream_init(struct pull_stream *s)
{
	memset(s, 0, sizeof(*s));
	buf_init(&s->line, PULL_LINE_MAX);
}

void pull_stream_release(struct pull_stream *s)
{
	buf_release(&s->line);
}

/* Layers are told by short hexadecimal ids; the tag of the image stands there too, once. */
static bool is_layer_id(const char *id)
{
	size_t n = id ? strlen(id) : 0;

	return n >= 8 && n < PULL_LAYER_ID && strspn(id, "0123456789abcdef") == n;
}

static struct pull_layer *layer_of(struct pull_stream *s, const char *id)
{
	for (size_t i = 0; i < s->n_layers; i++)
		if (str_eq(s->layers[i].id, id))
			return &s->layers[i];
	if (s->n_layers == PULL_LAYERS_MAX)
		return NULL;
	struct pull_layer *l = &s->layers[s->n_layers++];
	snprintf(l->id, sizeof(l->id), "%s", id);
	return l;
}

static bool means_here(const char *status)
{
	static const char *const words[] = { "Already exists", "Download complete",
		"Verifying Checksum", "Extracting", "Pull complete" };

	for (size_t i = 0; i < ARRAY_LEN(words); i++)
		if (str_eq(status, words[i]))
			return true;
	return false;
}

static void take_layer(struct pull_layer *l, const struct json_value *v, const char *status)
{
	const struct json_value *detail = json_get(v, "progressDetail");
	int64_t bytes = json_get_int(detail, "current", 0), of = json_get_int(detail, "total", 0);

	if (means_here(status)) {
		l->here = true;
		l->bytes = l->of;
	} else if (str_eq(status, "Downloading") && bytes >= 0 && of >= bytes &&
		   of < INT64_C(1) << 50) {
		l->here = false;
		l->bytes = bytes;
		l->of = of;
	}
}

static void take_error(struct pull_stream *s, const struct json_value *v)
{
	const char *words = json_get_string(json_get(v, "errorDetail"), "message");

	words = words ? words : json_get_string(v, "error");
	if (words && !*s->error)
		snprintf(s->error, sizeof(s->error), "%s", *words ? words : "no reason given");
}

static int take_line(struct pull_stream *s, const char *p, size_t n, struct err *e)
{
	static const struct json_limits limits = {
		.bytes = PULL_LINE_MAX, .depth = 8, .nodes = 100
	};
	CLEAN_JSON struct json_doc *doc = NULL;
	const char *status, *id;

	while (n > 0 && (p[n - 1] == '\r' || p[n - 1] == ' '))
		n--;
	if (n == 0)
		return 0;
	doc = json_parse(p, n, &limits, e);
	if (!doc)
		return err_wrap(e, "progress of the pull");
	if (json_root(doc)->type != JSON_OBJECT)
		return err_set(e, ERR_PROTO, "progress of the pull: expected an object a line");
	take_error(s, json_root(doc));
	status = json_get_string(json_root(doc), "status");
	id = json_get_string(json_root(doc), "id");
	struct pull_layer *l = status && is_layer_id(id) ? layer_of(s, id) : NULL;
	if (l)
		take_layer(l, json_root(doc), status);
	return 0;
}

int pull_stream_feed(struct pull_stream *s, const char *p, size_t n, struct err *e)
{
	while (n > 0) {
		const char *end = memchr(p, '\n', n);
		size_t part = end ? (size_t)(end - p) : n;

		if (buf_add(&s->line, p, part) < 0)
			return err_set(e, ERR_LIMIT,
				"progress of the pull: a line of more than %d bytes",
				PULL_LINE_MAX);
		if (!end)
			return 0;
		if (take_line(s, buf_cstr(&s->line), s->line.len, e) < 0)
			return -1;
		buf_clear(&s->line);
		p = end + 1;
		n -= part + 1;
	}
	return 0;
}

int pull_stream_end(struct pull_stream *s, struct err *e)
{
	int rc = take_line(s, buf_cstr(&s->line), s->line.len, e);

	buf_clear(&s->line);
	return rc;
}

struct pull_progress pull_stream_progress(const struct pull_stream *s)
{
	struct pull_progress p = { .of_layers = s->n_layers };

	for (size_t i = 0; i < s->n_layers; i++) {
		p.layers += s->layers[i].here;
		p.bytes += s->layers[i].bytes;
		p.of_bytes += s->layers[i].of;
	}
	return p;
}
