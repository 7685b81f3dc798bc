/*
 * The artifact actions in three layers: here inputs, log lines and outputs; artifact_store.c knows
 * where artifacts are kept; artifact_move.c moves the bytes.
 */
#include "runner/step/artifact.h"

#include <inttypes.h>
#include <stdio.h>

#include "artifact/pattern.h"
#include "base/fs.h"
#include "base/limits.h"
#include "runner/step/action_inputs.h"
#include "runner/step/artifact_store.h"

#define UPLOAD "shithub/upload-artifact"
#define DOWNLOAD "shithub/download-artifact"
enum { RETENTION_DAYS_MAX = 90 };

/* ---- what both need ---- */

/* Steps know the workspace by the box's name for it; what stands below is what we mean. */
static const char *below_workspace(const char *path)
{
	size_t n = strlen(BOX_WORKSPACE);

	if (strncmp(path, BOX_WORKSPACE, n) != 0 || (path[n] && path[n] != '/'))
		return path;
	path += n;
	while (*path == '/')
		path++;
	return *path ? path : ".";
}

static const char *size_text(uint64_t n, char out[32])
{
	static const char *const units[] = { "bytes", "KiB", "MiB", "GiB" };
	double v = (double)n;
	size_t i = 0;

	while (v >= 1024 && i + 1 < ARRAY_LEN(units)) {
		v /= 1024;
		i++;
	}
	snprintf(out, 32, i ? "%.1f %s" : "%.0f %s", v, units[i]);
	return out;
}

static void set_output(struct job *j, const char *key, const char *value)
{
	struct err e = { 0 };

	if (step_run_output(&j->runs[j->step.index], key, slice_of(value), &e) < 0)
		step_log_line(j->step.log, "[shithub] warning: %s", e.text);
}

/* ---- upload ---- */

struct upload_inputs {
	char *name, *path, *if_none;
	int64_t days, level;
	bool overwrite, hidden;
};
#define AT(member) offsetof(struct upload_inputs, member)
static const struct action_input upload_inputs[] = {
	{ "name", INPUT_TEXT, AT(name) },
	{ "path", INPUT_TEXT, AT(path) },
	{ "if-no-files-found", INPUT_TEXT, AT(if_none) },
	{ "retention-days", INPUT_NUMBER, AT(days), 0, RETENTION_DAYS_MAX },
	{ "compression-level", INPUT_NUMBER, AT(level), 0, 9 },
	{ "overwrite", INPUT_BOOL, AT(overwrite) },
	{ "include-hidden-files", INPUT_BOOL, AT(hidden) },
};
#undef AT

static void upload_inputs_release(struct upload_inputs *in)
{
	free(in->name);
	free(in->path);
	free(in->if_none);
}

/* Each line for itself: "!" stays in front. */
static char *relative_patterns(const char *text)
{
	struct buf out = BUF_INIT(LIMIT_ARTIFACT_PATHS + 1);

	for (const char *end; *text; text = *end ? end + 1 : end) {
		end = strchrnul(text, '\n');
		text += strspn(text, " \t\r");
		if (text > end)
			continue;
		CLEAN_STR char *line = xstrndup(text, (size_t)(end - text));
		bool not = *line == '!';
		buf_addf(&out, "%s%s\n", not ? "!" : "", below_workspace(line + not ));
	}
	if (buf_ok(&out))
		return buf_take(&out);
	buf_release(&out);
	return NULL;
}

static int read_upload(const struct pairs *with, struct upload_inputs *in, struct err *e)
{
	static const char *const choices[] = { "warn", "error", "ignore" };
	bool known = false;

	*in = (struct upload_inputs){ .level = 6 };
	if (action_inputs_read(UPLOAD, upload_inputs, ARRAY_LEN(upload_inputs), with, in, e) < 0)
		return -1;
	if (!in->path)
		return err_set(e, ERR_INPUT, UPLOAD ": path is missing, expected what to upload");
	if (!in->name)
		in->name = xstrdup("artifact");
	if (!in->if_none)
		in->if_none = xstrdup("warn");
	for (size_t i = 0; i < ARRAY_LEN(choices); i++)
		known |= str_eq(in->if_none, choices[i]);
	if (!known)
		return err_set(e, ERR_INPUT,
			UPLOAD ": if-no-files-found: \"%.100s\", expected warn, error or ignore",
			in->if_none);
	return artifact_store_check_name(UPLOAD, in->name, e);
}

