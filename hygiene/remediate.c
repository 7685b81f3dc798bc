/* See remediate.h. */
#include "hygiene/remediate.h"

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

/* evidence */

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
	json_kv_str(&w, "mode", workdir_mode_name(r->mode));
	json_kv_int(&w, "uid", getuid());
	json_kv_str(&w, "status", workdir_status_name(r->before.status));
	json_kv_int(&w, "entries", (int64_t)r->before.usage.entries);
	json_kv_int(&w, "bytes", (int64_t)r->before.usage.allocated);
	json_key(&w, "findings");
	findings_write(r->looked_after ? &r->after.findings : &r->before.findings, &w);
	if (r->applied)
		write_outcome(&w, r);
	json_end_object(&w);
	return json_writer_finish(&w, e);
}

static int note(
	const struct remediation *r, const char *state_dir, const char *phase, struct err *e)
{
	CLEAN_STR char *path = journal_path(state_dir, true, e);
	CLEAN_BUF struct buf line = BUF_INIT(EVIDENCE_LINE_MAX);

	if (!path || write_record(&line, r, phase, e) < 0)
		return -1;
	return evidence_append(path, buf_slice(&line), e);
}

struct recent {
	const char *host, *repo;
	struct wall since;
	uint64_t n;
};

static bool count_recent(const struct json_value *record, void *data)
{
	const char *at = json_get_string(record, "at");
	struct recent *r = data;
	struct wall when;

	if (str_eq(json_get_string(record, "phase"), "done") &&
		str_eq(json_get_string(record, "host"), r->host) &&
		str_eq(json_get_string(record, "repo"), r->repo) && at &&
		wall_parse(at, &when, NULL) == 0 && when.us >= r->since.us)
		r->n++;
	return true;
}

int remediation_count_since(const char *state_dir, const struct workdir *w, struct wall since,
	uint64_t *ret, struct err *e)
{
	CLEAN_STR char *path = journal_path(state_dir, false, e);
	CLEAN_STR char *host = text_escaped(w->host->name), *repo = text_escaped(w->name);
	struct recent r = { host, repo, since, 0 };
	uint64_t damaged;

	if (!path || evidence_each(path, count_recent, &r, &damaged, e) < 0)
		return -1;
	*ret = r.n;
	return 0;
}

/* the change */

static bool exists(const struct workdir *w)
{
	int parent CLEAN_FD = workdir_open_parent(w, NULL);
	struct stat st;

	return parent >= 0 && fstatat(parent, w->entry, &st, AT_SYMLINK_NOFOLLOW) == 0;
}

static void look_after(struct remediation *r, const struct workdir_audit_spec *spec)
{
	struct err e = { 0 };

	r->looked_after = exists(r->dir) && workdir_audit(&r->after, r->dir, spec, &e) == 0;
}

static void judge(struct remediation *r)
{
	bool drift = r->looked_after && findings_worst(&r->after.findings) == FINDING_BLOCKING;
	const struct workdir_repair *p = &r->repair;

	if (drift)
		conclude(r, EXIT_ESCALATE,
			xasprintf("%" PRIu64 " entries are not the owner's to change: replace the "
				  "runner or its host",
				r->mode == WORKDIR_REMOVE ? p->left : r->after.usage.entries));
	else if (p->left || p->failed)
		conclude(r, EXIT_FINDINGS,
			xasprintf("%" PRIu64 " entries resisted%s%s", p->left + p->failed,
				p->first_left ? ": " : "", p->first_left ? p->first_left : ""));
	else if (r->mode == WORKDIR_REMOVE)
		conclude(r, EXIT_OK,
			xasprintf("removed %" PRIu64 " entries, %" PRIu64 " bytes",
				r->before.usage.entries, r->before.usage.allocated));
	else
		conclude(r, EXIT_OK,
			xasprintf("unlocked: %" PRIu64 " directories and %" PRIu64 " files changed",
				p->directories, p->files));
}

static void apply(struct remediation *r, const struct remediate_spec *spec)
{
	struct err e = { 0 };
	int rc;

	if (note(r, spec->state_dir, "planned", &e) < 0) {
		conclude(r, EXIT_INCOMPLETE,
			xasprintf("nothing was changed, as no record can be written: %s", e.text));
		return;
	}
	r->applied = true;
	rc = r->mode == WORKDIR_REMOVE ? workdir_remove(r->dir, &r->repair, &e)
				       : workdir_unlock(r->dir, false, &r->repair, &e);
	if (rc < 0) {
		conclude(r, EXIT_FINDINGS, xstrdup(e.text));
	} else {
		look_after(r, spec->audit);
		judge(r);
	}
	if (note(r, spec->state_dir, rc < 0 ? "failed" : "done", &e) < 0)
		conclude(r, EXIT_INCOMPLETE,
			xasprintf(
				"%s; the record of it cannot be written: %s", r->verdict, e.text));
}

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

static void preview(struct remediation *r)
{
	struct err e = { 0 };

	if (r->mode == WORKDIR_UNLOCK && workdir_unlock(r->dir, true, &r->repair, &e) < 0) {
		conclude(r, EXIT_FINDINGS, xstrdup(e.text));
		return;
	}
	if (r->mode == WORKDIR_REMOVE)
		conclude(r, EXIT_OK,
			xasprintf("would remove %" PRIu64 " entries, %" PRIu64 " bytes",
				r->before.usage.entries, r->before.usage.allocated));
	else
		conclude(r, EXIT_OK,
			xasprintf("would change %" PRIu64 " directories and %" PRIu64 " files",
				r->repair.directories, r->repair.files));
}

static void work(struct remediation *r, const struct remediate_spec *spec, bool claimed)
{
	struct workdir_audit_spec look = *spec->audit;
	struct remediate_spec own = *spec;
	struct err e = { 0 };
	CLEAN_STR char *why = NULL;

	look.claimed = claimed;
	own.audit = &look;
	if (workdir_audit(&r->before, r->dir, &look, &e) < 0) {
		conclude(r, EXIT_INCOMPLETE, xstrdup(e.text));
		return;
	}
	why = refusal(r, spec);
	if (!spec->apply) {
		preview(r);
		if (why)
			conclude(r, r->code, xasprintf("%s, but: %s", r->verdict, why));
	} else if (why) {
		conclude(r, EXIT_REFUSED, xasprintf("refused: %s", why));
	} else {
		apply(r, &own);
	}
}

void remediate(struct remediation *ret, const struct workdir *w, const struct remediate_spec *spec)
{
	struct lease lease = LEASE_INIT;
	struct err e = { 0 };

	*ret = (struct remediation){ .dir = w, .mode = spec->mode };
	if (spec->apply && workdir_claim(w, &lease, &e) < 0) {
		conclude(ret, err_is(&e, ERR_CONFLICT) ? EXIT_REFUSED : EXIT_INCOMPLETE,
			xasprintf("refused: %s", e.text));
		return;
	}
	work(ret, spec, lease.fd >= 0);
	if (exists(w))
		lease_drop(&lease);
	else
		lease_end(&lease);
}

void remediation_release(struct remediation *r)
{
	workdir_audit_release(&r->before);
	workdir_audit_release(&r->after);
	workdir_repair_release(&r->repair);
	free_charp(&r->verdict);
}
