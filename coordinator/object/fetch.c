/*
 * A handler that was called once more looks everything up again, as rows may have changed. That it
 * comes from here stands in the app while it runs; in the request nothing of ours is left.
 */
#include "coordinator/object/fetch.h"

#include "base/log.h"
#include "coordinator/http/httpd.h"
#include "coordinator/object/stored_log.h"
#include "coordinator/object/syncer.h"

struct fetch {
	struct app *app;
	struct httpd_request *request; /* NULL: the client has gone */
	httpd_fn again;
	struct strv keys;
	struct sync_task task;
};

static int fetch_work(void *data, struct err *e)
{
	const struct fetch *f = data;

	strv_each (key, &f->keys)
		if (object_fetch(f->app->objects, key, e) < 0)
			return err_wrap(e, "object %s", key);
	return 0;
}

static void fetch_free(struct fetch *f)
{
	strv_release(&f->keys);
	free(f);
}

static void on_close(struct httpd_request *r UNUSED, void *data)
{
	struct fetch *f = data;

	f->request = NULL; /* fetch_done frees it */
}

static void fetch_done(void *data)
{
	struct fetch *f = data;
	struct app *a = f->app;

	if (f->task.failed)
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

bool fetch_first(struct httpd_request *r, struct app *a, struct strv *keys, httpd_fn again)
{
	if (!keys->n || !a->syncer || a->fetched == r) {
		strv_release(keys);
		return false;
	}
	struct fetch *f = xcalloc(1, sizeof(*f));
	f->app = a;
	f->request = r;
	f->again = again;
	f->keys = TAKE_VALUE(*keys, (struct strv){ 0 });
	f->task = (struct sync_task){ .work = fetch_work, .done = fetch_done, .data = f };
	httpd_on_close(r, on_close, f);
	httpd_hold(r);
	syncer_submit(a->syncer, &f->task);
	return true;
}

bool fetch_logs_first(struct httpd_request *r, struct app *a, int64_t run_id,
	const struct job_steps *steps, httpd_fn again)
{
	struct strv keys = { 0 };

	for (size_t i = 0; objects_far(a->objects) && i < steps->n; i++) {
		const struct step_row *step = &steps->v[i];
		CLEAN_STR char *key = stored_log_key(run_id, step->job_id, step->id);

		if (step->archived_at.us && !object_is_here(a->objects, key))
			strv_add(&keys, key);
	}
	return fetch_first(r, a, &keys, again);
}
