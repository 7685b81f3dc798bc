/*
 * A machine in which each state has at most one exchange in flight; its callback decides about
 * the next state. A container in CREATED may wait for another one (`after`), which wakes it.
 * Discarding only sets a flag when something is in flight. A creation whose answer was lost may
 * have succeeded: the name then finds the twin, which is taken over instead of a second one.
 */
#include "engine/box_container.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>

#include "base/fs.h"
#include "base/log.h"
#include "engine/dialect.h"

enum state { NEW, CREATING, TWIN, CREATED, STARTING, UP, FAILED, REMOVING };
static const char *const state_names[] = { "new", "creating", "twin", "created", "starting", "up",
	"failed", "removing" };

#define TURN_PAUSE_US (10 * USEC_PER_MSEC)
enum { REMOVE_TRIES = 6, REMOVE_PAUSE_US = 50000 }; /* three times as long after each */

struct box_container {
	struct box_list *list;
	struct box_container *next;
	struct box_plan plan;
	char *control_dir; /* where the folder `name` stands, NULL: none */
	char *control;     /* both joined */
	char *id;
	const struct box_container *after; /* is to be up before this one goes on; NULL: none */
	struct err error;                  /* of FAILED */
	enum state state;
	bool discarded, retried;
	bool last;    /* to be discarded when it is alone */
	bool absent;  /* the engine refused to create it: nothing to remove */
	int removals; /* tried so far */
	int64_t remove_pause_us;
	struct http_exchange *x, *kill, *signal, *pause;
	struct loop_source *later;
	int turn; /* the lock of dialect.one_create, -1 */
	struct box_container_events ev;
	void *data;
	void (*killed)(void *data, const struct err *e);
	void *killed_data;
	void (*paused)(void *data, const struct err *e);
	void *paused_data;
	bool pause_wanted, pause_asked; /* one call at a time: the last wish counts */
	struct loop_source *pause_again;
};

static void container_create(struct box_container *c);
static void on_begin(struct loop_source *s, void *data);
static void container_remove(struct box_container *c);

/* ---- plan ---- */

void box_plan_mount(struct box_plan *p, const char *source, const char *target, bool read_only)
{
	if (p->n_mounts == ARRAY_LEN(p->mounts))
		BUG("container plan with more than %zu mounts", ARRAY_LEN(p->mounts));
	p->mount_sources[p->n_mounts] = xstrdup(source);
	p->mounts[p->n_mounts++] = (struct container_mount){ NULL, target, read_only };
}

static void plan_release(struct box_plan *p)
{
	free(p->name);
	free(p->working_dir);
	free(p->network);
	strv_release(&p->argv);
	for (size_t i = 0; i < p->env.n; i++)
		wipe(p->env.v[i], strlen(p->env.v[i]));
	strv_release(&p->env);
	pairs_release(&p->labels);
	for (size_t i = 0; i < p->n_mounts; i++)
		free(p->mount_sources[i]);
	*p = (struct box_plan){ 0 };
}

static struct container_spec plan_spec(struct box_plan *p)
{
	struct container_spec s = p->spec;

	for (size_t i = 0; i < p->n_mounts; i++)
		p->mounts[i].source = p->mount_sources[i];
	s.name = p->name;
	s.argv = &p->argv;
	s.env = &p->env;
	s.working_dir = p->working_dir;
	s.network = p->network;
	s.labels = &p->labels;
	s.mounts = p->mounts;
	s.n_mounts = p->n_mounts;
	return s;
}

/* ---- object ---- */

static void control_remove(struct box_container *c)
{
	CLEAN_FD int dir = -1;
	struct err e = { 0 };

	if (!c->control_dir)
		return;
	dir = dir_open(c->control_dir, &e);
	if (dir < 0 || tree_remove(dir, c->plan.name, NULL, &e) < 0)
		log_warn("box", "control_folder_left", F_STR("path", c->control), F_ERR(&e));
}

static void discard_if_alone(struct box_list *list)
{
	if (list->first && list->first->last && !list->first->next)
		box_container_discard(list->first);
}

static void container_release(struct box_container *c)
{
	http_exchange_free(c->x);
	http_exchange_free(c->kill);
	http_exchange_free(c->signal);
	http_exchange_free(c->pause);
	loop_source_unref(&c->pause_again);
	loop_source_unref(&c->later);
	close_fdp(&c->turn);
	control_remove(c);
	free(c->control_dir);
	free(c->control);
	free(c->id);
	plan_release(&c->plan);
	free(c);
}

static void container_free(struct box_container *c)
{
	struct box_container **p = &c->list->first;

	while (*p != c)
		p = &(*p)->next;
	*p = c->next;
	c->list->empty = !c->list->first;
	discard_if_alone(c->list);
	container_release(c);
}

