/*
 * Checks of what the coordinator, the running runner and the engine said. Each fault is reported by
 * one row: what follows from another row's FAIL is left to that row.
 */
#include <inttypes.h>

#include "config/runner_check.h"
#include "hygiene/doctor/doctor.h"

#define CLOCK_WARN_US (5 * USEC_PER_SEC)
#define CLOCK_FAIL_US (60 * USEC_PER_SEC)
#define CERTIFICATE_WARN_US (21 * 24 * 3600 * USEC_PER_SEC)
#define CERTIFICATE_FAIL_US (3 * 24 * 3600 * USEC_PER_SEC)
#define DAY_US (24 * 3600 * USEC_PER_SEC)
#define DEAF_US (60 * USEC_PER_SEC)
#define HEARTBEAT_LATE_US (120 * USEC_PER_SEC) /* the coordinator calls it stale then */

/* Not the hosted service either: that refuses the call in JSON, or does not know it (404). */
static bool is_no_coordinator(const struct server_facts *s)
{
	return !s->self && ((s->status >= 200 && s->status < 400) || (s->status == 404 && s->page));
}

void doctor_server(const struct doctor_facts *f, struct doctor_row *r)
{
	const struct server_facts *s = &f->server;
	const char *url = f->config->server.base_url;

	if (!url)
		doctor_say(r, DOCTOR_FAIL, "server.base_url is not set");
	else if (s->inspection.state != INSPECTION_DONE)
		doctor_say(r, DOCTOR_FAIL, "%s: %s", url, s->inspection.why);
	else if (s->status >= 500)
		doctor_say(r, DOCTOR_FAIL, "%s: HTTP %ld: %s", url, s->status, s->words);
	else if (is_no_coordinator(s))
		doctor_say(r, DOCTOR_FAIL,
			"%s answers HTTP %ld with something that no coordinator says: a login "
			"page, a "
			"proxy, or another program",
			url, s->status);
	else
		doctor_say(r, DOCTOR_PASS, "%s answered in %" PRId64 " ms", url,
			s->rtt_us / USEC_PER_MSEC);
}

void doctor_tls(const struct doctor_facts *f, struct doctor_row *r)
{
	const struct server_facts *s = &f->server;
	int64_t left = s->certificate_left_us;

	if (url_is_plain_remote(f->config->server.base_url)) {
		doctor_say(r, DOCTOR_WARN,
			"plain http to another host: tokens and secrets are sent unencrypted");
		return;
	}
	if (!str_starts(f->config->server.base_url, "https://")) {
		doctor_say(r, DOCTOR_PASS, "plain http, but only to this host");
		return;
	}
	if (s->certificates.state != INSPECTION_DONE) {
		doctor_unproved(r, "when the certificate ends: %s", s->certificates.why);
		return;
	}
	doctor_say(r,
		left < CERTIFICATE_FAIL_US   ? DOCTOR_FAIL
		: left < CERTIFICATE_WARN_US ? DOCTOR_WARN
					     : DOCTOR_PASS,
		"the chain verifies; its first certificate to end does so in %" PRId64 " days",
		left / DAY_US);
}

void doctor_clock(const struct doctor_facts *f, struct doctor_row *r)
{
	int64_t skew = f->server.skew_us, off = skew < 0 ? -skew : skew;

	if (!f->server.dated) {
		doctor_unproved(r, "the coordinator's answer has no Date that can be read");
		return;
	}
	if (off == 0)
		doctor_say(r, DOCTOR_PASS, "as the coordinator's, to the second");
	else
		doctor_say(r,
			off > CLOCK_FAIL_US   ? DOCTOR_FAIL
			: off > CLOCK_WARN_US ? DOCTOR_WARN
					      : DOCTOR_PASS,
			"this host is at least %" PRId64 ".%" PRId64 " s %s the coordinator",
			off / USEC_PER_SEC, off % USEC_PER_SEC / 100000,
			skew > 0 ? "behind" : "ahead of");
}

