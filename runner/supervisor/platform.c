/*
 * One probe at a time: a table of roles, started one after the other by the exit of the last one.
 * The trap is a machine that passes the probe and fails the job all the same (an image that cannot
 * be pulled, say): then a passed probe alone opens nothing, the growing pause does.
 */
#include "runner/supervisor/platform.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>

#include "base/backoff.h"
#include "base/fs.h"
#include "base/limits.h"
#include "base/log.h"
#include "hygiene/workdir/root_reach.h"
#include "runner/helper/egress_firewall.h"
#include "runner/helper/firewall_check.h"
#include "runner/ipc/role.h"

#define BACKOFF_FIRST_US (1 * USEC_PER_SEC)
#define BACKOFF_MAX_US (300 * USEC_PER_SEC)
#define PROBE_TIMEOUT_US (60 * USEC_PER_SEC)

struct platform {
	struct platform_spec spec;
	struct loop_source *timer; /* of the running role, or of the next probe */
	struct role role;
	int out;     /* read end: what the role says */
	size_t part; /* which of parts */
	struct backoff backoff;
	struct platform_view view;
	struct err error;
	bool again;     /* the settings changed while a probe ran */
	bool proved;    /* by a part that is good for a while only: probed again in time */
	bool announced; /* that, in the log */
};

static const struct runner_config *config(const struct platform *p)
{
	return &(*p->spec.current)->config;
}

/* ---- parts ---- */

static void janitor_argv(const struct runner_config *c, struct strv *argv)
{
	strv_add(argv, "janitor");
	strv_add(argv, "probe");
	strv_addf(argv, "--root=%s", c->runner.workspace_root);
	strv_addf(argv, "--state-dir=%s", c->runner.state_dir);
	strv_addf(argv, "--uid=%" PRId64, c->engine.uid);
	strv_addf(argv, "--gid=%" PRId64, c->engine.gid);
}

static void probe_argv(const struct runner_config *c, struct strv *argv)
{
	(void)c;
	strv_add(argv, "probe");
}

/* Without an allowlist there is no firewall to be up. */
static void firewall_argv(const struct runner_config *c, struct strv *argv)
{
	if (!c->runner.network_allowlist_given || str_eq(c->engine.network, "none"))
		return;
	strv_add(argv, EGRESS_FIREWALL_ROLE);
	strv_add(argv, "--prove");
}

static const struct {
	void (*argv)(const struct runner_config *c, struct strv *argv); /* none: nothing to do */
	const char *good;                                               /* what it says then */
	const char *proof; /* or this: good for a while only; NULL: it never says so */
} parts[] = {
	{ janitor_argv, "", NULL },
	{ probe_argv, "", NULL },
	{ firewall_argv, EGRESS_FIREWALL_STANDS, EGRESS_FIREWALL_PROVED },
};

/* ---- states ---- */

static void enter(struct platform *p, enum platform_state state)
{
	if (p->view.state == state)
		return;
	p->view.state = state;
	p->view.since = wall_now();
	p->spec.on_change(p->spec.data);
}

static void enter_good(struct platform *p)
{
	if (p->view.state == PLATFORM_BROKEN)
		log_info("supervisor", "platform_restored",
			F_INT("failures", (int64_t)p->view.failures));
	enter(p, PLATFORM_GOOD);
	if (p->proved)
		loop_timer_set(p->timer, mono_add(loop_now(p->spec.loop), FIREWALL_PROOF_EVERY_US));
}

/* One line, and another one only for another reason. */
static void enter_broken(struct platform *p, const struct err *why)
{
	bool known = p->view.state == PLATFORM_BROKEN && str_eq(p->error.text, why->text);

	p->error = *why;
	p->view.failures++;
	if (!known)
		log_error("supervisor", "platform_broken", F_ERR(why),
			F_STR("effect",
				"no jobs are claimed until a probe of this machine passes"));
	enter(p, PLATFORM_BROKEN);
}

static void probe_later(struct platform *p)
{
	backoff_next(&p->backoff, loop_now(p->spec.loop), -1);
	loop_timer_set(p->timer, p->backoff.until);
}

/* ---- probing ---- */

static void next_part(struct platform *p);

static void probe_failed(struct platform *p, const struct err *why)
{
	enter_broken(p, why);
	probe_later(p);
}

static void read_answer(struct platform *p, struct buf *text)
{
	struct err e = { 0 };

	if (fd_read_all(p->out, text, &e) < 0)
		buf_addf(text, "probe: %s", e.text);
	close_fdp(&p->out);
	while (text->len && text->data[text->len - 1] == '\n')
		text->data[--text->len] = '\0';
}

static bool part_is_good(struct platform *p, const char *said)
{
	const char *proof = parts[p->part].proof;
	bool proved = proof && str_eq(said, proof);

	if (proved && !p->announced)
		log_info("supervisor", "egress_firewall_proved",
			F_STR("network", config(p)->engine.network),
			F_STR("effect", "a firewall of another program confines the steps; it is "
					"tested again every few minutes"));
	if (proof)
		p->announced = p->proved = proved;
	return proved || str_eq(said, parts[p->part].good);
}

