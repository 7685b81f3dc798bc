/* One thread, one eventfd, one slot: whoever frees the work has joined its thread. */
#include "coordinator/pages/aside.h"

#include <errno.h>
#include <sys/eventfd.h>

#include "base/proc.h"

struct aside {
	struct app *app;
	struct httpd_request *request; /* NULL: gone */
	const struct aside_work *work;
	void *data;
	int done; /* eventfd */
	struct loop_source *source;
	pthread_t thread;
	struct aside **slot;
};

/* Its thread is joined. */
static void aside_free(struct aside *s)
{
	loop_source_unref(&s->source);
	close_fdp(&s->done);
	if (s->request)
		httpd_on_close(s->request, NULL, NULL);
	*s->slot = NULL;
	s->work->release(s->data);
	free(s);
}

static void *thread_main(void *data)
{
	struct aside *s = data;
	const uint64_t one = 1;

	s->work->run(s->data);
	IGNORE_RESULT(write(s->done, &one, sizeof(one)), "an eventfd that is 0 takes it");
	return NULL;
}

static void on_done(
	struct loop_source *source UNUSED, int fd UNUSED, uint32_t events UNUSED, void *data)
{
	struct aside *s = data;

	pthread_join(s->thread, NULL); /* it only has to return; what it wrote is ours then */
	httpd_turn_begin(s->app->httpd);
	s->work->answer(s->data, s->request);
	httpd_turn_end(s->app->httpd);
	aside_free(s);
}

static void on_gone(struct httpd_request *r UNUSED, void *data)
{
	struct aside *s = data;

	s->request = NULL;
}

static struct aside **free_slot(struct aside **slots, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (!slots[i])
			return &slots[i];
	return NULL;
}

static int thread_begin(struct aside *s, struct err *e)
{
	s->done = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (s->done < 0)
		return err_set_errno(e, errno, "eventfd");
	if (thread_start(&s->thread, thread_main, s, s->work->name, e) == 0)
		return 0;
	close_fdp(&s->done);
	return -1;
}

int aside_start(struct app *a, struct aside **slots, size_t n_slots, const struct aside_work *w,
	void *data, struct httpd_request *r, struct err *e)
{
	struct aside **slot = free_slot(slots, n_slots);

	if (!slot)
		return err_set(e, ERR_TIMEOUT, "many sign in at this moment");
	struct aside *s = xcalloc(1, sizeof(*s));
	*s = (struct aside){ .app = a, .request = r, .work = w, .data = data, .slot = slot };
	if (thread_begin(s, e) < 0) {
		free(s);
		return -1;
	}
	*slot = s;
	s->source = loop_io(a->loop, s->done, EPOLLIN, on_done, s);
	httpd_on_close(r, on_gone, s);
	httpd_hold(r);
	return 0;
}

void asides_end(struct aside **slots, size_t n_slots)
{
	for (size_t i = 0; i < n_slots; i++) {
		if (!slots[i])
			continue;
		pthread_join(slots[i]->thread, NULL);
		aside_free(slots[i]);
	}
}
