/*
 * One container exactly as a step gets it, and a script in it that tells what it sees. The script
 * needs a shell and nothing else of the image; it prints raw facts, judging is
 * doctor/box_checks.c's. Each line is "word key value…".
 */
#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>

#include "base/codec.h"
#include "base/fs.h"
#include "base/limits.h"
#include "engine/image.h"
#include "hygiene/doctor/inspect.h"
#include "network/check.h"
#include "sandbox/step_profile.h"

#define RESOLV_CONF "/etc/resolv.conf"

static const char script[] =
	"#!/bin/sh\n"
	"while read -r key value rest; do case $key in\n"
	"Uid:|Gid:|Cap*|NoNewPrivs:|Seccomp:) echo \"status ${key%:} $value\";;\n"
	"esac; done </proc/self/status\n"
	"while read -r dev where type opts rest; do\n"
	"echo \"mount $where $type $opts\"; done </proc/mounts\n"
	"c=/sys/fs/cgroup\n"
	"for f in $c/memory.max $c/memory/memory.limit_in_bytes; do\n"
	"[ -r $f ] && read -r v <$f && echo \"limit memory $v\"; done\n"
	"for f in $c/pids.max $c/pids/pids.max; do\n"
	"[ -r $f ] && read -r v <$f && echo \"limit pids $v\"; done\n"
	"echo \"limit nofile $(ulimit -n)\"\n"
	"for p in /proc/kcore /proc/keys /proc/timer_list /proc/sys /proc/sysrq-trigger "
	"/proc/irq /proc/bus; do [ -e $p ] && echo \"proc $p\"; done\n"
	"for s in \"$@\"; do [ -e \"$s\" ] && echo \"socket $s\"; done\n"
	"(: >/.shithub-doctor) 2>/dev/null && echo 'writable /'\n"
	"(: >/tmp/.shithub-doctor) 2>/dev/null && echo 'writable /tmp'\n"
	"echo end\n";

/* ---- reading ---- */

static void take_pair(struct pairs *p, const char *key, const char *rest)
{
	if (p->n < 256 && !str_empty(key) && rest)
		pairs_set(p, key, rest);
}

static void read_line(char *line, struct box_facts *b)
{
	char *key = strchr(line, ' '), *rest;

	if (key)
		*key++ = '\0';
	rest = key ? strchr(key, ' ') : NULL;
	if (str_eq(line, "end"))
		b->complete = true;
	if (!key)
		return;
	if (str_eq(line, "socket") && b->sockets.n < 16)
		strv_add(&b->sockets, key);
	if (str_eq(line, "proc") && b->proc.n < 16)
		strv_add(&b->proc, key);
	if (str_eq(line, "writable"))
		*(str_eq(key, "/tmp") ? &b->tmp_writable : &b->root_writable) = true;
	if (!rest)
		return;
	*rest++ = '\0';
	if (str_eq(line, "status"))
		take_pair(&b->status, key, rest);
	else if (str_eq(line, "mount"))
		take_pair(&b->mounts, key, rest);
	else if (str_eq(line, "limit"))
		take_pair(&b->limits, key, rest);
}

void doctor_read_box(const char *text, struct box_facts *ret)
{
	CLEANUP(strv_release) struct strv lines = { 0 };

	strv_split(&lines, text, '\n');
	for (size_t i = 0; i < lines.n; i++)
		read_line(lines.v[i], ret);
}

/* ---- running ---- */

/* Where the container's sockets go, and what its label is. In the state directory one doctor at a
 * time takes away what an interrupted one left; where there is none yet, each has its own folder.
 * Root does not work by name in a folder of somebody else, who could exchange what stands there. */
struct place {
	int lock;
	bool made; /* without a lock */
	char *dir, *label;
};

#define ROOTS_PLACE "/run/shithubd-doctor"

