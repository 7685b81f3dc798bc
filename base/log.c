/*
 * The log sink, see log.h. A line is built whole and written with one write, so that lines of the
 * processes that share stderr do not mix. Every text that is not a constant passes clean() first:
 * secrets replaced, invalid UTF-8 and terminal control characters made harmless, length cut.
 */
#include "base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

#include "base/json.h"
#include "base/utf8.h"

enum {
	LINE_MAX_BYTES = 64 << 10,
	VALUE_MAX_BYTES = 4 << 10,
	REDACT_MIN_BYTES = 8,
};

static struct {
	enum log_level least;
	enum log_format format;
	int fd;
	struct pairs context;
	struct strv secrets;
	bool trace_ready;
	struct strv topics;
	int trace_fd;
} sink = { .least = LOG_INFO, .format = LOG_TEXT, .fd = STDERR_FILENO, .trace_fd = -1 };

static const char *const level_names[] = { "debug", "info", "warn", "error" };
static const char *const format_names[] = { "text", "json" };

void log_setup(enum log_level least, enum log_format format, int fd)
{
	sink.least = least;
	sink.format = format;
	sink.fd = fd;
}

static void context_remove(const char *key)
{
	struct pairs *c = &sink.context;

	for (size_t i = 0; i < c->n; i++) {
		if (strcmp(c->v[i].key, key) != 0)
			continue;
		free(c->v[i].key);
		free(c->v[i].value);
		memmove(&c->v[i], &c->v[i + 1], (c->n - i - 1) * sizeof(*c->v));
		c->n--;
		return;
	}
}

void log_context(const char *key, const char *value)
{
	if (value)
		pairs_set(&sink.context, key, value);
	else
		context_remove(key);
}

void log_redact(const char *secret)
{
	if (secret && strlen(secret) >= REDACT_MIN_BYTES && !strv_contains(&sink.secrets, secret))
		strv_add(&sink.secrets, secret);
}

/* Length of the longest secret that starts here. */
static size_t secret_at(const char *p)
{
	size_t longest = 0;

	strv_each (secret, &sink.secrets) {
		size_t n = strlen(secret);

		if (n > longest && strncmp(p, secret, n) == 0)
			longest = n;
	}
	return longest;
}

static void clean(struct buf *out, const char *text)
{
	const char *end = text + strlen(text);

	while (text < end && out->len < VALUE_MAX_BYTES) {
		size_t secret = secret_at(text), n = utf8_char(text, (size_t)(end - text));

		if (secret) {
			buf_adds(out, "***");
			text += secret;
			continue;
		}
		bool c1 = n == 2 && text[0] == '\xc2' && (unsigned char)text[1] < 0xa0;
		if (n == 0 || c1 || *text == 0x7f)
			buf_addc(out, '?');
		else
			buf_add(out, text, n);
		text += n ? n : 1;
	}
	if (text < end)
		buf_adds(out, "…");
}

/* Escapes what would break a line; text is clean. */
static void add_escaped(struct buf *out, const char *text, bool quoted)
{
	static const char named[][2] = { { '\n', 'n' }, { '\r', 'r' }, { '\t', 't' } };

	for (; *text; text++) {
		unsigned char c = (unsigned char)*text;
		size_t i = 0;

		while (i < ARRAY_LEN(named) && named[i][0] != *text)
			i++;
		if (i < ARRAY_LEN(named))
			buf_addf(out, "\\%c", named[i][1]);
		else if (c < 0x20)
			buf_addf(out, "\\x%02x", c);
		else if (quoted && (c == '"' || c == '\\'))
			buf_addf(out, "\\%c", c);
		else
			buf_addc(out, *text);
	}
}

static bool needs_quotes(const char *text)
{
	if (!*text)
		return true;
	for (; *text; text++)
		if ((unsigned char)*text <= ' ' || strchr("\"\\=", *text))
			return true;
	return false;
}

static void text_value(struct buf *line, const char *key, const char *value)
{
	buf_addf(line, " %s=", key);
	if (!needs_quotes(value)) {
		buf_adds(line, value);
		return;
	}
	buf_addc(line, '"');
	add_escaped(line, value, true);
	buf_addc(line, '"');
}

static void text_field(struct buf *line, const char *key, const char *value)
{
	struct buf cleaned CLEAN_BUF = BUF_INIT(2 * VALUE_MAX_BYTES);

	clean(&cleaned, value);
	text_value(line, key, buf_cstr(&cleaned));
}

static void text_line(struct buf *line, const char *head[4], const struct log_field *f, size_t n)
{
	buf_addf(line, "%s %s %s %s", head[0], head[1], head[2], head[3]);
	for (size_t i = 0; i < sink.context.n; i++)
		text_field(line, sink.context.v[i].key, sink.context.v[i].value);
	for (; n; n--, f++) {
		if (f->type == LOG_FIELD_INT)
			buf_addf(line, " %s=%" PRId64, f->key, f->num);
		else
			text_field(line, f->key, f->str ? f->str : "-");
	}
}

static void json_field(struct json_writer *w, const char *key, const char *value)
{
	struct buf cleaned CLEAN_BUF = BUF_INIT(2 * VALUE_MAX_BYTES);

	json_key(w, key);
	if (!value) {
		json_null(w);
		return;
	}
	clean(&cleaned, value);
	json_str(w, buf_cstr(&cleaned));
}

