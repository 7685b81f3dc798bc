/*
 * One list for all, the newest use in front; a few hundred entries at most are walked for a call
 * that reads 32 KiB of a log. What a log that grew again after its end had as its last line is not
 * its last line any more: its index begins anew.
 */
#include "coordinator/pages/log/index.h"

#include "base/limits.h"

struct log_indexes {
	struct log_index *first;
};

/* ---- one index ---- */

static void on_line(void *data, const struct log_line *l)
{
	struct log_index *x = data;
	struct log_group *open = x->n_groups ? &x->groups[x->n_groups - 1] : NULL;

	x->lines = l->number;
	if (!x->first_error && log_line_is_error(l))
		x->first_error = l->number;
	if (l->kind != COMMAND_GROUP && l->kind != COMMAND_ENDGROUP)
		return;
	if (open && !open->last)
		open->last = l->number;
	if (l->kind == COMMAND_ENDGROUP || x->n_groups == LOG_GROUPS_MAX)
		return;
	x->groups = xrealloc(x->groups, (x->n_groups + 1) * sizeof(*x->groups));
	x->groups[x->n_groups++] = (struct log_group){ .first = l->number };
	x->bytes += sizeof(*x->groups);
}

static void on_spot(void *data)
{
	struct log_index *x = data;
	int64_t last = x->n_marks ? x->marks[x->n_marks - 1].at.byte : 0;
	const struct log_lines *lines = &x->front.lines;

	if (lines->byte - last < LOG_MARK_BYTES || lines->commands.token_len > LOG_MARK_TOKEN_MAX)
		return;
	x->marks = xrealloc(x->marks, (x->n_marks + 1) * sizeof(*x->marks));
	x->marks[x->n_marks++] = (struct log_mark){ stored_step_spot(&x->front.log, lines->byte),
		log_lines_spot(lines) };
	x->bytes += sizeof(*x->marks) + lines->commands.token_len;
}

static void index_begin(struct log_index *x, struct app *a, const struct log_source *s)
{
	log_reader_init(&x->front, a, s, NULL);
	x->front.log.returns = s->job->returns;
	x->front.lines.on_line = on_line;
	x->front.lines.on_spot = on_spot;
	x->front.lines.data = x;
	x->bytes = sizeof(*x);
}

static void index_end(struct log_index *x)
{
	log_reader_release(&x->front);
	for (size_t i = 0; i < x->n_marks; i++)
		log_spot_release(&x->marks[i].lines);
	free(x->marks);
	free(x->groups);
}

static void index_again(struct log_index *x, struct app *a, const struct log_source *s)
{
	struct log_index kept = {
		.step_id = x->step_id, .returns = x->returns, .users = x->users, .next = x->next
	};

	index_end(x);
	*x = kept;
	index_begin(x, a, s);
}

int log_index_go_on(struct app *a, struct log_index *x, const struct log_source *s, struct err *e)
{
	if (x->whole && x->front.lines.byte == s->step->log_bytes)
		return 0;
	if (x->whole || x->front.lines.byte > s->step->log_bytes)
		index_again(x, a, s);
	int rc = log_reader_go_on(&x->front, s, e);
	if (rc == 0 && x->front.ended) {
		x->whole = true;
		buf_release(&x->front.log.chunk);
	}
	return rc;
}

const struct log_mark *log_index_before(const struct log_index *x, int64_t line)
{
	size_t low = 0, high = x->n_marks; /* marks before low are in front of the line */

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (x->marks[middle].lines.number < line)
			low = middle + 1;
		else
			high = middle;
	}
	return low ? &x->marks[low - 1] : NULL;
}

/* ---- all of them ---- */

static void forget_some(struct log_indexes *all)
{
	size_t bytes = 0;

	for (struct log_index **at = &all->first; *at;) {
		struct log_index *x = *at;

		bytes += x->users ? 0 : x->bytes;
		if (x->users || bytes <= LOG_INDEXES_BYTES) {
			at = &x->next;
			continue;
		}
		*at = x->next;
		index_end(x);
		free(x);
	}
}

/* Out of the list; NULL: it is in none. */
static struct log_index *index_take(struct log_indexes *all, const struct log_source *s)
{
	for (struct log_index **at = &all->first; *at; at = &(*at)->next) {
		struct log_index *x = *at;

		if (x->step_id == s->step->id && x->returns == s->job->returns) {
			*at = x->next;
			return x;
		}
	}
	return NULL;
}

struct log_index *log_index_get(struct app *a, const struct log_source *s)
{
	struct log_index *x;

	if (!a->log_indexes)
		a->log_indexes = xcalloc(1, sizeof(*a->log_indexes));
	x = index_take(a->log_indexes, s);
	if (!x) {
		x = xcalloc(1, sizeof(*x));
		x->step_id = s->step->id;
		x->returns = s->job->returns;
		index_begin(x, a, s);
	}
	x->users++;
	x->next = a->log_indexes->first;
	a->log_indexes->first = x;
	return x;
}

void log_index_put(struct app *a, struct log_index *x)
{
	if (!x)
		return;
	x->users--;
	forget_some(a->log_indexes);
}

void log_indexes_free(struct app *a)
{
	struct log_indexes *all = a->log_indexes;

	if (!all)
		return;
	while (all->first) {
		struct log_index *x = all->first;

		all->first = x->next;
		index_end(x);
		free(x);
	}
	free(TAKE(a->log_indexes));
}
