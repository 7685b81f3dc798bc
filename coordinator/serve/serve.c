/*
 * Puts the parts together, runs the loop, takes them apart in reverse. Nothing is handed out
 * before what a crash left is settled: claims whose answer nobody saw (data_open) and pushes
 * without runs.
 */
#include "coordinator/serve/serve.h"

#include <signal.h>
#include <stdio.h>
#include <sys/stat.h>
#include <systemd/sd-daemon.h>

#include "base/cli.h"
#include "config/descriptors.h"
#include "base/fs.h"
#include "base/log.h"
#include "coordinator/app/turn.h"
#include "coordinator/claim/claim.h"
#include "coordinator/git/git_http.h"
#include "coordinator/instance/instance.h"
#include "coordinator/object/fetch.h"
#include "coordinator/object/objects.h"
#include "coordinator/object/syncer.h"
#include "coordinator/pages/log/log.h"
#include "coordinator/pages/pages.h"
#include "coordinator/repo/repo.h"
#include "coordinator/serve/agree.h"
#include "coordinator/serve/certificate.h"
#include "coordinator/scrub/scrub.h"
#include "coordinator/serve/config.h"
#include "coordinator/serve/housekeeping.h"
#include "coordinator/serve/metrics_access.h"
#include "coordinator/serve/repositories.h"
#include "coordinator/serve/root_key.h"
#include "coordinator/serve/routes.h"
#include "coordinator/serve/sign_in.h"
#include "coordinator/sql/place.h"
#include "coordinator/instance/lease.h"
#include "coordinator/store/schema.h"
#include "coordinator/store/store.h"
#include "coordinator/trigger/planner.h"
#include "coordinator/trigger/push_journal.h"
#include "coordinator/webhook/sender.h"
#include "sandbox/landlock.h"

#define OWN_DESCRIPTORS 256 /* store, sockets, git's pipes, and some to spare */
#define CONNECTIONS_LEAST 64
#define OBJECTS_CHECK_US (3 * USEC_PER_SEC)
#define FLUSH_US (5 * USEC_PER_SEC)
/* For the write lock of another process: who calls waits longer (app/turn.h), and nobody is served
 * while anything else waits. */
#define PATIENCE_US (USEC_PER_SEC / 2)

struct serve {
	struct app app;
	struct serve_config config;
	struct loop_source *term, *interrupt, *hup, *flush;
	struct sender *sender;
	struct networks trusted; /* proxies */
	bool stopping;
	int lock, store_lock, objects_lock;
};

static void on_stop(
	struct loop_source *s UNUSED, const struct signalfd_siginfo *si UNUSED, void *data)
{
	struct serve *v = data;

	v->stopping = true;
	sd_notify(0, "STOPPING=1");
	loop_stop(v->app.loop, EXIT_OK);
}

/* The loop hears of a signal when it comes round, and does not come round while the store waits. */
static bool is_stopping(void *data)
{
	const struct serve *v = data;
	sigset_t pending;

	return v->stopping ||
	       (sigpending(&pending) == 0 &&
		       (sigismember(&pending, SIGTERM) == 1 || sigismember(&pending, SIGINT) == 1));
}

static void on_hup(
	struct loop_source *s UNUSED, const struct signalfd_siginfo *si UNUSED, void *data)
{
	const struct serve *v = data;

	certificate_reload(&v->config);
}

/* A newer program brought the store to its own schema. What this one does still works (steps.h),
 * but not for longer than it must: the unit starts it again, as the newer one. */
static bool outgrown(struct serve *v)
{
	int64_t have = store_schema_version(v->app.store);

	if (have <= store_schema_newest())
		return false;
	log_error("serve", "schema_newer", F_INT("schema", have),
		F_INT("own", store_schema_newest()),
		F_STR("remedy", "start the program that made it, or a newer one"));
	v->stopping = true;
	sd_notify(0, "STOPPING=1");
	loop_stop(v->app.loop, EXIT_REFUSED);
	return true;
}

static void on_flush(struct loop_source *s, void *data)
{
	struct serve *v = data;

	if (outgrown(v))
		return;
	sd_notify(0, "WATCHDOG=1"); /* to systemd, when there is one */
	housekeep(&v->app, v->config.job_expiry);
	if (!instance_is_alone(v->app.instance))
		claim_wake(&v->app); /* the word of another serve may be lost */
	loop_timer_set(s, mono_add(loop_now(v->app.loop), FLUSH_US));
}

