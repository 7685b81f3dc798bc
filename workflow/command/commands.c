/*
 * The command stage is in the path of every byte that a step writes, so ordinary output must cost
 * little more than a memchr.
 *
 * A line is text (LINE_TEXT) as soon as it cannot be a command any more, and then only its end is
 * looked for, with memchr: that is where the time of ordinary output goes. What may become a
 * command moves LINE_BLANKS, LINE_NAME, LINE_COMMAND; the last holds the line until its end. Bytes
 * are copied only when a chunk ends inside such a line.
 */
#include "workflow/command/commands.h"

#include "workflow/command/text.h"

/* One command as its handler gets it. */
struct call {
	struct commands *c;
	const struct known *known;
	struct command_text text;
	char *room; /* as long as the line, to decode different pieces of it into */
};

struct known {
	const char *name;
	enum command_kind kind;
	void (*apply)(struct call *k);
	const char *advice; /* deprecated: what to use */
};

/* ---- events ---- */

static void report_event(struct commands *c, const struct command *event)
{
	c->counts[event->kind]++;
	if (event->kind != COMMAND_REFUSED || c->counts[COMMAND_REFUSED] <= COMMANDS_REFUSALS_SHOWN)
		c->on_command(c->data, event);
}

static void refuse_command(const struct call *k, const char *reason)
{
	CLEAN_STR char *text = xasprintf("%s: %s", k->known->name, reason);

	report_event(k->c,
		&(struct command){
			.kind = COMMAND_REFUSED, .name = k->known->name, .value = slice_of(text) });
}

static struct command event_of(const struct call *k)
{
	return (struct command){ .kind = k->known->kind, .name = k->known->name };
}

static struct slice decode(struct call *k, struct slice raw, enum command_escapes which)
{
	struct slice s = command_text_decode(raw, which, k->room);

	k->room += s.len;
	return s;
}

static struct slice message(struct call *k)
{
	return decode(k, k->text.message, COMMAND_MESSAGE);
}

static struct slice property(struct call *k, const char *key)
{
	return decode(k, command_text_property(k->text.properties, key), COMMAND_PROPERTY);
}

/* ---- what the commands mean ---- */

static void run_plain(struct call *k)
{
	struct command event = event_of(k);

	event.value = message(k);
	report_event(k->c, &event);
}

static void run_add_mask(struct call *k)
{
	struct command event = event_of(k);

	event.value = message(k);
	if (!command_text_trim(event.value).len) {
		refuse_command(k, "the value is blank, nothing is masked");
		return;
	}
	report_event(k->c, &event);
	if (event.value.len != k->text.message.len) { /* each escape makes it shorter */
		event.value = k->text.message;
		report_event(k->c, &event);
	}
	if (k->c->unmasked)
		refuse_command(k, k->c->unmasked);
}

static int64_t number(struct call *k, const char *key)
{
	struct slice s = property(k, key);
	CLEAN_STR char *text = xmemdup0(s.ptr, s.len);
	int64_t v;

	return strlen(text) == s.len && parse_i64(text, 1, INT32_MAX, &v) ? v : 0;
}

static void straighten(struct command_place *p)
{
	if (!p->line)
		p->line = p->end_line;
	if (p->end_line < p->line)
		p->end_line = 0;
	if (!p->column)
		p->column = p->end_column;
	if (!p->line || p->end_line > p->line)
		p->column = p->end_column = 0;
	if (p->end_column < p->column)
		p->end_column = 0;
}

static void run_annotation(struct call *k)
{
	struct command event = event_of(k);

	event.value = message(k);
	event.place.title = property(k, "title");
	event.place.file = property(k, "file");
	event.place.line = number(k, "line");
	event.place.end_line = number(k, "endLine");
	event.place.column = number(k, "col");
	event.place.end_column = number(k, "endColumn");
	straighten(&event.place);
	report_event(k->c, &event);
}

static void run_echo(struct call *k)
{
	struct command event = event_of(k);
	struct slice value = command_text_trim(message(k));

	event.on = command_name_eq(value, "on");
	if (!event.on && !command_name_eq(value, "off"))
		refuse_command(k, "expected \"on\" or \"off\"");
	else
		report_event(k->c, &event);
}

static void run_disabled(struct call *k)
{
	refuse_command(k, k->known->advice);
}

static void advise(const struct call *k, size_t index)
{
	CLEAN_STR char *text = xasprintf("%s: %s", k->known->name, k->known->advice);

	if (k->c->deprecated & 1U << index)
		return;
	k->c->deprecated |= 1U << index;
	report_event(k->c, &(struct command){ .kind = COMMAND_DEPRECATED,
				   .name = k->known->name,
				   .value = slice_of(text) });
}

