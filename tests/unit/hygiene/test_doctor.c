/* The checks of doctor over injected machines: a healthy one, then one thing broken at a time: that
 * check and no other changes its mind. And the readers of what others say. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <sys/sysmacros.h>

#include <cmocka.h>

#include "base/limits.h"
#include "hygiene/doctor/doctor.h"
#include "hygiene/doctor/inspect.h"
#include "hygiene/workdir/lock_holder.h"

#define MEMORY (INT64_C(2) << 30)
static const char token[] = "aaaaaaaabbbbbbbbccccccccddddddddeeeeeeeeffffffff0000000011111111";

struct machine {
	struct runner_config config; /* texts are borrowed */
	struct doctor_facts f;
};

static void config_of(struct runner_config *c)
{
	c->server.base_url = (char *)"https://ci.example";
	c->runner.token = (char *)token;
	c->runner.capacity = 2;
	c->runner.workspace_root = (char *)"/ws";
	c->runner.state_dir = (char *)"/state";
	strv_add(&c->runner.labels, "linux");
	strv_add(&c->runner.network_allowlist, "ci.example");
	c->runner.network_allowlist_given = true;
	c->engine.default_image = (char *)"bash:5";
	c->engine.memory = MEMORY;
	c->engine.pids_limit = 512;
	c->engine.nofile_limit = 4096;
	c->engine.uid = c->engine.gid = 65534;
	c->disk.high_water = 85;
	c->disk.min_free = 5;
}

static void server_of(struct server_facts *s)
{
	inspection_done(&s->inspection);
	inspection_done(&s->certificates);
	s->status = 200;
	s->dated = s->self = s->online = true;
	s->id = 7;
	s->capacity = 2;
	s->name = xstrdup("r7");
	strv_add(&s->labels, "linux");
	s->certificate_left_us = INT64_C(90) * 24 * 3600 * USEC_PER_SEC;
}

static void engine_of(struct engine_fact_set *g)
{
	struct inspection *const looks[] = { &g->inspection, &g->told, &g->image_allowed, &g->image,
		&g->bridge, &g->containers };

	for (size_t i = 0; i < ARRAY_LEN(looks); i++)
		inspection_done(looks[i]);
	g->server = xstrdup("Docker/20");
	g->api = xstrdup("1.41");
	g->socket = xstrdup("/run/docker.sock");
	g->storage = xstrdup("overlay2");
	g->network = xstrdup("shithub-actions");
	g->image_digest = xstrdup("sha256:0");
	g->seccomp = g->memory_limit = g->pids_limit = true;
}

static const char healthy_box[] =
	"status Uid 65534\nstatus Gid 65534\n"
	"status CapInh 0000000000000000\nstatus CapPrm 0000000000000000\n"
	"status CapEff 0000000000000000\nstatus CapBnd 0000000000000000\n"
	"status CapAmb 0000000000000000\n"
	"status NoNewPrivs 1\nstatus Seccomp 2\n"
	"mount / overlay ro,relatime\nmount /tmp tmpfs rw,nosuid,size=64k\n"
	"mount /proc/kcore tmpfs rw\nmount /proc/sys proc ro\n"
	"proc /proc/kcore\nproc /proc/sys\n"
	"limit memory 2147483648\nlimit pids 512\nlimit nofile 4096\n"
	"writable /tmp\nend\n";

static void confinement_of(struct confinement *w)
{
	static const char *const names[] = { "seccomp", "landlock", "capabilities", "user",
		"cgroup" };

	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		w->v[w->n++] = (struct confinement_part){ names[i], CONFINEMENT_STANDS,
			xstrdup("as it should") };
}

static void folder_of(struct folder_facts *d, unsigned mode)
{
	inspection_done(&d->inspection);
	d->uid = 990;
	d->mode = mode;
	d->space = (struct disk_space){ .used = 50, .avail = 50, .dev = 1 };
}

