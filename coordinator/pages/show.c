/* Signs, spans and names. A word that has no sign of its own gets the neutral one. */
#include "coordinator/pages/show.h"

#include <inttypes.h>
#include <pages/parts.h>

#include "base/utf8.h"

enum { TITLE_SHOWN = 160, WORDS_SHOWN = 64 << 10 };

void html_mark(struct html *h, const char *word)
{
#define MARK(text, name)                                              \
	if (str_eq(word, text)) {                                     \
		html_mark_##name(h, &(struct html_mark_##name){ 0 }); \
		return;                                               \
	}
	MARK("success", success)
	MARK("failure", failure)
	MARK("cancelled", cancelled)
	MARK("skipped", skipped)
	MARK("timed_out", timed_out)
	MARK("action_required", action_required)
	MARK("waiting", waiting)
	MARK("warning", warning)
	MARK("troubled", troubled)
	MARK("queued", queued)
	MARK("running", running)
	MARK("busy", running)
	MARK("online", online)
	MARK("idle", online)
	MARK("offline", offline)
	MARK("revoked", cancelled)
	MARK("draining", waiting)
	MARK("notice", notice)
	MARK("none", none)
#undef MARK
	html_mark_neutral(h, &(struct html_mark_neutral){ 0 });
}

void html_span(struct html *h, int64_t us)
{
	int64_t s = us / USEC_PER_SEC;

	if (us <= 0)
		return;
	if (s >= 3600)
		buf_addf(&h->out, "%" PRId64 "h %02" PRId64 "m", s / 3600, s / 60 % 60);
	else if (s >= 60)
		buf_addf(&h->out, "%" PRId64 "m %02" PRId64 "s", s / 60, s % 60);
	else if (s >= 1)
		buf_addf(&h->out, "%" PRId64 "s", s);
	else
		buf_adds(&h->out, "&lt; 1s");
}

void html_bytes(struct html *h, int64_t n)
{
	static const char *const units[] = { "bytes", "KB", "MB", "GB", "TB" };
	double v = (double)n;
	size_t i = 0;

	for (; v >= 1000 && i + 1 < ARRAY_LEN(units); i++)
		v /= 1000;
	buf_addf(&h->out, i && v < 10 ? "%.1f %s" : "%.0f %s", v, n == 1 ? "byte" : units[i]);
}

const char *word_shown(const char *word)
{
	if (str_eq(word, "timed_out"))
		return "timed out";
	if (str_eq(word, "action_required"))
		return "action required";
	if (str_eq(word, "troubled"))
		return "in trouble";
	return str_eq(word, "waiting") ? "waiting for approval" : word;
}

const char *ref_shown(const char *ref)
{
	static const char *const prefixes[] = { "refs/heads/", "refs/tags/" };

	for (size_t i = 0; i < ARRAY_LEN(prefixes); i++)
		if (str_starts(ref, prefixes[i]))
			return ref + strlen(prefixes[i]);
	return ref;
}

/* The first line, cut where it gets long. */
static char *first_line(const char *text)
{
	size_t n = strcspn(text, "\r\n");

	if (n <= TITLE_SHOWN)
		return xstrndup(text, n);
	CLEAN_STR char *cut = xstrndup(text, utf8_whole_prefix(text, TITLE_SHOWN));
	return xasprintf("%s…", cut);
}

char *run_title(const struct run_brief *b)
{
	if (!str_empty(b->run_name))
		return first_line(b->run_name);
	if (!str_empty(b->message) && b->message[strspn(b->message, " \t\r\n")])
		return first_line(b->message + strspn(b->message, " \t\r\n"));
	return first_line(b->workflow_name);
}

int64_t span_of(const struct html *h, struct wall from, struct wall to)
{
	if (!from.us)
		return 0;
	int64_t us = (to.us ? to.us : h->now.us) - from.us;
	return us > 0 ? us : 1;
}

char *joined(const struct strv *words)
{
	struct buf out = BUF_INIT(WORDS_SHOWN);

	if (!words->n)
		return NULL;
	strv_each (word, words)
		buf_addf(&out, "%s%s", word_i ? ", " : "", word);
	return buf_take(&out);
}