void doctor_token_accepted(const struct doctor_facts *f, struct doctor_row *r)
{
	const struct server_facts *s = &f->server;

	if (!f->config->runner.token)
		doctor_say(r, DOCTOR_FAIL, "there is no token that could be used");
	else if (s->status == 401 || s->status == 403)
		doctor_say(r, DOCTOR_FAIL, "refused: %s", s->words);
	else if (s->self)
		doctor_say(
			r, DOCTOR_PASS, "runner %" PRId64 " \"%s\"", s->id, s->name ? s->name : "");
	else if (s->status == 404)
		doctor_unproved(r, "this coordinator does not know GET /api/v1/runners/self; only "
				   "a heartbeat would tell, and that could claim a job");
	else if (s->words)
		doctor_unproved(r, "%s", s->words);
	else
		doctor_unproved(r, "HTTP %ld: not what was asked for", s->status);
}

static void compare_labels(const struct strv *ours, const struct strv *theirs, struct doctor_row *r)
{
	strv_each (label, ours)
		if (!strv_contains(theirs, label))
			doctor_say(r, DOCTOR_WARN, "label %s is not registered", label);
	strv_each (label, theirs)
		if (!strv_contains(ours, label))
			doctor_say(r, DOCTOR_WARN,
				"registered for label %s, which is not in runner.labels", label);
}

void doctor_registration(const struct doctor_facts *f, struct doctor_row *r)
{
	const struct server_facts *s = &f->server;

	if (s->revoked)
		doctor_say(r, DOCTOR_FAIL, "revoked");
	if (s->draining)
		doctor_say(r, DOCTOR_WARN, "drained by the coordinator: it gets no jobs");
	compare_labels(&f->config->runner.labels, &s->labels, r);
	if (s->capacity != f->config->runner.capacity)
		doctor_say(r, DOCTOR_WARN,
			"capacity is %" PRId64 " here, %" PRId64 " at the coordinator",
			f->config->runner.capacity, s->capacity);
	if (r->verdict == DOCTOR_PASS)
		doctor_say(r, DOCTOR_PASS, "labels and capacity agree, %s",
			s->online ? "online" : "offline");
}

static bool drained_here(const struct doctor_facts *f)
{
	return f->runner.inspection.state == INSPECTION_DONE &&
	       !str_eq(f->runner.state, "claiming");
}

/* Waiting jobs are the runner's fault only when it is up, wants work and has room. */
void doctor_deaf(const struct doctor_facts *f, struct doctor_row *r)
{
	const struct server_facts *s = &f->server;
	int64_t seconds = s->oldest_us / USEC_PER_SEC;

	if (s->queued == 0)
		doctor_say(r, DOCTOR_PASS, "no job waits that it could take");
	else if (s->draining || s->revoked || drained_here(f))
		doctor_say(r, DOCTOR_PASS,
			"%" PRId64 " jobs are waiting, and the runner is not claiming on purpose",
			s->queued);
	else if (s->active >= s->capacity)
		doctor_say(r, DOCTOR_PASS, "%" PRId64 " jobs wait, all %" PRId64 " slots are busy",
			s->queued, s->capacity);
	else if (s->oldest_us <= DEAF_US || (s->free_us && s->free_us <= DEAF_US))
		doctor_say(r, DOCTOR_PASS, "%" PRId64 " jobs wait, the oldest for %" PRId64 " s",
			s->queued, seconds);
	else if (!s->online)
		doctor_say(r, DOCTOR_WARN,
			"job %" PRId64 " has waited for %" PRId64 " s, and runner %" PRId64
			" is offline",
			s->oldest_job, seconds, s->id);
	else
		doctor_say(r, DOCTOR_FAIL,
			"runner %" PRId64 " idles while job %" PRId64
			", which it could take, has waited for %" PRId64 " s",
			s->id, s->oldest_job, seconds);
}

/* A runner that is up and claims nothing must never look healthy: each state says why. */
static void judge_state(const struct runner_facts *n, struct doctor_row *r)
{
	const char *state = n->state ? n->state : "unknown";

	if (str_eq(state, "claiming"))
		doctor_say(r, DOCTOR_PASS, "claiming");
	else if (str_eq(state, "disk_pressure"))
		doctor_say(r, DOCTOR_FAIL,
			"it claims no job: the disk of %s is %" PRId64 " percent full "
			"(`shithubd-runner disk guard --dry-run`)",
			n->disk ? n->disk : "a folder of it", n->disk_percent);
	else if (str_eq(state, "broken"))
		doctor_say(r, DOCTOR_FAIL, "it claims no job: this machine cannot run one: %s",
			n->platform ? n->platform : "no reason given");
	else if (str_eq(state, "refused"))
		doctor_say(r, DOCTOR_FAIL, "it claims no job: the coordinator refuses its token");
	else if (str_eq(state, "drained") || str_eq(state, "draining"))
		doctor_say(r, DOCTOR_WARN,
			"%s by hand: it claims no job until `shithubd-runner drain --undo`", state);
	else
		doctor_say(r, DOCTOR_WARN, "it claims no job: it is %s", state);
}