/* set-output and save-state: NUL cannot be kept by those who read it, nor can bytes that are no
 * text (contexts travel as JSON). */
static void run_pair(struct call *k)
{
	CLEAN_BUF struct buf key = BUF_INIT_SECRET(LIMIT_COMMAND_NAME),
			     value = BUF_INIT_SECRET(3 * LIMIT_COMMAND_LINE);
	struct slice raw_key = property(k, "name"), raw = message(k);
	struct command event = event_of(k);
	const char *wrong = NULL;

	if (!raw_key.len)
		wrong = "the property \"name\" is missing";
	else if (memchr(raw_key.ptr, 0, raw_key.len) || memchr(raw.ptr, 0, raw.len))
		wrong = "name and value must not hold NUL bytes";
	else if (!command_text_clean(raw_key, &key))
		wrong = "the name is too long, expected at most 255 bytes";
	else if (k->c->counts[event.kind] >= LIMIT_ENV_COUNT)
		wrong = "too many in one step, expected at most 4096";
	if (wrong) {
		refuse_command(k, wrong);
		return;
	}
	(void)command_text_clean(raw, &value); /* thrice the longest line always has room */
	event.key = buf_slice(&key);
	event.value = buf_slice(&value);
	report_event(k->c, &event);
}

static void run_stop(struct call *k);

static const struct known known[] = {
	{ "add-mask", COMMAND_ADD_MASK, run_add_mask, NULL },
	{ "group", COMMAND_GROUP, run_plain, NULL },
	{ "endgroup", COMMAND_ENDGROUP, run_plain, NULL },
	{ "debug", COMMAND_DEBUG, run_plain, NULL },
	{ "notice", COMMAND_NOTICE, run_annotation, NULL },
	{ "warning", COMMAND_WARNING, run_annotation, NULL },
	{ "error", COMMAND_ERROR, run_annotation, NULL },
	{ "stop-commands", COMMAND_STOP, run_stop, NULL },
	{ "echo", COMMAND_ECHO, run_echo, NULL },
	{ "set-output", COMMAND_SET_OUTPUT, run_pair,
		"deprecated: write NAME=value to $SHITHUB_OUTPUT" },
	{ "save-state", COMMAND_SAVE_STATE, run_pair,
		"deprecated: write NAME=value to $SHITHUB_STATE" },
	{ "set-env", COMMAND_REFUSED, run_disabled,
		"disabled, nothing is set; write NAME=value to the file $SHITHUB_ENV" },
	{ "add-path", COMMAND_REFUSED, run_disabled,
		"disabled, nothing is added; write the folder to the file $SHITHUB_PATH" },
	{ "add-matcher", COMMAND_REFUSED, run_disabled,
		"not supported, no line becomes an annotation; print ::error "
		"file=NAME,line=N::TEXT" },
	{ "remove-matcher", COMMAND_REFUSED, run_disabled, "not supported, there are no matchers" },
};
#define ALL_KNOWN ((1U << ARRAY_LEN(known)) - 1)
_Static_assert(ARRAY_LEN(known) < 32, "one bit each");

static const struct known *find_known(struct slice name)
{
	for (size_t i = 0; i < ARRAY_LEN(known); i++)
		if (command_name_eq(name, known[i].name))
			return &known[i];
	return NULL;
}

/* Names that mean something to a runner cannot serve as token. */
static bool is_reserved(struct slice token)
{
	return command_name_eq(token, "pause-logging") || find_known(token);
}

static void run_stop(struct call *k)
{
	struct command event = event_of(k);
	struct buf token = BUF_INIT(LIMIT_COMMAND_LINE + 4);

	event.value = message(k);
	if (!command_text_trim(event.value).len || is_reserved(event.value)) {
		refuse_command(
			k, "the token is empty or names a command; command processing continues");
		return;
	}
	buf_adds(&token, "::");
	buf_add(&token, event.value.ptr, event.value.len);
	buf_adds(&token, "::");
	k->c->token_len = token.len;
	k->c->token = buf_take(&token);
	report_event(k->c, &event);
}

/* The line without its end; blanks are still before it. */
static void run_line(struct commands *c, struct slice line)
{
	struct call k = { .c = c };
	struct slice bare = { line.ptr + c->blanks, line.len - c->blanks };

	if (!command_text_split(bare, &k.text))
		return;
	k.known = find_known(k.text.name);
	if (!k.known)
		return;
	if (k.known->advice && k.known->apply != run_disabled)
		advise(&k, (size_t)(k.known - known));
	char *room = k.room = xmalloc(bare.len);
	k.known->apply(&k);
	wipe(room, bare.len);
	free(room);
}

/* ---- which lines are commands ---- */

