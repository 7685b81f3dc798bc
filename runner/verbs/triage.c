/*
 * Reads one failed job from wherever it is (the coordinator, a file, standard input) and prints
 * what hygiene/workdir/triage.h concludes, with the commands to go on with. The personal access
 * token goes to server.base_url and nowhere else.
 */
#include "runner/verbs/triage.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>

#include "base/fs.h"
#include "base/json.h"
#include "base/limits.h"
#include "runner/verbs/triage_fetch.h"
#include "runner/verbs/workdir_args.h"

enum { LOG_MAX = 1 << 30, REPORT_MAX = 4 << 20 };

static const char triage_help[] =
	"Reads a run of the coordinator (its number, or its URL below server.base_url; needs\n"
	"--token-file with a personal access token), a local log, or - for standard input.\n"
	"platform_checkout: a checkout could not clear the workspace (EACCES, EPERM below a work\n"
	"root); prints host and workspace and the commands to go on with. downstream: the "
	"checkout\n"
	"succeeded, so the failure is the repository's. inconclusive: the log proves neither.\n"
	"Work roots: --instance and --instances as the log spells them, else\n"
	"runner.workspace_root. It changes nothing. Exit codes: 0 downstream, 1 platform_checkout, "
	"2 usage,\n"
	"5 inconclusive or not readable.";

struct triage_args {
	struct workdir_args common;
	const char *token_file, *repo;
	struct triage_root *roots;
	size_t n;
};

static void triage_args_release(struct triage_args *a)
{
	free(a->roots);
	workdir_args_release(&a->common);
}

/* ---- the source ---- */

/* The number of a run: plain, or behind runs/ in a URL of our coordinator. False: neither. */
static bool parse_run(const struct triage_args *a, const char *source, int64_t *ret, struct err *e)
{
	const char *base = a->common.runner.server.base_url;
	const char *runs = strstr(source, "/runs/");

	if (parse_i64(source, 1, INT64_MAX, ret))
		return true;
	if (!str_starts(source, "http://") && !str_starts(source, "https://"))
		return false;
	if (!base || !str_starts(source, base) || source[strlen(base)] != '/') {
		err_set(e, ERR_INPUT,
			"%s: expected a run of server.base_url (%s): the token goes nowhere else",
			source, base ? base : "not set");
		return false;
	}
	CLEAN_STR char *number = runs ? xstrndup(runs + 6, strcspn(runs + 6, "/?#")) : NULL;
	if (number && parse_i64(number, 1, INT64_MAX, ret))
		return true;
	err_set(e, ERR_INPUT, "%s: expected …/runs/NUMBER", source);
	return false;
}

static int read_token(const char *path, struct buf *out, struct err *e)
{
	if (!path)
		return err_set(e, ERR_INPUT, "expected --token-file FILE with an access token");
	if (file_read(path, out, e) < 0)
		return -1;
	while (out->len && strchr("\r\n ", out->data[out->len - 1]))
		out->data[--out->len] = '\0';
	if (!out->len || strpbrk(buf_cstr(out), "\r\n "))
		return err_set(e, ERR_INPUT, "%s: expected one token", path);
	return 0;
}

static int read_run(const struct triage_args *a, int64_t run, struct triage *t, struct err *e)
{
	CLEANUP(buf_release_wipe) struct buf token = BUF_INIT_SECRET(LIMIT_TOKEN);
	struct triage_source from = { .config = &a->common.runner, .run = run, .repo = a->repo };

	if (!from.config->server.base_url)
		return err_set(e, ERR_INPUT, "server.base_url is not set: a run cannot be read");
	if (read_token(a->token_file, &token, e) < 0)
		return -1;
	from.token = buf_cstr(&token);
	return triage_fetch(t, &from, e);
}

static int read_log(const char *path, struct triage *t, struct err *e)
{
	int fd CLEAN_FD = str_eq(path, "-") ? fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3)
					    : open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	char bytes[KIB(64)];
	size_t all = 0;
	ssize_t n = 0;

	if (fd < 0)
		return err_set_errno(e, errno, "open %s", path);
	while ((n = read(fd, bytes, sizeof(bytes))) > 0 || (n < 0 && errno == EINTR)) {
		triage_feed(t, bytes, n > 0 ? (size_t)n : 0);
		all += n > 0 ? (size_t)n : 0;
		if (all > LOG_MAX)
			return err_set(e, ERR_LIMIT, "%s: larger than %d bytes", path, LOG_MAX);
	}
	return n < 0 ? err_set_errno(e, errno, "read %s", path) : 0;
}

static int read_source(
	const struct triage_args *a, const char *source, struct triage *t, struct err *e)
{
	int64_t run;

	if (parse_run(a, source, &run, e))
		return read_run(a, run, t, e);
	return e->class != ERR_NONE ? -1 : read_log(source, t, e);
}

/* The roots */

static int add_root(struct triage_args *a, int kind, const char *path, struct err *e)
{
	if (*path != '/' || str_eq(path, "/"))
		return err_set(e, ERR_INPUT,
			"%s: expected the absolute path that the log shows, below /", path);
	a->roots = xrealloc(a->roots, (a->n + 1) * sizeof(*a->roots));
	a->roots[a->n++] = (struct triage_root){ .kind = kind, .path = path };
	return 0;
}