static const char healthy_unit[] =
	"[Unit]\nUser=root\n[Service]\nUser=shithub-runner\nNoNewPrivileges=yes\n"
	"AmbientCapabilities=CAP_CHOWN CAP_FOWNER\nCapabilityBoundingSet=CAP_CHOWN \\\n  "
	"CAP_SETUID\n"
	"ProtectSystem=strict\nProtectHome=yes\nPrivateTmp=true\nPrivateDevices=on\n"
	"ProtectControlGroups=1\nProtectKernelLogs=yes\nProtectKernelModules=yes\n"
	"ProtectKernelTunables=yes\nRestrictNamespaces=yes\n"
	"LockPersonality=yes\nMemoryDenyWriteExecute=yes\nRestrictAddressFamilies=AF_UNIX\n"
	"SystemCallFilter=@system-service\n";

static void machine_make(struct machine *m)
{
	struct doctor_facts *f = &m->f;

	*m = (struct machine){ 0 };
	config_of(&m->config);
	f->config = &m->config;
	f->euid = 990;
	f->token.from = TOKEN_OWN_FILE;
	inspection_done(&f->token.inspection);
	f->token.mode = 0100600;
	f->token.uid = 990;
	f->token.path = xstrdup("/etc/token");
	server_of(&f->server);
	inspection_done(&f->runner.inspection);
	f->runner.state = xstrdup("claiming");
	engine_of(&f->engine);
	inspection_done(&f->gate);
	f->gate_path = xstrdup("/usr/lib/gate");
	inspection_done(&f->egress.inspection);
	f->egress.stand = 20;
	confinement_of(&f->confinement);
	inspection_done(&f->box.inspection);
	f->box.gate = true;
	doctor_read_box(healthy_box, &f->box);
	folder_of(&f->workspace, 040755);
	inspection_done(&f->root_owner);
	folder_of(&f->state.folder, 040700);
	inspection_done(&f->state.sync);
	inspection_done(&f->state.jobs);
	memcpy(f->host.kernel, "6.1.0-18-amd64", 15);
	inspection_done(&f->host.limits);
	f->host.nofile = 65536;
	f->host.pids_max = -1;
	inspection_done(&f->unit.inspection);
	f->unit.source = xstrdup("unit");
	doctor_read_unit(healthy_unit, &f->unit.value);
}

static void machine_release(struct machine *m)
{
	strv_release(&m->config.runner.labels);
	strv_release(&m->config.runner.network_allowlist);
	doctor_facts_release(&m->f);
}

static const struct doctor_row *row_of(const struct doctor_report *r, const char *name)
{
	for (size_t i = 0; i < r->n; i++)
		if (str_eq(r->rows[i].name, name))
			return &r->rows[i];
	fail_msg("no check %s", name);
	return NULL;
}

/* ---- one thing at a time ---- */

#define BREAK(fn, ...)                          \
	static void fn(struct machine *m)       \
	{                                       \
		struct doctor_facts *f = &m->f; \
		(void)f;                        \
		__VA_ARGS__;                    \
	}
