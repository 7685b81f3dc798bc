/*
 * A handler that was called once more looks everything up again, as rows may have changed. That it
 * comes from here stands in the app while it runs; in the request nothing of ours is left.
 */
#include "coordinator/object/fetch.h"

#include <stdlib.h>

#include "base/log.h"
#include "coordinator/http/httpd.h"
#include "coordinator/object/stored_log.h"
#include "coordinator/object/syncer.h"

struct fetch {
	struct app *app;
	struct httpd_request *request; /* NULL: the client has gone */
	atomic_bool gone;              /* the same, for the thread that fetches */
	httpd_fn again;
	struct fetch_list wanted;
	struct sync_task task;
};

static void list_release(struct fetch_list *l)
{
	for (size_t i = 0; i < l->n; i++)
		free(l->v[i].key);
	free(l->v);
	*l = (struct fetch_list){ 0 };
}

void fetch_add(struct fetch_list *l, const struct app *a, const char *key, int64_t size)
{
	if (object_is_here(a->objects, key))
		return;
	l->v = xrealloc(l->v, (l->n + 1) * sizeof(*l->v));
	l->v[l->n++] = (struct fetch_wanted){ xstrdup(key), size };
}

static int fetch_work(void *data, struct err *e)
{
	const struct fetch *f = data;

	for (size_t i = 0; i < f->wanted.n && !f->gone; i++) {
		const struct fetch_wanted *w = &f->wanted.v[i];

		if (object_fetch(f->app->objects, w->key, w->size, &f->gone, e) < 0)
			return err_wrap(e, "object %s", w->key);
	}
	return 0;
}

static void fetch_free(struct fetch *f)
{
	list_release(&f->wanted);
	free(f);
}

static void on_close(struct httpd_request *r UNUSED, void *data)
{
	struct fetch *f = data;

	f->request = NULL; /* fetch_done frees it */
	f->gone = true;
}

static void fetch_done(void *data)
{
	struct fetch *f = data;
	struct app *a = f->app;

	if (f->request && f->task.failed)
		log_warn("objects", "not_fetched", F_ERR(&f->task.error));
	if (f->request) {
		httpd_on_close(f->request, NULL, NULL);
		a->fetched = f->request;
		httpd_turn_begin(a->httpd);
		f->again(f->request, a);
		httpd_turn_end(a->httpd);
		a->fetched = NULL;
	}
	fetch_free(f);
}

bool fetch_first(struct httpd_request *r, struct app *a, struct fetch_list *wanted, httpd_fn again)
{
	if (!wanted->n || !a->fetcher || a->fetched == r) {
		list_release(wanted);
		return false;
	}
	struct fetch *f = xcalloc(1, sizeof(*f));
	f->app = a;
	f->request = r;
	f->again = again;
	f->wanted = TAKE_VALUE(*wanted, (struct fetch_list){ 0 });
	f->task = (struct sync_task){ .work = fetch_work, .done = fetch_done, .data = f };
	httpd_on_close(r, on_close, f);
	httpd_hold(r);
	syncer_submit(a->fetcher, &f->task);
	return true;
}

bool fetch_logs_first(struct httpd_request *r, struct app *a, int64_t run_id,
	const struct job_steps *steps, httpd_fn again)
{
	struct fetch_list wanted = { 0 };

	for (size_t i = 0; objects_far(a->objects) && i < steps->n; i++) {
		const struct step_row *step = &steps->v[i];
		CLEAN_STR char *key = stored_log_key(run_id, step->job_id, step->id);

		if (step->archived_at.us)
			fetch_add(&wanted, a, key, step->log_bytes);
	}
	return fetch_first(r, a, &wanted, again);
}