static void json_line(struct buf *line, const char *head[4], const struct log_field *f, size_t n)
{
	static const char *const keys[] = { "ts", "level", "component", "event" };
	struct json_writer w;

	json_writer_init(&w, line, false);
	json_begin_object(&w);
	for (size_t i = 0; i < ARRAY_LEN(keys); i++)
		json_kv_str(&w, keys[i], head[i]);
	for (size_t i = 0; i < sink.context.n; i++)
		json_field(&w, sink.context.v[i].key, sink.context.v[i].value);
	for (; n; n--, f++) {
		if (f->type == LOG_FIELD_INT)
			json_kv_int(&w, f->key, f->num);
		else
			json_field(&w, f->key, f->str);
	}
	json_end_object(&w);
	if (json_writer_finish(&w, NULL) < 0) { /* too long: still one line that says what it was */
		buf_clear(line);
		buf_addf(line,
			"{\"ts\":\"%s\",\"level\":\"%s\",\"component\":\"%s\",\"event\":\"%s\","
			"\"error\":\"line too long\"}",
			head[0], head[1], head[2], head[3]);
	}
}

/* There is nobody to tell when the log itself fails. */
static void put(int fd, const char *p, size_t n)
{
	while (n) {
		ssize_t done = write(fd, p, n);

		if (done < 0 && errno == EINTR)
			continue;
		if (done <= 0)
			return;
		p += done;
		n -= (size_t)done;
	}
}

void log_event(enum log_level level, const char *component, const char *event,
	const struct log_field *fields, size_t n)
{
	struct buf line CLEAN_BUF = BUF_INIT(LINE_MAX_BYTES);
	char ts[WALL_TEXT_MAX];
	const char *head[4] = { ts, level_names[level], component, event };
	int saved = errno;

	if (level < sink.least)
		return;
	wall_format(wall_now(), ts);
	if (sink.format == LOG_JSON)
		json_line(&line, head, fields, n);
	else
		text_line(&line, head, fields, n);
	line.failed = false; /* a full text line loses its last fields, never its end */
	line.max++;
	buf_addc(&line, '\n');
	put(sink.fd, line.data, line.len);
	errno = saved;
}

/* Tracing */

static const char *const known_topics[] = {
	"http",
	"engine",
	"loop",
	"gate",
	"checkout",
	"job",
	"session",
	"store",
	"all",
};

static bool topic_known(const char *topic)
{
	for (size_t i = 0; i < ARRAY_LEN(known_topics); i++)
		if (strcmp(known_topics[i], topic) == 0)
			return true;
	return false;
}

/* "http,engine:/tmp/trace": without a file, or when it cannot be opened, stderr. */
static void trace_setup(void)
{
	const char *value = secure_getenv("SHITHUB_TRACE");

	char *copy CLEAN_STR = xstrdup(value ? value : "");
	char *file = strchr(copy, ':');

	sink.trace_ready = true;
	if (file) {
		*file++ = '\0';
		sink.trace_fd =
			open(file, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOCTTY, 0600);
		if (sink.trace_fd < 0)
			log_warn("log", "trace_file_refused", F_STR("file", file),
				F_STR("error", strerror(errno)));
	}
	strv_split(&sink.topics, copy, ',');
	strv_each (topic, &sink.topics) {
		if (!topic_known(topic))
			log_warn("log", "trace_topic_unknown", F_STR("topic", topic));
	}
}

bool trace_on(const char *topic)
{
	if (!sink.trace_ready)
		trace_setup();
	return sink.topics.n &&
	       (strv_contains(&sink.topics, topic) || strv_contains(&sink.topics, "all"));
}

void trace(const char *topic, const char *fmt, ...)
{
	struct buf cleaned CLEAN_BUF = BUF_INIT(2 * VALUE_MAX_BYTES);
	struct buf line CLEAN_BUF = BUF_INIT(LINE_MAX_BYTES);
	char *text CLEAN_STR = NULL;
	char ts[WALL_TEXT_MAX];
	int saved = errno;
	va_list ap;
	int n;

	if (!trace_on(topic))
		return;
	va_start(ap, fmt);
	n = vasprintf(&text, fmt, ap); /* whole, so that the cut cannot split a secret */
	va_end(ap);
	if (n < 0) {
		text = NULL;
		return;
	}
	clean(&cleaned, text);
	buf_addf(&line, "%s trace %s[%d] ", wall_format(wall_now(), ts), topic, (int)getpid());
	add_escaped(&line, buf_cstr(&cleaned), false);
	buf_addc(&line, '\n');
	put(sink.trace_fd >= 0 ? sink.trace_fd : sink.fd, line.data, line.len);
	errno = saved;
}

bool log_limit_pass(struct log_limit *l, struct mono now, int64_t *ret_left_out)
{
	if (!l->since.us || mono_diff(now, l->since) > 60 * USEC_PER_SEC) {
		l->since = now;
		l->said = 0;
	}
	if (l->said >= LOG_LIMIT) {
		l->left_out++;
		return false;
	}
	l->said++;
	*ret_left_out = l->left_out;
	l->left_out = 0;
	return true;
}

/* Index of s among names, or -1. */
static int find_name(const char *s, const char *const *names, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (str_eq(s, names[i]))
			return (int)i;
	return -1;
}

int log_format_parse(const char *s, enum log_format *ret)
{
	int i = find_name(s, format_names, ARRAY_LEN(format_names));

	if (i < 0)
		return -1;
	*ret = (enum log_format)i;
	return 0;
}