static int place_lock(struct place *p, const struct doctor_facts *f, struct err *e)
{
	const char *state = f->config->runner.state_dir;
	bool roots = f->euid == 0 && f->state.folder.uid != 0;

	p->label = check_box_label(roots ? "doctor-root" : "doctor", state);
	p->dir = roots ? path_join(ROOTS_PLACE, p->label) : path_join(state, "doctor");
	CLEAN_STR char *lock = xasprintf("%s.lock", p->dir);
	if (roots && dir_ensure(ROOTS_PLACE, 0711, e) < 0)
		return -1;
	p->lock = lock_file(lock, e);
	if (p->lock < 0 && err_is(e, ERR_CONFLICT))
		err_wrap(e, "another doctor is at work");
	return p->lock < 0 ? -1 : 0;
}

static int place_remove(const struct place *p, struct err *e)
{
	char *slash = strrchr(p->dir, '/');
	CLEAN_STR char *parent = xstrndup(p->dir, (size_t)(slash - p->dir));
	CLEAN_FD int fd = dir_open(parent, e);

	return fd < 0 ? -1 : tree_remove(fd, slash + 1, NULL, e);
}

/* What an interrupted one left goes first. */
static int place_alone(
	struct place *p, const struct doctor_facts *f, struct engine *g, struct err *e)
{
	if (place_lock(p, f, e) < 0 || check_box_sweep(g, p->label, e) < 0 ||
		place_remove(p, e) < 0)
		return -1;
	return dir_ensure(p->dir, 0711, e);
}

static int place_make(
	struct place *p, const struct doctor_facts *f, struct engine *g, struct err *e)
{
	const struct state_facts *s = &f->state;

	if (s->folder.inspection.state == INSPECTION_DONE && s->sync.state == INSPECTION_DONE) {
		if (place_alone(p, f, g, e) < 0)
			return -1;
	} else {
		p->dir = xstrdup("/tmp/shithub-doctor-XXXXXX");
		if (!mkdtemp(p->dir))
			return err_set_errno(e, errno, "folder in /tmp");
		p->label = xstrdup(strrchr(p->dir, '/') + 1);
		p->made = true;
	}
	return chmod(p->dir, 0711) < 0 ? err_set_errno(e, errno, "%s", p->dir) : 0;
}

static void place_release(struct place *p)
{
	struct err ignored = { 0 };

	if (p->lock >= 0 || p->made)
		IGNORE_RESULT(
			place_remove(p, &ignored), "the error that led here is the one to report");
	free(p->dir);
	free(p->label);
	close_fdp(&p->lock);
}

/* Where engines usually listen, and where ours does. */
static void sockets_to_miss(const struct engine *g, struct strv *ret)
{
	strv_add(ret, "/var/run/docker.sock");
	strv_add(ret, "/run/podman/podman.sock");
	if (!strv_contains(ret, engine_socket(g)))
		strv_add(ret, engine_socket(g));
}

static int run_box(struct doctor_facts *f, const struct check_box_spec *spec,
	const struct engine *g, struct err *e)
{
	CLEANUP(check_box_closep) struct check_box *box = check_box_open(spec, "a", e);
	CLEANUP(strv_release) struct strv sockets = { 0 };
	CLEAN_BUF struct buf out = BUF_INIT(KIB(64));

	if (!box)
		return -1;
	sockets_to_miss(g, &sockets);
	f->box.gate = check_box_way(box) == STEP_IO_GATE;
	if (check_box_run(box, &sockets, &out, e) < 0)
		return -1;
	doctor_read_box(buf_cstr(&out), &f->box);
	return 0;
}

static int try_box(
	struct doctor_facts *f, const struct doctor_tools *t, struct engine *g, struct err *e)
{
	CLEANUP(step_profile_release) struct step_profile profile = { 0 };
	CLEANUP(image_release) struct image image = { 0 };
	CLEANUP(place_release) struct place place = { .lock = -1 };
	struct runner_config config = *f->config; /* borrowed content */

