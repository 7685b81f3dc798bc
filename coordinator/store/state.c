/*
 * The states as two tables of words and one function that says which change is allowed. Runners and
 * the store use the same words, so a word is read and written here only.
 */
#include "coordinator/store/state.h"

static const char *const status_names[] = {
	[STATUS_QUEUED] = "queued",
	[STATUS_RUNNING] = "running",
	[STATUS_COMPLETED] = "completed",
	[STATUS_CANCELLED] = "cancelled",
	[STATUS_SKIPPED] = "skipped",
};
/* The rank orders a run's jobs: the highest one is the run's conclusion. */
static const struct {
	const char *name;
	int rank;
} conclusions[] = {
	[CONCLUSION_NONE] = { NULL, -1 },
	[CONCLUSION_SKIPPED] = { "skipped", 0 },
	[CONCLUSION_SUCCESS] = { "success", 1 },
	[CONCLUSION_NEUTRAL] = { "neutral", 2 },
	[CONCLUSION_ACTION_REQUIRED] = { "action_required", 3 },
	[CONCLUSION_CANCELLED] = { "cancelled", 4 },
	[CONCLUSION_TIMED_OUT] = { "timed_out", 5 },
	[CONCLUSION_FAILURE] = { "failure", 6 },
};

const char *status_text(enum status s)
{
	return status_names[s];
}

const char *conclusion_text(enum conclusion c)
{
	return conclusions[c].name;
}

const char *state_word(struct state s)
{
	const char *conclusion = conclusion_text(s.conclusion);

	return conclusion ? conclusion : status_text(s.status);
}

const char *conclusion_result(enum conclusion c)
{
	switch (c) {
	case CONCLUSION_NONE:
	case CONCLUSION_SUCCESS:
	case CONCLUSION_CANCELLED:
	case CONCLUSION_SKIPPED:
		return conclusion_text(c);
	case CONCLUSION_FAILURE:
	case CONCLUSION_NEUTRAL: /* what needs it does not run, either */
	case CONCLUSION_TIMED_OUT:
	case CONCLUSION_ACTION_REQUIRED:
		break;
	}
	return conclusion_text(CONCLUSION_FAILURE);
}

int status_parse(const char *text, enum status *ret, struct err *e)
{
	for (size_t i = 0; text && i < ARRAY_LEN(status_names); i++) {
		if (str_eq(text, status_names[i])) {
			*ret = i;
			return 0;
		}
	}
	return err_set(e, ERR_INPUT, "status \"%.40s\" is unknown", text ? text : "");
}

int conclusion_parse(const char *text, enum conclusion *ret, struct err *e)
{
	if (!text) {
		*ret = CONCLUSION_NONE;
		return 0;
	}
	for (size_t i = CONCLUSION_NONE + 1; i < ARRAY_LEN(conclusions); i++) {
		if (str_eq(text, conclusions[i].name)) {
			*ret = i;
			return 0;
		}
	}
	return err_set(e, ERR_INPUT,
		"conclusion \"%.40s\" is unknown, expected success, failure, neutral, cancelled, "
		"skipped, timed_out or action_required",
		text);
}

enum conclusion conclusion_worse(enum conclusion a, enum conclusion b)
{
	return conclusions[a].rank >= conclusions[b].rank ? a : b;
}

/* The report alone: is the pair complete and of this kind? Fills the default conclusion. */
static int report_complete(enum state_kind kind, struct state *r, struct err *e)
{
	switch (r->status) {
	case STATUS_QUEUED:
		return err_set(e, ERR_INPUT, "status \"queued\" cannot be reported");
	case STATUS_RUNNING:
		if (r->conclusion != CONCLUSION_NONE)
			return err_set(e, ERR_INPUT, "status \"running\" takes no conclusion");
		return 0;
	case STATUS_COMPLETED:
		if (r->conclusion == CONCLUSION_NONE)
			return err_set(e, ERR_INPUT, "status \"completed\" needs a conclusion");
		return 0;
	case STATUS_CANCELLED:
		if (r->conclusion == CONCLUSION_NONE)
			r->conclusion = CONCLUSION_CANCELLED;
		if (r->conclusion != CONCLUSION_CANCELLED)
			return err_set(e, ERR_INPUT,
				"status \"cancelled\" takes conclusion \"cancelled\" only");
		return 0;
	case STATUS_SKIPPED:
		if (kind != STATE_STEP)
			return err_set(e, ERR_INPUT, "status \"skipped\" is for steps only");
		if (r->conclusion == CONCLUSION_NONE)
			r->conclusion = CONCLUSION_SKIPPED;
		if (r->conclusion != CONCLUSION_SKIPPED)
			return err_set(e, ERR_INPUT,
				"status \"skipped\" takes conclusion \"skipped\" only");
		return 0;
	}
	BUG("status %d", r->status);
}

int state_apply(enum state_kind kind, struct state from, struct state report, struct state *ret,
	bool *ret_changed, struct err *e)
{
	if (report_complete(kind, &report, e) < 0)
		return -1;
	bool same = from.status == report.status && from.conclusion == report.conclusion;
	if (status_terminal(from.status) && !same)
		return err_set(e, ERR_INPUT, "the %s is already %s/%s and cannot become %s",
			kind == STATE_JOB ? "job" : "step", status_text(from.status),
			conclusion_text(from.conclusion), status_text(report.status));
	*ret = report;
	*ret_changed = !same;
	return 0;
}