static void container_state(struct box_container *c, enum state to)
{
	trace("engine", "container %s: %s -> %s", c->plan.name, state_names[c->state],
		state_names[to]);
	c->state = to;
}

struct box_container *box_container_new(
	struct box_list *list, struct box_plan *plan, const char *control_dir, struct err *e)
{
	struct box_container *c = xcalloc(1, sizeof(*c));

	c->list = list;
	c->turn = -1;
	c->remove_pause_us = REMOVE_PAUSE_US;
	c->plan = TAKE_VALUE(*plan, (struct box_plan){ 0 });
	c->next = list->first;
	list->first = c;
	list->empty = false;
	if (!control_dir)
		return c;
	c->control_dir = xstrdup(control_dir);
	c->control = path_join(control_dir, c->plan.name);
	/* mkdir's mode passes through the umask */
	if (dir_ensure(c->control, 0711, e) == 0 && chmod(c->control, 0711) == 0)
		return c;
	if (e && e->class == ERR_NONE)
		err_set_errno(e, errno, "chmod %s", c->control);
	err_wrap(e, "control folder");
	container_free(c);
	return NULL;
}

const char *box_container_control(const struct box_container *c)
{
	return c->control;
}

struct box_plan *box_container_plan(struct box_container *c)
{
	return &c->plan;
}

const char *box_container_id(const struct box_container *c)
{
	return c->id;
}

/* ---- create, start ---- */

static void on_first_decided(struct loop_source *s, void *data);

/* Those that wait for this one go on, or fail. */
static void wake_waiting(const struct box_container *first)
{
	for (struct box_container *c = first->list->first; c; c = c->next) {
		if (c->after == first && c->state == CREATED && !c->later && !c->discarded)
			c->later = loop_defer(c->list->loop, on_first_decided, c);
	}
}

static void container_fail(struct box_container *c, struct err *e)
{
	container_state(c, FAILED);
	c->error = *e;
	wake_waiting(c);
	if (c->discarded)
		container_remove(c);
	else
		c->ev.failed(c->data, e);
}

static void on_start_again(struct loop_source *s UNUSED, void *data)
{
	struct box_container *c = data;

	loop_source_unref(&c->later);
	box_container_start(c);
}

/* The engine does not answer: again in a moment, or false when that is no use. */
static bool container_later(struct box_container *c, const struct err *e, loop_fn again)
{
	struct mono now = loop_now(c->list->loop);
	int64_t pause;

	if (c->discarded || !box_outage_wait(&c->list->outage, now, e, &pause))
		return false;
	c->later = loop_timer(c->list->loop, mono_add(now, pause), again, c);
	return true;
}

static void on_started(struct http_exchange *x, void *data)
{
	struct box_container *c = data;
	struct err e = { 0 };
	int rc = engine_start_end(c->list->engine, x, &e);

	http_exchange_free(TAKE(c->x));
	if (rc < 0 && !c->ev.created && container_later(c, &e, on_start_again))
		return;
	if (rc < 0) {
		err_wrap(&e, "start container");
		container_fail(c, &e);
		return;
	}
	box_outage_end(&c->list->outage, loop_now(c->list->loop));
	container_state(c, UP);
	wake_waiting(c);
	if (c->discarded)
		container_remove(c);
	else
		c->ev.up(c->data);
}

void box_container_start(struct box_container *c)
{
	struct err e = { 0 };

	container_state(c, STARTING);
	c->x = engine_start_begin(c->list->engine, c->id, on_started, c, &e);
	if (!c->x)
		container_fail(c, &e);
}

static void on_twin_removed(struct http_exchange *x, void *data);

static bool twin_remove(struct box_container *c)
{
	struct err ignored = { 0 };

	container_state(c, TWIN);
	c->x = engine_remove_begin(c->list->engine, c->plan.name, on_twin_removed, c, &ignored);
	return c->x != NULL;
}

static void on_twin_again(struct loop_source *s UNUSED, void *data)
{
	struct box_container *c = data;
	struct err e = { 0 };

	loop_source_unref(&c->later);
	if (twin_remove(c))
		return;
	err_set(&e, ERR_ENGINE, "remove container %s", c->plan.name);
	container_fail(c, &e);
}

static void on_twin_removed(struct http_exchange *x, void *data)
{
	struct box_container *c = data;
	struct err e = { 0 };
	int rc = engine_remove_end(c->list->engine, x, &e);

	http_exchange_free(TAKE(c->x));
	if (rc < 0 && container_later(c, &e, on_twin_again))
		return;
	if (rc < 0)
		container_fail(c, &e);
	else
		container_create(c);
}