BREAK(nothing, )
BREAK(problem, strv_add(&f->problems, "line 3: no"))
BREAK(warning, strv_add(&f->warnings, "plain"))
BREAK(missing, f->missing = xstrdup("server.base_url is not set"))
BREAK(wide_token, f->token.mode = 0100640)
BREAK(odd_token, f->token.mode = 0100700)
BREAK(foreign_token, f->token.uid = 1000)
BREAK(flag_token, f->token.from = TOKEN_FLAG)
BREAK(env_token, f->token.from = TOKEN_ENV)
BREAK(lost_token, inspection_failed(&f->token.inspection, "gone"))
BREAK(server_500, f->server.status = 500; f->server.self = false)
BREAK(cert_soon, f->server.certificate_left_us = INT64_C(20) * 24 * 3600 * USEC_PER_SEC)
BREAK(cert_now, f->server.certificate_left_us = INT64_C(2) * 24 * 3600 * USEC_PER_SEC)
BREAK(cert_blind, inspection_failed(&f->server.certificates, "?"))
BREAK(plain, m->config.server.base_url = (char *)"http://ci.example")
BREAK(plain_here, m->config.server.base_url = (char *)"http://127.0.0.1:80")
BREAK(slow_clock, f->server.skew_us = 6 * USEC_PER_SEC)
BREAK(fast_clock, f->server.skew_us = -61 * USEC_PER_SEC)
BREAK(small_skew, f->server.skew_us = -5 * USEC_PER_SEC)
BREAK(no_date, f->server.dated = false)
BREAK(revoked, f->server.revoked = true)
BREAK(drained_there, f->server.draining = true)
BREAK(label, strv_add(&m->config.runner.labels, "gpu"))
BREAK(label_there, strv_add(&f->server.labels, "gpu"))
BREAK(capacity, f->server.capacity = 4)
static void queue(struct machine *m, int64_t seconds)
{
	m->f.server.queued = 3;
	m->f.server.oldest_job = 42;
	m->f.server.oldest_us = seconds * USEC_PER_SEC;
}
BREAK(deaf, queue(m, 61))
BREAK(young_queue, queue(m, 60))
BREAK(busy_queue, queue(m, 900); f->server.active = 2)
BREAK(freed_queue, queue(m, 900); f->server.free_us = 5 * USEC_PER_SEC)
BREAK(free_queue, queue(m, 900); f->server.free_us = 61 * USEC_PER_SEC)
BREAK(offline_queue, queue(m, 61); f->server.online = false)
BREAK(drained_queue, queue(m, 61); free(f->runner.state); f->runner.state = xstrdup("drained"))
BREAK(runner_mute, inspection_failed(&f->runner.inspection, "no answer"))
BREAK(runner_none, inspection_skipped(&f->runner.inspection, NULL))
BREAK(runner_ghost, inspection_skipped(&f->runner.inspection, NULL); f->state.holder = 5)
BREAK(beat_refused, f->runner.heartbeat_result = xstrdup("refused"))
BREAK(beat_failed, f->runner.failures = 2)
BREAK(beat_late, f->runner.has_heartbeat = true; f->runner.heartbeat_age_us = 121 * USEC_PER_SEC)
static void runner_state(struct machine *m, const char *state)
{
	free(m->f.runner.state);
	m->f.runner.state = xstrdup(state);
}
BREAK(runner_pressed, runner_state(m, "disk_pressure"); f->runner.disk = xstrdup("/state"))
BREAK(runner_broken, runner_state(m, "broken"); f->runner.platform = xstrdup("no image"))
BREAK(runner_refused, runner_state(m, "refused"))
BREAK(runner_drained, runner_state(m, "drained"))
BREAK(runner_draining, runner_state(m, "draining"))
BREAK(runner_stopping, runner_state(m, "stopping"))
BREAK(runner_newer, runner_state(m, "meditating"))
BREAK(engine_down, f->runner.engine = xstrdup("down"))
BREAK(login_page, f->server.self = false; f->server.status = 200)
BREAK(redirect, f->server.self = false; f->server.status = 302)
BREAK(some_page, f->server.self = false; f->server.status = 404; f->server.page = true)
BREAK(no_seccomp, f->engine.seccomp = false)
BREAK(no_pids, f->engine.pids_limit = false)
BREAK(vfs, free(f->engine.storage); f->engine.storage = xstrdup("vfs"))
BREAK(info_blind, inspection_failed(&f->engine.told, "500"))
BREAK(no_image, inspection_failed(&f->engine.image, "no such image"))
BREAK(no_image_ever, inspection_failed(&f->engine.image, "no"); m->config.engine.pull = PULL_NEVER)
BREAK(bad_image, inspection_failed(&f->engine.image_allowed, "not allowed"))
BREAK(no_gate, inspection_failed(&f->gate, "missing"))
BREAK(gate_attach, f->box.gate = false)
BREAK(gate_must, f->box.gate = false; m->config.engine.step_io = STEP_IO_GATE)
BREAK(no_network, inspection_failed(&f->engine.bridge, "no such network"))
BREAK(open_network, m->config.runner.network_allowlist_given = false)
BREAK(hole, f->egress.fail = 1; f->egress.worst = xstrdup("host port"))
BREAK(egress_blind, f->egress.unproved = 1; f->egress.worst = xstrdup("wall"))
BREAK(egress_none, inspection_failed(&f->egress.inspection, "no"))
BREAK(orphan, strv_add(&f->engine.orphans, "0123456789abcdef"))
BREAK(list_blind, inspection_failed(&f->engine.containers, "500"))
BREAK(confinement_lower, f->confinement.v[1].state = CONFINEMENT_LOWER)
BREAK(confinement_refused, f->confinement.v[0].state = CONFINEMENT_REFUSED)
BREAK(old_kernel, memcpy(f->host.kernel, "5.4.0", 6))
BREAK(older_kernel, memcpy(f->host.kernel, "5.10.0", 7))
BREAK(odd_kernel, memcpy(f->host.kernel, "none", 5))
BREAK(few_files, f->host.nofile = 256)
BREAK(few_pids, f->host.pids_max = 100)
BREAK(foreign_root, f->workspace.uid = 0)
BREAK(wide_root, f->workspace.mode = 040777)
BREAK(noexec, f->workspace.noexec = true)
BREAK(read_only, f->workspace.read_only = true)
BREAK(other_root, inspection_failed(&f->root_owner, "another runner's"))
BREAK(link_root, inspection_failed(&f->workspace.inspection, "too many links"))
BREAK(no_quota, m->config.runner.project_ids = 4; inspection_failed(&f->project_quota, "none"))
BREAK(no_root_for_quota, m->config.runner.project_ids = 4;
	inspection_skipped(&f->project_quota, "no root yet"))