	if (step_profile_load(&config, &profile, e) < 0 ||
		engine_image_inspect(g, config.engine.default_image, &image, e) < 0)
		return -1;
	if (place_make(&place, f, g, e) < 0)
		return -1;
	/* a missing network has a row of its own and hides nothing that is looked at here */
	if (f->engine.bridge.state != INSPECTION_DONE)
		config.engine.network = (char *)"none";
	struct check_box_spec spec = { .loop = t->loop,
		.engine = g,
		.config = &config,
		.image = image.id,
		.gate_path = t->gate_path,
		.seccomp_json = profile.text,
		.instance = place.label,
		.dir = place.dir,
		.program = { script, sizeof(script) - 1 } };
	return run_box(f, &spec, g, e);
}

void doctor_inspect_box(struct doctor_facts *f, const struct doctor_tools *t, struct engine *g)
{
	struct err e = { 0 };

	if (f->offline || !g)
		return;
	if (f->engine.image.state != INSPECTION_DONE)
		inspection_skipped(&f->box.inspection, "engine.default_image is not here");
	else if (f->gate.state != INSPECTION_DONE)
		inspection_skipped(&f->box.inspection, "there is no gate");
	else if (try_box(f, t, g, &e) < 0)
		(err_is(&e, ERR_CONFLICT) ? inspection_skipped : inspection_failed)(
			&f->box.inspection, e.text);
	else
		inspection_done(&f->box.inspection);
}

/* ---- the egress firewall ---- */

static void count_rows(const struct check_report *r, struct egress_facts *w)
{
	const struct check_row *worst = NULL;

	for (size_t i = 0; i < r->n; i++) {
		enum check_verdict v = r->rows[i].verdict;

		if (r->foreign && i > 0 && v == CHECK_UNPROVED)
			continue; /* its own row says whether what could be tried is enough */
		*(v == CHECK_STANDS ? &w->stand : v == CHECK_FAILS ? &w->fail : &w->unproved) += 1;
		if (v != CHECK_STANDS &&
			(!worst || (v == CHECK_FAILS && worst->verdict != CHECK_FAILS)))
			worst = &r->rows[i];
	}
	if (worst)
		w->worst = xasprintf("%s (%s): %s", worst->name, worst->what, worst->detail);
	inspection_done(&w->inspection);
}

static int try_egress(
	struct doctor_facts *f, const struct doctor_tools *t, struct engine *g, struct err *e)
{
	CLEANUP(network_plan_release) struct network_plan plan = { 0 };
	CLEANUP(step_profile_release) struct step_profile profile = { 0 };
	CLEANUP(image_release) struct image image = { 0 };
	CLEANUP(check_report_release) struct check_report report = { 0 };

	if (network_plan_init(&plan, f->config, e) < 0 ||
		network_plan_upstream(&plan, RESOLV_CONF, e) < 0 ||
		step_profile_load(f->config, &profile, e) < 0 ||
		engine_image_inspect(g, f->config->engine.default_image, &image, e) < 0)
		return -1;
	struct check_spec spec = { .plan = &plan,
		.box = { .loop = t->loop,
			.engine = g,
			.config = f->config,
			.image = image.id,
			.gate_path = t->gate_path,
			.seccomp_json = profile.text },
		.probe_path = t->probe_path };
	if (check_run(&spec, &report, e) < 0)
		return -1;
	count_rows(&report, &f->egress);
	return 0;
}

void doctor_inspect_egress(struct doctor_facts *f, const struct doctor_tools *t, struct engine *g)
{
	struct err e = { 0 };

	if (f->offline || !g || !f->config->runner.network_allowlist_given ||
		str_eq(f->engine.network, "none"))
		return;
	if (f->box.inspection.state == INSPECTION_SKIPPED)
		inspection_skipped(&f->egress.inspection, "no container could be tried");
	else if (!t->probe_path)
		inspection_skipped(&f->egress.inspection, t->probe_error);
	else if (try_egress(f, t, g, &e) < 0)
		inspection_failed(&f->egress.inspection, e.text);
}