static void judge_heartbeat(
	const struct doctor_facts *f, const struct runner_facts *n, struct doctor_row *r)
{
	if (str_eq(n->heartbeat_result, "refused"))
		doctor_say(r, DOCTOR_FAIL, "its heartbeats are refused: %s", n->heartbeat_error);
	else if (n->failures > 0)
		doctor_say(r, DOCTOR_WARN, "%" PRId64 " heartbeats failed in a row: %s",
			n->failures, n->heartbeat_error);
	else if (!drained_here(f) && n->has_heartbeat && n->heartbeat_age_us > HEARTBEAT_LATE_US)
		doctor_say(r, DOCTOR_FAIL, "its last heartbeat ended %" PRId64 " s ago",
			n->heartbeat_age_us / USEC_PER_SEC);
	else if (n->has_heartbeat)
		doctor_say(r, DOCTOR_PASS, "heartbeat %" PRId64 " s ago",
			n->heartbeat_age_us / USEC_PER_SEC);
}

void doctor_runner(const struct doctor_facts *f, struct doctor_row *r)
{
	const struct runner_facts *n = &f->runner;

	if (n->inspection.state == INSPECTION_FAILED)
		doctor_say(r, DOCTOR_FAIL, "%s", n->inspection.why);
	else if (n->inspection.state == INSPECTION_SKIPPED && f->state.holder)
		doctor_say(r, DOCTOR_FAIL,
			"process %d holds the state directory and has no control socket",
			(int)f->state.holder);
	else if (n->inspection.state == INSPECTION_SKIPPED)
		doctor_say(r, DOCTOR_SKIP, "none runs with this state directory");
	if (n->inspection.state != INSPECTION_DONE)
		return;
	judge_state(n, r);
	judge_heartbeat(f, n, r);
	if (str_eq(n->engine, "down"))
		doctor_say(r, DOCTOR_WARN, "it reports that its engine is down");
}

/* ---- engine ---- */

void doctor_engine(const struct doctor_facts *f, struct doctor_row *r)
{
	const struct engine_fact_set *g = &f->engine;

	if (g->inspection.state != INSPECTION_DONE)
		doctor_say(r, DOCTOR_FAIL, "%s", g->inspection.why);
	else
		doctor_say(r, DOCTOR_PASS, "%s%s, API %s, at %s, storage %s", g->server,
			g->rootless ? " (rootless)" : "", g->api, g->socket,
			g->storage ? g->storage : "unknown");
}

void doctor_engine_confinement(const struct doctor_facts *f, struct doctor_row *r)
{
	const struct engine_fact_set *g = &f->engine;

	if (g->told.state != INSPECTION_DONE) {
		doctor_unproved(r, "/info: %s", g->told.why);
		return;
	}
	if (!g->seccomp)
		doctor_say(r, DOCTOR_FAIL, "the engine cannot apply seccomp profiles");
	if (!g->memory_limit)
		doctor_say(r, DOCTOR_WARN, "it cannot limit memory");
	if (!g->pids_limit)
		doctor_say(r, DOCTOR_WARN, "it cannot limit processes");
	if (str_eq(g->storage, "vfs"))
		doctor_say(
			r, DOCTOR_WARN, "storage driver vfs copies the whole image for every step");
	doctor_say(r, DOCTOR_PASS, "cgroup version %s by %s, seccomp %s, user namespaces %s",
		g->cgroup_version ? g->cgroup_version : "unknown",
		g->cgroup_driver ? g->cgroup_driver : "unknown", g->seccomp ? "yes" : "no",
		g->userns || g->rootless ? "yes" : "no");
}