BREAK(high_water, f->workspace.space.used = 85; f->workspace.space.avail = 15)
BREAK(full, f->workspace.space.used = 96; f->workspace.space.avail = 4)
BREAK(state_full, f->state.folder.space = (struct disk_space){ .used = 96, .avail = 4, .dev = 2 })
BREAK(state_high, f->state.folder.space = (struct disk_space){ .used = 85, .avail = 15, .dev = 2 })
BREAK(wide_state, f->state.folder.mode = 040750)
BREAK(no_sync, inspection_failed(&f->state.sync, "EIO"))
BREAK(slow_sync, f->state.sync_us = 2 * USEC_PER_SEC)
BREAK(left_job, f->state.left = 1)
BREAK(damaged, f->state.damaged = 1)
BREAK(no_unit, inspection_skipped(&f->unit.inspection, "absent"))
BREAK(soft_unit, pairs_set(&f->unit.value, "ProtectSystem", "full"))
BREAK(sxid_unit, pairs_set(&f->unit.value, "RestrictSUIDSGID", "yes"))
BREAK(root_unit, pairs_set(&f->unit.value, "User", ""))
BREAK(strong_unit, pairs_set(&f->unit.value, "AmbientCapabilities", "CAP_SYS_ADMIN"))
BREAK(box_fails, inspection_failed(&f->box.inspection, "OCI runtime"))
BREAK(box_cut, f->box.complete = false)
BREAK(box_root, pairs_set(&f->box.status, "Uid", "0"))
BREAK(box_cap, pairs_set(&f->box.status, "CapBnd", "00000000a80425fb"))
BREAK(box_filter, pairs_set(&f->box.status, "Seccomp", "0"))
BREAK(box_socket, strv_add(&f->box.sockets, "/var/run/docker.sock"))
BREAK(box_rw, pairs_set(&f->box.mounts, "/", "overlay rw,relatime,lowerdir=ro"))
BREAK(box_tmp, pairs_set(&f->box.mounts, "/tmp", "overlay rw,nosuid"))
BREAK(box_proc, strv_add(&f->box.proc, "/proc/keys"))
BREAK(box_sys, pairs_set(&f->box.mounts, "/proc/sys", "proc rw"))
BREAK(box_pids, pairs_set(&f->box.limits, "pids", "513"))
BREAK(box_less, pairs_set(&f->box.limits, "pids", "511"))
BREAK(box_odd, pairs_set(&f->box.limits, "pids", "many"))
BREAK(box_write, f->box.root_writable = true)
BREAK(box_memory, pairs_set(&f->box.limits, "memory", "max"))
BREAK(box_rootless, pairs_set(&f->box.limits, "memory", "max"); f->engine.rootless = true)
BREAK(box_none, pairs_release(&f->box.limits); f->engine.rootless = true)
BREAK(box_no_limit, pairs_release(&f->box.limits))

