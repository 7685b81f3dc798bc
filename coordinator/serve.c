/* `shithubd serve`: puts the parts together, runs the loop, takes them apart in reverse. */
#include <signal.h>
#include <stdio.h>

#include "base/fs.h"
#include "base/log.h"
#include "coordinator/admin.h"
#include "coordinator/admin_verbs.h"
#include "coordinator/api.h"
#include "coordinator/artifact.h"
#include "coordinator/claim.h"
#include "coordinator/git_http.h"
#include "coordinator/lost_job.h"
#include "coordinator/object.h"
#include "coordinator/push_journal.h"
#include "coordinator/repo.h"
#include "coordinator/serve_config.h"

#define FLUSH_US (5 * USEC_PER_SEC)

struct serve {
	struct app app;
	struct serve_config config;
	struct loop_source *term, *interrupt, *flush;
	int lock;
};

static void on_stop(
	struct loop_source *s UNUSED, const struct signalfd_siginfo *si UNUSED, void *data)
{
	struct serve *v = data;
	loop_stop(v->app.loop, EXIT_OK);
}

static void on_flush(struct loop_source *s, void *data)
{
	struct serve *v = data;
	struct err e = { 0 };
	size_t lost;
	int pruned;
	if (lost_jobs_end(&v->app, v->config.job_expiry, wall_now(), &lost, &e) ||
		metrics_flush(&v->app.metrics, v->app.store, &e) ||
		store_answer_prune(v->app.store, wall_now(), &e) ||
		artifact_prune(&v->app, wall_now(), &pruned, &e))
		log_warn("serve", "housekeeping_failed", F_ERR(&e));
	loop_timer_set(s, mono_add(loop_now(v->app.loop), FLUSH_US));
}

/* One serve per data folder: the lock is held until the process ends. */
static int data_open(struct serve *v, struct err *e)
{
	struct app *a = &v->app;
	a->data_dir = xstrdup(v->config.data_dir);
	if (dir_ensure_parents(a->data_dir, 0700, e))
		return err_wrap(e, "data folder");
	CLEAN_STR char *lock = path_join(a->data_dir, "serve.lock");
	CLEAN_STR char *db = path_join(a->data_dir, "shithubd.db");
	v->lock = lock_file(lock, e);
	if (v->lock < 0)
		return err_wrap(e, "another serve uses this data folder");
	a->artifacts = (struct artifact_limits){ .max_bytes = (int64_t)v->config.artifact_max_size,
		.max_run_bytes = (int64_t)v->config.artifact_max_run_size,
		.retention_days = v->config.artifact_days };
	if (keys_load(&a->keys, v->config.totp_key_b64, a->data_dir, e) ||
		serve_keys_publish(&a->keys, a->data_dir, e) || object_store_open(a->data_dir, e))
		return -1;
	a->store = store_open(db, e);
	return a->store ? claims_recover(a, e) : -1;
}

static int loop_start(struct serve *v, struct err *e)
{
	struct app *a = &v->app;
	a->started_at = wall_now();
	a->loop = loop_new(e);
	if (!a->loop)
		return -1;
	v->term = loop_signal(a->loop, SIGTERM, on_stop, v);
	v->interrupt = loop_signal(a->loop, SIGINT, on_stop, v);
	v->flush = loop_timer(a->loop, mono_add(mono_now(), FLUSH_US), on_flush, v);
	return waiters_new(a, e);
}

static int http_listen(struct serve *v, struct err *e)
{
	struct app *a = &v->app;
	static const struct httpd_route *const tables[] = { api_routes, git_http_routes };
	const size_t sizes[] = { api_routes_n, ARRAY_LEN(git_http_routes) };
	struct httpd_config c = { .listen = v->config.listen,
		.tables = tables,
		.table_sizes = sizes,
		.n_tables = ARRAY_LEN(tables),
		.app = a };
	a->httpd = httpd_new(a->loop, &c, e);
	if (!a->httpd)
		return -1;
	a->public_url = v->config.public_url ? xstrdup(v->config.public_url)
					     : xasprintf("http://%s", httpd_address(a->httpd));
	return 0;
}

static int url_publish(struct app *a, const char *ready_file, struct err *e)
{
	CLEAN_STR char *path = path_join(a->data_dir, "public_url");
	CLEAN_STR char *url = xasprintf("%s\n", a->public_url);
	CLEAN_STR char *base = xasprintf("http://%s\n", httpd_address(a->httpd));
	if (file_replace(path, url, strlen(url), 0644, e))
		return -1;
	return ready_file ? file_replace(ready_file, base, strlen(base), 0644, e) : 0;
}

static void serve_release(struct serve *v)
{
	struct app *a = &v->app;
	struct err e = { 0 };
	waiters_free(a);
	httpd_free(a->httpd);
	git_http_stop(a);
	if (a->store && metrics_flush(&a->metrics, a->store, &e))
		log_warn("serve", "housekeeping_failed", F_ERR(&e));
	loop_source_free(v->term);
	loop_source_free(v->interrupt);
	loop_source_free(v->flush);
	loop_free(a->loop);
	store_free(a->store);
	keys_wipe(&a->keys);
	free(a->data_dir);
	free(a->public_url);
	serve_config_release(&v->config);
	close_fdp(&v->lock);
}

int verb_serve(int argc, char **argv)
{
	struct serve v = { .lock = -1 };
	const char *ready_file = NULL;
	struct err e = { 0 };
	int rc = serve_config_load(&v.config, &ready_file, argc, argv);
	if (rc) {
		serve_config_release(&v.config);
		return rc > 0 ? EXIT_OK : EXIT_USAGE;
	}
	signal(SIGPIPE, SIG_IGN);
	repo_library_init();
	int code = EXIT_FINDINGS;
	if (data_open(&v, &e) || loop_start(&v, &e) || http_listen(&v, &e) ||
		push_journal_sweep(&v.app, &e) || url_publish(&v.app, ready_file, &e)) {
		code = admin_fail(&e);
	} else {
		log_info("serve", "listening", F_STR("address", httpd_address(v.app.httpd)),
			F_STR("public_url", v.app.public_url));
		code = loop_run(v.app.loop, &e);
		if (code < 0)
			code = cli_fail(EXIT_FINDINGS, "%s", e.text);
		log_info("serve", "stopped");
	}
	serve_release(&v);
	repo_library_shutdown();
	return code;
}
