/* See step_files.h. */
#include "runner/step_files.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <sys/stat.h>

#include "base/fs.h"
#include "base/json.h"
#include "base/limits.h"
#include "runner/command_files.h"

/* With engine.user = "auto" the folder of all steps belongs to the step user, who may exchange
 * whatever stands in it at any time. So nothing in it is reached by path: its own descriptor, then
 * one name at a time, never through a link. */
static int open_below(int dir, const char *name, struct err *e)
{
	int fd = openat(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	return fd < 0 ? err_set_errno(e, errno, "command files %s", name) : fd;
}

/* The step user is neither owner nor group here: it may pass and read, and write what is 0666. */
static int make_open_dir(int parent, const char *name, struct err *e)
{
	CLEAN_FD int fd = -1;

	if (mkdirat(parent, name, 0755) < 0)
		return err_set_errno(e, errno, "make command files %s", name);
	fd = open_below(parent, name, e);
	if (fd < 0)
		return -1;
	if (fchmod(fd, 0755) < 0)
		return err_set_errno(e, errno, "command files %s", name);
	return TAKE_FD(fd);
}

static int write_event(const struct job *j, struct err *e)
{
	CLEAN_STR char *path = path_join(j->files_dir, "event.json");
	CLEAN_BUF struct buf text = BUF_INIT(LIMIT_CLAIM_BYTES);
	struct json_writer w;

	json_writer_init(&w, &text, false);
	if (j->spec->event_payload) {
		json_copy(&w, j->spec->event_payload);
	} else {
		json_begin_object(&w);
		json_end_object(&w);
	}
	if (json_writer_finish(&w, e) < 0 || file_replace(path, text.data, text.len, 0644, e) < 0)
		return err_wrap(e, "event file");
	if (chmod(path, 0644) < 0)
		return err_set_errno(e, errno, "event file %s", path);
	return 0;
}

int step_files_setup(struct job *j, struct err *e)
{
	CLEAN_FD int parent = dir_open(j->dir, e);
	CLEAN_FD int made = parent < 0 ? -1 : make_open_dir(parent, "files", e);

	j->files_dir = path_join(j->dir, "files");
	return made < 0 ? -1 : write_event(j, e);
}

/* "STEP_SUMMARY" → "step_summary" */
static void file_name(enum command_file which, char out[32])
{
	const char *variable = command_file_variable(which);
	size_t n = 0;

	for (; n < 31 && variable[n]; n++)
		out[n] = (char)tolower((unsigned char)variable[n]);
	out[n] = '\0';
}

static int make_file(int dir, const char *name, struct err *e)
{
	CLEAN_FD int fd =
		openat(dir, name, O_CREAT | O_EXCL | O_NOFOLLOW | O_WRONLY | O_CLOEXEC, 0600);

	if (fd < 0 || fchmod(fd, 0666) < 0)
		return err_set_errno(e, errno, "command file %s", name);
	return 0;
}

static void name_file(struct pairs *env, const char *variable, const char *path)
{
	CLEAN_STR char *ours = xasprintf("SHITHUB_%s", variable);
	CLEAN_STR char *theirs = xasprintf("GITHUB_%s", variable);

	pairs_set(env, ours, path);
	pairs_set(env, theirs, path);
}

int step_files_make(struct job *j, size_t index, struct pairs *env, struct err *e)
{
	CLEAN_STR char *step = xasprintf("%zu", index);
	CLEAN_FD int parent = dir_open(j->files_dir, e), dir = -1;

	name_file(env, "EVENT_PATH", BOX_FILES "/event.json");
	if (parent < 0 || (dir = make_open_dir(parent, step, e)) < 0)
		return -1;
	for (int which = 0; which < COMMAND_FILES; which++) {
		CLEAN_STR char *inside = NULL;
		char name[32];

		file_name(which, name);
		if (make_file(dir, name, e) < 0)
			return -1;
		inside = xasprintf("%s/%zu/%s", BOX_FILES, index, name);
		name_file(env, command_file_variable(which), inside);
	}
	return 0;
}

/* ---- what came back ---- */

int step_output_set(struct job *j, const char *key, struct slice value, struct err *e)
{
	struct step_run *r = &j->runs[j->index];
	size_t bytes = strlen(key) + value.len;

	if (r->output_bytes + bytes > LIMIT_COMMAND_FILE || r->outputs.n >= LIMIT_ENV_COUNT)
		return err_set(e, ERR_LIMIT,
			"output %s: the step's outputs are larger than %zu bytes", key,
			LIMIT_COMMAND_FILE);
	r->output_bytes += bytes;
	pairs_set_n(&r->outputs, key, value.ptr, value.len);
	return 0;
}

static int take_outputs(struct job *j, const struct pairs *outputs, struct err *e)
{
	for (size_t i = 0; i < outputs->n; i++)
		if (step_output_set(j, outputs->v[i].key, slice_of(outputs->v[i].value), e) < 0)
			return -1;
	return 0;
}

static int take_pairs(struct job *j, enum command_file which, struct slice text, struct err *e)
{
	CLEANUP(strv_release) struct strv notices = { 0 };
	CLEANUP(pairs_release) struct pairs found = { 0 };
	struct pairs *into = which == COMMAND_FILE_ENV ? &j->env : &found;
	int rc = command_file_pairs(which, text.ptr, text.len, into, &notices, e);

	strv_each (notice, &notices)
		step_log_line(j->log, "[shithub] %s", notice);
	if (rc == 0 && which == COMMAND_FILE_OUTPUT)
		rc = take_outputs(j, &found, e);
	return rc;
}

static int take_paths(struct job *j, struct slice text, struct err *e)
{
	CLEANUP(strv_release) struct strv first = { 0 };

	if (command_file_paths(text.ptr, text.len, &first, e) < 0)
		return -1;
	command_paths_prepend(&j->path, &first);
	return 0;
}

/* The protocol has no place of its own for it, so its readers find it in the log. */
static void show_summary(struct job *j, struct slice text)
{
	CLEAN_BUF struct buf shown = BUF_INIT_SECRET(LIMIT_COMMAND_FILE);
	bool whole = command_file_summary(text.ptr, text.len, &shown);

	step_log_section(j->log, "Step summary", buf_slice(&shown));
	if (!whole)
		step_log_line(j->log,
			"[shithub] step summary: more than %zu MiB, the rest is dropped",
			LIMIT_COMMAND_FILE >> 20);
}

static int take_file(struct job *j, enum command_file which, struct slice text, struct err *e)
{
	switch (which) {
	case COMMAND_FILE_ENV:
	case COMMAND_FILE_OUTPUT:
	case COMMAND_FILE_STATE:
		return take_pairs(j, which, text, e);
	case COMMAND_FILE_PATH:
		return take_paths(j, text, e);
	case COMMAND_FILE_STEP_SUMMARY:
		show_summary(j, text);
		return 0;
	case COMMAND_FILES:
		return 0;
	}
	return 0;
}

static int read_and_take(struct job *j, int dir, enum command_file which, struct err *e)
{
	struct buf text = BUF_INIT_SECRET(LIMIT_COMMAND_FILE + KIB(64));
	char name[32];
	int rc;

	file_name(which, name);
	rc = command_file_read(dir, name, LIMIT_COMMAND_FILE, &text, e);
	if (rc == 0)
		rc = take_file(j, which, buf_slice(&text), e);
	buf_release(&text);
	return rc;
}

int step_files_take(struct job *j, size_t index, struct err *e)
{
	CLEAN_STR char *name = xasprintf("%zu", index);
	CLEAN_FD int parent = dir_open(j->files_dir, e), fd = -1;
	uint64_t left;
	int rc = 0;

	if (parent < 0 || (fd = open_below(parent, name, e)) < 0)
		return -1;
	for (int which = 0; which < COMMAND_FILES && rc == 0; which++)
		rc = read_and_take(j, fd, which, e);
	if (tree_remove(parent, name, &left, rc ? NULL : e) < 0)
		rc = -1;
	return rc;
}
