/*
 * The reader of commands reports one before the bytes of its line; the report waits in `pending`
 * until the line is whole. It is fed line by line, because only between two of its calls is it
 * known to which byte of the log its state belongs: it leaves lines out that nobody may see.
 *
 * A line that was drawn over (a lone carriage return, as progress bars have it) shows its last
 * state, as on a terminal; the raw log has all of it.
 */
#include "coordinator/pages/log/lines.h"

#include <inttypes.h>

#include "base/limits.h"
#include "base/utf8.h"

/* ---- what counts as an error ---- */

enum { ERROR_SEARCHED = 512 }; /* bytes of a line */

static bool line_contains(struct slice line, const char *text)
{
	return memmem(line.ptr, line.len, text, strlen(text)) != NULL;
}

bool log_text_is_error(const char *p, size_t n)
{
	static const char *const begins[] = { "error:", "Error:", "ERROR", "error[",
		"fatal:", "FAIL:", "FAIL ", "FAILED", "--- FAIL", "not ok ",
		"panic:", "Traceback (most recent call last)", "make: ***", "npm ERR!",
		"[shithub] exit code ", "[shithub] killed", "[shithub] timed out",
		"[shithub] error" };
	static const char *const inside[] = { ": error:", ": fatal error:",
		": undefined reference to", ": command not found", "AssertionError" };
	char plain[ERROR_SEARCHED];
	struct slice line = { plain, ansi_plain(p, n, plain, sizeof(plain)) };
	size_t blanks = 0;

	while (blanks < line.len && (line.ptr[blanks] == ' ' || line.ptr[blanks] == '\t'))
		blanks++;
	for (size_t i = 0; i < ARRAY_LEN(begins); i++)
		if (line.len - blanks >= strlen(begins[i]) &&
			memcmp(line.ptr + blanks, begins[i], strlen(begins[i])) == 0)
			return true;
	for (size_t i = 0; i < ARRAY_LEN(inside); i++)
		if (line_contains(line, inside[i]))
			return true;
	return line_contains(line, "make[") && line_contains(line, ": *** ");
}

bool log_line_is_error(const struct log_line *l)
{
	return l->kind == COMMAND_ERROR ||
	       (l->kind == COMMAND_KINDS && log_text_is_error(l->text.ptr, l->text.len));
}

/* ---- from bytes to lines ---- */

/* What a terminal would show of a line that was drawn over. */
static struct slice last_drawn(struct slice line)
{
	while (line.len && line.ptr[line.len - 1] == '\r')
		line.len--;
	const char *cr = line.len ? memrchr(line.ptr, '\r', line.len) : NULL;
	return cr ? (struct slice){ cr + 1, line.len - (size_t)(cr + 1 - line.ptr) } : line;
}

static void line_end(struct log_lines *v)
{
	bool spoken = v->pending.kind != COMMAND_KINDS;
	struct log_line l = { .number = ++v->number,
		.kind = v->pending.kind,
		.text = spoken ? buf_slice(&v->value) : last_drawn(buf_slice(&v->line)),
		.label = buf_slice(&v->label),
		.more = spoken ? 0 : v->more,
		.before = v->ansi,
		.at = v->at };

	ansi_skip(&v->ansi, l.text.ptr, l.text.len);
	v->on_line(v->data, &l);
	buf_clear(&v->line);
	buf_clear(&v->value);
	buf_clear(&v->label);
	v->more = 0;
	v->pending.kind = COMMAND_KINDS;
}

static void line_add(struct log_lines *v, const char *p, size_t n)
{
	size_t room = LOG_LINE_SHOWN - v->line.len, take = n < room ? n : room;

	buf_add(&v->line, p, take);
	v->more += (int64_t)(n - take);
}

static void on_bytes(void *data, const char *p, size_t n)
{
	struct log_lines *v = data;

	while (n) {
		const char *end = memchr(p, '\n', n);
		size_t len = end ? (size_t)(end - p) : n;

		line_add(v, p, len);
		if (!end)
			return;
		line_end(v);
		p = end + 1;
		n -= len + 1;
	}
}

static bool is_shown(enum command_kind kind)
{
	return kind == COMMAND_GROUP || kind == COMMAND_ENDGROUP || kind == COMMAND_DEBUG ||
	       kind == COMMAND_NOTICE || kind == COMMAND_WARNING || kind == COMMAND_ERROR;
}

static void add_cut(struct buf *out, struct slice text)
{
	size_t n = text.len < out->max - out->len ? text.len : out->max - out->len;

	buf_add(out, text.ptr, utf8_whole_prefix(text.ptr, n));
}

/* A message may have several lines; the page shows them as they are. */
static void on_command(void *data, const struct command *c)
{
	struct log_lines *v = data;

	if (!is_shown(c->kind) || v->line.len)
		return; /* behind a carriage return it stands in a line that is shown as it is */
	v->pending.kind = c->kind;
	buf_clear(&v->value);
	buf_clear(&v->label);
	add_cut(&v->value, c->value);
	add_cut(&v->label, c->place.file);
	if (c->place.file.len && c->place.line)
		buf_addf(&v->label, ":%" PRId64, c->place.line);
	if (c->place.file.len && c->place.title.len)
		buf_adds(&v->label, ": ");
	add_cut(&v->label, c->place.title);
}

/* ---- life ---- */

void log_lines_init(struct log_lines *v, const struct log_spot *from)
{
	*v = (struct log_lines){ .value = BUF_INIT(LOG_LINE_SHOWN),
		.label = BUF_INIT(KIB(2)),
		.line = BUF_INIT(LOG_LINE_SHOWN) };
	v->pending.kind = COMMAND_KINDS;
	commands_init(&v->commands, on_command, v);
	if (!from)
		return;
	v->byte = from->byte;
	v->number = from->number;
	v->ansi = from->ansi;
	v->commands.token = from->token ? xmemdup0(from->token, from->token_len) : NULL;
	v->commands.token_len = from->token_len;
}

void log_lines_feed(struct log_lines *v, const char *p, size_t n)
{
	while (n) {
		const char *end = memchr(p, '\n', n);
		size_t len = end ? (size_t)(end - p) + 1 : n;

		commands_feed(&v->commands, p, len, on_bytes, v);
		v->byte += (int64_t)len;
		if (end && v->on_spot)
			v->on_spot(v->data);
		p += len;
		n -= len;
	}
}

void log_lines_end(struct log_lines *v)
{
	commands_end(&v->commands, on_bytes, v);
	if (v->line.len || v->more)
		line_end(v);
}

void log_lines_release(struct log_lines *v)
{
	commands_release(&v->commands);
	buf_release(&v->value);
	buf_release(&v->label);
	buf_release(&v->line);
}

struct log_spot log_lines_spot(const struct log_lines *v)
{
	const struct commands *c = &v->commands;

	return (struct log_spot){ .byte = v->byte,
		.number = v->number,
		.ansi = v->ansi,
		.token = c->token ? xmemdup0(c->token, c->token_len) : NULL,
		.token_len = c->token_len };
}

void log_spot_release(struct log_spot *s)
{
	free(s->token);
	*s = (struct log_spot){ 0 };
}
