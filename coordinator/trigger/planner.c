/*
 * Two queues under one mutex: tasks, and tasks that are done. The application's loop hears of the
 * latter through an event descriptor.
 */
#include "coordinator/trigger/planner.h"

#include <errno.h>
#include <sys/eventfd.h>

#include "base/fs.h"
#include "base/proc.h"
#include "coordinator/store/store.h"
#include "coordinator/trigger/push_journal.h"

#define TELL_US (100 * USEC_PER_MSEC)

struct tasks {
	struct plan_task *first, **last;
};

struct planner {
	struct app *app; /* of the application's thread */
	struct app own;  /* of this thread: what making runs needs of it */
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t more;
	struct tasks todo, finished;
	bool stop;
	int fd;             /* readable: some are finished, or runs were made */
	atomic_size_t made; /* runs that the application has not heard of */
	struct mono told;
	struct loop_source *on_finished;
};

static void tasks_add(struct tasks *l, struct plan_task *t)
{
	t->next = NULL;
	*l->last = t;
	l->last = &t->next;
}

static struct plan_task *tasks_take(struct tasks *l)
{
	struct plan_task *t = l->first;

	if (!t)
		return NULL;
	l->first = t->next;
	if (!l->first)
		l->last = &l->first;
	return t;
}

/* ---- the thread ---- */

/* NULL: it shall end. */
static struct plan_task *task_wait(struct planner *p)
{
	struct plan_task *t = NULL;

	pthread_mutex_lock(&p->lock);
	while (!p->stop && !p->todo.first)
		pthread_cond_wait(&p->more, &p->lock);
	if (!p->stop)
		t = tasks_take(&p->todo);
	pthread_mutex_unlock(&p->lock);
	return t;
}

static void tell(struct planner *p)
{
	const uint64_t one = 1;

	IGNORE_RESULT(write(p->fd, &one, sizeof(one)), "it is readable already");
}

static void task_finish(struct planner *p, struct plan_task *t)
{
	pthread_mutex_lock(&p->lock);
	tasks_add(&p->finished, t);
	pthread_mutex_unlock(&p->lock);
	tell(p);
}

/* All runners that wait try again when they hear of a run, so they do not hear of each. */
static void on_made(void *data, size_t runs)
{
	struct planner *p = data;
	struct mono now = mono_now();

	atomic_fetch_add(&p->made, runs);
	if (mono_diff(now, p->told) < TELL_US)
		return;
	p->told = now;
	tell(p);
}

static bool is_ending(void *data)
{
	struct planner *p = data;

	pthread_mutex_lock(&p->lock);
	bool stop = p->stop;
	pthread_mutex_unlock(&p->lock);
	return stop;
}

static void *thread_main(void *data)
{
	struct planner *p = data;
	const struct push_maker m = { &p->own, on_made, is_ending, p };
	struct plan_task *t;

	while ((t = task_wait(p))) {
		while (push_journal_file(&m, t->repo, &t->push, &t->notes) > 0 && !is_ending(p))
			;
		task_finish(p, t);
	}
	return NULL;
}

/* ---- the application ---- */

static struct plan_task *finished_take(struct planner *p)
{
	pthread_mutex_lock(&p->lock);
	struct plan_task *t = tasks_take(&p->finished);
	pthread_mutex_unlock(&p->lock);
	return t;
}

static void on_finished(struct loop_source *s UNUSED, int fd, uint32_t events UNUSED, void *data)
{
	struct planner *p = data;
	struct plan_task *t;
	uint64_t n;

	IGNORE_RESULT(read(fd, &n, sizeof(n)), "it was not readable any more");
	push_journal_made(p->app, atomic_exchange(&p->made, 0));
	while ((t = finished_take(p)))
		t->done(t->data);
}

void planner_submit(struct planner *p, struct plan_task *t)
{
	pthread_mutex_lock(&p->lock);
	tasks_add(&p->todo, t);
	pthread_cond_signal(&p->more);
	pthread_mutex_unlock(&p->lock);
}

/* ---- life ---- */

static void tasks_drop(struct tasks *l)
{
	struct plan_task *t;

	while ((t = tasks_take(l)))
		if (t->dropped)
			t->dropped(t->data);
}

static void planner_free(struct planner *p)
{
	tasks_drop(&p->todo);
	tasks_drop(&p->finished);
	loop_source_unref(&p->on_finished);
	close_fdp(&p->fd);
	store_free(p->own.store);
	pthread_cond_destroy(&p->more);
	pthread_mutex_destroy(&p->lock);
	free(p);
}

static int planner_open(struct planner *p, struct err *e)
{
	p->own.data_dir = p->app->data_dir;
	p->own.public_url = p->app->public_url;
	p->own.instance = p->app->instance;
	p->own.store = push_journal_store(p->app, e);
	if (!p->own.store)
		return -1;
	store_wait_ends(p->own.store, is_ending, p);
	p->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (p->fd < 0)
		return err_set_errno(e, errno, "eventfd");
	p->on_finished = loop_io(p->app->loop, p->fd, EPOLLIN, on_finished, p);
	return 0;
}

struct planner *planner_start(struct app *a, struct err *e)
{
	struct planner *p = xcalloc(1, sizeof(*p));

	p->app = a;
	p->fd = -1;
	p->todo.last = &p->todo.first;
	p->finished.last = &p->finished.first;
	pthread_mutex_init(&p->lock, NULL);
	pthread_cond_init(&p->more, NULL);
	if (planner_open(p, e) == 0 &&
		thread_start(&p->thread, thread_main, p, "planner thread", e) == 0)
		return p;
	planner_free(p);
	return NULL;
}

void planner_stop(struct planner *p)
{
	if (!p)
		return;
	pthread_mutex_lock(&p->lock);
	p->stop = true;
	pthread_cond_signal(&p->more);
	pthread_mutex_unlock(&p->lock);
	pthread_join(p->thread, NULL);
	metric_add(&p->app->metrics, METRIC_RUNS, (int64_t)atomic_load(&p->made));
	planner_free(p);
}
