/*
 * Two forms of the same facts: JSON with every field always there, for programs, and text with what
 * a person needs next. File names are hostile in both and always escaped.
 */
#include "hygiene/workdir/report.h"

#include <inttypes.h>

#include "base/codec.h"

/* ---- JSON ---- */

static void kv_escaped(struct json_writer *w, const char *key, const char *text)
{
	CLEAN_STR char *safe = text_escaped(text);

	json_kv_str(w, key, safe);
}

static void kv_time(struct json_writer *w, const char *key, int64_t us)
{
	char text[WALL_TEXT_MAX];

	json_kv_str(w, key, us ? wall_format((struct wall){ us }, text) : NULL);
}

static const char *use_name(enum workdir_use u)
{
	static const char *const names[] = { "idle", "not proved", "busy" };

	return names[u];
}

static void write_audit(struct json_writer *w, const struct workdir_audit *a)
{
	json_begin_object(w);
	json_kv_str(w, "status", workdir_status_name(a->status));
	json_kv_str(w, "use", use_name(a->use));
	json_kv_str(w, "busy", a->busy_why);
	json_kv_int(w, "entries", (int64_t)a->usage.entries);
	json_kv_int(w, "apparent_bytes", (int64_t)a->usage.apparent);
	json_kv_int(w, "allocated_bytes", (int64_t)a->usage.allocated);
	json_kv_int(w, "not_seen", (int64_t)a->usage.blind);
	kv_time(w, "newest", a->usage.newest_us);
	json_key(w, "findings");
	findings_write(&a->findings, w);
	json_end_object(w);
}

static void write_place(struct json_writer *w, const struct workdir *d)
{
	CLEAN_STR char *path = workdir_path(d);

	kv_escaped(w, "host", d->host->name);
	kv_escaped(w, "repo", d->name);
	kv_escaped(w, "path", path);
}

static void write_workdirs(struct json_writer *w, const struct reconcile *r, size_t n)
{
	json_key(w, "workdirs");
	json_begin_array(w);
	for (size_t h = 0; h < n; h++) {
		for (size_t i = 0; i < r[h].n; i++) {
			json_begin_object(w);
			write_place(w, r[h].audits[i].dir);
			json_key(w, "audit");
			write_audit(w, &r[h].audits[i]);
			json_end_object(w);
		}
	}
	json_end_array(w);
}

struct totals {
	uint64_t count[WORKDIR_STATUSES], dirs;
	struct walk_usage usage;
};

static struct totals add_up(const struct reconcile *r, size_t n)
{
	struct totals t = { 0 };

	for (size_t h = 0; h < n; h++) {
		t.dirs += r[h].n;
		for (size_t s = 0; s < WORKDIR_STATUSES; s++)
			t.count[s] += r[h].count[s];
		for (size_t i = 0; i < r[h].n; i++)
			walk_usage_sum(&t.usage, &r[h].audits[i].usage);
	}
	return t;
}

static void write_totals(struct json_writer *w, const struct reconcile *r, size_t n)
{
	struct totals t = add_up(r, n);

	json_key(w, "totals");
	json_begin_object(w);
	json_kv_int(w, "hosts", (int64_t)n);
	json_kv_int(w, "workdirs", (int64_t)t.dirs);
	for (size_t s = 0; s < WORKDIR_STATUSES; s++)
		json_kv_int(w, workdir_status_name((enum workdir_status)s), (int64_t)t.count[s]);
	json_kv_int(w, "entries", (int64_t)t.usage.entries);
	json_kv_int(w, "apparent_bytes", (int64_t)t.usage.apparent);
	json_kv_int(w, "allocated_bytes", (int64_t)t.usage.allocated);
	json_end_object(w);
}

static void begin_report(struct json_writer *w, struct buf *out, struct wall now)
{
	json_writer_init(w, out, true);
	json_begin_object(w);
	kv_time(w, "observed_at", now.us);
}

