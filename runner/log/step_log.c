/*
 * One direction, no queue: each stage hands on what it has decided, and only the masker and an
 * unfinished UTF-8 character hold bytes back. Past the limit, and on a full disk, the stages keep
 * running, because commands in the output (add-mask above all) still count; only writing stops.
 */
#include "runner/log/step_log.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

#include "base/limits.h"
#include "base/log.h"
#include "base/utf8.h"

enum {
	UTF8_MAX = 4,
	OWN_ROOM = 64 << 10,     /* past the limit, for what the runner has to say */
	OWN_LINE = 16 << 10,     /* one of its lines, masked */
	CRAMPED_ROOM = 16 << 10, /* in memory, for steps of few words on a full disk */
};

static void no_command(void *data, const struct command *c)
{
	(void)data, (void)c;
}

int step_log_open(struct step_log *l, const char *dir, int64_t n, struct mask *mask,
	struct report *report, int64_t step_id, uint64_t limit, struct err *e)
{
	CLEAN_STR char *path = dir ? xasprintf("%s/step-%" PRId64 ".log", dir, n) : NULL;

	*l = (struct step_log){
		.mask = mask, .report = report, .spool = SPOOL_INIT, .limit = limit, .last = '\n'
	};
	commands_init(&l->commands, no_command, NULL);
	if ((path ? spool_open(&l->spool, path, e) : spool_open_memory(&l->spool, e)) < 0)
		return -1;
	if (report)
		report_log(report, step_id, &l->spool);
	return 0;
}

/* No more room on the disk: the step goes on, its log says where it ends. Own lines may follow. */
static void give_up(struct step_log *l)
{
	CLEAN_STR char *marker = xasprintf("%s[shithub] log truncated: the runner could not write "
					   "it to its disk (%s), the rest is dropped\n",
		l->last == '\n' ? "" : "\n", strerror(l->cramped));

	l->failed = l->truncated = true;
	l->last = '\n';
	spool_append_tail(&l->spool, marker, strlen(marker));
}

static bool put_on_disk(struct step_log *l, const char *p, size_t n)
{
	struct err e = { 0 };

	if (l->cramped)
		return false;
	if (spool_append(&l->spool, p, n, &e) == 0)
		return true;
	l->cramped = e.errnum ? e.errnum : EIO;
	log_error("job", "log_write_failed", F_ERR(&e),
		F_STR("effect", "the step continues, but most of its further log is lost"));
	return false;
}

static void put(struct step_log *l, const char *p, size_t n)
{
	if (l->failed || n == 0)
		return;
	if (!put_on_disk(l, p, n)) {
		if (l->spool.tail.len + n > CRAMPED_ROOM) {
			give_up(l);
			return;
		}
		spool_append_tail(&l->spool, p, n);
	}
	l->last = p[n - 1];
}

static void put_marker(struct step_log *l)
{
	CLEAN_STR char *marker =
		xasprintf("%s[shithub] log truncated: this step wrote more than %" PRIu64
			  " bytes, the rest is dropped\n",
			l->last == '\n' ? "" : "\n", l->limit);

	if (l->failed) /* it has a marker already */
		return;
	l->truncated = true;
	put(l, marker, strlen(marker));
}

/* Puts what of tail and p ends no UTF-8 sequence half-way; the rest becomes the tail. */
static void put_whole(struct step_log *l, const char *p, size_t n)
{
	size_t whole;

	if (l->tail_len == 0) {
		whole = utf8_whole_prefix(p, n);
		put(l, p, whole);
		p += whole;
		n -= whole;
	}
	if (l->tail_len + n > sizeof(l->tail))
		BUG("%zu bytes of an unfinished character", l->tail_len + n);
	memcpy(l->tail + l->tail_len, p, n);
	l->tail_len += n;
	whole = utf8_whole_prefix(l->tail, l->tail_len);
	put(l, l->tail, whole);
	l->tail_len -= whole;
	memmove(l->tail, l->tail + whole, l->tail_len);
}

