/* The machine around the data folder, and serve as its callers see it. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/timex.h>

#include "base/fs.h"
#include "base/http/http.h"
#include "base/limits.h"
#include "base/proc.h"
#include "coordinator/doctor/doctor.h"
#include "coordinator/http/tls.h"
#include "coordinator/oidc/client.h"
#include "coordinator/serve/sign_in.h"
#include "sandbox/landlock.h"

enum { OWN_DESCRIPTORS = 256, GIT_MAJOR = 2, GIT_MINOR = 30, OUT_MAX = 4096 };
#define DAY_US (24 * 3600 * USEC_PER_SEC)
#define CERTIFICATE_WARN_US (21 * DAY_US)
#define ANSWER_US (10 * USEC_PER_SEC)

/* ---- serve ---- */

static bool serve_runs(const char *data_dir)
{
	CLEAN_STR char *path = path_join(data_dir, "serve.lock");
	CLEAN_FD int fd = open(path, O_RDONLY | O_CLOEXEC);

	return fd >= 0 && flock(fd, LOCK_SH | LOCK_NB) < 0 && errno == EWOULDBLOCK;
}

/* What it published at its start. */
static char *url_read(const char *data_dir)
{
	CLEAN_STR char *path = path_join(data_dir, "public_url");
	CLEAN_BUF struct buf text = BUF_INIT(OUT_MAX);

	if (file_read(path, &text, NULL) < 0)
		return NULL;
	return xstrndup(buf_cstr(&text), strcspn(buf_cstr(&text), "\n"));
}

static void url_ask(const struct coordinator_facts *f, const char *base, struct doctor_row *r)
{
	CLEAN_STR char *url = xasprintf("%s/healthz", base);
	struct err e = { 0 };
	struct loop *l = loop_new(&e);
	struct http *h = l ? http_new(l,
				     &(struct http_config){ .user_agent = "shithubd-doctor",
					     .ca_file = f->ca_file },
				     &e)
			   : NULL;
	struct http_exchange *x =
		h ? http_start(h,
			    &(struct http_request){
				    .method = "GET", .url = url, .timeout_us = ANSWER_US },
			    NULL, NULL, &e)
		  : NULL;

	if (!x)
		doctor_unproved(r, "%s", e.text);
	else if (http_wait(x)->outcome == HTTP_DONE && http_result(x)->status == 200)
		doctor_say(r, DOCTOR_PASS, "%s answers", base);
	else if (http_result_error(http_result(x), &e) < 0)
		doctor_say(r, DOCTOR_FAIL, "%s: %s", url, e.text);
	http_exchange_free(x);
	http_free(h);
	loop_free(l);
}

void check_serve(const struct coordinator_facts *f, struct doctor_row *r)
{
	CLEAN_STR char *url = NULL;

	if (!serve_runs(f->config.data_dir)) {
		doctor_say(r, f->offline ? DOCTOR_SKIP : DOCTOR_FAIL,
			"no serve uses this data folder");
		return;
	}
	url = url_read(f->config.data_dir);
	if (f->offline)
		doctor_say(r, DOCTOR_PASS, "it runs; not asked (--offline)");
	else if (!url)
		doctor_unproved(r, "it runs and has not said at which URL");
	else
		url_ask(f, url, r);
}

/* ---- sign-in ---- */

void check_sign_in(const struct coordinator_facts *f, struct doctor_row *r)
{
	const char *issuer = f->config.oidc.issuer;
	CLEAN_STR char *running = url_read(f->config.data_dir);
	const char *url = f->config.public_url ? f->config.public_url : running;
	struct oidc *o = NULL;
	struct err e = { 0 };
	size_t keys = 0;

	if (!issuer)
		doctor_say(r, DOCTOR_SKIP, "with passwords alone");
	else if (sign_in_open(&f->config, url, &o, &e) < 0)
		doctor_say(r, DOCTOR_FAIL, "%s", e.text);
	else if (f->offline)
		doctor_say(r, DOCTOR_PASS, "%s; not asked (--offline)", issuer);
	else if (oidc_probe(o, &keys, &e) != OIDC_FINE)
		doctor_say(r, DOCTOR_FAIL, "%s", e.text);
	else
		doctor_say(r, DOCTOR_PASS, "%s answers, with %zu keys", issuer, keys);
	oidc_free(o);
}

