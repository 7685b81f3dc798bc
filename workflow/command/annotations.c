/*
 * The runner's own reader of commands does the reading, so that both ends agree on what a command
 * is. Between two chunks it is taken apart into the two texts and put together again: an ordinary
 * line is remembered as one letter, as all that counts is that it is no command.
 */
#include "workflow/command/annotations.h"

#include "base/utf8.h"
#include "workflow/command/commands.h"
#include "workflow/command/text.h"

/* Where steps see their repository; a path below it is meant relative to it. */
#define WORKSPACE "/workspace/"

void annotation_reader_release(struct annotation_reader *r)
{
	buf_release(&r->line);
	buf_release(&r->token);
}

void annotation_release(struct annotation *a)
{
	free(a->message);
	free(a->title);
	free(a->path);
}

void annotations_release(struct annotations *l)
{
	for (size_t i = 0; i < l->n; i++)
		annotation_release(&l->v[i]);
	free(l->v);
	*l = (struct annotations){ 0 };
}

/* ---- texts ---- */

static char *clean_text(struct slice raw, size_t max)
{
	struct buf out = BUF_INIT(max);

	(void)command_text_clean(raw, &out); /* a long text is cut */
	return buf_take(&out);
}

static char *optional_text(struct slice raw, size_t max)
{
	raw = command_text_trim(raw);
	return raw.len ? clean_text(raw, max) : NULL;
}

/* One more name of a path; false: it leads out of the repository. */
static bool path_enter(struct buf *path, struct slice name)
{
	if (!name.len || slice_eq(name, "."))
		return true;
	if (slice_eq(name, "..")) {
		if (!path->len)
			return false;
		char *slash = strrchr(path->data, '/');
		path->len = slash ? (size_t)(slash - path->data) : 0;
		path->data[path->len] = 0;
		return true;
	}
	if (path->len)
		buf_addc(path, '/');
	buf_add(path, name.ptr, name.len);
	return buf_ok(path);
}

/* "./a/../b.c" and "/workspace/b.c" are b.c; NULL when it is not in the repository. */
static char *path_inside(const char *text)
{
	struct buf path = BUF_INIT(ANNOTATION_PATH_MAX);
	bool inside = true;

	if (str_starts(text, WORKSPACE))
		text += strlen(WORKSPACE);
	if (*text == '/')
		return NULL;
	while (inside && *text) {
		size_t n = strcspn(text, "/");

		inside = path_enter(&path, (struct slice){ text, n });
		text += text[n] ? n + 1 : n;
	}
	if (!inside || !path.len) {
		buf_release(&path);
		return NULL;
	}
	return buf_take(&path);
}

/* A cut path would be another file, so one that is too long is none. */
static char *path_of(struct slice raw)
{
	raw = command_text_trim(raw);
	if (!raw.len || raw.len > ANNOTATION_PATH_MAX)
		return NULL;
	CLEAN_STR char *text = clean_text(raw, 3 * ANNOTATION_PATH_MAX);
	return path_inside(text);
}

/* ---- one annotation ---- */

static void fill(struct annotation *a, enum annotation_level level, const struct command *c)
{
	*a = (struct annotation){
		.level = level,
		.message = clean_text(c->value, ANNOTATION_MESSAGE_MAX),
		.title = optional_text(c->place.title, ANNOTATION_TITLE_MAX),
		.path = path_of(c->place.file),
	};
	/* Lines of a file that is not there say nothing. */
	if (!a->path)
		return;
	a->line = c->place.line;
	a->end_line = c->place.end_line;
	a->column = c->place.column;
	a->end_column = c->place.end_column;
}

static bool level_of(enum command_kind kind, enum annotation_level *ret)
{
	if (kind == COMMAND_NOTICE)
		*ret = ANNOTATION_NOTICE;
	else if (kind == COMMAND_WARNING)
		*ret = ANNOTATION_WARNING;
	else if (kind == COMMAND_ERROR)
		*ret = ANNOTATION_ERROR;
	else
		return false;
	return true;
}

struct reading {
	struct annotations *found;
	int64_t lines; /* that have ended; -1: not known */
};

static void on_command(void *data, const struct command *c)
{
	const struct reading *g = data;
	struct annotations *l = g->found;
	enum annotation_level level;

	if (!level_of(c->kind, &level) || l->found[level]++ >= ANNOTATIONS_STEP)
		return;
	l->v = xrealloc(l->v, (l->n + 1) * sizeof(*l->v));
	fill(&l->v[l->n], level, c);
	l->v[l->n++].log_line = g->lines < 0 ? 0 : g->lines + 1;
}

/* ---- between two chunks ---- */

int64_t annotation_lines(struct slice chunk)
{
	int64_t n = 0;

	for (const char *p = chunk.ptr, *end = p + chunk.len;
		(p = memchr(p, '\n', (size_t)(end - p))); p++)
		n++;
	return n;
}

static void on_bytes(void *data, const char *p, size_t n)
{
	struct reading *g = data;

	if (g->lines >= 0)
		g->lines += annotation_lines((struct slice){ p, n });
}

static void take_up(struct annotation_reader *r, struct commands *c, struct reading *g)
{
	if (r->token.len) {
		c->token_len = r->token.len;
		c->token = buf_take(&r->token);
	}
	commands_feed(c, buf_cstr(&r->line), r->line.len, on_bytes, g);
}

static void put_down(struct annotation_reader *r, const struct commands *c)
{
	buf_clear(&r->line);
	buf_clear(&r->token);
	if (c->line == LINE_TEXT || c->line == LINE_DROPPED)
		buf_addc(&r->line, 'x');
	else
		buf_add(&r->line, buf_cstr(&c->held), c->held.len);
	if (c->token)
		buf_add(&r->token, c->token, c->token_len);
}

void annotations_read(
	struct annotation_reader *r, struct slice chunk, bool end, struct annotations *ret)
{
	struct reading g = { ret, r->lines };
	CLEANUP(commands_release) struct commands c;

	commands_init(&c, on_command, &g);
	take_up(r, &c, &g);
	commands_feed(&c, chunk.ptr, chunk.len, on_bytes, &g);
	if (end)
		commands_end(&c, on_bytes, &g);
	put_down(r, &c);
	r->lines = end ? 0 : r->lines < 0 ? -1 : r->lines + annotation_lines(chunk);
}