static bool same_folder(const char *a, const char *b)
{
	struct stat x, y;

	return stat(a, &x) == 0 && stat(b, &y) == 0 && x.st_dev == y.st_dev && x.st_ino == y.st_ino;
}

static int folder_lock(const char *folder, const char *of, int *ret, struct err *e)
{
	CLEAN_STR char *lock = path_join(folder, "serve.lock");

	*ret = lock_file(lock, e);
	return *ret < 0 ? err_wrap(e, "%s: a folder for this serve alone", of) : 0;
}

static char *folder_of(const char *place)
{
	return xmemdup0(place, (size_t)(strrchr(place, '/') - place));
}

/* Of a file that is elsewhere; in the data folder the lock is held already. */
static int store_folder_lock(struct serve *v, const char *place, struct err *e)
{
	CLEAN_STR char *folder = folder_of(place);

	return !store_place_is_file(place) || same_folder(folder, v->app.data_dir)
		       ? 0
		       : folder_lock(folder, "store", &v->store_lock, e);
}

/* The same of objects. Coordinators with their rows in PostgreSQL may share them. */
static int objects_folder_lock(struct serve *v, struct err *e)
{
	CLEAN_STR char *place = store_place(v->app.data_dir, e);
	const char *folder = objects_folder(v->app.objects);

	if (!place)
		return -1;
	if (!v->config.objects || !folder || !store_place_is_file(place))
		return 0;
	CLEAN_STR char *store = folder_of(place);
	return same_folder(folder, store) || same_folder(folder, v->app.data_dir)
		       ? 0
		       : folder_lock(folder, "objects", &v->objects_lock, e);
}

static int objects_begin(struct serve *v, struct err *e)
{
	const struct objects_place p = { v->app.data_dir, v->config.objects,
		v->config.objects_credentials, v->config.objects_ca_file };
	struct err check = { 0 };

	v->app.objects = objects_open(&p, e);
	if (!v->app.objects || objects_sweep(v->app.objects, e) < 0 ||
		objects_folder_lock(v, e) < 0 || objects_publish(&p, e) < 0)
		return -1;
	if (objects_check(v->app.objects, OBJECTS_CHECK_US, &check) < 0 &&
		!err_is(&check, ERR_TIMEOUT)) {
		*e = check;
		return err_wrap(e, "objects");
	}
	if (check.class != ERR_NONE)
		log_warn("serve", "objects_away", F_ERR(&check),
			F_STR("effect", "uploads and archived logs wait for them"));
	objects_wait_never(v->app.objects);
	return 0;
}

static int store_begin_here(struct serve *v, struct err *e)
{
	CLEAN_STR char *place = store_place_to_serve(v->app.data_dir, v->config.store, e);

	if (!place || store_folder_lock(v, place, e) < 0)
		return -1;
	v->app.store = store_open_to_serve(place, e);
	if (!v->app.store || store_instances_alone(v->app.store, e) < 0)
		return -1;
	return store_place_publish(v->app.data_dir, v->config.store, e);
}

/* One serve per data folder: the lock is held until the process ends. */
static int data_open(struct serve *v, struct err *e)
{
	struct app *a = &v->app;

	a->data_dir = xstrdup(v->config.data_dir);
	if (dir_ensure_parents(a->data_dir, 0700, e) < 0)
		return err_wrap(e, "data folder");
	CLEAN_STR char *lock = path_join(a->data_dir, "serve.lock");
	v->lock = lock_file(lock, e);
	if (v->lock < 0)
		return err_wrap(e, "another serve uses this data folder");
	a->git_hooks = v->config.git_hooks;
	a->artifacts = (struct artifact_limits){ .max_bytes = (int64_t)v->config.artifact_max_size,
		.max_run_bytes = (int64_t)v->config.artifact_max_run_size,
		.retention_days = v->config.artifact_days };
	a->live_log_us = v->config.live_log_time;
	a->logs = (struct log_limits){ .step = (int64_t)v->config.log_max_step_size,
		.job = (int64_t)v->config.log_max_job_size,
		.run = (int64_t)v->config.log_max_run_size };
	a->scrub = scrub_new();
	if (store_begin_here(v, e) < 0 || root_key_begin(a, &v->config, e) < 0 ||
		objects_begin(v, e) < 0 || repositories_begin(a, &v->config, e) < 0)
		return -1;
	return claims_recover(a, e);
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
	v->hup = loop_signal(a->loop, SIGHUP, on_hup, v);
	v->flush = loop_timer(a->loop, mono_add(mono_now(), FLUSH_US), on_flush, v);
	store_wait_ends(a->store, is_stopping, v);
	return waiters_new(a, e);
}