static int end_report(struct json_writer *w, struct err *e)
{
	json_end_object(w);
	return json_writer_finish(w, e);
}

void host_failures_add(struct host_failures *f, const char *path, const struct err *e)
{
	f->v = xrealloc(f->v, (f->n + 1) * sizeof(*f->v));
	f->v[f->n++] = (struct host_failure){ xstrdup(path), xstrdup(e->text),
		err_is(e, ERR_CONFLICT) ? EXIT_REFUSED : EXIT_INCOMPLETE };
}

void host_failures_release(struct host_failures *f)
{
	for (size_t i = 0; i < f->n; i++) {
		free(f->v[i].path);
		free(f->v[i].error);
	}
	free(f->v);
	*f = (struct host_failures){ 0 };
}

static void write_failures(struct json_writer *w, const struct host_failures *f)
{
	json_key(w, "failures");
	json_begin_array(w);
	for (size_t i = 0; i < f->n; i++) {
		json_begin_object(w);
		kv_escaped(w, "path", f->v[i].path);
		kv_escaped(w, "error", f->v[i].error);
		json_end_object(w);
	}
	json_end_array(w);
}

int report_audit_json(struct buf *out, const struct report_scope *s, struct err *e)
{
	struct json_writer w;

	begin_report(&w, out, s->now);
	write_workdirs(&w, s->hosts, s->n);
	write_failures(&w, s->failures);
	write_totals(&w, s->hosts, s->n);
	return end_report(&w, e);
}

static void write_changes(struct json_writer *w, const struct workdir_repair *p)
{
	json_key(w, "changes");
	json_begin_object(w);
	json_kv_int(w, "directories", (int64_t)p->directories);
	json_kv_int(w, "files", (int64_t)p->files);
	json_kv_int(w, "shared_left_alone", (int64_t)p->shared);
	json_kv_int(w, "failed", (int64_t)p->failed);
	json_kv_int(w, "left", (int64_t)p->left);
	if (p->first_left)
		kv_escaped(w, "reason", p->first_left);
	else
		json_kv_str(w, "reason", NULL);
	json_end_object(w);
}

static void write_remediation(struct json_writer *w, const struct remediation *r)
{
	json_kv_bool(w, "applied", r->applied);
	write_place(w, r->dir);
	json_kv_str(w, "mode", workdir_mode_words[r->mode]);
	json_key(w, "before");
	write_audit(w, &r->before);
	write_changes(w, &r->repair);
	json_key(w, "after");
	if (r->audited_after)
		write_audit(w, &r->after);
	else
		json_null(w);
	kv_escaped(w, "verdict", r->verdict);
	json_kv_int(w, "exit", r->code);
}

int report_remediation_json(
	struct buf *out, const struct remediation *r, struct wall now, struct err *e)
{
	struct json_writer w;

	begin_report(&w, out, now);
	write_remediation(&w, r);
	return end_report(&w, e);
}

static void write_host(struct json_writer *w, const struct reconcile *r)
{
	json_begin_object(w);
	kv_escaped(w, "host", r->host->name);
	kv_escaped(w, "verdict", r->verdict);
	json_kv_int(w, "exit", r->code);
	if (r->candidate)
		kv_escaped(w, "candidate", r->candidate->name);
	else
		json_kv_str(w, "candidate", NULL);
	write_workdirs(w, r, 1);
	json_key(w, "remediation");
	if (r->has_done) {
		json_begin_object(w);
		write_remediation(w, &r->done);
		json_end_object(w);
	} else {
		json_null(w);
	}
	json_end_object(w);
}

int report_reconcile_json(struct buf *out, const struct report_scope *s, bool applied,
	enum exit_code code, struct err *e)
{
	struct json_writer w;

	begin_report(&w, out, s->now);
	json_kv_bool(&w, "applied", applied);
	json_key(&w, "hosts");
	json_begin_array(&w);
	for (size_t i = 0; i < s->n; i++)
		write_host(&w, &s->hosts[i]);
	json_end_array(&w);
	write_failures(&w, s->failures);
	write_totals(&w, s->hosts, s->n);
	json_kv_int(&w, "exit", code);
	return end_report(&w, e);
}

