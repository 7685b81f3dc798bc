/*
 * The table of all checks and what becomes of their rows. A check runs only when the facts that it
 * needs are there: a missing engine then gives one FAIL and some SKIPs, not ten FAILs that all mean
 * the same. What a peer said is cleaned here, once, for both forms of output.
 */
#include "hygiene/doctor/doctor.h"

#include "base/codec.h"
#include "base/limits.h"
#include "base/terminal/style.h"

#define SERVER (DOCTOR_CONFIG | DOCTOR_NET | DOCTOR_SERVER)
#define SELF (SERVER | DOCTOR_SELF)
#define ENGINE (DOCTOR_CONFIG | DOCTOR_ENGINE)
#define BOX (ENGINE | DOCTOR_NET | DOCTOR_BOX)

const struct doctor_check doctor_checks[] = {
	{ "configuration", 0, doctor_configuration,
		"fix the named values; `shithubd-runner config check` prints every value" },
	{ "token-kept", DOCTOR_CONFIG, doctor_token_kept,
		"keep the token alone in a file of the runner's user with mode 0600 and name it as "
		"runner.token_file" },
	{ "server", DOCTOR_CONFIG | DOCTOR_NET, doctor_server,
		"check server.base_url, this host's name resolution and route, and that the "
		"coordinator is running" },
	{ "tls", SERVER, doctor_tls,
		"use https with a certificate that is renewed in time; server.ca_file for a CA of "
		"your own" },
	{ "clock", SERVER, doctor_clock,
		"set this host's clock (chrony or systemd-timesyncd), or the coordinator's" },
	{ "token-accepted", SERVER, doctor_token_accepted,
		"make a new one with `shithubd admin runner rotate-token`, write it into "
		"runner.token_file, reload the runner" },
	{ "registration", SELF, doctor_registration,
		"`shithubd admin runner list` shows it; undrain it there, or give both sides the "
		"same labels" },
	{ "deaf", SELF, doctor_deaf,
		"see `shithubd-runner status` and the runner's log, restart it, and report a bug" },
	{ "runner", DOCTOR_CONFIG, doctor_runner,
		"see `shithubd-runner status` and the runner's log" },
	{ "engine", DOCTOR_CONFIG, doctor_engine,
		"start Docker or Podman, let the runner's user reach its socket, or set "
		"engine.socket" },
	{ "engine-confinement", ENGINE, doctor_engine_confinement,
		"use an engine and a kernel that confine containers: docs/ENGINES.md" },
	{ "image", ENGINE, doctor_image,
		"pull or build engine.default_image, and let engine.allowed_images name it" },
	{ "gate", ENGINE, doctor_gate,
		"install the gate of this version beside the program (`make install`), or set "
		"engine.gate_path" },
	{ "network", ENGINE, doctor_network, "run `shithubd-runner network up`" },
	{ "egress-firewall", ENGINE | DOCTOR_NET, doctor_egress_firewall,
		"set runner.network_allowlist, run `shithubd-runner network up`, then "
		"`shithubd-runner network check`" },
	{ "orphans", ENGINE, doctor_orphans,
		"start the runner, which removes them, or remove them by id" },
	{ "instances", ENGINE, doctor_instances,
		"no action needed if they are yours; they share this host's disk and memory" },
	{ "seccomp", DOCTOR_CONFIG, doctor_seccomp,
		"use the built-in profile (unset engine.seccomp_profile), or correct yours until "
		"`shithubd-runner seccomp verify` passes" },
	{ "landlock", DOCTOR_CONFIG, doctor_landlock,
		"boot a kernel of 6.7 or newer with landlock among its security modules (lsm=)" },
	{ "capabilities", DOCTOR_CONFIG, doctor_capabilities,
		"run it by the unit that comes with it, or set engine.user = \"auto\"" },
	{ "step-user", DOCTOR_CONFIG, doctor_step_user,
		"give steps a user of their own (engine.user) and the runner its capabilities" },
	{ "cgroup", DOCTOR_CONFIG, doctor_cgroup,
		"boot with cgroup version 2 and the controllers memory, pids and cpu" },
	{ "kernel", 0, doctor_kernel, "boot a newer kernel" },
	{ "limits", 0, doctor_limits, "raise LimitNOFILE= and TasksMax= of the runner's unit" },
	{ "workspace", DOCTOR_CONFIG, doctor_workspace,
		"make runner.workspace_root a folder of the runner's user on a file system that "
		"lets programs run" },
	{ "workspace-limit", DOCTOR_CONFIG, doctor_workspace_limit,
		"use a file system with project quotas, run `shithubd-runner disk quota` as root, "
		"or unset runner.project_ids: docs/OPERATIONS.md" },
	{ "disk", DOCTOR_CONFIG, doctor_disk,
		"make room (`shithubd-runner disk guard`), or give the workspaces a larger disk" },
	{ "state", DOCTOR_CONFIG, doctor_state,
		"make runner.state_dir a folder with mode 0711 of the runner's user, on a local "
		"disk" },
	{ "left-over-jobs", DOCTOR_CONFIG, doctor_leftovers,
		"start the runner: it reports and cleans up what a crash left (docs/RECOVERY.md)" },
	{ "unit", 0, doctor_unit,
		"install the unit that comes with the runner; keep your changes in a drop-in" },
	{ "container", ENGINE | DOCTOR_NET, doctor_box,
		"check the engine's log; steps will fail in the same way" },
	{ "container-user", BOX, doctor_box_user,
		"report a bug: this engine ignores a confinement setting without an error" },
	{ "container-files", BOX, doctor_box_files,
		"report a bug: this engine ignores a confinement setting without an error" },
	{ "container-limits", BOX, doctor_box_limits,
		"enable the controllers for containers; a rootless engine needs them delegated to "
		"its user" },
};
const size_t doctor_checks_n = ARRAY_LEN(doctor_checks);

