/*
 * One change with evidence: nothing is changed that could not be recorded first, and what is
 * recorded afterwards is what a second audit found, not what the change believes it did.
 */
#include "hygiene/workdir/remediate.h"

#include <fcntl.h>
#include <inttypes.h>
#include <sys/stat.h>

#include "base/codec.h"
#include "base/fs.h"
#include "base/limits.h"
#include "state/evidence.h"

static void conclude(struct remediation *r, enum exit_code code, char *verdict)
{
	free(r->verdict);
	r->code = code;
	r->verdict = verdict;
}

/* ---- evidence ---- */

static char *journal_path(const char *state_dir, bool make, struct err *e)
{
	CLEAN_STR char *folder =
		make ? evidence_folder(state_dir, "hygiene", e) : path_join(state_dir, "hygiene");

	return folder ? path_join(folder, "remediations.jsonl") : NULL;
}

static void kv_escaped(struct json_writer *w, const char *key, const char *text)
{
	CLEAN_STR char *safe = text_escaped(text);

	json_kv_str(w, key, safe);
}

static void write_outcome(struct json_writer *w, const struct remediation *r)
{
	json_kv_str(w, "verdict", r->verdict);
	json_kv_int(w, "exit", r->code);
	json_kv_int(w, "changed_directories", (int64_t)r->repair.directories);
	json_kv_int(w, "changed_files", (int64_t)r->repair.files);
	json_kv_int(w, "left", (int64_t)r->repair.left);
}

static int write_record(
	struct buf *out, const struct remediation *r, const char *phase, struct err *e)
{
	CLEAN_STR char *path = workdir_path(r->dir);
	char now[WALL_TEXT_MAX];
	struct json_writer w;

	json_writer_init(&w, out, false);
	json_begin_object(&w);
	json_kv_str(&w, "at", wall_format(wall_now(), now));
	json_kv_str(&w, "phase", phase);
	kv_escaped(&w, "host", r->dir->host->name);
	kv_escaped(&w, "repo", r->dir->name);
	kv_escaped(&w, "path", path);
	json_kv_str(&w, "mode", workdir_mode_words[r->mode]);
	json_kv_int(&w, "uid", getuid());
	json_kv_str(&w, "status", workdir_status_name(r->before.status));
	json_kv_int(&w, "entries", (int64_t)r->before.usage.entries);
	json_kv_int(&w, "bytes", (int64_t)r->before.usage.allocated);
	json_key(&w, "findings");
	findings_write(r->audited_after ? &r->after.findings : &r->before.findings, &w);
	if (r->applied)
		write_outcome(&w, r);
	json_end_object(&w);
	return json_writer_finish(&w, e);
}

static int record_phase(
	const struct remediation *r, const char *state_dir, const char *phase, struct err *e)
{
	CLEAN_STR char *path = journal_path(state_dir, true, e);
	CLEAN_BUF struct buf line = BUF_INIT(EVIDENCE_LINE_MAX);

	if (!path || write_record(&line, r, phase, e) < 0)
		return -1;
	return evidence_append(path, buf_slice(&line), e);
}

struct recent {
	const char *path; /* names of hosts are not unique */
	struct wall since;
	uint64_t n;
};

static bool count_recent(const struct json_value *record, void *data)
{
	const char *at = json_get_string(record, "at");
	struct recent *r = data;
	struct wall when;

	/* a removal that failed, or an unlock, put nothing right */
	if (str_eq(json_get_string(record, "phase"), "done") &&
		str_eq(json_get_string(record, "mode"), workdir_mode_words[WORKDIR_REMOVE]) &&
		json_get_int(record, "exit", EXIT_FINDINGS) == EXIT_OK &&
		str_eq(json_get_string(record, "path"), r->path) && at &&
		wall_parse(at, &when, NULL) == 0 && when.us >= r->since.us)
		r->n++;
	return true;
}

int remediation_count_since(const char *state_dir, const struct workdir *w, struct wall since,
	uint64_t *ret, struct err *e)
{
	CLEAN_STR char *path = journal_path(state_dir, false, e);
	CLEAN_STR char *raw = workdir_path(w), *safe = text_escaped(raw);
	struct recent r = { safe, since, 0 };
	uint64_t damaged;

	if (!path || evidence_each(path, count_recent, &r, &damaged, e) < 0)
		return -1;
	*ret = r.n;
	return 0;
}

