/*
 * actions/setup-python: nothing is downloaded, the image's own interpreters are looked for. Each
 * one is run in a box of the job and introduces itself, so what is offered works under the job's
 * confinement.
 *
 * The chosen one becomes `python`, `python3` and `python3.N` for later steps (step/tools.h).
 */
#include "runner/step/setup_python.h"

#include <inttypes.h>

#include "base/fs.h"
#include "base/limits.h"
#include "runner/step/action_inputs.h"
#include "runner/step/box_capture.h"
#include "runner/context/command_files.h"
#include "runner/step/python_version.h"
#include "runner/step/tools.h"

#define ACTION "actions/setup-python"
#define FILE_VARIABLE "SHITHUB_PYTHON_VERSION_FILE"
#define DEFAULT_FILE ".python-version"
#define NO_CACHE "dependencies are not cached between jobs"
#define NO_PIP "run pip in a step of its own"

struct python_inputs {
	char *version, *file, *architecture;
	bool prereleases, update;
};

#define FIELD(name) offsetof(struct python_inputs, name)
static const struct action_input table[] = {
	{ "python-version", INPUT_TEXT, FIELD(version) },
	{ "python-version-file", INPUT_TEXT, FIELD(file) },
	{ "architecture", INPUT_TEXT, FIELD(architecture) },
	{ "allow-prereleases", INPUT_BOOL, FIELD(prereleases) },
	{ "update-environment", INPUT_BOOL, FIELD(update) },
	{ "check-latest", INPUT_IDLE_BOOL },
	{ "token", INPUT_IDLE },
	{ "freethreaded", INPUT_FALSE_ONLY, .why = "free-threaded builds are not looked for" },
	{ "cache", INPUT_NOT_HERE, .why = NO_CACHE },
	{ "cache-dependency-path", INPUT_NOT_HERE, .why = NO_CACHE },
	{ "pip-version", INPUT_NOT_HERE, .why = NO_PIP },
	{ "pip-install", INPUT_NOT_HERE, .why = NO_PIP },
};

/* Interpreters first, then the version file: its text ends the output whatever is in it. */
static const char search_script[] =
	"code='import importlib.util as u, platform, sys; v = sys.version_info\n"
	"print(\"\\t\".join([\"python\", \"%d.%d.%d\" % v[:3], v[3], \"pip\" if "
	"u.find_spec(\"pip\") "
	"else \"-\", platform.machine(), sys.prefix, sys.executable]))'\n"
	"try() {\n"
	"	for file in \"$1\"/python3.[0-9] \"$1\"/python3.[0-9][0-9] \"$1\"/python3 "
	"\"$1\"/python; do\n"
	"		[ -x \"$file\" ] && [ ! -d \"$file\" ] &&\n"
	"			\"$file\" -I -c \"$code\" </dev/null 2>/dev/null\n"
	"	done\n"
	"}\n"
	"rest=$PATH:/usr/local/bin:/usr/bin:\n"
	"while [ -n \"$rest\" ]; do\n"
	"	dir=${rest%%:*}\n"
	"	rest=${rest#*:}\n"
	"	case $dir in " BOX_TOOLS "/*) ;; /*) try \"$dir\" ;; esac\n"
	"done\n"
	"for dir in /opt/hostedtoolcache/Python/*/*/bin /opt/python*/bin /opt/python/*/bin \\\n"
	"	/usr/local/python*/bin /opt/pyenv/versions/*/bin /root/.pyenv/versions/*/bin; do\n"
	"	try \"$dir\"\n"
	"done\n"
	"[ ! -f \"$" FILE_VARIABLE "\" ] || { echo file; cat <\"$" FILE_VARIABLE "\"; }\n";

static void inputs_release(struct python_inputs *in)
{
	free(in->version);
	free(in->file);
	free(in->architecture);
}

static int read_inputs(const struct pairs *with, struct python_inputs *in, struct err *e)
{
	*in = (struct python_inputs){ .update = true };
	if (action_inputs_read(ACTION, table, ARRAY_LEN(table), with, in, e) < 0)
		return -1;
	if (in->version && in->file)
		return err_set(e, ERR_INPUT,
			ACTION ": python-version and python-version-file: expected one of them");
	if (in->file && !path_is_inside(in->file))
		return err_set(e, ERR_INPUT,
			ACTION ": python-version-file \"%.100s\": expected a relative path inside "
			       "the workspace",
			in->file);
	return 0;
}

