/*
 * From what the probe program said to verdicts. A closed way proves a firewall only if it would be
 * open without: our own firewall counts what it refuses; with another program's the host is the
 * witness, whose packets leave by the same way without meeting that firewall.
 */
#include <inttypes.h>

#include "base/codec.h"
#include "network/check_rows.h"

struct answer {
	bool given, open;
	char *detail;
};

/* "INDEX open|closed DETAIL"; anything else is no answer. */
static void read_answer(const char *line, struct answer *answers, size_t n)
{
	CLEAN_STR char *copy = xstrdup(line);
	char *word = strchr(copy, ' '), *detail = word ? strchr(word + 1, ' ') : NULL;
	int64_t index;

	if (!detail)
		return;
	*word++ = '\0';
	*detail++ = '\0';
	if (!parse_i64(copy, 0, (int64_t)n - 1, &index) || answers[index].given ||
		(!str_eq(word, "open") && !str_eq(word, "closed")))
		return;
	/* the container's words: they go to a terminal */
	answers[index] = (struct answer){
		.given = true, .open = str_eq(word, "open"), .detail = text_printable(detail)
	};
}

/* One for each of n probes; the caller frees them. */
static struct answer *read_answers(const char *output, size_t n)
{
	CLEANUP(strv_release) struct strv lines = { 0 };
	struct answer *answers = xcalloc(n + 1, sizeof(*answers));

	strv_split(&lines, output, '\n');
	strv_each (line, &lines)
		read_answer(line, answers, n);
	return answers;
}

static void free_answers(struct answer *answers, size_t n)
{
	for (size_t i = 0; i < n; i++)
		free(answers[i].detail);
	free(answers);
}

size_t check_probes(const struct check_report *r, struct strv *ret)
{
	size_t n = 0;

	for (size_t i = 0; i < r->n; i++) {
		if (!r->rows[i].probe)
			continue;
		if (ret)
			strv_add(ret, r->rows[i].probe);
		n++;
	}
	return n;
}

static int64_t times_moved(const struct pairs *moved, const char *counter)
{
	const char *text = pairs_get(moved, counter);
	int64_t n;

	return text && parse_i64(text, 0, INT64_MAX, &n) ? n : 0;
}

/* Closed rows that rely on this counter: it must have moved at least once for each. */
static int64_t times_needed(
	const struct check_report *r, const struct answer *answers, const char *counter)
{
	int64_t n = 0;
	size_t probe = 0;

	for (size_t i = 0; i < r->n; i++) {
		if (!r->rows[i].probe)
			continue;
		n += str_eq(r->rows[i].counter, counter) && answers[probe].given &&
		     !answers[probe].open;
		probe++;
	}
	return n;
}

/* Of an answer that the firewall's counters do not matter for. */
static enum check_verdict verdict_of(const struct check_row *row, const struct answer *a)
{
	if (a->open != row->want_open)
		return CHECK_FAILS;
	if (str_starts(row->probe, "resolve,") && !row->want_open &&
		!str_eq(a->detail, "no such name"))
		return CHECK_UNPROVED; /* a resolver that is silent refuses nothing */
	return CHECK_STANDS;
}

static void decide_row(struct check_row *row, struct answer *a, int64_t moved, int64_t needed)
{
	if (!a->given) {
		row->verdict = CHECK_UNPROVED;
		row->detail = xstrdup("the probe said nothing");
		return;
	}
	row->verdict = verdict_of(row, a);
	if (row->verdict == CHECK_STANDS && row->counter && moved < needed) {
		row->verdict = CHECK_UNPROVED;
		row->detail =
			xasprintf("%s, but the firewall counted %" PRId64 " of %" PRId64 " packets",
				a->detail, moved, needed);
	} else {
		row->detail = TAKE(a->detail);
	}
}

/* Of another program's firewall, which may drop what ours rejects. That a datagram was not answered
 * then says nothing; that a port of our own was not reached says all. */