/* 0 when that is an error, 1 when the step is done. */
static int nothing_found(struct job *j, const struct upload_inputs *in, struct err *e)
{
	if (str_eq(in->if_none, "error"))
		return err_set(e, ERR_NOT_FOUND,
			UPLOAD ": no files were found with the path given: %.500s", in->path);
	step_log_line(j->step.log,
		"%sno files were found with the path given: %s; nothing is uploaded",
		str_eq(in->if_none, "warn") ? "::warning::" : "[shithub] ", in->path);
	return 0;
}

static void log_packed(struct job *j, const struct artifact_move *m)
{
	char raw[32], packed[32];

	step_log_line(j->step.log,
		"[shithub] packed %" PRIu64 " files and %" PRIu64 " links, %s, into %s",
		m->result.files, m->result.links, size_text(m->result.bytes, raw),
		size_text(m->size, packed));
}

static int upload(struct job *j, const struct pairs *with, struct artifact_move *m, struct err *e)
{
	CLEANUP(upload_inputs_release) struct upload_inputs in = { 0 };
	CLEAN_STR char *id = NULL;

	if (read_upload(with, &in, e) < 0)
		return -1;
	CLEAN_STR char *patterns = relative_patterns(in.path);
	struct artifact_request r = {
		.mode = ARTIFACT_PACK, .paths = patterns, .level = in.level, .hidden = in.hidden
	};
	if (!patterns)
		return err_set(e, ERR_LIMIT, UPLOAD ": path is longer than %zu bytes",
			LIMIT_ARTIFACT_PATHS);
	if (move_open(m, j, e) < 0 || move_pack(m, &r, e) < 0)
		return err_wrap(e, UPLOAD);
	if (m->result.files + m->result.links == 0)
		return nothing_found(j, &in, e);
	log_packed(j, m);
	if (artifact_store_keep(m, in.name, in.days, in.overwrite, &id, e) < 0)
		return err_wrap(e, UPLOAD ": artifact \"%s\"", in.name);
	step_log_line(j->step.log, "[shithub] artifact \"%s\" uploaded: id %s, sha256 %s", in.name,
		id, m->digest);
	set_output(j, "artifact-id", id);
	set_output(j, "artifact-digest", m->digest);
	return 0;
}

/* ---- download ---- */

struct download_inputs {
	char *name, *path, *pattern;
	bool merge;
};
#define AT(member) offsetof(struct download_inputs, member)
static const char own_run_only[] = "only artifacts of the current run are available";
static const struct action_input download_inputs[] = {
	{ "name", INPUT_TEXT, AT(name) },
	{ "path", INPUT_TEXT, AT(path) },
	{ "pattern", INPUT_TEXT, AT(pattern) },
	{ "merge-multiple", INPUT_BOOL, AT(merge) },
	{ "run-id", INPUT_NOT_HERE, 0, .why = own_run_only },
	{ "repository", INPUT_NOT_HERE, 0, .why = own_run_only },
	{ "github-token", INPUT_NOT_HERE, 0, .why = own_run_only },
	{ "artifact-ids", INPUT_NOT_HERE, 0, .why = "give names" },
};
#undef AT

static void download_inputs_release(struct download_inputs *in)
{
	free(in->name);
	free(in->path);
	free(in->pattern);
}

static int read_download(const struct pairs *with, struct download_inputs *in, struct err *e)
{
	if (action_inputs_read(DOWNLOAD, download_inputs, ARRAY_LEN(download_inputs), with, in, e) <
		0)
		return -1;
	if (in->name && in->pattern)
		return err_set(e, ERR_INPUT, DOWNLOAD ": expected name or pattern, not both");
	if (!in->path)
		in->path = xstrdup(".");
	return in->name ? artifact_store_check_name(DOWNLOAD, in->name, e) : 0;
}