/* ---- what the image has ---- */

/* Splits the output at the line "file": pythons before, the version file after it (ptr NULL:
 * none).
 */
static struct slice split_output(const struct buf *out, struct python_list *pythons)
{
	static const char mark[] = "\nfile\n";
	const char *text = buf_cstr(out), *at;

	if (str_starts(text, mark + 1)) {
		at = text;
	} else {
		at = memmem(text, out->len, mark, strlen(mark));
		at = at ? at + 1 : NULL;
	}
	python_list_parse(text, at ? (size_t)(at - text) : out->len, pythons);
	if (!at)
		return (struct slice){ 0 };
	at += strlen(mark) - 1;
	return (struct slice){ at, (size_t)(text + out->len - at) };
}

static int search(struct job *j, const struct python_inputs *in, const struct strv *env,
	struct buf *out, struct err *e)
{
	CLEANUP(strv_release) struct strv all = { 0 };

	strv_each (line, env)
		strv_add(&all, line);
	strv_addf(&all, FILE_VARIABLE "=%s", in->version ? "" : in->file ? in->file : DEFAULT_FILE);
	if (box_capture(j, search_script, &all, out, e) < 0)
		return err_wrap(e, ACTION ": search for interpreters");
	return buf_ok(out) ? 0 : err_set(e, ERR_LIMIT, ACTION ": the image's answer is too large");
}

/* The wish as text; NULL in *ret: none was made. */
static int find_wish(const struct python_inputs *in, struct slice file, char **ret, struct err *e)
{
	const char *name = in->file ? in->file : DEFAULT_FILE;

	if (in->version) {
		*ret = xstrdup(in->version);
	} else if (file.ptr) {
		*ret = python_wish_of_file(name, file.ptr, file.len, e);
		return *ret ? 0 : err_wrap(e, ACTION);
	} else if (in->file) {
		return err_set(e, ERR_NOT_FOUND,
			ACTION ": python-version-file: the workspace has no file %s", name);
	}
	return 0;
}

static int not_there(const struct job *j, const struct python_list *l, const char *wish,
	const struct python_inputs *in, struct err *e)
{
	CLEAN_BUF struct buf has = BUF_INIT(600);

	for (size_t i = 0; i < l->n; i++)
		buf_addf(&has, "%s%" PRId64 ".%" PRId64 ".%" PRId64 "%s (%s, %s)", i ? ", " : "",
			l->v[i].version[0], l->v[i].version[1], l->v[i].version[2],
			l->v[i].final ? "" : " prerelease", python_architecture(l->v[i].machine),
			l->v[i].path);
	return err_set(e, ERR_NOT_FOUND, ACTION ": no Python \"%s\"%s%s in the image %s; it has %s",
		wish ? wish : "3.x", in->architecture ? " for " : "",
		in->architecture ? in->architecture : "", j->config->engine.default_image,
		has.len ? buf_cstr(&has) : "none");
}

static const struct python *choose(const struct job *j, const struct python_list *l,
	const struct python_inputs *in, struct slice file, struct err *e)
{
	CLEAN_STR char *text = NULL;
	struct python_wish wish = { 0 };
	const struct python *p;

	if (find_wish(in, file, &text, e) < 0)
		return NULL;
	if (text && python_wish_parse(text, &wish, e) < 0) {
		err_wrap(e, ACTION);
		return NULL;
	}
	p = python_choose(l, &wish, in->prereleases, in->architecture);
	if (!p)
		not_there(j, l, text, in, e);
	else if (!text)
		step_log_line(j->step.log,
			"[shithub] no version requested and no %s found: using the newest Python "
			"of the image",
			DEFAULT_FILE);
	return p;
}

/* ---- for later steps ---- */

/* The interpreter's path may hold anything but a line end, so it is not pasted into the script. */
static const char pip_script[] = "#!/bin/sh\nexec \"${0%/*}/python\" -m pip \"$@\"\n";