static void on_word(void *app, const char *word)
{
	claim_heard(app, word);
}

/* What it claimed may be given back, so nobody is left waiting for it. */
static void on_anew(void *app)
{
	claim_release(app, 0);
}

static int instance_begin(struct serve *v, struct err *e)
{
	CLEAN_STR char *place = store_place(v->app.data_dir, e);

	if (!place)
		return -1;
	v->app.instance = instance_start(&(struct instance_config){ .store = v->app.store,
						 .loop = v->app.loop,
						 .place = place,
						 .version = PROJECT_VERSION,
						 .lease_us = v->config.lease,
						 .heard = on_word,
						 .anew = on_anew,
						 .data = &v->app },
		e);
	store_patience(v->app.store, PATIENCE_US);
	return v->app.instance ? 0 : -1;
}

/* A machine that has fewer open files than the default needs still serves. */
static unsigned connections_possible(int64_t wanted)
{
	uint64_t have = descriptors_raise((uint64_t)wanted + OWN_DESCRIPTORS);
	int64_t possible = (int64_t)have - OWN_DESCRIPTORS;

	if (possible >= wanted)
		return (unsigned)wanted;
	possible = possible < CONNECTIONS_LEAST ? CONNECTIONS_LEAST : possible;
	log_warn("serve", "connections_lowered", F_INT("max_connections", possible),
		F_INT("wanted", wanted), F_INT("open_files", (int64_t)have),
		F_STR("remedy", "raise LimitNOFILE= of the unit (ulimit -n)"));
	return (unsigned)possible;
}

static char *base_url(const struct serve *v)
{
	return xasprintf("%s://%s", certificate_given(&v->config) ? "https" : "http",
		httpd_address(v->app.httpd));
}

/* The configuration has checked them. */
static void proxies_read(struct serve *v)
{
	const struct strv *texts = &v->config.trusted_proxies;

	v->trusted.v = xcalloc(texts->n + 1, sizeof(*v->trusted.v));
	strv_each (text, texts)
		if (!network_parse(text, &v->trusted.v[v->trusted.n]))
			v->trusted.n++;
}

static int http_listen(struct serve *v, struct err *e)
{
	struct app *a = &v->app;
	const struct routes routes = routes_all();
	struct httpd_config c = { .listen = v->config.listen,
		.tables = routes.tables,
		.table_sizes = routes.sizes,
		.n_tables = v->config.pages == PAGES_OFF ? ROUTES_PAGES : ROUTES_TABLES,
		.lost = v->config.pages == PAGES_ON ? &page_lost : NULL,
		.max_connections = connections_possible(v->config.connections),
		.max_per_peer = (unsigned)v->config.connections_per_peer,
		.trusted = v->trusted,
		.tls = certificate_given(&v->config),
		.app = a,
		.turn = &app_turn };

	if (certificate_open(&v->config, e) < 0 ||
		metrics_access_open(&v->config, &a->metrics_access, e) < 0)
		return -1;
	a->httpd = httpd_new(a->loop, &c, e);
	if (!a->httpd)
		return -1;
	a->pages = v->config.pages == PAGES_ON;
	a->metrics.app_loop = a->loop;
	a->metrics.connections_loop = httpd_loop(a->httpd);
	a->public_url = v->config.public_url ? xstrdup(v->config.public_url) : base_url(v);
	if (sign_in_open(&v->config, a->public_url, &a->oidc, e) < 0)
		return -1;
	return sign_in_publish(&v->config, e);
}

static int url_publish(const struct serve *v, const char *ready_file, struct err *e)
{
	const struct app *a = &v->app;
	CLEAN_STR char *path = path_join(a->data_dir, "public_url");
	CLEAN_STR char *url = xasprintf("%s\n", a->public_url);
	CLEAN_STR char *own = base_url(v);
	CLEAN_STR char *base = xasprintf("%s\n", own);

	if (file_replace(path, url, strlen(url), 0644, e) < 0)
		return -1;
	return ready_file ? file_replace(ready_file, base, strlen(base), 0644, e) : 0;
}

