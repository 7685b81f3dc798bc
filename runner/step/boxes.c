/*
 * Starting a container takes most of a short step's time, so it happens ahead of need; more than
 * two ahead gain nothing and hold memory. A shared box stands in the first step's record, so that
 * taking and giving back work alike for both kinds of isolation.
 */
#include "runner/step/boxes.h"

#include <inttypes.h>

#include "runner/step/uses.h"

static bool shared(const struct job *j)
{
	return j->config->engine.isolation == ISOLATION_JOB;
}

bool boxes_needed(const struct job_spec *s)
{
	for (size_t i = 0; i < s->steps.n; i++)
		if (step_wants_box(&s->steps.v[i]))
			return true;
	return false;
}

static void prepare_one(struct job *j, size_t step, size_t place)
{
	CLEAN_STR char *label = xasprintf("%" PRId64, j->spec->steps.v[step].id);

	if (!j->runs[place].box)
		j->runs[place].box = step_box_prepare(j->engine.boxes, label);
}

void boxes_prepare(struct job *j, size_t index)
{
	size_t left = BOXES_AHEAD;

	if (!j->engine.boxes)
		return;
	for (size_t i = index; i < j->spec->steps.n && left > 0; i++) {
		if (!step_wants_box(&j->spec->steps.v[i]))
			continue;
		if (shared(j)) {
			prepare_one(j, i, 0);
			return;
		}
		prepare_one(j, i, i);
		left--;
	}
}

void boxes_free(struct step_run *runs, size_t n)
{
	for (size_t i = 0; runs && i < n; i++)
		step_box_free(TAKE(runs[i].box));
}

static struct step_box **place_of(struct job *j)
{
	return &j->runs[shared(j) ? 0 : j->step.index].box;
}

void boxes_take(struct job *j)
{
	boxes_prepare(j, j->step.index);
	j->step.box = TAKE(*place_of(j));
	if (!j->step.box)
		BUG("no box for step %zu", j->step.index);
}

void boxes_give_back(struct job *j, bool in_order)
{
	struct step_box *box = TAKE(j->step.box);

	if (in_order && shared(j) && !current_step_interrupted(&j->step))
		*place_of(j) = box;
	else
		step_box_free(box);
}