static int add_commands(int bin, const struct python *p, struct err *e)
{
	CLEAN_STR char *exact = xasprintf(
			       "python%" PRId64 ".%" PRId64, p->version[0], p->version[1]),
		       *major = xasprintf("python%" PRId64, p->version[0]),
		       *pip = xasprintf("pip%" PRId64, p->version[0]);

	if (tools_add_link(bin, "python", p->path, e) < 0 ||
		tools_add_link(bin, major, p->path, e) < 0 ||
		tools_add_link(bin, exact, p->path, e) < 0)
		return -1;
	if (!p->pip)
		return 0;
	if (tools_add_script(bin, "pip", pip_script, e) < 0)
		return -1;
	return tools_add_script(bin, pip, pip_script, e);
}

/* *ret_location: pythonLocation, the caller's. */
static int make_commands(const struct job *j, const struct python *p, const char *version,
	char **ret_location, struct err *e)
{
	CLEAN_STR char *below = xasprintf("python/%s", version);
	CLEAN_FD int bin = tools_make(&j->place, j->step.index, below, ret_location, e);

	return bin < 0 || add_commands(bin, p, e) < 0 ? err_wrap(e, ACTION) : 0;
}

static bool path_has(const struct strv *env, const char *dir)
{
	CLEANUP(strv_release) struct strv dirs = { 0 };

	strv_each (line, env)
		if (str_starts(line, "PATH="))
			strv_split(&dirs, line + strlen("PATH="), ':');
	return strv_contains(&dirs, dir);
}

/* Tools beside the interpreter are found too, unless they are in PATH where they belong. */
static void set_environment(
	struct job_values *v, const struct strv *env, const struct python *p, const char *location)
{
	static const char *const roots[] = { "Python_ROOT_DIR", "Python2_ROOT_DIR",
		"Python3_ROOT_DIR" };
	CLEANUP(strv_release) struct strv first = { 0 };
	CLEAN_STR char *beside = xmemdup0(p->path, (size_t)(strrchr(p->path, '/') - p->path));

	strv_addf(&first, "%s/bin", location);
	if (*beside && !path_has(env, beside))
		strv_add(&first, beside);
	command_paths_prepend(&v->path, &first);
	pairs_set(&v->env, "pythonLocation", location);
	for (size_t i = 0; i < ARRAY_LEN(roots); i++)
		pairs_set(&v->env, roots[i], p->prefix);
}

static int provide(struct job *j, const struct python_inputs *in, const struct strv *env,
	const struct python *p, struct err *e)
{
	struct step_run *r = &j->runs[j->step.index];
	CLEAN_STR char *location = NULL;
	CLEAN_STR char *version = xasprintf(
		"%" PRId64 ".%" PRId64 ".%" PRId64, p->version[0], p->version[1], p->version[2]);

	step_log_line(j->step.log, "Python %s: %s", version, p->path);
	if (step_run_output(r, "python-version", slice_of(version), e) < 0 ||
		step_run_output(r, "python-path", slice_of(p->path), e) < 0)
		return -1;
	if (!in->update)
		return 0;
	if (make_commands(j, p, version, &location, e) < 0)
		return -1;
	set_environment(&j->values, env, p, location);
	return 0;
}

static int set_up(struct job *j, const struct step_text *t, struct err *e)
{
	CLEANUP(inputs_release) struct python_inputs in = { 0 };
	CLEANUP(python_list_release) struct python_list pythons = { 0 };
	CLEAN_BUF struct buf out = BUF_INIT(LIMIT_CONFIG_FILE);

	if (read_inputs(&t->with, &in, e) < 0 || search(j, &in, &t->env, &out, e) < 0)
		return -1;
	struct slice file = split_output(&out, &pythons);
	const struct python *p = choose(j, &pythons, &in, file, e);
	return p ? provide(j, &in, &t->env, p, e) : -1;
}

enum outcome use_setup_python(struct job *j, const struct step_text *t)
{
	struct err e = { 0 };
	int rc = set_up(j, t, &e);

	if (current_step_interrupted(&j->step))
		return interrupt_outcome(j->step.interrupt);
	return rc == 0 ? OUTCOME_SUCCESS : step_fails(j, &e);
}