static const struct broken {
	void (*make)(struct machine *m);
	const char *check;
	enum doctor_verdict verdict;
	bool unproved;
	const char *also[4]; /* checks that the same thing leaves without anything to judge */
} broken[] = {
	{ nothing, "configuration", DOCTOR_PASS },
	{ problem, "configuration", DOCTOR_FAIL },
	{ warning, "configuration", DOCTOR_WARN },
	{ missing, "configuration", DOCTOR_FAIL },
	{ wide_token, "token-kept", DOCTOR_FAIL },
	{ odd_token, "token-kept", DOCTOR_WARN },
	{ foreign_token, "token-kept", DOCTOR_WARN },
	{ flag_token, "token-kept", DOCTOR_WARN },
	{ env_token, "token-kept", DOCTOR_WARN },
	{ lost_token, "token-kept", DOCTOR_SKIP, true },
	{ server_500, "server", DOCTOR_FAIL, false, { "token-accepted", "registration", "deaf" } },
	{ login_page, "server", DOCTOR_FAIL, false, { "token-accepted", "registration", "deaf" } },
	{ redirect, "server", DOCTOR_FAIL, false, { "token-accepted", "registration", "deaf" } },
	{ some_page, "server", DOCTOR_FAIL, false, { "token-accepted", "registration", "deaf" } },
	{ cert_soon, "tls", DOCTOR_WARN },
	{ cert_now, "tls", DOCTOR_FAIL },
	{ cert_blind, "tls", DOCTOR_SKIP, true },
	{ plain, "tls", DOCTOR_WARN },
	{ plain_here, "tls", DOCTOR_PASS },
	{ slow_clock, "clock", DOCTOR_WARN },
	{ fast_clock, "clock", DOCTOR_FAIL },
	{ small_skew, "clock", DOCTOR_PASS },
	{ no_date, "clock", DOCTOR_SKIP, true },
	{ revoked, "registration", DOCTOR_FAIL },
	{ drained_there, "registration", DOCTOR_WARN },
	{ label, "registration", DOCTOR_WARN },
	{ label_there, "registration", DOCTOR_WARN },
	{ capacity, "registration", DOCTOR_WARN },
	{ deaf, "deaf", DOCTOR_FAIL },
	{ young_queue, "deaf", DOCTOR_PASS },
	{ busy_queue, "deaf", DOCTOR_PASS },
	{ freed_queue, "deaf", DOCTOR_PASS },
	{ free_queue, "deaf", DOCTOR_FAIL },
	{ offline_queue, "deaf", DOCTOR_WARN },
	{ drained_queue, "runner", DOCTOR_WARN },
	{ runner_mute, "runner", DOCTOR_FAIL },
	{ runner_none, "runner", DOCTOR_SKIP },
	{ runner_ghost, "runner", DOCTOR_FAIL },
	{ beat_refused, "runner", DOCTOR_FAIL },
	{ beat_failed, "runner", DOCTOR_WARN },
	{ beat_late, "runner", DOCTOR_FAIL },
	{ runner_pressed, "runner", DOCTOR_FAIL },
	{ runner_broken, "runner", DOCTOR_FAIL },
	{ runner_refused, "runner", DOCTOR_FAIL },
	{ runner_drained, "runner", DOCTOR_WARN },
	{ runner_draining, "runner", DOCTOR_WARN },
	{ runner_stopping, "runner", DOCTOR_WARN },
	{ runner_newer, "runner", DOCTOR_WARN },
	{ engine_down, "runner", DOCTOR_WARN },
	{ no_seccomp, "engine-confinement", DOCTOR_FAIL },
	{ no_pids, "engine-confinement", DOCTOR_WARN },
	{ vfs, "engine-confinement", DOCTOR_WARN },
	{ info_blind, "engine-confinement", DOCTOR_SKIP, true },
	{ no_image, "image", DOCTOR_WARN },
	{ no_image_ever, "image", DOCTOR_FAIL },
	{ bad_image, "image", DOCTOR_FAIL },
	{ no_gate, "gate", DOCTOR_FAIL },
	{ gate_attach, "gate", DOCTOR_WARN },
	{ gate_must, "gate", DOCTOR_FAIL },
	{ no_network, "network", DOCTOR_FAIL },
	{ open_network, "egress-firewall", DOCTOR_WARN },
	{ hole, "egress-firewall", DOCTOR_FAIL },
	{ egress_blind, "egress-firewall", DOCTOR_SKIP, true },
	{ egress_none, "egress-firewall", DOCTOR_SKIP, true },
	{ orphan, "orphans", DOCTOR_WARN },
	{ list_blind, "orphans", DOCTOR_SKIP, true, { "instances" } },
	{ confinement_lower, "landlock", DOCTOR_WARN },
	{ confinement_refused, "seccomp", DOCTOR_FAIL },
	{ old_kernel, "kernel", DOCTOR_FAIL },
	{ older_kernel, "kernel", DOCTOR_WARN },
	{ odd_kernel, "kernel", DOCTOR_SKIP, true },
	{ few_files, "limits", DOCTOR_WARN },
	{ few_pids, "limits", DOCTOR_WARN },
	{ foreign_root, "workspace", DOCTOR_WARN },
	{ wide_root, "workspace", DOCTOR_FAIL },
	{ noexec, "workspace", DOCTOR_WARN },
	{ read_only, "workspace", DOCTOR_FAIL },
	{ other_root, "workspace", DOCTOR_FAIL },
	{ link_root, "workspace", DOCTOR_FAIL },
	{ no_quota, "workspace-limit", DOCTOR_WARN },
	{ no_root_for_quota, "workspace-limit", DOCTOR_SKIP, true },
	{ high_water, "disk", DOCTOR_WARN },
	{ full, "disk", DOCTOR_FAIL },
	{ state_full, "disk", DOCTOR_FAIL },
	{ state_high, "disk", DOCTOR_WARN },
	{ wide_state, "state", DOCTOR_FAIL },
	{ no_sync, "state", DOCTOR_FAIL },
	{ slow_sync, "state", DOCTOR_WARN },
	{ left_job, "left-over-jobs", DOCTOR_WARN },
	{ damaged, "left-over-jobs", DOCTOR_WARN },
	{ no_unit, "unit", DOCTOR_SKIP },
	{ soft_unit, "unit", DOCTOR_WARN },
	{ sxid_unit, "unit", DOCTOR_FAIL },
	{ root_unit, "unit", DOCTOR_WARN },
	{ strong_unit, "unit", DOCTOR_WARN },
	{ box_fails, "container", DOCTOR_FAIL, false,
		{ "container-user", "container-files", "container-limits" } },
	{ box_cut, "container", DOCTOR_SKIP, true, { "container-files" } },
	{ box_root, "container-user", DOCTOR_FAIL },
	{ box_cap, "container-user", DOCTOR_FAIL },
	{ box_filter, "container-user", DOCTOR_FAIL },
	{ box_socket, "container-files", DOCTOR_FAIL },
	{ box_rw, "container-files", DOCTOR_FAIL },
	{ box_tmp, "container-files", DOCTOR_FAIL },
	{ box_proc, "container-files", DOCTOR_FAIL },
	{ box_sys, "container-files", DOCTOR_FAIL },
	{ box_write, "container-files", DOCTOR_FAIL },
	{ box_pids, "container-limits", DOCTOR_FAIL },
	{ box_less, "container-limits", DOCTOR_PASS },
	{ box_odd, "container-limits", DOCTOR_SKIP, true },
	{ box_memory, "container-limits", DOCTOR_FAIL },
	{ box_rootless, "container-limits", DOCTOR_WARN },
	{ box_none, "container-limits", DOCTOR_WARN },
	{ box_no_limit, "container-limits", DOCTOR_SKIP, true },
};