/* An answer that was lost, or a name that is taken: the name is random to this job, so what carries
 * it is our own lost creation. Removed, then created again. */
static bool container_retry(struct box_container *c, enum http_outcome outcome, struct err *e)
{
	bool lost = outcome == HTTP_AMBIGUOUS || outcome == HTTP_TIMED_OUT;

	if (lost && container_later(c, e, on_twin_again))
		return true;
	if (c->retried || c->discarded || (!lost && !err_is(e, ERR_CONFLICT)))
		return false;
	c->retried = true;
	return twin_remove(c);
}

static void container_go_on(struct box_container *c)
{
	const struct box_container *first = c->after;
	struct err e = first && first->state == FAILED ? first->error : (struct err){ 0 };

	if (err_is(&e, ERR_NONE) && first && first->state != UP)
		return; /* wake_waiting */
	c->after = NULL;
	if (!err_is(&e, ERR_NONE))
		container_fail(c, &e);
	else if (c->ev.created)
		c->ev.created(c->data);
	else
		box_container_start(c);
}

static void on_first_decided(struct loop_source *s UNUSED, void *data)
{
	struct box_container *c = data;

	loop_source_unref(&c->later);
	container_go_on(c);
}

static void on_create_again(struct loop_source *s UNUSED, void *data)
{
	struct box_container *c = data;

	loop_source_unref(&c->later);
	container_create(c);
}

static void on_created(struct http_exchange *x, void *data)
{
	struct box_container *c = data;
	struct err e = { 0 };
	enum http_outcome outcome = http_result(x)->outcome;
	int rc = engine_create_end(c->list->engine, x, &c->id, &e);

	close_fdp(&c->turn);
	http_exchange_free(TAKE(c->x));
	if (rc < 0) {
		c->absent = outcome == HTTP_DONE || outcome == HTTP_NOT_SENT;
		if (container_retry(c, outcome, &e) ||
			(outcome == HTTP_NOT_SENT && container_later(c, &e, on_create_again)))
			return;
		err_wrap(&e, "create container");
		container_fail(c, &e);
		return;
	}
	box_outage_end(&c->list->outage, loop_now(c->list->loop));
	container_state(c, CREATED);
	if (c->discarded) {
		container_remove(c);
		return;
	}
	if (c->ev.made)
		c->ev.made(c->data);
	container_go_on(c);
}

/* The folder of the socket stands for its engine: whoever uses it may lock it, and a lock goes with
 * its process. */
static bool create_turn(struct box_container *c)
{
	CLEAN_STR char *folder = NULL;

	if (!engine_dialect(c->list->engine)->one_create)
		return true;
	folder = xstrdup(engine_socket(c->list->engine));
	*(strrchr(folder, '/') + 1) = '\0';
	if (c->turn < 0)
		c->turn = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return c->turn < 0 || flock(c->turn, LOCK_EX | LOCK_NB) == 0;
}

static void container_create(struct box_container *c)
{
	struct err e = { 0 };
	struct container_spec s = plan_spec(&c->plan);

	if (c->discarded) {
		container_remove(c);
		return;
	}
	if (!create_turn(c)) {
		c->later = loop_timer(c->list->loop,
			mono_add(loop_now(c->list->loop), TURN_PAUSE_US), on_begin, c);
		return;
	}
	container_state(c, CREATING);
	c->x = engine_create_begin(c->list->engine, &s, on_created, c, &e);
	if (!c->x) {
		close_fdp(&c->turn);
		container_fail(c, &e);
	}
}

static void on_begin(struct loop_source *s UNUSED, void *data)
{
	struct box_container *c = data;

	loop_source_unref(&c->later);
	container_create(c);
}

void box_container_after(struct box_container *c, const struct box_container *first)
{
	c->after = first;
}

void box_container_begin(struct box_container *c, const struct box_container_events *ev, void *data)
{
	c->ev = *ev;
	c->data = data;
	/* deferred: a failure must not call back into the caller's stack */
	c->later = loop_defer(c->list->loop, on_begin, c);
}

/* ---- kill, remove ---- */

static void on_killed(struct http_exchange *x, void *data)
{
	struct box_container *c = data;
	struct err e = { 0 };
	int rc = engine_kill_end(c->list->engine, x, &e);

	http_exchange_free(TAKE(c->kill));
	if (c->killed && !c->discarded)
		c->killed(c->killed_data, rc < 0 ? &e : NULL);
}

void box_container_kill(
	struct box_container *c, void (*done)(void *data, const struct err *e), void *data)
{
	struct err e = { 0 };

	if (!c->id || c->kill || c->state == REMOVING)
		return;
	c->killed = done;
	c->killed_data = data;
	c->kill = engine_kill_begin(c->list->engine, c->id, SIGKILL, on_killed, c, &e);
	if (!c->kill)
		log_warn("box", "kill_failed", F_STR("container", c->plan.name), F_ERR(&e));
}

