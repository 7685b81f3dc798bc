/*
 * With engine.user = "auto" the folder of all steps belongs to the step user, who may exchange
 * whatever stands in it at any time. So nothing in it is reached by path: its own descriptor, then
 * one name at a time, never through a link.
 */
#include "runner/context/files.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <sys/stat.h>

#include "base/fs.h"
#include "base/json.h"
#include "base/limits.h"
#include "runner/context/command_files.h"

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

static int event_text(const struct json_value *event, struct buf *text, struct err *e)
{
	struct json_writer w;

	json_writer_init(&w, text, false);
	if (event) {
		json_copy(&w, event);
	} else {
		json_begin_object(&w);
		json_end_object(&w);
	}
	return json_writer_finish(&w, e);
}

static int write_event(int dir, const struct json_value *event, struct err *e)
{
	CLEAN_BUF struct buf text = BUF_INIT(LIMIT_CLAIM_BYTES);
	CLEAN_FD int fd = -1;

	if (event_text(event, &text, e) < 0)
		return err_wrap(e, "event file");
	fd = openat(dir, "event.json", O_CREAT | O_EXCL | O_NOFOLLOW | O_WRONLY | O_CLOEXEC, 0600);
	if (fd < 0 || fchmod(fd, 0644) < 0)
		return err_set_errno(e, errno, "event file");
	return fd_write_all(fd, text.data, text.len, e) < 0 ? err_wrap(e, "event file") : 0;
}

int step_files_setup(struct job_place *p, const struct json_value *event, struct err *e)
{
	CLEAN_FD int parent = dir_open(p->dir, e);
	CLEAN_FD int files = parent < 0 ? -1 : make_open_dir(parent, "files", e);
	CLEAN_FD int tools = files < 0 ? -1 : make_open_dir(parent, "tools", e);

	p->files = path_join(p->dir, "files");
	p->tools = path_join(p->dir, "tools");
	return tools < 0 ? -1 : write_event(files, event, e);
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

int step_files_make(const struct job_place *p, size_t index, struct err *e)
{
	CLEAN_STR char *step = xasprintf("%zu", index);
	CLEAN_FD int parent = dir_open(p->files, e), dir = -1;

	if (parent < 0 || (dir = make_open_dir(parent, step, e)) < 0)
		return -1;
	for (int which = 0; which < COMMAND_FILES; which++) {
		char name[32];

		file_name(which, name);
		if (make_file(dir, name, e) < 0)
			return -1;
	}
	return 0;
}

/* ---- what came back ---- */

static int take_outputs(struct step_run *r, const struct pairs *outputs, struct err *e)
{
	for (size_t i = 0; i < outputs->n; i++)
		if (step_run_output(r, outputs->v[i].key, slice_of(outputs->v[i].value), e) < 0)
			return -1;
	return 0;
}

static int take_pairs(struct job *j, enum command_file which, struct slice text, struct err *e)
{
	CLEANUP(strv_release) struct strv notices = { 0 };
	CLEANUP(pairs_release) struct pairs found = { 0 };
	struct pairs *into = which == COMMAND_FILE_ENV ? &j->values.env : &found;
	int rc = command_file_pairs(which, text.ptr, text.len, into, &notices, e);

	strv_each (notice, &notices)
		step_log_line(j->step.log, "[shithub] %s", notice);
	if (rc == 0 && which == COMMAND_FILE_OUTPUT)
		rc = take_outputs(&j->runs[j->step.index], &found, e);
	return rc;
}

static int take_paths(struct strv *path, struct slice text, struct err *e)
{
	CLEANUP(strv_release) struct strv first = { 0 };

	if (command_file_paths(text.ptr, text.len, &first, e) < 0)
		return -1;
	command_paths_prepend(path, &first);
	return 0;
}

/* The protocol has no place of its own for it, so its readers find it in the log. */
static void show_summary(struct step_log *log, struct slice text)
{
	CLEAN_BUF struct buf shown = BUF_INIT_SECRET(LIMIT_COMMAND_FILE);
	bool whole = command_file_summary(text.ptr, text.len, &shown);

	step_log_section(log, "Step summary", buf_slice(&shown));
	if (!whole)
		step_log_line(log, "[shithub] step summary: more than %zu MiB, the rest is dropped",
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
		return take_paths(&j->values.path, text, e);
	case COMMAND_FILE_STEP_SUMMARY:
		show_summary(j->step.log, text);
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

int step_files_take(struct job *j, struct err *e)
{
	CLEAN_STR char *name = xasprintf("%zu", j->step.index);
	CLEAN_FD int parent = dir_open(j->place.files, e), fd = -1;
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