/* One artifact into a folder. */
static int fetch_offer(struct job *j, struct artifact_move *m, const struct artifact_offer *o,
	const char *path, struct err *e)
{
	struct artifact_request r = { .mode = ARTIFACT_UNPACK, .path = path };
	char raw[32], packed[32];

	if (artifact_request_check(&r, e) < 0 || artifact_store_fetch(m, o, e) < 0 ||
		move_unpack(m, &r, e) < 0)
		return err_wrap(e, DOWNLOAD ": artifact \"%s\"", o->name);
	step_log_line(j->step.log,
		"[shithub] artifact \"%s\": %s, sha256 %s; %" PRIu64 " files and %" PRIu64
		" links, %s, in %s",
		o->name, size_text(m->size, packed), m->digest, m->result.files, m->result.links,
		size_text(m->result.bytes, raw), path);
	return 0;
}

/* One by its name goes right into the folder, of several each gets its own in it. */
static int fetch_all(struct job *j, struct artifact_move *m, const struct download_inputs *in,
	const struct artifact_offers *o, struct err *e)
{
	CLEANUP(pattern_list_release) struct pattern_list wanted = { 0 };
	const char *base = below_workspace(in->path);
	size_t n = 0;

	if (in->pattern && pattern_list_parse(in->pattern, &wanted, e) < 0)
		return err_wrap(e, DOWNLOAD ": pattern");
	for (size_t i = 0; i < o->n; i++) {
		bool flat = in->name || in->merge;
		CLEAN_STR char *path = flat ? xstrdup(base) : path_join(base, o->v[i].name);

		if (in->pattern && !pattern_list_takes(&wanted, o->v[i].name, true))
			continue;
		if (fetch_offer(j, m, &o->v[i], path, e) < 0)
			return -1;
		n++;
	}
	if (n == 0 && in->name)
		return err_set(
			e, ERR_NOT_FOUND, DOWNLOAD ": the run has no artifact \"%s\"", in->name);
	if (n == 0)
		step_log_line(j->step.log, "[shithub] the run has no artifacts%s",
			in->pattern ? " that the pattern matches" : "");
	return 0;
}

static int download(struct job *j, const struct pairs *with, struct artifact_move *m, struct err *e)
{
	CLEANUP(download_inputs_release) struct download_inputs in = { 0 };
	CLEANUP(artifact_offers_release) struct artifact_offers offers = { 0 };

	if (read_download(with, &in, e) < 0)
		return -1;
	struct artifact_request where = { .mode = ARTIFACT_UNPACK,
		.path = below_workspace(in.path) };
	if (artifact_request_check(&where, e) < 0 || move_open(m, j, e) < 0 ||
		artifact_store_list(m, in.name, &offers, e) < 0)
		return err_wrap(e, DOWNLOAD);
	if (fetch_all(j, m, &in, &offers, e) < 0)
		return -1;
	bool top = str_eq(where.path, ".");
	CLEAN_STR char *path =
		top ? xstrdup(BOX_WORKSPACE) : xasprintf("%s/%s", BOX_WORKSPACE, where.path);
	set_output(j, "download-path", path);
	return 0;
}

/* ---- steps ---- */

static enum outcome use_action(struct job *j, const struct step_text *t,
	int (*action)(
		struct job *j, const struct pairs *with, struct artifact_move *m, struct err *e))
{
	CLEANUP(move_release) struct artifact_move m = { 0 };
	struct err e = { 0 };

	return action(j, &t->with, &m, &e) < 0 ? step_fails(j, &e) : OUTCOME_SUCCESS;
}

enum outcome use_upload_artifact(struct job *j, const struct step_text *t)
{
	return use_action(j, t, upload);
}

enum outcome use_download_artifact(struct job *j, const struct step_text *t)
{
	return use_action(j, t, download);
}