void box_container_signal(struct box_container *c, int sig)
{
	struct err e = { 0 };

	if (!c->id || c->state == REMOVING)
		return;
	http_exchange_free(c->signal); /* the one before was sent long ago */
	c->signal = engine_kill_begin(c->list->engine, c->id, sig, NULL, NULL, &e);
	if (!c->signal)
		log_warn("box", "signal_failed", F_STR("container", c->plan.name), F_ERR(&e));
}

static bool pause_ask(struct box_container *c);

static void on_pause_again(struct loop_source *src UNUSED, void *data)
{
	struct box_container *c = data;

	loop_source_unref(&c->pause_again);
	pause_ask(c);
}

/* A container must not stay paused because one call failed. */
static void pause_ask_later(struct box_container *c)
{
	c->pause_again = loop_timer(
		c->list->loop, mono_add(loop_now(c->list->loop), USEC_PER_SEC), on_pause_again, c);
}

static void on_paused(struct http_exchange *x, void *data)
{
	struct box_container *c = data;
	struct err e = { 0 };
	int rc = engine_pause_end(c->list->engine, x, &e);

	http_exchange_free(TAKE(c->pause));
	if (c->discarded)
		return;
	if (c->pause_wanted != c->pause_asked)
		pause_ask(c);
	else if (rc < 0 && !c->pause_asked && !err_is(&e, ERR_CONFLICT) &&
		 !err_is(&e, ERR_NOT_FOUND))
		pause_ask_later(c);
	else
		c->paused(c->paused_data, rc < 0 ? &e : NULL);
}

static bool pause_ask(struct box_container *c)
{
	struct err e = { 0 };

	c->pause_asked = c->pause_wanted;
	c->pause = engine_pause_begin(c->list->engine, c->id, c->pause_wanted, on_paused, c, &e);
	if (!c->pause)
		log_warn("box", "pause_failed", F_STR("container", c->plan.name), F_ERR(&e));
	return c->pause != NULL;
}

bool box_container_pause(
	struct box_container *c, bool on, void (*done)(void *data, const struct err *e), void *data)
{
	if (!c->id || c->state == REMOVING || c->discarded)
		return false;
	c->paused = done;
	c->paused_data = data;
	c->pause_wanted = on;
	loop_source_unref(&c->pause_again);
	return c->pause || pause_ask(c);
}

static void on_remove_again(struct loop_source *s UNUSED, void *data)
{
	struct box_container *c = data;

	loop_source_unref(&c->later);
	container_remove(c);
}

static void on_removed(struct http_exchange *x, void *data)
{
	struct box_container *c = data;
	struct err e = { 0 };
	int rc = engine_remove_end(c->list->engine, x, &e);

	http_exchange_free(TAKE(c->x));
	if (rc == 0) {
		container_free(c);
	} else if (c->removals < REMOVE_TRIES) {
		c->later = loop_timer(c->list->loop,
			mono_add(loop_now(c->list->loop), c->remove_pause_us), on_remove_again, c);
		c->remove_pause_us *= 3;
	} else {
		log_warn("box", "container_left", F_STR("container", c->plan.name), F_ERR(&e));
		container_free(c);
	}
}

static void container_remove(struct box_container *c)
{
	struct err e = { 0 };

	loop_source_unref(&c->later); /* of a creation that waits for its turn */
	container_state(c, REMOVING);
	loop_source_unref(&c->later);
	if (c->absent && !c->id) {
		container_free(c);
		return;
	}
	c->removals++;
	/* by name while the id is unknown: a lost creation may have left one */
	c->x = engine_remove_begin(
		c->list->engine, c->id ? c->id : c->plan.name, on_removed, c, &e);
	if (c->x)
		return;
	log_warn("box", "container_left", F_STR("container", c->plan.name), F_ERR(&e));
	container_free(c);
}

void box_container_discard(struct box_container *c)
{
	if (!c || c->discarded)
		return;
	c->discarded = true;
	if (c->state == NEW)
		container_free(c);
	else if (!c->x)
		container_remove(c); /* else the callback of what is in flight does it */
}

void box_container_discard_last(struct box_container *c)
{
	if (!c)
		return;
	c->last = true;
	discard_if_alone(c->list);
}

void box_list_abandon(struct box_list *list)
{
	struct box_container *next;

	for (struct box_container *c = TAKE(list->first); c; c = next) {
		next = c->next;
		log_warn("box", "container_left", F_STR("container", c->plan.name),
			F_STR("error", "timed out"));
		container_release(c);
	}
	list->empty = true;
}