/* ---- judging ---- */

/* Why a check has nothing to judge, or NULL. The cause has a row of its own. */
static const char *lacking(const struct doctor_facts *f, unsigned needs)
{
	if ((needs & DOCTOR_CONFIG) && !f->config)
		return "there is no configuration";
	if ((needs & DOCTOR_NET) && f->offline)
		return "--offline";
	if ((needs & DOCTOR_SERVER) && f->server.inspection.state != INSPECTION_DONE)
		return "the coordinator did not answer";
	if ((needs & DOCTOR_SELF) && !f->server.self)
		return "the coordinator does not describe this runner";
	if ((needs & DOCTOR_ENGINE) && f->engine.inspection.state != INSPECTION_DONE)
		return "no engine answers";
	if ((needs & DOCTOR_BOX) && f->box.inspection.state != INSPECTION_DONE)
		return "no container ran";
	return NULL;
}

/* What a peer said may hold the token it was sent, and anything else. */
static void clean_detail(struct buf *detail, const char *secret)
{
	CLEAN_STR char *safe = text_printable(buf_cstr(detail));
	size_t n = secret ? strlen(secret) : 0;
	char *from = safe, *hit;

	buf_clear(detail);
	while (n && (hit = strstr(from, secret))) {
		buf_add(detail, from, (size_t)(hit - from));
		buf_adds(detail, "***");
		from = hit + n;
	}
	buf_adds(detail, from);
}

static void judge_check(const struct doctor_check *c, const struct doctor_facts *f,
	const char *secret, struct doctor_row *r)
{
	const char *why = lacking(f, c->needs);

	*r = (struct doctor_row){ .name = c->name, .detail = BUF_INIT(KIB(64)) };
	if (why)
		doctor_say(r, DOCTOR_SKIP, "%s", why);
	else
		c->run(f, r);
	clean_detail(&r->detail, secret);
	if (r->verdict < DOCTOR_WARN && !r->unproved)
		r->remedy = NULL;
	else if (!r->remedy)
		r->remedy = c->remedy;
}

void doctor_judge(const struct doctor_facts *f, const char *secret, struct doctor_report *ret)
{
	*ret = (struct doctor_report){ .n = doctor_checks_n };
	ret->rows = xcalloc(ret->n, sizeof(*ret->rows));
	for (size_t i = 0; i < ret->n; i++) {
		judge_check(&doctor_checks[i], f, secret, &ret->rows[i]);
		ret->count[ret->rows[i].verdict]++;
		ret->unproved = ret->unproved || ret->rows[i].unproved;
	}
}

void doctor_report_release(struct doctor_report *r)
{
	for (size_t i = 0; i < r->n; i++)
		buf_release(&r->rows[i].detail);
	free(r->rows);
	*r = (struct doctor_report){ 0 };
}

enum exit_code doctor_exit(const struct doctor_report *r)
{
	if (r->count[DOCTOR_FAIL])
		return EXIT_FINDINGS;
	return r->unproved ? EXIT_INCOMPLETE : EXIT_OK;
}

/* ---- writing ---- */

int doctor_write_json(const struct doctor_report *r, struct buf *out, struct err *e)
{
	struct json_writer w;

	json_writer_init(&w, out, false);
	json_begin_object(&w);
	json_kv_int(&w, "exit", doctor_exit(r));
	json_kv_bool(&w, "unproved", r->unproved);
	for (size_t v = 0; v < DOCTOR_VERDICTS; v++)
		json_kv_int(&w, doctor_verdict_name((enum doctor_verdict)v), (int64_t)r->count[v]);
	json_key(&w, "checks");
	json_begin_array(&w);
	for (size_t i = 0; i < r->n; i++) {
		const struct doctor_row *row = &r->rows[i];

		json_begin_object(&w);
		json_kv_str(&w, "name", row->name);
		json_kv_str(&w, "verdict", doctor_verdict_name(row->verdict));
		json_kv_bool(&w, "unproved", row->unproved);
		json_kv_str(&w, "detail", buf_cstr(&row->detail));
		json_kv_str(&w, "remedy", row->remedy);
		json_end_object(&w);
	}
	json_end_array(&w);
	json_end_object(&w);
	return json_writer_finish(&w, e);
}

void doctor_write_text(const struct doctor_report *r, bool color, struct buf *out)
{
	static const char *const words[] = { "PASS", "SKIP", "WARN", "FAIL" };

	for (size_t i = 0; i < r->n; i++) {
		const struct doctor_row *row = &r->rows[i];

		const char *on = color ? terminal_word_color(words[row->verdict]) : NULL;

		buf_addf(out, "%s%s%s  %-16s  %s%s\n", on ? on : "", words[row->verdict],
			on ? TERMINAL_COLOR_OFF : "", row->name, row->unproved ? "unproved: " : "",
			buf_cstr(&row->detail));
		if (row->remedy)
			buf_addf(out, "%24s%s\n", "remedy: ", row->remedy);
	}
	buf_addf(out, "%zu checks: %zu pass, %zu warn, %zu fail, %zu skip%s\n", r->n,
		r->count[DOCTOR_PASS], r->count[DOCTOR_WARN], r->count[DOCTOR_FAIL],
		r->count[DOCTOR_SKIP], r->unproved ? "; not everything could be proved" : "");
}