/* ---- certificate ---- */

void check_certificate(const struct coordinator_facts *f, struct doctor_row *r)
{
	CLEAN_TLS_IDENTITY struct tls_identity *t = NULL;
	char when[WALL_TEXT_MAX];
	struct err e = { 0 };

	if (!f->config.tls_cert) {
		doctor_say(r, DOCTOR_SKIP, "no TLS of its own");
		return;
	}
	t = tls_identity_load(f->config.tls_cert, f->config.tls_key, &e);
	if (!t || tls_identity_valid(t, f->now, &e) < 0) {
		doctor_say(r, DOCTOR_FAIL, "%s", e.text);
		return;
	}
	int64_t left = tls_identity_ends(t).us - f->now.us;
	doctor_say(r, left < CERTIFICATE_WARN_US ? DOCTOR_WARN : DOCTOR_PASS,
		"%s is good until %s, %" PRId64 " days", f->config.tls_cert,
		wall_format(tls_identity_ends(t), when), left / DAY_US);
}

/* ---- the machine ---- */

void check_clock(const struct coordinator_facts *f UNUSED, struct doctor_row *r)
{
	struct timex t = { 0 };
	int state = adjtimex(&t);

	if (state < 0)
		doctor_unproved(r, "adjtimex: %s", strerror(errno));
	else if (state == TIME_ERROR || t.status & STA_UNSYNC)
		doctor_say(r, DOCTOR_WARN, "the kernel says that nobody keeps it right");
	else
		doctor_say(r, DOCTOR_PASS, "kept right");
}

static void git_judge(const char *text, struct doctor_row *r)
{
	const char *digits = text + strcspn(text, "0123456789");
	char *end;
	long major = strtol(digits, &end, 10), minor = *end == '.' ? strtol(end + 1, NULL, 10) : 0;
	bool old = major < GIT_MAJOR || (major == GIT_MAJOR && minor < GIT_MINOR);

	doctor_say(r, old ? DOCTOR_FAIL : DOCTOR_PASS, "%.*s%s", (int)strcspn(text, "\n"), text,
		old ? ", expected 2.30 or newer" : "");
}

void check_git(const struct coordinator_facts *f UNUSED, struct doctor_row *r)
{
	char *const argv[] = { (char[]){ "git" }, (char[]){ "--version" }, NULL };
	const char *path = getenv("PATH");
	CLEAN_STR char *own = xasprintf("PATH=%s", path ? path : "/usr/bin:/bin");
	char *const envp[] = { own, NULL };
	CLEAN_BUF struct buf out = BUF_INIT(OUT_MAX);
	struct err e = { 0 };
	struct loop *l = loop_new(&e);
	int status = -1;
	int rc = l ? proc_run(l, &(struct proc_spec){ .argv = argv, .envp = envp }, NULL, 0,
			     mono_add(mono_now(), ANSWER_US), &out, NULL, &status, &e)
		   : -1;

	if (rc < 0)
		doctor_say(r, DOCTOR_FAIL, "%s", e.text);
	else if (status != 0)
		doctor_say(r, DOCTOR_FAIL, "git --version fails");
	else
		git_judge(buf_cstr(&out), r);
	loop_free(l);
}

void check_confinement(const struct coordinator_facts *f UNUSED, struct doctor_row *r)
{
	int abi = landlock_abi();

	if (abi > 0)
		doctor_say(r, DOCTOR_PASS, "Landlock %d", abi);
	else
		doctor_say(r, DOCTOR_WARN, "git can read all that serve can, root.key included");
}

void check_open_files(const struct coordinator_facts *f, struct doctor_row *r)
{
	struct rlimit l;
	int64_t needs = f->config.connections + OWN_DESCRIPTORS;

	if (getrlimit(RLIMIT_NOFILE, &l) < 0) {
		doctor_unproved(r, "%s", strerror(errno));
		return;
	}
	doctor_say(r, (int64_t)l.rlim_max < needs ? DOCTOR_WARN : DOCTOR_PASS,
		"%" PRIu64 " here, server.max_connections needs %" PRId64, (uint64_t)l.rlim_max,
		needs);
}
