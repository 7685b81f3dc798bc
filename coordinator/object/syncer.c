/*
 * Two queues under one mutex: tasks, and tasks that are done. The loop hears of the latter through
 * an event descriptor.
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
struct syncer {
	pthread_t thread;
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
static struct sync_task *task_wait(struct syncer *s)
{
	pthread_mutex_lock(&s->lock);
	while (!s->stop && !s->todo.first)
		pthread_cond_wait(&s->more, &s->lock);
	struct sync_task *t = queue_take(&s->todo);
	pthread_mutex_unlock(&s->lock);
	return t;
}

static void task_finish(struct syncer *s, struct sync_task *t)
{
	const uint64_t one = 1;

	pthread_mutex_lock(&s->lock);
	queue_add(&s->finished, t);
	pthread_mutex_unlock(&s->lock);
	IGNORE_RESULT(write(s->fd, &one, sizeof(one)), "it is readable already");
}

static void *thread_main(void *data)
{
	struct syncer *s = data;
	struct sync_task *t;

	while ((t = task_wait(s))) {
		t->failed = object_upload_sync(t->upload, &t->error) < 0;
		task_finish(s, t);
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

static void syncer_free(struct syncer *s)
{
	loop_source_unref(&s->on_finished);
	close_fdp(&s->fd);
	pthread_cond_destroy(&s->more);
	pthread_mutex_destroy(&s->lock);
	free(s);
}

struct syncer *syncer_start(struct loop *l, struct err *e)
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
	if (thread_start(&s->thread, thread_main, s, "object sync", e) == 0)
		return s;
	syncer_free(s);
	return NULL;
}

void syncer_stop(struct syncer *s)
{
	if (!s)
		return;
	pthread_mutex_lock(&s->lock);
	s->stop = true;
	pthread_cond_signal(&s->more);
	pthread_mutex_unlock(&s->lock);
	pthread_join(s->thread, NULL);
	finished_tell(s);
	syncer_free(s);
}
