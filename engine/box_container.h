/*
 * One container from its creation to its removal, without blocking: create → start → … → remove,
 * each step an exchange whose callback begins the next. The holder and both kinds of boxes are made
 * of it.
 *
 * The object owns the container, its control folder on the host and the plan it is made from. It
 * belongs to a struct box_list until it is gone; box_container_discard may be called at any moment,
 * also inside its callbacks, and never blocks: what is in flight ends first, then the engine
 * removes the container, then the folder and the object go. Discarding is the only way to free one.
 *
 * While the engine does not answer (box_outage.h) what had no effect is tried again: creations, and
 * starts of containers that only wait. One that is the step (events.created) is started once.
 */
#ifndef ENGINE_BOX_CONTAINER_H
#define ENGINE_BOX_CONTAINER_H

#include "engine/box_outage.h"
#include "engine/engine.h"

struct box_container;

struct box_list {
	struct loop *loop;
	struct engine *engine;
	struct box_container *first;
	bool empty; /* for loop_wait */
	struct box_outage outage;
};

/* Gate, workspace, three folders of the job's own, command files, tools, hosts, control folder. */
enum { BOX_MOUNTS_MAX = 9 };

/* What a container is made of; strings are owned by the plan (env may hold secrets: wiped). */
struct box_plan {
	char *name, *working_dir, *network;
	struct strv argv, env;
	struct pairs labels;
	struct container_mount mounts[BOX_MOUNTS_MAX];
	char *mount_sources[BOX_MOUNTS_MAX];
	size_t n_mounts;
	struct container_spec spec; /* limits, user, image: set by the maker; the rest from above */
};
void box_plan_mount(struct box_plan *p, const char *source, const char *target, bool read_only);

struct box_container_events {
	void (*made)(void *data); /* it is created; what follows follows at once. NULL fine */
	void (*created)(
		void *data); /* NULL: start follows at once; else call box_container_start */
	void (*up)(void *data);
	void (*failed)(void *data, const struct err *e);
};

/* Takes the plan's content over; makes control_dir/<name> (0711) when control_dir is not NULL. */
struct box_container *box_container_new(struct box_list *list, struct box_plan *plan,
	const char *control_dir, struct err *e) CHECK_RESULT;
/* The folder on the host, absolute. */
const char *box_container_control(const struct box_container *c);
struct box_plan *box_container_plan(struct box_container *c); /* until begin */
const char *box_container_id(const struct box_container *c);  /* NULL before it was created */
/* Of a container that did not begin yet: what follows its creation waits until `first`, of the same
 * list, is up, and fails as that does. `first` stays until this one is discarded. */
void box_container_after(struct box_container *c, const struct box_container *first);
void box_container_begin(
	struct box_container *c, const struct box_container_events *ev, void *data);
void box_container_start(struct box_container *c);
/* The engine's kill; done (may be NULL) says whether it answered. Nothing before it was created. */
void box_container_kill(
	struct box_container *c, void (*done)(void *data, const struct err *e), void *data);
void box_container_signal(struct box_container *c, int sig); /* through the engine; no answer */
/* Stops all processes in it, or lets them go on; done says whether the engine did. False: it cannot
 * be asked now, and done is not called. */
bool box_container_pause(struct box_container *c, bool on,
	void (*done)(void *data, const struct err *e), void *data);
void box_container_discard(struct box_container *c); /* NULL fine */
/* The same once it is alone on its list: others share its network. */
void box_container_discard_last(struct box_container *c);
/* Ends what is in flight without an answer; what may be left is logged. After box_list waited. */
void box_list_abandon(struct box_list *list);

#endif