void doctor_image(const struct doctor_facts *f, struct doctor_row *r)
{
	const struct engine_fact_set *g = &f->engine;
	const char *name = f->config->engine.default_image;

	if (g->image_allowed.state == INSPECTION_FAILED)
		doctor_say(r, DOCTOR_FAIL, "%s", g->image_allowed.why);
	if (g->image.state == INSPECTION_DONE)
		doctor_say(r, DOCTOR_PASS, "%s is here: %s", name, g->image_digest);
	else
		doctor_say(r, f->config->engine.pull == PULL_NEVER ? DOCTOR_FAIL : DOCTOR_WARN,
			"%s%s", g->image.why,
			f->config->engine.pull == PULL_NEVER ? "" : "; the first job will pull it");
}

void doctor_gate(const struct doctor_facts *f, struct doctor_row *r)
{
	enum step_io wanted = f->config->engine.step_io;
	enum doctor_verdict bad = wanted == STEP_IO_GATE ? DOCTOR_FAIL : DOCTOR_WARN;

	if (f->gate.state != INSPECTION_DONE)
		doctor_say(r, DOCTOR_FAIL, "%s", f->gate.why);
	else if (wanted == STEP_IO_ATTACH)
		doctor_say(r, DOCTOR_PASS, "%s, steps run by engine.step_io = \"attach\"",
			f->gate_path);
	else if (f->box.inspection.state == INSPECTION_DONE)
		doctor_say(r, f->box.gate ? DOCTOR_PASS : bad, "%s: %s", f->gate_path,
			f->box.gate ? "its handshake works"
				    : "no container of this engine reaches it: steps start slower");
	else
		doctor_say(r, DOCTOR_PASS, "%s is there, no container tried it", f->gate_path);
}

void doctor_network(const struct doctor_facts *f, struct doctor_row *r)
{
	const struct engine_fact_set *g = &f->engine;

	if (g->bridge.state != INSPECTION_DONE)
		doctor_say(r, DOCTOR_FAIL, "%s", g->bridge.why);
	else if (str_eq(g->network, "none"))
		doctor_say(r, DOCTOR_PASS, "steps have none");
	else
		doctor_say(r, DOCTOR_PASS, "%s exists", g->network);
}

void doctor_egress_firewall(const struct doctor_facts *f, struct doctor_row *r)
{
	const struct egress_facts *w = &f->egress;

	if (str_eq(f->engine.network, "none")) {
		doctor_say(r, DOCTOR_PASS, "steps have no network");
	} else if (!f->config->runner.network_allowlist_given) {
		doctor_say(r, DOCTOR_WARN,
			"no allowlist is set: without the egress firewall steps can reach "
			"everything that this host reaches, including the host");
	} else if (w->inspection.state != INSPECTION_DONE) {
		doctor_unproved(r, "%s", w->inspection.why ? w->inspection.why : "not tried");
	} else {
		if (w->fail)
			doctor_say(r, DOCTOR_FAIL, "%zu of its proofs fail, first %s", w->fail,
				w->worst);
		if (w->unproved)
			doctor_unproved(r, "%zu could not be proved%s%s", w->unproved,
				w->fail ? "" : ", first ", w->fail ? "" : w->worst);
		doctor_say(r, DOCTOR_PASS, "%zu stand", w->stand);
	}
}

void doctor_orphans(const struct doctor_facts *f, struct doctor_row *r)
{
	const struct engine_fact_set *g = &f->engine;

	enum { SHOWN = 12 };

	if (g->containers.state == INSPECTION_FAILED)
		doctor_unproved(r, "%s", g->containers.why);
	else if (g->containers.state == INSPECTION_SKIPPED)
		doctor_say(r, DOCTOR_SKIP, "%s", g->containers.why);
	else if (g->orphans.n)
		doctor_say(r, DOCTOR_WARN, "%zu containers of no running job, first %.*s",
			g->orphans.n, SHOWN, g->orphans.v[0]);
	else
		doctor_say(r, DOCTOR_PASS, "none; %zu containers of running jobs", g->live);
}

void doctor_instances(const struct doctor_facts *f, struct doctor_row *r)
{
	const struct engine_fact_set *g = &f->engine;

	if (g->containers.state == INSPECTION_FAILED)
		doctor_unproved(r, "%s", g->containers.why);
	else if (g->others)
		doctor_say(r, DOCTOR_PASS, "containers of %zu other runners are on this engine",
			g->others);
	else
		doctor_say(r, DOCTOR_PASS, "no other runner has containers on this engine");
}