static int set_roots(struct triage_args *a, struct err *e)
{
	strv_each (instance, &a->common.instances)
		if (add_root(a, TRIAGE_INSTANCE, instance, e) < 0)
			return -1;
	strv_each (folder, &a->common.folders)
		if (add_root(a, TRIAGE_INSTANCES, folder, e) < 0)
			return -1;
	if (workdir_args_actions(&a->common))
		return 0;
	return add_root(a, TRIAGE_OWN, a->common.runner.runner.workspace_root, e);
}

/* The answer */

/* For a shell: the names are plain (triage.h), the path is the caller's own. */
static char *command_of(const struct triage_args *a, const struct triage_pair *p)
{
	const struct triage_root *root = &a->roots[p->root];
	struct buf out = BUF_INIT(KIB(64));

	buf_adds(&out, "shithubd-runner workdir remediate ");
	if (root->kind == TRIAGE_OWN) {
		buf_addf(&out, "localhost %s", p->repo);
		return buf_take(&out);
	}
	buf_addf(&out, "%s %s --%s '", p->host, p->repo,
		root->kind == TRIAGE_INSTANCE ? "instance" : "instances");
	for (const char *c = root->path; *c; c++) {
		if (*c == '\'')
			buf_adds(&out, "'\\''");
		else
			buf_addc(&out, *c);
	}
	buf_addc(&out, '\'');
	return buf_take(&out);
}

static void print_text(
	const struct triage_args *a, struct buf *out, struct triage *t, enum triage_class c)
{
	size_t n;
	const struct triage_pair *p = triage_pairs(t, &n);

	buf_addf(out, "%s: %s\n", triage_class_name(c), triage_reason(t));
	for (size_t i = 0; i < n; i++)
		buf_addf(out, "  %s %s\n", p[i].host, p[i].repo);
	if (n)
		buf_adds(out, "next, on that host; nothing is changed before --apply:\n");
	for (size_t i = 0; i < n; i++) {
		CLEAN_STR char *command = command_of(a, &p[i]);

		buf_addf(out, "  %s\n", command);
	}
}

static int print_json(const struct triage_args *a, struct buf *out, struct triage *t,
	enum triage_class c, struct err *e)
{
	struct json_writer w;
	size_t n;
	const struct triage_pair *p = triage_pairs(t, &n);

	json_writer_init(&w, out, true);
	json_begin_object(&w);
	json_kv_str(&w, "class", triage_class_name(c));
	json_kv_str(&w, "reason", triage_reason(t));
	json_key(&w, "pairs");
	json_begin_array(&w);
	for (size_t i = 0; i < n; i++) {
		CLEAN_STR char *command = command_of(a, &p[i]);

		json_begin_object(&w);
		json_kv_str(&w, "host", p[i].host);
		json_kv_str(&w, "repo", p[i].repo);
		json_kv_str(&w, "command", command);
		json_end_object(&w);
	}
	json_end_array(&w);
	json_end_object(&w);
	if (json_writer_finish(&w, e) < 0)
		return -1;
	return buf_addc(out, '\n');
}

static enum exit_code triage(const struct triage_args *a, const char *source)
{
	static const enum exit_code codes[] = {
		[TRIAGE_PLATFORM_CHECKOUT] = EXIT_FINDINGS,
		[TRIAGE_DOWNSTREAM] = EXIT_OK,
		[TRIAGE_INCONCLUSIVE] = EXIT_INCOMPLETE,
	};
	CLEANUP(triage_freep) struct triage *t = triage_new(a->roots, a->n);
	CLEAN_BUF struct buf out = BUF_INIT(REPORT_MAX);
	struct err e = { 0 };

	if (read_source(a, source, t, &e) < 0)
		return (enum exit_code)cli_fail(
			err_is(&e, ERR_INPUT) ? EXIT_USAGE : EXIT_INCOMPLETE, "%s", e.text);
	enum triage_class c = triage_conclude(t);
	if (a->common.output == OUTPUT_TEXT)
		print_text(a, &out, t, c);
	else if (print_json(a, &out, t, c, &e) < 0)
		return (enum exit_code)cli_fail(EXIT_FINDINGS, "%s", e.text);
	return workdir_print(&out, codes[c]);
}

int verb_workdir_triage(int argc, char **argv)
{
	CLEANUP(triage_args_release) struct triage_args a = { .common = WORKDIR_ARGS_INIT };
	const struct cli_flag own[] = {
		{ "token-file", CLI_STRING, &a.token_file, "FILE", "personal access token" },
		{ "repo", CLI_STRING, &a.repo, "OWNER/NAME", "the run must be of this one" },
		{ "server-url", CLI_STRING, &a.common.server_url, "URL", "the coordinator" },
	};
	struct err e = { 0 };
	char **rest;
	int n, rc = workdir_args_parse(
		       &a.common, argc, argv, own, ARRAY_LEN(own), triage_help, 1, &rest, &n);

	if (rc != 0)
		return rc > 0 ? EXIT_OK : EXIT_USAGE;
	if (n != 1)
		return cli_fail(EXIT_USAGE, "triage: expected a run, its URL, a log file or -");
	if (workdir_args_load(&a.common) < 0)
		return a.common.code;
	if (set_roots(&a, &e) < 0)
		return cli_fail(EXIT_USAGE, "%s", e.text);
	return triage(&a, rest[0]);
}
