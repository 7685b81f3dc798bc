/*
 * Which runner may take which waiting job, and why not. The claim, the waking of held heartbeats,
 * the listings and the explanation of a waiting job all ask here, so that they cannot differ.
 */
#ifndef COORDINATOR_QUEUE_ELIGIBLE_H
#define COORDINATOR_QUEUE_ELIGIBLE_H

#include "coordinator/queue/waiting.h"
#include "coordinator/store/runner.h"

/* What a runner offers. Everything is borrowed. */
struct offer {
	const char *name;
	const char *owner; /* the scope: of that owner's repositories … */
	int64_t repo_id;   /* … or of this one; neither: of all */
	const struct strv *labels;
};
struct offer offer_of(const struct runner_row *r); /* with the labels that it has now */

/* What keeps a job from a runner, as bits; 0: it may take it. */
enum eligible_bits {
	/* whoever asks */
	HELD_SITE = 1 << 0,      /* actions are disabled for the site … */
	HELD_OWNER = 1 << 1,     /* … the owner … */
	HELD_REPO = 1 << 2,      /* … the repository */
	HELD_REPO_CAP = 1 << 3,  /* as many of its jobs run as may */
	HELD_OWNER_CAP = 1 << 4, /* likewise of the owner's */
	/* this runner */
	UNFIT_LABELS = 1 << 5,
	UNFIT_SCOPE = 1 << 6,
	UNFIT_POLICY = 1 << 7, /* a policy allows others alone */
};
unsigned eligible_held(const struct queue_row *q);
unsigned eligible_unfit(const struct queue_row *q, const struct offer *o);
static inline bool eligible(const struct queue_row *q, const struct offer *o)
{
	return !eligible_held(q) && !eligible_unfit(q, o);
}

/* Whether a runner with these labels has all that a job asks for. */
bool labels_cover(const struct strv *labels, const struct strv *wanted);

#endif