static bool is_touched(const struct broken *b, const char *name)
{
	for (size_t i = 0; i < ARRAY_LEN(b->also); i++)
		if (str_eq(b->also[i], name))
			return true;
	return str_eq(b->check, name);
}

static void test_one_thing_at_a_time(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(broken); i++) {
		const struct broken *b = &broken[i];
		struct doctor_report r;
		struct machine m;

		machine_make(&m);
		b->make(&m);
		doctor_judge(&m.f, token, &r);
		const struct doctor_row *row = row_of(&r, b->check);
		if (row->verdict != b->verdict || row->unproved != b->unproved)
			fail_msg("case %zu: %s is %s: %s", i, b->check,
				doctor_verdict_name(row->verdict), buf_cstr(&row->detail));
		for (size_t k = 0; k < r.n; k++)
			if (!is_touched(b, r.rows[k].name) && r.rows[k].verdict != DOCTOR_PASS)
				fail_msg("case %zu: also %s: %s", i, r.rows[k].name,
					buf_cstr(&r.rows[k].detail));
		assert_int_equal(row->remedy != NULL, b->verdict >= DOCTOR_WARN || b->unproved);
		assert_int_equal(doctor_exit(&r), b->verdict == DOCTOR_FAIL ? EXIT_FINDINGS
						  : b->unproved             ? EXIT_INCOMPLETE
									    : EXIT_OK);
		doctor_report_release(&r);
		machine_release(&m);
	}
}