struct feed {
	struct commands *c;
	const char *p;
	size_t n;
	size_t done; /* bytes before it went out */
	size_t line; /* start of the current line; 0 when it began in an earlier chunk */
	size_t cr;   /* the next CR, n: none */
	commands_emit_fn emit;
	void *data;
};

static void emit_until(struct feed *f, size_t to)
{
	if (to > f->done)
		f->emit(f->data, f->p + f->done, to - f->done);
	f->done = to;
}

/* Nothing of the current chunk has gone out while something is held. */
static void emit_held(struct feed *f)
{
	if (f->c->held.len)
		f->emit(f->data, f->c->held.data, f->c->held.len);
	buf_clear(&f->c->held);
}

static void begin_line(struct feed *f, size_t at)
{
	f->line = at;
	f->c->line = LINE_BLANKS;
	f->c->blanks = 0;
}

static void becomes_text(struct feed *f)
{
	f->c->line = LINE_TEXT;
	emit_held(f);
}

/* Bytes of the current line before `at`. */
static size_t line_length(const struct feed *f, size_t at)
{
	return f->c->held.len + (at - f->line);
}

/* The line until `at` in one piece, what came before it sent out. */
static struct slice whole_line(struct feed *f, size_t at)
{
	struct buf *held = &f->c->held;

	emit_until(f, f->line);
	if (!held->len)
		return (struct slice){ f->p + f->line, at - f->line };
	buf_add(held, f->p + f->line, at - f->line);
	f->done = f->line = at;
	if (!buf_ok(held))
		BUG("held back %zu bytes of a line", held->len);
	return buf_slice(held);
}

/* The end of the line that `at` is in: LF or CR, n when the chunk has none. */
static inline size_t line_end(struct feed *f, size_t at)
{
	const char *hit;

	if (at > f->cr) {
		hit = memchr(f->p + at, '\r', f->n - at);
		f->cr = hit ? (size_t)(hit - f->p) : f->n;
	}
	hit = memchr(f->p + at, '\n', f->cr - at);
	return hit ? (size_t)(hit - f->p) : f->cr;
}

typedef unsigned char block __attribute__((vector_size(16)));

/* Over blocks in which no line begins that deserves a closer look: however short lines are, no work
 * for each of them. */
static size_t skip_lines(const char *p, size_t at, size_t n)
{
	for (; at + sizeof(block) < n; at += sizeof(block)) {
		block v, next;
		uint64_t halves[2];

		memcpy(&v, p + at, sizeof(v));
		memcpy(&next, p + at + 1, sizeof(next));
		v = (block)((v == '\n') | (v == '\r')) & (block)((next <= ' ') | (next == ':'));
		memcpy(halves, &v, sizeof(halves));
		if (halves[0] | halves[1])
			break;
	}
	return at;
}

/* Over whole lines of text to the next line that deserves a closer look. */
static size_t walk_text(struct feed *f, size_t at)
{
	at = skip_lines(f->p, at, f->n);
	while ((at = line_end(f, at)) < f->n) {
		at++;
		if (at == f->n || (unsigned char)f->p[at] <= ' ' || f->p[at] == ':') {
			begin_line(f, at);
			break;
		}
	}
	return at;
}

/* A command's line that nobody may see: what is held of it goes, and what comes of it later. */
static void drop_line(struct feed *f, size_t at)
{
	buf_clear(&f->c->held);
	f->done = at;
	f->c->line = LINE_DROPPED;
	free(TAKE(f->c->unmasked));
}

static size_t walk_dropped(struct feed *f, size_t at)
{
	size_t end = line_end(f, at);

	f->done = end < f->n ? end + 1 : end;
	if (end < f->n)
		begin_line(f, f->done);
	return f->done;
}

static void too_long(struct feed *f, size_t at)
{
	struct slice line = whole_line(f, at);
	struct call k = { .c = f->c };

	line.ptr += f->c->blanks;
	line.len -= f->c->blanks;
	if (command_text_split(line, &k.text))
		k.known = find_known(k.text.name);
	if (k.known && k.known->kind == COMMAND_ADD_MASK) {
		refuse_command(&k,
			"the line is longer than 65 KiB, it is not shown and nothing is masked");
		drop_line(f, at);
		return;
	}
	if (k.known)
		refuse_command(&k, "the line is longer than 65 KiB and taken as text");
	becomes_text(f);
}

static size_t walk_command(struct feed *f, size_t at)
{
	size_t end = line_end(f, at), room = LIMIT_COMMAND_LINE - line_length(f, at);

	if (end - at > room) {
		too_long(f, at + room);
		return at + room;
	}
	if (end == f->n)
		return end;
	run_line(f->c, whole_line(f, end));
	if (f->c->unmasked) {
		drop_line(f, end);
		return end;
	}
	emit_held(f);
	begin_line(f, end + 1);
	return end + 1;
}

