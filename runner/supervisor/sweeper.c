/*
 * The sweep runs in a child with the janitor's rights: a huge tree must not block heartbeats, and
 * the supervisor never holds a file capability in use.
 */
#include "runner/supervisor/sweeper.h"

#include <sys/wait.h>

#include "base/log.h"
#include "runner/ipc/role.h"

struct sweeper {
	struct loop *loop;
	struct settings *const *current;
	struct loop_source *timer;
	struct role janitor;
	bool again;
};

static void on_swept(struct loop_source *src, int fd, uint32_t events, void *data)
{
	struct sweeper *s = data;
	char text[PROC_STATUS_TEXT];
	int status = 0;

	(void)src, (void)fd, (void)events;
	role_reap(&s->janitor, &status); /* it reports in the log itself, unless it was killed */
	if (WIFSIGNALED(status))
		log_warn("supervisor", "sweep_ended",
			F_STR("status", proc_status_text(status, text)));
	loop_timer_set(
		s->timer, mono_add(loop_now(s->loop), s->again ? 0 : SWEEPER_S * USEC_PER_SEC));
	s->again = false;
}

void sweeper_hurry(struct sweeper *s)
{
	if (role_running(&s->janitor))
		s->again = true;
	else
		loop_timer_set(s->timer, loop_now(s->loop));
}

static int start(struct sweeper *s, struct err *e)
{
	const struct runner_config *c = &(*s->current)->config;
	CLEANUP(strv_release) struct strv argv = { 0 };

	strv_add(&argv, "janitor");
	strv_add(&argv, "sweep");
	strv_addf(&argv, "--root=%s", c->runner.workspace_root);
	strv_addf(&argv, "--state-dir=%s", c->runner.state_dir);
	strv_addf(&argv, "--log-format=%s", c->runner.log_format == LOG_JSON ? "json" : "text");
	return role_start(&s->janitor, s->loop, argv.v, NULL, NULL, 0, -1, on_swept, s, e);
}

static void on_time(struct loop_source *src, void *data)
{
	struct sweeper *s = data;
	struct err e = { 0 };

	if (start(s, &e) == 0)
		return;
	log_warn("supervisor", "sweep_not_started", F_ERR(&e));
	loop_timer_set(src, mono_add(loop_now(s->loop), SWEEPER_S * USEC_PER_SEC));
}

struct sweeper *sweeper_new(struct loop *l, struct settings *const *current)
{
	struct sweeper *s = xcalloc(1, sizeof(*s));

	s->loop = l;
	s->current = current;
	s->janitor = (struct role)ROLE_INIT;
	s->timer = loop_timer(l, loop_now(l), on_time, s);
	return s;
}

void sweeper_free(struct sweeper *s)
{
	if (!s)
		return;
	role_kill(&s->janitor);
	loop_source_unref(&s->timer);
	free(s);
}
