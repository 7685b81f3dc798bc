/*
 * What the neighbour container and the probe program report is untrusted text: a line that does
 * not parse is no answer. A refused connection proves nothing by itself, so the rule's counter
 * must have moved too.
 */
#include "network/check.h"

#include <errno.h>
#include <inttypes.h>
#include <sys/stat.h>

#include "base/fs.h"
#include "base/limits.h"
#include "base/proc.h"
#include "network/check_rows.h"
#include "network/nft.h"
#include "network/egress.h"

#define HOST_PROBE_US (20 * USEC_PER_SEC)

const char *check_verdict_name(enum check_verdict v)
{
	static const char *const names[] = { "stands", "fails", "unproved" };

	return names[v];
}

void check_report_release(struct check_report *r)
{
	for (size_t i = 0; i < r->n; i++) {
		free(r->rows[i].what);
		free(r->rows[i].detail);
		free(r->rows[i].probe);
	}
	free(r->rows);
	*r = (struct check_report){ 0 };
}

/* ---- the host's side ---- */

static void add_firewall_row(struct check_report *r, const struct check_spec *s)
{
	struct err why = { 0 };
	int rc = egress_inspect(s->plan, s->box.loop, &why);

	r->foreign = rc < 0 && egress_not_ours(&why);
	check_row_known(r, "firewall", s->plan->table,
		rc == 0 ? CHECK_STANDS : (err_is(&why, ERR_AUTH) ? CHECK_UNPROVED : CHECK_FAILS),
		rc == 0 ? "as configured, the resolver runs" : why.text);
}

/* The program on this host, in the network where the steps' packets would leave from. */
static int run_on_host(
	const struct check_spec *s, const struct strv *probes, struct buf *out, struct err *e)
{
	CLEANUP(strv_release) struct strv argv = { 0 };
	struct proc_spec spec = { .path = s->probe_path, .die_with_parent = true };
	int status;

	strv_add(&argv, "shithub-probe");
	strv_each (probe, probes)
		strv_add(&argv, probe);
	spec.argv = argv.v;
	return proc_run(s->box.loop, &spec, NULL, 0, mono_add(mono_now(), HOST_PROBE_US), out, NULL,
		&status, e);
}

/* Without counters of ours: what is closed for a step and open for the host was closed by a
 * firewall. */
static int judge_foreign(struct check_report *r, const struct check_spec *s, struct err *e)
{
	CLEANUP(strv_release) struct strv probes = { 0 };
	CLEAN_BUF struct buf out = BUF_INIT(KIB(64));

	check_control_probes(r, &probes);
	if (probes.n && run_on_host(s, &probes, &out, e) < 0)
		return -1;
	check_control(r, buf_cstr(&out));
	return 0;
}

/* Does any upstream answer this host? Only then is a name that a step cannot resolve our fault. */
static bool upstream_answers(const struct check_spec *s, const char *name)
{
	CLEANUP(strv_release) struct strv probes = { 0 };
	CLEAN_BUF struct buf out = BUF_INIT(KIB(16));
	struct err ignored = { 0 };

	strv_each (address, &s->plan->upstream)
		strv_addf(&probes, "dns,udp,%s,%s", address, name);
	return probes.n && run_on_host(s, &probes, &out, &ignored) == 0 &&
	       strstr(buf_cstr(&out), " open ");
}

static void doubt_upstream(struct check_report *r, const struct check_spec *s)
{
	const char *name = check_allowed_name(s);

	for (size_t i = 0; i < r->n; i++) {
		struct check_row *row = &r->rows[i];

		if (!row->want_open || row->verdict != CHECK_FAILS || upstream_answers(s, name))
			continue;
		row->verdict = CHECK_UNPROVED;
		CLEAN_STR char *said = TAKE(row->detail);
		row->detail = xasprintf("%s; no upstream resolver answers this host", said);
	}
}

/* What happened between the two readings. */
static void moved_between(
	const struct nft_counters *before, const struct nft_counters *after, struct pairs *ret)
{
	for (size_t i = 0; i < after->packets.n; i++) {
		const char *name = after->packets.v[i].key;
		CLEAN_STR char *text = xasprintf(
			"%" PRId64, (nft_counter(after, name) - nft_counter(before, name)));

		pairs_set(ret, name, text);
	}
}

/* ---- the containers ---- */

