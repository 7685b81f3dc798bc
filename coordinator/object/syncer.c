/*
 * Two queues under one mutex: tasks, and tasks that are done. The loop hears of the latter through
 * an event descriptor. What a thread works on stands beside its thread.
 */
#include "coordinator/object/syncer.h"

#include <errno.h>
#include <pthread.h>
#include <sys/eventfd.h>

#include "base/fs.h"
#include "base/proc.h"

struct queue {
	struct sync_task *first, **last;
};
struct syncer;
struct worker {
	struct syncer *syncer;
	pthread_t thread;
	const struct sync_task *task; /* that runs; NULL: none */
};
struct syncer {
	struct worker workers[SYNCER_THREADS_MAX];
	unsigned n_workers; /* that were started */
	pthread_mutex_t lock;
	pthread_cond_t more;
	struct queue todo, finished;
	bool stop;
	int fd; /* readable: some are finished */
	struct loop_source *on_finished;
};

static void queue_add(struct queue *q, struct sync_task *t)
{
	t->next = NULL;
	*q->last = t;
	q->last = &t->next;
}

static struct sync_task *queue_take(struct queue *q)
{
	struct sync_task *t = q->first;

	if (!t)
		return NULL;
	q->first = t->next;
	if (!q->first)
		q->last = &q->first;
	return t;
}

/* NULL: it shall end, and nothing is left to do. */
static struct sync_task *task_wait(struct worker *w)
{
	struct syncer *s = w->syncer;

	pthread_mutex_lock(&s->lock);
	while (!s->stop && !s->todo.first)
		pthread_cond_wait(&s->more, &s->lock);
	struct sync_task *t = queue_take(&s->todo);
	w->task = t;
	pthread_mutex_unlock(&s->lock);
	return t;
}

static void task_finish(struct worker *w, struct sync_task *t)
{
	const uint64_t one = 1;
	struct syncer *s = w->syncer;

	pthread_mutex_lock(&s->lock);
	w->task = NULL;
	queue_add(&s->finished, t);
	pthread_mutex_unlock(&s->lock);
	IGNORE_RESULT(write(s->fd, &one, sizeof(one)), "it is readable already");
}

static void *thread_main(void *data)
{
	struct worker *w = data;
	struct sync_task *t;

	while ((t = task_wait(w))) {
		t->failed = t->work(t->data, &t->error) < 0;
		task_finish(w, t);
	}
	return NULL;
}

static void finished_tell(struct syncer *s)
{
	struct sync_task *t;

	do {
		pthread_mutex_lock(&s->lock);
		t = queue_take(&s->finished);
		pthread_mutex_unlock(&s->lock);
		if (t)
			t->done(t->data);
	} while (t);
}

static void on_finished(
	struct loop_source *source UNUSED, int fd, uint32_t events UNUSED, void *data)
{
	uint64_t n;

	IGNORE_RESULT(read(fd, &n, sizeof(n)), "it was not readable any more");
	finished_tell(data);
}

void syncer_submit(struct syncer *s, struct sync_task *t)
{
	pthread_mutex_lock(&s->lock);
	queue_add(&s->todo, t);
	pthread_cond_signal(&s->more);
	pthread_mutex_unlock(&s->lock);
}

static bool queue_has(const struct queue *q, const char *name)
{
	for (const struct sync_task *t = q->first; t; t = t->next)
		if (str_eq(t->name, name))
			return true;
	return false;
}

bool syncer_busy(struct syncer *s, const char *name)
{
	pthread_mutex_lock(&s->lock);
	bool busy = queue_has(&s->todo, name) || queue_has(&s->finished, name);
	for (unsigned i = 0; i < s->n_workers; i++)
		busy = busy || (s->workers[i].task && str_eq(s->workers[i].task->name, name));
	pthread_mutex_unlock(&s->lock);
	return busy;
}

static void syncer_free(struct syncer *s)
{
	loop_source_unref(&s->on_finished);
	close_fdp(&s->fd);
	pthread_cond_destroy(&s->more);
	pthread_mutex_destroy(&s->lock);
	free(s);
}

static int workers_start(struct syncer *s, unsigned n, struct err *e)
{
	for (unsigned i = 0; i < n && i < SYNCER_THREADS_MAX; i++) {
		s->workers[i].syncer = s;
		if (thread_start(&s->workers[i].thread, thread_main, &s->workers[i], "object sync",
			    e) < 0)
			return -1;
		s->n_workers++;
	}
	return 0;
}

struct syncer *syncer_start(struct loop *l, unsigned threads, struct err *e)
{
	struct syncer *s = xcalloc(1, sizeof(*s));

	s->todo.last = &s->todo.first;
	s->finished.last = &s->finished.first;
	pthread_mutex_init(&s->lock, NULL);
	pthread_cond_init(&s->more, NULL);
	s->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (s->fd < 0) {
		err_set_errno(e, errno, "eventfd");
		syncer_free(s);
		return NULL;
	}
	s->on_finished = loop_io(l, s->fd, EPOLLIN, on_finished, s);
	if (workers_start(s, threads, e) == 0)
		return s;
	syncer_stop(s);
	return NULL;
}

void syncer_stop(struct syncer *s)
{
	if (!s)
		return;
	pthread_mutex_lock(&s->lock);
	s->stop = true;
	pthread_cond_broadcast(&s->more);
	pthread_mutex_unlock(&s->lock);
	for (unsigned i = 0; i < s->n_workers; i++)
		pthread_join(s->workers[i].thread, NULL);
	finished_tell(s);
	syncer_free(s);
}
