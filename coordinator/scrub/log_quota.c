/*
 * The limits are asked before a chunk is stored, with sizes that stand in rows: no sum, and two
 * chunks at the same time cannot both take the last room, as they are stored one after the other.
 */
#include "coordinator/scrub/log_quota.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"

struct quota {
	const char *name, *key; /* of the configuration */
	int64_t max, used;
};

/* The scope that has the least room; its room in *ret. */
static struct quota narrowest(const struct log_limits *l, const struct log_step *t, int64_t *ret)
{
	const struct quota all[] = {
		{ "step", "logs.max_step_size", l->step ? l->step : LOG_STEP_BYTES, t->bytes },
		{ "job", "logs.max_job_size", l->job ? l->job : LOG_JOB_BYTES, t->job_bytes },
		{ "run", "logs.max_run_size", l->run ? l->run : LOG_RUN_BYTES, t->run_bytes },
	};
	size_t least = 0;

	for (size_t i = 1; i < ARRAY_LEN(all); i++)
		if (all[i].max - all[i].used < all[least].max - all[least].used)
			least = i;
	*ret = all[least].max > all[least].used ? all[least].max - all[least].used : 0;
	return all[least];
}

bool log_quota_fits(const struct log_limits *limits, const struct log_step *t, struct slice text,
	size_t *ret_keep, char *line)
{
	char size[SIZE_TEXT_MAX];
	int64_t room;
	const struct quota s = narrowest(limits, t, &room);

	if ((int64_t)text.len <= room)
		return true;
	const char *end = room ? memrchr(text.ptr, '\n', (size_t)room) : NULL;
	*ret_keep = end ? (size_t)(end - text.ptr) + 1 : (size_t)room;
	bool at_start = end || (!room && !t->bytes);
	snprintf(line, LOG_QUOTA_LINE_MAX,
		"%s[shithub] the log of this %s has reached %s, the most that the coordinator "
		"keeps (%s); what this step writes from here on is dropped\n",
		at_start ? "" : "\n", s.name, size_format((uint64_t)s.max, size), s.key);
	return false;
}

int log_quota_put(struct app *a, struct log_step *t, int64_t seq, struct slice text,
	struct slice held, struct wall now, struct err *e)
{
	char line[LOG_QUOTA_LINE_MAX];
	size_t keep;

	if (t->full)
		return store_log_put(
			a->store, t, seq, (struct slice){ 0 }, (struct slice){ 0 }, now, e);
	if (log_quota_fits(&a->logs, t, text, &keep, line))
		return store_log_put(a->store, t, seq, text, held, now, e);
	CLEAN_BUF struct buf cut = BUF_INIT(keep + LOG_QUOTA_LINE_MAX);
	buf_add(&cut, text.ptr, keep);
	buf_adds(&cut, line);
	t->full = true;
	log_info("scrub", "log_full", F_INT("job", t->job_id), F_INT("step", t->id));
	metric_add(&a->metrics, METRIC_LOGS_FULL, 1);
	return store_log_put(a->store, t, seq, buf_slice(&cut), (struct slice){ 0 }, now, e);
}