/* What the masker has decided. The limit counts masked bytes and never splits a UTF-8 sequence:
 * within reach of it an unfinished character waits in the tail, however the bytes arrive. */
static void on_masked(void *data, const char *p, size_t n)
{
	struct step_log *l = data;
	uint64_t used = l->spool.written + l->tail_len;
	uint64_t room = l->limit > used ? l->limit - used : 0;

	if (l->truncated)
		return;
	if (n + UTF8_MAX <= room) {
		put(l, p, n);
	} else if (n <= room) {
		put_whole(l, p, n);
	} else {
		put_whole(l, p, (size_t)room);
		put_marker(l);
	}
}

static void wake(struct step_log *l)
{
	if (l->report)
		report_wake(l->report);
}

void step_log_on_command(struct step_log *l, command_fn on_command, void *data)
{
	l->commands.on_command = on_command;
	l->commands.data = data;
}

/* Past the limit commands still count, but nothing of the step is shown, so nothing is masked. */
static void to_mask(void *data, const char *p, size_t n)
{
	struct step_log *l = data;

	if (!l->truncated)
		mask_feed(l->mask, p, n, on_masked, l);
}

void step_log_bytes(struct step_log *l, const char *p, size_t n)
{
	commands_feed(&l->commands, p, n, to_mask, l);
	wake(l);
}

static void to_nowhere(void *data, const char *p, size_t n)
{
	(void)data, (void)p, (void)n;
}

static void to_buf(void *data, const char *p, size_t n)
{
	buf_add(data, p, n);
}

/* After the marker: a reader still learns how the step ended. */
static void own_line_past_limit(struct step_log *l, const struct buf *line)
{
	CLEAN_BUF struct buf masked = BUF_INIT(OWN_LINE);

	mask_end(l->mask, to_nowhere, NULL); /* the step's bytes it held are past the limit too */
	mask_feed(l->mask, line->data, line->len, to_buf, &masked);
	mask_end(l->mask, to_buf, &masked);
	if (!buf_ok(&masked) || l->own + masked.len > OWN_ROOM)
		return;
	l->own += masked.len;
	if (l->failed)
		spool_append_tail(&l->spool, masked.data, masked.len);
	else
		put(l, masked.data, masked.len);
}

void step_log_line(struct step_log *l, const char *fmt, ...)
{
	struct buf line = BUF_INIT_SECRET(KIB(8));
	char text[KIB(4)];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	/* nothing of the command that is being reported was emitted yet: this line comes before it
	 */
	if (!l->truncated && (l->last != '\n' || mask_held(l->mask)))
		buf_addc(&line, '\n');
	buf_adds(&line, text);
	buf_addc(&line, '\n');
	if (l->truncated)
		own_line_past_limit(l, &line);
	else
		to_mask(l, line.data, line.len);
	wake(l);
	buf_release(&line);
}

void step_log_section(struct step_log *l, const char *title, struct slice text)
{
	if (text.len == 0)
		return;
	step_log_line(l, "::group::%s", title);
	if (!l->truncated) {
		to_mask(l, text.ptr, text.len);
		if (text.ptr[text.len - 1] != '\n')
			to_mask(l, "\n", 1);
	}
	step_log_line(l, "::endgroup::");
}

void step_log_output_end(struct step_log *l)
{
	commands_end(&l->commands, to_mask, l);
	mask_end(l->mask, on_masked, l);
}

void step_log_close(struct step_log *l)
{
	if (l->spool.fd < 0 || l->spool.closed)
		return;
	step_log_output_end(l);
	if (!l->truncated)
		put(l, l->tail, l->tail_len);
	spool_close(&l->spool);
	wake(l);
}

void step_log_release(struct step_log *l)
{
	commands_release(&l->commands);
	spool_release(&l->spool);
}
