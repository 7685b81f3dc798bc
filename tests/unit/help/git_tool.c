/* git runs as a child on the test's loop, so that a server in the same process can answer it. */
#include "tests/unit/help/git_tool.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/wait.h>
#include <cmocka.h>

#include "base/fs.h"
#include "base/limits.h"
#include "base/proc.h"

static void check(int rc, const struct err *e)
{
	if (rc < 0)
		fail_msg("%s", e->text);
}

struct git_tool *git_tool_new(void)
{
	struct git_tool *g = xcalloc(1, sizeof(*g));
	char pattern[] = "/tmp/shithub-test-XXXXXX";
	struct err e = { 0 };

	g->loop = loop_new(&e);
	if (!g->loop)
		fail_msg("%s", e.text);
	assert_non_null(mkdtemp(pattern));
	g->root = xstrdup(pattern);
	return g;
}

void git_tool_free(struct git_tool *g)
{
	CLEAN_FD int tmp = dir_open("/tmp", NULL);
	uint64_t left = 1;

	assert_int_equal(tree_remove(tmp, g->root + strlen("/tmp/"), &left, NULL), 0);
	assert_int_equal(left, 0);
	loop_free(g->loop);
	free(g->root);
	free(g);
}

/* Dates and identity are fixed, the machine's configuration stays out. */
static char *const env[] = { (char *)"PATH=/usr/local/bin:/usr/bin:/bin",
	(char *)"HOME=/nonexistent", (char *)"LANG=C.UTF-8", (char *)"GIT_CONFIG_NOSYSTEM=1",
	(char *)"GIT_TERMINAL_PROMPT=0", (char *)"GIT_AUTHOR_NAME=Ada",
	(char *)"GIT_AUTHOR_EMAIL=ada@example.org",
	(char *)"GIT_AUTHOR_DATE=2026-01-31T12:00:00+01:00", (char *)"GIT_COMMITTER_NAME=Ada",
	(char *)"GIT_COMMITTER_EMAIL=ada@example.org",
	(char *)"GIT_COMMITTER_DATE=2026-01-31T12:00:00+01:00", NULL };

static int run(struct git_tool *g, const char *dir, struct buf *out, va_list ap)
{
	CLEANUP(strv_release) struct strv argv = { 0 };
	CLEAN_BUF struct buf said = BUF_INIT(MIB(1));
	struct err e = { 0 };
	int status = -1;

	strv_add(&argv, "git");
	for (const char *a; (a = va_arg(ap, const char *));)
		strv_add(&argv, a);
	struct proc_spec spec = { .argv = argv.v, .envp = env, .cwd = dir, .new_session = true };
	check(proc_run(g->loop, &spec, NULL, 0, mono_add(mono_now(), 60 * USEC_PER_SEC), out, &said,
		      &status, &e),
		&e);
	buf_add(out, said.data, said.len);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 255;
}

int git_try(struct git_tool *g, const char *dir, struct buf *out, ...)
{
	va_list ap;

	va_start(ap, out);
	int rc = run(g, dir, out, ap);
	va_end(ap);
	return rc;
}

char *git_run(struct git_tool *g, const char *dir, ...)
{
	struct buf out = BUF_INIT(MIB(4));
	va_list ap;

	va_start(ap, dir);
	int rc = run(g, dir, &out, ap);
	va_end(ap);
	if (rc != 0)
		fail_msg("git exit %d: %s", rc, buf_cstr(&out));
	while (out.len > 0 && out.data[out.len - 1] == '\n')
		out.data[--out.len] = '\0';
	return buf_take(&out);
}

void git_write(const char *dir, const char *path, const char *text)
{
	CLEAN_STR char *full = path_join(dir, path);
	CLEAN_STR char *parent = xstrndup(full, (size_t)(strrchr(full, '/') - full));
	struct err e = { 0 };

	check(dir_ensure_parents(parent, 0755, &e), &e);
	check(file_replace(full, text, strlen(text), 0644, &e), &e);
}

char *git_work_tree(struct git_tool *g, const char *name)
{
	char *dir = path_join(g->root, name);
	struct err e = { 0 };

	check(dir_ensure(dir, 0755, &e), &e);
	free(git_run(g, dir, "init", "-q", "-b", "trunk", NULL));
	return dir;
}

char *git_commit_all(struct git_tool *g, const char *dir, const char *message)
{
	free(git_run(g, dir, "add", "-A", NULL));
	free(git_run(g, dir, "commit", "-q", "--allow-empty", "-m", message, NULL));
	return git_run(g, dir, "rev-parse", "HEAD", NULL);
}