/* Every check can end in something else than PASS. */
static void test_every_check_is_broken(void **state)
{
	static const char *const elsewhere[] = {
		"token-accepted", "engine", "instances", "capabilities", "step-user", "cgroup"
	}; /* the parts of the confinement are one function; system tests */

	(void)state;
	for (size_t i = 0; i < doctor_checks_n; i++) {
		bool found = false;

		for (size_t k = 0; k < ARRAY_LEN(broken); k++)
			found |= str_eq(broken[k].check, doctor_checks[i].name) &&
				 broken[k].verdict != DOCTOR_PASS;
		for (size_t k = 0; k < ARRAY_LEN(elsewhere); k++)
			found |= str_eq(elsewhere[k], doctor_checks[i].name);
		if (!found)
			fail_msg("no case breaks %s", doctor_checks[i].name);
	}
}

/* The same inode number on another file system is another file. */
static void test_lock_holder(void **state)
{
	static const char locks[] = "1: FLOCK  ADVISORY  WRITE 811 00:1f:4567 0 EOF\n"
				    "2: POSIX  ADVISORY  WRITE 812 00:20:4567 0 EOF\n"
				    "3: FLOCK  ADVISORY  READ 813 00:20:4567 0 EOF\n"
				    "4: FLOCK  ADVISORY  WRITE 814 fd:01:4567 0 EOF\n";

	(void)state;
	assert_int_equal(lock_holder_find(locks, makedev(0, 0x1f), 4567), 811);
	assert_int_equal(lock_holder_find(locks, makedev(0, 0x20), 4567), 0);
	assert_int_equal(lock_holder_find(locks, makedev(0xfd, 1), 4567), 814);
	assert_int_equal(lock_holder_find(locks, makedev(0xfd, 1), 4568), 0);
	assert_int_equal(lock_holder_find("", makedev(0, 0x1f), 4567), 0);
}

static void test_token_answers(void **state)
{
	static const struct {
		long status;
		enum doctor_verdict verdict;
		bool unproved;
	} cases[] = { { 401, DOCTOR_FAIL, false }, { 403, DOCTOR_FAIL, false },
		{ 404, DOCTOR_SKIP, true }, { 200, DOCTOR_SKIP, true } };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct doctor_report r;
		struct machine m;

		machine_make(&m);
		m.f.server.self = false;
		m.f.server.status = cases[i].status;
		doctor_judge(&m.f, token, &r);
		const struct doctor_row *row = row_of(&r, "token-accepted");
		assert_int_equal(row->verdict, cases[i].verdict);
		assert_int_equal(row->unproved, cases[i].unproved);
		assert_int_equal(row_of(&r, "deaf")->verdict, DOCTOR_SKIP);
		doctor_report_release(&r);
		machine_release(&m);
	}
}