static int workers_begin(struct serve *v, struct err *e)
{
	v->app.planner = planner_start(&v->app, e);
	bool far = objects_far(v->app.objects);
	v->app.syncer = syncer_start(v->app.loop, far ? SYNCER_THREADS_MAX : 1, e);
	v->app.fetcher = far ? syncer_start(v->app.loop, FETCH_THREADS, e) : NULL;
	return v->app.planner && v->app.syncer && (v->app.fetcher || !far) ? 0 : -1;
}

static int sender_begin(struct serve *v, struct err *e)
{
	CLEAN_STR char *place = store_place(v->app.data_dir, e);

	if (!place)
		return -1;
	v->sender = sender_start(&(struct sender_config){ .store_path = place,
					 .public_url = v->app.public_url,
					 .pages = v->app.pages,
					 .keys = &v->app.keys,
					 .instance = v->app.instance },
		e);
	return v->sender ? 0 : -1;
}

static void objects_end(struct app *a)
{
	if (a->objects)
		objects_stop(a->objects);
	syncer_stop(TAKE(a->syncer));
	syncer_stop(TAKE(a->fetcher));
}

static void serve_release(struct serve *v)
{
	struct app *a = &v->app;
	struct err e = { 0 };

	sender_stop(v->sender);
	objects_end(a); /* before the requests that wait for them */
	waiters_free(a);
	httpd_free(a->httpd);
	pages_stop(a);
	oidc_free(a->oidc);
	logs_stop(a);
	certificate_close();
	planner_stop(a->planner);
	git_http_stop(a);
	if (a->store && metrics_flush(&a->metrics, a->store, &e) < 0)
		log_warn("serve", "housekeeping_failed", F_ERR(&e));
	instance_stop(a->instance);
	loop_source_unref(&v->term);
	loop_source_unref(&v->interrupt);
	loop_source_unref(&v->hup);
	loop_source_unref(&v->flush);
	loop_free(a->loop);
	scrub_free(a->scrub);
	store_free(a->store);
	keys_wipe(&a->keys);
	objects_free(a->objects);
	free(a->data_dir);
	free(a->public_url);
	serve_config_release(&v->config);
	free(v->trusted.v);
	close_fdp(&v->store_lock);
	close_fdp(&v->objects_lock);
	close_fdp(&v->lock);
}

/* A unit's call filter or an old kernel can take Landlock away without any other sign. */
static void confinement_tell(void)
{
	int abi = landlock_abi();

	if (abi > 0)
		log_info("serve", "git_confined", F_INT("landlock", abi));
	else
		log_warn("serve", "git_not_confined",
			F_STR("effect", "git can read the data folder, root.key included"),
			F_STR("remedy",
				"Linux 5.13 or newer with Landlock, and its calls in the unit's "
				"SystemCallFilter"));
}

int verb_serve(int argc, char **argv)
{
	struct serve v = { .lock = -1, .store_lock = -1, .objects_lock = -1 };
	const char *ready_file = NULL;
	struct err e = { 0 };
	int rc = serve_config_load(&v.config, &ready_file, argc, argv);

	if (rc != 0) {
		serve_config_release(&v.config);
		return rc > 0 ? EXIT_OK : EXIT_USAGE;
	}
	signal(SIGPIPE, SIG_IGN);
	repo_library_init();
	proxies_read(&v);
	int code = EXIT_FINDINGS;
	if (data_open(&v, &e) < 0 || loop_start(&v, &e) < 0 || instance_begin(&v, &e) < 0 ||
		settings_agree(&v.app, &v.config, &e) < 0 || http_listen(&v, &e) < 0 ||
		push_journal_sweep(&v.app, &e) < 0 || workers_begin(&v, &e) < 0 ||
		sender_begin(&v, &e) < 0 || url_publish(&v, ready_file, &e) < 0) {
		code = cli_fail(exit_code(&e), "%s", e.text);
	} else {
		confinement_tell();
		log_info("serve", "listening", F_STR("address", httpd_address(v.app.httpd)),
			F_STR("public_url", v.app.public_url));
		sd_notify(0, "READY=1");
		code = loop_run(v.app.loop, &e);
		if (code < 0)
			code = cli_fail(EXIT_FINDINGS, "%s", e.text);
		log_info("serve", "stopped");
	}
	serve_release(&v);
	repo_library_shutdown();
	return code;
}