static void decide_foreign(struct check_row *row, struct answer *a)
{
	decide_row(row, a, 1, 1);
	if (str_starts(row->probe, "datagram,") && row->verdict == CHECK_FAILS &&
		!str_eq(row->detail, "answered"))
		row->verdict = CHECK_UNPROVED;
	row->wants_control = row->verdict == CHECK_STANDS && row->counter && !row->listens;
}

void check_judge(struct check_report *r, const char *output, const struct pairs *moved)
{
	size_t n = check_probes(r, NULL), probe = 0;
	struct answer *answers = read_answers(output, n);

	for (size_t i = 0; i < r->n; i++) {
		struct check_row *row = &r->rows[i];

		if (row->probe && r->foreign)
			decide_foreign(row, &answers[probe++]);
		else if (row->probe)
			decide_row(row, &answers[probe++],
				row->counter ? times_moved(moved, row->counter) : 0,
				row->counter ? times_needed(r, answers, row->counter) : 0);
	}
	free_answers(answers, n);
}

static const struct check_row *first_with(
	const struct check_report *r, size_t from, enum check_verdict v)
{
	for (size_t i = from; i < r->n; i++)
		if (r->rows[i].verdict == v)
			return &r->rows[i];
	return NULL;
}

enum check_verdict check_report_verdict(const struct check_report *r)
{
	if (r->foreign)
		return r->rows[0].verdict;
	if (first_with(r, 0, CHECK_FAILS))
		return CHECK_FAILS;
	return first_with(r, 0, CHECK_UNPROVED) ? CHECK_UNPROVED : CHECK_STANDS;
}

/* ---- a firewall of another program ---- */

void check_control_probes(const struct check_report *r, struct strv *ret)
{
	for (size_t i = 0; i < r->n; i++)
		if (r->rows[i].wants_control)
			strv_add(ret, r->rows[i].probe);
}

void check_control(struct check_report *r, const char *output)
{
	CLEANUP(strv_release) struct strv probes = { 0 };
	size_t at = 0;

	check_control_probes(r, &probes);
	struct answer *answers = read_answers(output, probes.n);
	for (size_t i = 0; i < r->n; i++) {
		struct check_row *row = &r->rows[i];

		if (!row->wants_control)
			continue;
		CLEAN_STR char *said = TAKE(row->detail);
		bool open = answers[at].given && answers[at].open;

		row->verdict = open ? CHECK_STANDS : CHECK_UNPROVED;
		row->detail = xasprintf("%s%s", said,
			open ? ", and open for this host"
			     : ", but this host gets no answer there either");
		at++;
	}
	free_answers(answers, probes.n);
}

static bool stands_somewhere(const struct check_report *r, const char *name)
{
	for (size_t i = 0; i < r->n; i++)
		if (str_eq(r->rows[i].name, name) && r->rows[i].verdict == CHECK_STANDS)
			return true;
	return false;
}

/* It counts when nothing got out that must not, and something that would get out did not. What
 * could not be tried, such as a range that leads nowhere from here, is then no reason against it.
 */
void check_foreign(struct check_report *r)
{
	const struct check_row *hole = first_with(r, 1, CHECK_FAILS);
	struct check_row *own = &r->rows[0];
	CLEAN_STR char *why = TAKE(own->detail);

	if (hole) {
		own->verdict = CHECK_FAILS;
		own->detail = xasprintf("%s; no other firewall has proved itself: %s (%s): %s", why,
			hole->name, hole->what, hole->detail);
	} else if (!stands_somewhere(r, CHECK_DIRECT)) {
		own->verdict = CHECK_UNPROVED;
		own->detail = xasprintf("%s; whether another firewall stands cannot be told, as "
					"this host reaches no address outside",
			why);
	} else {
		own->verdict = CHECK_STANDS;
		own->detail = xasprintf("not ours (%s), and proved by what it lets through", why);
	}
}