static void resume(struct feed *f)
{
	struct commands *c = f->c;
	CLEAN_STR char *token = TAKE(c->token);

	emit_until(f, f->line);
	report_event(c, &(struct command){ .kind = COMMAND_RESUME,
				.name = "stop-commands",
				.value = { token + 2, c->token_len - 4 } });
	becomes_text(f);
}

static char lower(char ch)
{
	return ch >= 'A' && ch <= 'Z' ? (char)(ch | 0x20) : ch;
}

/* Byte number `at` of a name followed by "::" or a blank; the blank ends the head of a command. */
static bool name_takes(const char *name, size_t len, size_t at, char ch)
{
	if (at < len)
		return name[at] == ch;
	return ch == ':' || (ch == ' ' && at == len);
}

/* Drops the names that do not go on with ch as byte number `at`. */
static void narrow(struct commands *c, size_t at, char ch)
{
	for (unsigned left = c->alive; left; left &= left - 1) {
		unsigned i = (unsigned)__builtin_ctz(left);
		size_t len = strlen(known[i].name);

		if (!name_takes(known[i].name, len, at, ch))
			c->alive &= ~(1U << i);
		else if (ch == ' ' || at == len + 1)
			c->line = LINE_COMMAND;
	}
}

/* One more byte of the name. */
static void walk_name(struct feed *f, char ch)
{
	struct commands *c = f->c;
	size_t at = c->matched++;

	if (c->token) {
		if (lower(c->token[at]) != ch)
			becomes_text(f);
		else if (c->matched == c->token_len)
			resume(f);
		return;
	}
	if (at >= 2)
		narrow(c, at - 2, ch);
	if (!c->alive || (at < 2 && ch != ':'))
		becomes_text(f);
}

/* One byte of a line's head. */
static size_t walk_head(struct feed *f, size_t at)
{
	struct commands *c = f->c;
	char ch = f->p[at];

	if (ch == '\n' || ch == '\r') {
		emit_held(f);
		begin_line(f, at + 1);
	} else if (line_length(f, at) == LIMIT_COMMAND_LINE) {
		becomes_text(f);
	} else if (c->line == LINE_NAME) {
		walk_name(f, lower(ch));
	} else if (ch == ':') {
		c->line = LINE_NAME;
		c->matched = 1;
		c->alive = ALL_KNOWN;
	} else if (ch == ' ' || ch == '\t' || ch == '\v' || ch == '\f') {
		c->blanks++;
	} else {
		becomes_text(f);
	}
	return at + 1;
}

void commands_feed(struct commands *c, const char *p, size_t n, commands_emit_fn emit, void *data)
{
	struct feed f = { .c = c, .p = p, .n = n, .emit = emit, .data = data };
	const char *cr;
	size_t at = 0;

	if (n == 0)
		return;
	cr = memchr(p, '\r', n);
	f.cr = cr ? (size_t)(cr - p) : n;
	while (at < n) {
		if (c->line == LINE_TEXT)
			at = walk_text(&f, at);
		else if (c->line == LINE_COMMAND)
			at = walk_command(&f, at);
		else if (c->line == LINE_DROPPED)
			at = walk_dropped(&f, at);
		else
			at = walk_head(&f, at);
	}
	size_t keep = c->line == LINE_TEXT || c->line == LINE_DROPPED ? n : f.line;
	emit_until(&f, keep);
	buf_add(&c->held, p + keep, n - keep);
	if (!buf_ok(&c->held))
		BUG("held back %zu bytes of a line", c->held.len);
}

/* ---- the stage ---- */

void commands_init(struct commands *c, command_fn on_command, void *data)
{
	*c = (struct commands){
		.on_command = on_command, .data = data, .held = BUF_INIT_SECRET(LIMIT_COMMAND_LINE)
	};
}

void commands_end(struct commands *c, commands_emit_fn emit, void *data)
{
	struct feed f = { .c = c, .p = "", .emit = emit, .data = data };

	if (c->line == LINE_COMMAND)
		run_line(c, whole_line(&f, 0));
	if (c->unmasked)
		drop_line(&f, 0);
	emit_held(&f);
	begin_line(&f, 0);
	c->deprecated = 0;
	free(TAKE(c->token));
}

void commands_unmasked(struct commands *c, const char *reason)
{
	free(c->unmasked);
	c->unmasked = xstrdup(reason);
}

void commands_release(struct commands *c)
{
	buf_release(&c->held);
	free(TAKE(c->token));
	free(TAKE(c->unmasked));
}