static void on_part_exit(struct loop_source *src, int fd, uint32_t events, void *data)
{
	struct platform *p = data;
	CLEAN_BUF struct buf text = BUF_INIT(KIB(8));
	char how[PROC_STATUS_TEXT];
	struct err e = { 0 };
	int status = 0;

	(void)src, (void)fd, (void)events;
	role_reap(&p->role, &status);
	loop_timer_set(p->timer, MONO_NEVER);
	read_answer(p, &text);
	if (p->again) {
		p->again = false;
		p->part = 0;
		next_part(p);
	} else if (status == 0 && part_is_good(p, buf_cstr(&text))) {
		p->part++;
		next_part(p);
	} else {
		err_set(&e, ERR_CONFLICT, "%s",
			text.len ? buf_cstr(&text) : proc_status_text(status, how));
		probe_failed(p, &e);
	}
}

static int start_part(struct platform *p, const struct strv *argv, struct err *e)
{
	struct proc_fd fds[] = { { -1, ROLE_FD_CHANNEL } };
	int pipe_fds[2], rc;

	if (pipe2(pipe_fds, O_CLOEXEC) < 0)
		return err_set_errno(e, errno, "pipe for the probe");
	p->out = pipe_fds[0];
	fds[0].from = pipe_fds[1];
	rc = role_start(&p->role, p->spec.loop, argv->v, (*p->spec.current)->job_env.v, fds,
		ARRAY_LEN(fds), pipe_fds[1], on_part_exit, p, e);
	close(pipe_fds[1]);
	if (rc < 0)
		close_fdp(&p->out);
	else
		loop_timer_set(p->timer, mono_add(loop_now(p->spec.loop), PROBE_TIMEOUT_US));
	return rc;
}

static void next_part(struct platform *p)
{
	struct err e = { 0 };

	for (; p->part < ARRAY_LEN(parts); p->part++) {
		CLEANUP(strv_release) struct strv argv = { 0 };

		parts[p->part].argv(config(p), &argv);
		if (argv.n == 0)
			continue;
		if (start_part(p, &argv, &e) < 0)
			probe_failed(p, &e);
		return;
	}
	enter_good(p);
}

static void probe(struct platform *p)
{
	const struct runner_config *c = config(p);
	struct err e = { 0 };

	p->part = 0;
	p->proved = false;
	if (root_reach_check(
		    c->runner.workspace_root, (uid_t)c->engine.uid, (gid_t)c->engine.gid, &e) < 0)
		probe_failed(p, &e);
	else
		next_part(p);
}

static void on_timer(struct loop_source *src, void *data)
{
	struct platform *p = data;

	(void)src;
	if (role_running(&p->role))
		proc_signal(&p->role.proc, SIGKILL); /* it hangs; its end says so */
	else
		probe(p);
}

bool platform_open(const struct platform *p)
{
	return p->view.state == PLATFORM_GOOD;
}

/* The first failure is probed at once. When the probe keeps passing and jobs keep failing, the
 * pause before the next probe grows. */
void platform_failed(struct platform *p, const char *why)
{
	bool first = backoff_count(&p->backoff) == 0;
	struct err e = { 0 };

	err_set(&e, ERR_CONFLICT, "%s", why);
	enter_broken(p, &e);
	if (role_running(&p->role))
		return;
	probe_later(p);
	if (first)
		loop_timer_set(p->timer, loop_now(p->spec.loop));
}

void platform_worked(struct platform *p)
{
	if (p->view.state == PLATFORM_GOOD)
		backoff_reset(&p->backoff);
}

void platform_recheck(struct platform *p)
{
	if (role_running(&p->role))
		p->again = true;
	else
		loop_timer_set(p->timer, loop_now(p->spec.loop));
}

/* ---- life ---- */

struct platform *platform_new(const struct platform_spec *spec)
{
	struct platform *p = xcalloc(1, sizeof(*p));

	p->spec = *spec;
	p->role = (struct role)ROLE_INIT;
	p->out = -1;
	backoff_init(&p->backoff, BACKOFF_FIRST_US, BACKOFF_MAX_US);
	p->timer = loop_timer(spec->loop, loop_now(spec->loop), on_timer, p);
	return p;
}

void platform_free(struct platform *p)
{
	if (!p)
		return;
	role_kill(&p->role);
	close_fdp(&p->out);
	loop_source_unref(&p->timer);
	free(p);
}

struct platform_view platform_state(const struct platform *p)
{
	struct platform_view v = p->view;

	v.error = v.state == PLATFORM_BROKEN ? p->error.text : NULL;
	return v;
}

const char *platform_state_name(enum platform_state state)
{
	static const char *const names[] = { "unknown", "good", "broken" };

	return names[state];
}