static void test_offline_and_no_config(void **state)
{
	struct doctor_report r;
	struct machine m;

	(void)state;
	machine_make(&m);
	m.f.offline = true;
	doctor_judge(&m.f, token, &r);
	assert_int_equal(row_of(&r, "server")->verdict, DOCTOR_SKIP);
	assert_int_equal(row_of(&r, "container")->verdict, DOCTOR_SKIP);
	assert_int_equal(row_of(&r, "engine")->verdict, DOCTOR_PASS);
	assert_int_equal(doctor_exit(&r), EXIT_OK); /* left out by wish is not unproved */
	doctor_report_release(&r);

	m.f.offline = false;
	m.f.config = NULL;
	strv_add(&m.f.problems, "no");
	doctor_judge(&m.f, NULL, &r);
	assert_int_equal(r.count[DOCTOR_FAIL], 1);
	assert_int_equal(row_of(&r, "kernel")->verdict, DOCTOR_PASS);
	doctor_report_release(&r);
	machine_release(&m);
}

static void test_no_secret_no_controls(void **state)
{
	CLEAN_BUF struct buf out = BUF_INIT(MIB(1));
	struct doctor_report r;
	struct machine m;
	struct err e = { 0 };

	(void)state;
	machine_make(&m);
	m.f.server.status = 401;
	m.f.server.self = false;
	m.f.server.words = xasprintf("%s%s is bad: \033[2J\xff%s", token, token, token);
	doctor_judge(&m.f, token, &r);
	doctor_write_text(&r, false, &out);
	assert_int_equal(doctor_write_json(&r, &out, &e), 0);
	assert_true(buf_ok(&out));
	assert_null(strstr(buf_cstr(&out), token));
	assert_null(strchr(buf_cstr(&out), '\033'));
	assert_non_null(strstr(buf_cstr(&out), "****** is bad: ?[2J?***"));
	doctor_report_release(&r);
	machine_release(&m);
}

/* ---- readers ---- */

static void test_read_self(void **state)
{
	static const char text[] =
		"{\"id\":7,\"name\":\"r\",\"labels\":[\"a\",3],\"capacity\":2,\"active_jobs\":1,"
		"\"status\":\"online\",\"draining\":true,\"revoked\":false,"
		"\"queued_matching\":[{\"job_id\":42}],\"queued_matching_total\":9,"
		"\"oldest_matching_at\":\"2026-01-01T00:00:00Z\","
		"\"now\":\"2026-01-01T00:01:30Z\"}";
	static const char *const bad[] = { "", "[]", "{}", "{\"id\":\"7\"}", "{\"id\":-1}", "{" };
	struct server_facts s = { 0 };

	(void)state;
	doctor_read_self(text, sizeof(text) - 1, &s);
	assert_true(s.self && s.online && s.draining && !s.revoked);
	assert_int_equal(s.labels.n, 1);
	assert_int_equal(s.oldest_job, 42);
	assert_int_equal(s.queued, 9);
	assert_int_equal(s.oldest_us, 90 * USEC_PER_SEC);
	free(s.name);
	strv_release(&s.labels);
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		s = (struct server_facts){ 0 };
		doctor_read_self(bad[i], strlen(bad[i]), &s);
		assert_false(s.self);
	}
}

static void test_read_unit(void **state)
{
	CLEANUP(pairs_release) struct pairs p = { 0 };

	(void)state;
	doctor_read_unit("[Unit]\nUser=x\n# User=y\n[Service]\nUser=a\nUser=b\n"
			 "SystemCallFilter=one\nSystemCallFilter=two\n"
			 "AmbientCapabilities=CAP_A\nAmbientCapabilities=\n=odd\nword\n"
			 "[Install]\nUser=z\nAlias=q\n",
		&p);
	assert_string_equal(pairs_get(&p, "User"), "b");
	assert_null(pairs_get(&p, "Alias"));
	doctor_read_unit("[Service]\nUser=c\n", &p); /* a drop-in */
	assert_string_equal(pairs_get(&p, "User"), "c");
	assert_string_equal(pairs_get(&p, "SystemCallFilter"), "one two");
	assert_string_equal(pairs_get(&p, "AmbientCapabilities"), "");
	assert_null(pairs_get(&p, "word"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_one_thing_at_a_time),
		cmocka_unit_test(test_every_check_is_broken),
		cmocka_unit_test(test_lock_holder),
		cmocka_unit_test(test_token_answers),
		cmocka_unit_test(test_offline_and_no_config),
		cmocka_unit_test(test_no_secret_no_controls),
		cmocka_unit_test(test_read_self),
		cmocka_unit_test(test_read_unit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