/* ---- the change ---- */

/* Which folder it is, whatever its name. */
struct identity {
	dev_t dev;
	ino_t ino; /* 0: there is none */
};

static struct identity identify(const struct workdir *w)
{
	CLEAN_FD int parent = workdir_open_parent(w, NULL);
	struct stat st;

	if (parent < 0 || fstatat(parent, w->entry, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return (struct identity){ 0 };
	return (struct identity){ st.st_dev, st.st_ino };
}

static void audit_after(struct remediation *r, const struct workdir_audit_spec *spec)
{
	const struct workdir *w = r->aside.entry ? &r->aside : r->dir;
	struct err e = { 0 };

	r->audited_after = identify(w).ino && workdir_audit(&r->after, w, spec, &e) == 0;
}

static void judge_resistance(struct remediation *r)
{
	CLEAN_STR char *where = r->aside.entry ? workdir_path(&r->aside) : NULL;
	CLEAN_STR char *safe = where ? text_escaped(where) : NULL;
	const struct workdir_repair *p = &r->repair;

	conclude(r, EXIT_FINDINGS,
		xasprintf("%" PRIu64 " entries resisted%s%s%s%s", p->left + p->failed,
			p->first_left ? ": " : "", p->first_left ? p->first_left : "",
			safe ? "; what is left is " : "", safe ? safe : ""));
}

static void judge_outcome(struct remediation *r)
{
	bool drift = r->audited_after && findings_worst(&r->after.findings) == FINDING_BLOCKING;
	const struct workdir_repair *p = &r->repair;

	if (drift)
		conclude(r, EXIT_ESCALATE,
			xasprintf("%" PRIu64 " entries cannot be changed by the owner: replace the "
				  "runner or its host",
				r->mode == WORKDIR_REMOVE ? p->left : r->after.usage.entries));
	else if (p->left || p->failed)
		judge_resistance(r);
	else if (r->mode == WORKDIR_REMOVE)
		conclude(r, EXIT_OK,
			xasprintf("removed %" PRIu64 " entries, %" PRIu64 " bytes",
				r->before.usage.entries, r->before.usage.allocated));
	else
		conclude(r, EXIT_OK,
			xasprintf("unlocked: %" PRIu64 " directories and %" PRIu64 " files changed",
				p->directories, p->files));
}

/* What has a lease is renamed under it and deleted without it: the next job waits for a rename. */
static int remove_it(struct remediation *r, struct lease *lease, struct err *e)
{
	if (lease->fd < 0)
		return workdir_remove(r->dir, &r->repair, e);
	r->aside =
		(struct workdir){ r->dir->host, r->dir->name, r->dir->run, xstrdup(r->dir->entry) };
	if (workdir_set_aside(&r->aside, e) < 0)
		return -1;
	lease_end(lease);
	return workdir_remove(&r->aside, &r->repair, e);
}

static void apply_change(
	struct remediation *r, const struct remediate_spec *spec, struct lease *lease)
{
	struct err e = { 0 };
	int rc;

	if (record_phase(r, spec->state_dir, "planned", &e) < 0) {
		conclude(r, EXIT_INCOMPLETE,
			xasprintf("nothing was changed because no record can be written: %s",
				e.text));
		return;
	}
	r->applied = true;
	rc = r->mode == WORKDIR_REMOVE ? remove_it(r, lease, &e)
				       : workdir_unlock(r->dir, false, &r->repair, &e);
	if (rc < 0) {
		conclude(r, EXIT_FINDINGS, xstrdup(e.text));
	} else {
		audit_after(r, spec->audit);
		judge_outcome(r);
	}
	if (record_phase(r, spec->state_dir, rc < 0 ? "failed" : "done", &e) < 0)
		conclude(r, EXIT_INCOMPLETE,
			xasprintf(
				"%s; the record of it cannot be written: %s", r->verdict, e.text));
}

/* ---- may it be changed? ---- */

/* Why this must not be changed; NULL: it may. */
static char *refusal(const struct remediation *r, const struct remediate_spec *spec)
{
	if (r->before.findings.of[FINDING_SYMLINK_ROOT].count)
		return xstrdup("it is a symbolic link, which is not followed and not removed");
	if (r->before.use == WORKDIR_BUSY)
		return xasprintf("it is in use: %s", r->before.busy_why);
	if (r->before.use == WORKDIR_UNKNOWN && !spec->confirm_drained)
		return xstrdup("nothing proves that it is idle: drain the runner, then add "
			       "--confirm-drained");
	return NULL;
}

/* Asked at the last moment, of processes and mounts as they are now: the walk before took its time.
 */
static char *refusal_now(const struct workdir *w, const struct in_use_engine *engine,
	const struct lease *lease, struct identity before)
{
	CLEANUP(in_use_freep) struct in_use *now = in_use_snapshot(engine);
	struct identity found = identify(w);
	char *why = NULL;

	if (found.ino != before.ino || found.dev != before.dev)
		return xstrdup("another folder took its place meanwhile; try again");
	if (workdir_in_use(w, now, lease->fd >= 0, 0, &why) == WORKDIR_BUSY) {
		CLEAN_STR char *busy = why;

		return xasprintf("it is in use: %s", busy);
	}
	free(why);
	return NULL;
}

static void refuse_change(struct remediation *r, const char *why)
{
	r->refused = true;
	conclude(r, EXIT_REFUSED, xasprintf("refused: %s", why));
}

static void preview_change(struct remediation *r, const char *why)
{
	CLEAN_STR char *would = NULL;
	struct err e = { 0 };

	if (r->mode == WORKDIR_UNLOCK && workdir_unlock(r->dir, true, &r->repair, &e) < 0) {
		conclude(r, EXIT_FINDINGS, xstrdup(e.text));
		return;
	}
	would = r->mode == WORKDIR_REMOVE
			? xasprintf("would remove %" PRIu64 " entries, %" PRIu64 " bytes",
				  r->before.usage.entries, r->before.usage.allocated)
			: xasprintf("would change %" PRIu64 " directories and %" PRIu64 " files",
				  r->repair.directories, r->repair.files);
	conclude(r, why ? EXIT_REFUSED : EXIT_OK,
		xasprintf("%s%s%s", would, why ? ", but --apply would be refused: " : "",
			why ? why : ""));
}

static void claim_and_apply(
	struct remediation *r, const struct remediate_spec *spec, struct identity before)
{
	struct lease lease = LEASE_INIT;
	CLEAN_STR char *why = NULL;
	struct err e = { 0 };

	if (workdir_claim(r->dir, &lease, &e) < 0) {
		refuse_change(r, e.text);
		r->code = err_is(&e, ERR_CONFLICT) ? EXIT_REFUSED : EXIT_INCOMPLETE;
		return;
	}
	why = refusal_now(r->dir, spec->audit->engine, &lease, before);
	if (why)
		refuse_change(r, why);
	else
		apply_change(r, spec, &lease);
	if (identify(r->dir).ino)
		lease_drop(&lease);
	else
		lease_end(&lease);
}

void remediate(struct remediation *ret, const struct workdir *w, const struct remediate_spec *spec)
{
	CLEANUP(in_use_freep) struct in_use *now = in_use_snapshot(spec->audit->engine);
	struct workdir_audit_spec fresh = *spec->audit;
	struct remediate_spec own = *spec;
	struct identity before = identify(w);
	CLEAN_STR char *why = NULL;
	struct err e = { 0 };

	fresh.in_use = now;
	own.audit = &fresh;
	*ret = (struct remediation){ .dir = w, .mode = spec->mode };
	if (workdir_audit(&ret->before, w, &fresh, &e) < 0) {
		conclude(ret, EXIT_INCOMPLETE, xstrdup(e.text));
		return;
	}
	why = refusal(ret, spec);
	if (!spec->apply)
		preview_change(ret, why);
	else if (why)
		refuse_change(ret, why);
	else
		claim_and_apply(ret, &own, before);
}

void remediation_release(struct remediation *r)
{
	workdir_audit_release(&r->before);
	workdir_audit_release(&r->after);
	workdir_repair_release(&r->repair);
	free_charp(&r->aside.entry);
	free_charp(&r->verdict);
}