/* ---- text ---- */

static void add_escaped(struct buf *out, const char *text)
{
	text_escape(out, text, strlen(text));
}

static void text_findings(struct buf *out, const struct findings *f)
{
	for (size_t c = 0; c < FINDING_CODES; c++) {
		const struct finding *of = &f->of[c];

		if (!of->count)
			continue;
		buf_addf(out, "    %s (%s) %" PRIu64 ":", finding_name((enum finding_code)c),
			finding_severity_name(of->worst), of->count);
		for (size_t i = 0; i < of->n; i++) {
			buf_adds(out, " \"");
			add_escaped(out, of->samples[i].path);
			buf_addc(out, '"');
		}
		buf_adds(out, of->count > of->n ? " …\n" : "\n");
	}
}

static void text_place(struct buf *out, const struct workdir *d)
{
	add_escaped(out, d->host->name);
	buf_addc(out, '/');
	add_escaped(out, d->name);
}

static void text_audit(struct buf *out, const struct workdir_audit *a)
{
	text_place(out, a->dir);
	buf_addf(out, ": %s, %" PRIu64 " entries, %" PRIu64 " bytes on disk",
		workdir_status_name(a->status), a->usage.entries, a->usage.allocated);
	if (a->busy_why)
		buf_addf(out, ", %s", a->busy_why);
	buf_addc(out, '\n');
	text_findings(out, &a->findings);
}

static void text_all(struct buf *out, const struct reconcile *r, size_t n)
{
	for (size_t h = 0; h < n; h++)
		for (size_t i = 0; i < r[h].n; i++)
			text_audit(out, &r[h].audits[i]);
}

static void text_totals(struct buf *out, const struct reconcile *r, size_t n)
{
	struct totals t = add_up(r, n);

	buf_addf(out, "%" PRIu64 " workspaces on %zu hosts:", t.dirs, n);
	for (size_t s = 0; s < WORKDIR_STATUSES; s++)
		buf_addf(out, "%s %" PRIu64 " %s", s ? "," : "", t.count[s],
			workdir_status_name((enum workdir_status)s));
	buf_addf(out, "; %" PRIu64 " bytes on disk\n", t.usage.allocated);
}

static void text_failures(struct buf *out, const struct host_failures *f)
{
	for (size_t i = 0; i < f->n; i++) {
		buf_adds(out, "not inspected: ");
		add_escaped(out, f->v[i].error);
		buf_addc(out, '\n');
	}
}

void report_audit_text(struct buf *out, const struct report_scope *s)
{
	text_all(out, s->hosts, s->n);
	text_failures(out, s->failures);
	text_totals(out, s->hosts, s->n);
}

void report_reconcile_text(struct buf *out, const struct report_scope *s)
{
	text_all(out, s->hosts, s->n);
	for (size_t i = 0; i < s->n; i++) {
		add_escaped(out, s->hosts[i].host->name);
		buf_addf(out, ": %s\n", s->hosts[i].verdict);
	}
	text_failures(out, s->failures);
	text_totals(out, s->hosts, s->n);
}

void report_remediation_text(struct buf *out, const struct remediation *r)
{
	buf_addf(out, "%s %s ",
		r->applied   ? "applied:"
		: r->refused ? "refused, nothing was changed:"
			     : "preview, nothing was changed:",
		workdir_mode_words[r->mode]);
	text_place(out, r->dir);
	buf_addc(out, '\n');
	text_findings(
		out, r->applied && r->audited_after ? &r->after.findings : &r->before.findings);
	if (r->repair.shared)
		buf_addf(out, "    %" PRIu64 " files with several names were left alone\n",
			r->repair.shared);
	add_escaped(out, r->verdict);
	buf_addc(out, '\n');
}
