/*
 * `hygiene schedule`, what the timer runs. One action that fails must not keep the others from
 * running, so all are attempted and the worst exit code counts.
 */
#include <time.h>

#include "runner/verbs/hygiene_args.h"
#include "runner/verbs/hygiene_text.h"
#include "runner/verbs/hygiene.h"

enum { OUT_MAX = 16 << 20 };
#define RECORDS_KEPT_US (INT64_C(180) * 24 * 3600 * USEC_PER_SEC)

const char hygiene_schedule_help[] =
	"Runs every action of hygiene.actions (for the timer), each with an audit key of its own,\n"
	"each attempted even if another fails. It changes the host only on the day\n"
	"hygiene.mutate_on and plans and records on other days. Exit code: the worst of the\n"
	"actions, as in apply.";

static bool today(enum hygiene_day day, time_t now)
{
	struct tm tm;

	if (day == HYGIENE_DAILY || day == HYGIENE_NEVER)
		return day == HYGIENE_DAILY;
	return localtime_r(&now, &tm) && tm.tm_wday == (int)day;
}

struct schedule {
	struct hygiene_args *args;
	struct host_apply *host;
	struct json_writer *json;
	struct buf *out;
	char stamp[WALL_TEXT_MAX];
	bool mutate;
	int code;
};

static int graver(int a, int b)
{
	static const int weight[] = { [EXIT_OK] = 0,
		[EXIT_FINDINGS] = 1,
		[EXIT_USAGE] = 4,
		[EXIT_REFUSED] = 2,
		[EXIT_ESCALATE] = 5,
		[EXIT_INCOMPLETE] = 3 };

	return weight[a] >= weight[b] ? a : b;
}

static void attempt_action(
	struct schedule *s, const char *action, const char *volume, size_t number)
{
	CLEANUP(host_outcome_release) struct host_outcome o = { 0 };
	CLEAN_STR char *key =
		volume ? xasprintf(AUDIT_KEY_PREFIX "scheduled-%s/%s/%zu", s->stamp, action, number)
		       : xasprintf(AUDIT_KEY_PREFIX "scheduled-%s/%s", s->stamp, action);
	struct hygiene_request r = { .host = s->args->policy.approved_host,
		.action = action,
		.key = key,
		.volume = volume,
		.mutate = s->mutate,
		.retained = s->args->policy.warm_builders };
	struct err e = { 0 };

	if (host_apply(s->host, &r, &o, &e) < 0) {
		s->code = graver(s->code, hygiene_fail(&e));
		return;
	}
	s->code = graver(s->code, o.code);
	if (s->args->output == OUTPUT_JSON)
		hygiene_json_outcome(&o, s->json);
	else
		hygiene_text_outcome(&o, s->out);
}

/* Those of the allowlist that are there: the others were removed before. */
static void attempt_volumes(struct schedule *s, const char *action)
{
	CLEANUP(host_observation_release) struct host_observation o = { 0 };
	CLEANUP(host_calls_release) struct host_calls calls = { 0 };
	struct err e = { 0 };

	if (host_collect(&s->host->context, &o, &calls, &e) < 0) {
		s->code = graver(s->code, hygiene_fail(&e));
		return;
	}
	strv_each (name, &s->args->policy.state_volumes)
		if (host_volume(&o, name))
			attempt_action(s, action, name, name_i);
}

static int run_schedule(struct hygiene_args *a)
{
	CLEAN_BUF struct buf out = BUF_INIT(OUT_MAX);
	CLEANUP(hygiene_apply_release) struct host_apply h = { 0 };
	struct json_writer w;
	struct schedule s = { .args = a, .host = &h, .json = &w, .out = &out };
	struct err e = { 0 };

	if (hygiene_apply_open(a, &h, &e) < 0)
		return hygiene_fail(&e);
	s.mutate = today(a->config.hygiene.mutate_on, time(NULL));
	wall_format(wall_now(), s.stamp);
	if (a->output == OUTPUT_JSON) {
		json_writer_init(&w, &out, true);
		json_begin_array(&w);
	}
	strv_each (action, &a->policy.actions) {
		if (hygiene_action_parse(action) == HYGIENE_REMOVE_STATE_VOLUMES)
			attempt_volumes(&s, action);
		else
			attempt_action(&s, action, NULL, 0);
	}
	if (audit_trim(&h.audit, &h.target, (struct wall){ wall_now().us - RECORDS_KEPT_US }, &e) <
		0)
		s.code = graver(s.code, hygiene_fail(&e));
	if (a->output == OUTPUT_TEXT)
		return hygiene_print_text(&out, s.code);
	json_end_array(&w);
	return hygiene_print(&w, &out, s.code);
}

int verb_hygiene_schedule(int argc, char **argv)
{
	CLEANUP(hygiene_args_release) struct hygiene_args a = HYGIENE_ARGS_INIT;
	int code;

	if (hygiene_args_open(&a, argc, argv, 0, hygiene_schedule_help, &code) < 0)
		return code;
	return run_schedule(&a);
}