/* The neighbour's address, from "0 open ADDRESS". */
static int start_neighbour(
	const struct check_box_spec *s, struct check_box **ret, char **ret_address, struct err *e)
{
	CLEAN_BUF struct buf out = BUF_INIT(KIB(4));
	CLEAN_STR char *probe = xasprintf("listen,%d", CHECK_NEIGHBOUR_PORT);
	static const char lead[] = "0 open ";

	*ret = check_box_open(s, "b", e);
	if (!*ret || check_box_serve(*ret, probe, &out, e) < 0)
		return -1;
	if (!str_starts(buf_cstr(&out), lead))
		return err_set(e, ERR_ENGINE, "neighbour container: %s", buf_cstr(&out));
	out.data[strcspn(out.data, "\n")] = '\0';
	*ret_address = xstrdup(out.data + sizeof(lead) - 1);
	return 0;
}

static int probe_all(const struct check_spec *s, const struct check_box_spec *box,
	struct check_report *r, struct err *e)
{
	CLEANUP(host_ports_close) struct host_ports host = HOST_PORTS_INIT;
	CLEANUP(check_box_closep) struct check_box *neighbour = NULL, *prober = NULL;
	CLEANUP(nft_counters_release) struct nft_counters before = { 0 }, after = { 0 };
	CLEANUP(strv_release) struct strv probes = { 0 };
	CLEANUP(pairs_release) struct pairs moved = { 0 };
	CLEAN_BUF struct buf out = BUF_INIT(KIB(64));
	CLEAN_STR char *address = NULL;
	struct err ignored = { 0 };

	/* some engines make the bridge, an address of the host too, with its first container */
	if (start_neighbour(box, &neighbour, &address, e) < 0 || host_ports_open(&host, e) < 0)
		return -1;
	prober = check_box_open(box, "a", e);
	if (!prober)
		return -1;
	check_rows_add(r, s, &host, address);
	check_probes(r, &probes);
	/* unreadable counters prove nothing: their rows stay unproved */
	if (nft_counters_read(s->plan, s->box.loop, &before, &ignored) < 0)
		err_clear(&ignored);
	if (check_box_run(prober, &probes, &out, e) < 0)
		return -1;
	if (nft_counters_read(s->plan, s->box.loop, &after, &ignored) < 0)
		err_clear(&ignored);
	moved_between(&before, &after, &moved);
	check_judge(r, buf_cstr(&out), &moved);
	/* as long as the neighbour listens */
	return r->foreign ? judge_foreign(r, s, e) : 0;
}

static int run_in(
	const struct check_spec *s, const char *dir, struct check_report *r, struct err *e)
{
	CLEAN_BUF struct buf program = BUF_INIT(MIB(2));
	struct check_box_spec box = s->box;

	if (file_read(s->probe_path, &program, e) < 0)
		return -1;
	box.dir = dir;
	box.program = buf_slice(&program);
	return probe_all(s, &box, r, e);
}

static int run_alone(
	const struct check_spec *s, const char *state, struct check_report *r, struct err *e)
{
	CLEAN_STR char *dir = path_join(state, "check"),
		       *instance = check_box_label("network-check", state);
	CLEAN_FD int parent = dir_open(state, e);
	struct check_spec own = *s;
	struct err ignored = { 0 };
	int rc = -1;

	own.box.instance = instance;
	if (parent < 0 || check_box_sweep(s->box.engine, instance, e) < 0 ||
		tree_remove(parent, "check", NULL, e) < 0 || dir_ensure(dir, 0700, e) < 0)
		return -1;
	/* mkdir's mode passes through the umask; the step's user must get through */
	if (chmod(dir, 0711) < 0)
		err_set_errno(e, errno, "%s", dir);
	else
		rc = run_in(&own, dir, r, e);
	if (tree_remove(parent, "check", NULL, rc == 0 ? e : &ignored) < 0)
		rc = -1;
	return rc;
}

int check_run(const struct check_spec *s, struct check_report *ret, struct err *e)
{
	const char *own = s->plan->config->runner.state_dir;
	/* root must not make a state directory that another user's runner will want */
	const char *state = geteuid() == 0 && access(own, F_OK) < 0 ? s->plan->dir : own;
	CLEAN_STR char *path = path_join(state, "check.lock");
	CLEAN_FD int lock = -1;

	*ret = (struct check_report){ 0 };
	add_firewall_row(ret, s);
	if (dir_ensure_parents(state, state == own ? 0700 : 0755, e) < 0)
		return -1;
	lock = lock_file(path, e);
	if (lock < 0)
		return err_wrap(e, "another check is at work");
	if (run_alone(s, state, ret, e) < 0)
		return -1;
	doubt_upstream(ret, s);
	if (ret->foreign)
		check_foreign(ret);
	return 0;
}
