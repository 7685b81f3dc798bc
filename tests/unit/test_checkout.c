/*
 * The whole checkout: job side, socket, sandboxed child, a real git behind HTTP. The program starts
 * itself again as the child. As root the child becomes nobody, else it keeps its user.
 */
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "base/fs.h"
#include "base/limits.h"
#include "base/proc.h"
#include "checkout/checkout.h"
#include "checkout/tree_judge.h"
#include "git_server.h"

#define TOKEN "sekrit-token-0123456789"
#define UNKNOWN "0123456789012345678901234567890123456789"

static char root[] = "/tmp/test-checkout.XXXXXX";
static struct git_server *server;

struct run {
	struct loop *loop;
	char *workspace;
	struct strv lines;
	struct checkout_result result;
	bool done;
	unsigned calls;
};

/* ---- repositories ---- */

static const char make_repositories[] =
	"set -eu; cd \"$0\"; export HOME=/nonexistent GIT_CONFIG_NOSYSTEM=1 LC_ALL=C\n"
	"export GIT_AUTHOR_NAME=A GIT_AUTHOR_EMAIL=a@b GIT_COMMITTER_NAME=A "
	"GIT_COMMITTER_EMAIL=a@b\n"
	"mkdir repos sha ws; chmod 755 . ws\n"
	"git init -q -b trunk src; cd src\n"
	"seq 2000 >data; mkdir -p dir/sub; echo x >dir/sub/x; echo '#!/bin/sh' >run; chmod 755 "
	"run\n"
	"ln -s run link; ln -s /etc/passwd outside; echo u >'n\303\244me with blank'\n"
	"echo '*.txt text eol=crlf' >.gitattributes; echo line >crlf.txt\n"
	"git add .; git commit -qm one; git rev-parse HEAD >../sha/first\n"
	"echo 2 >>data; git commit -qam two; git rev-parse HEAD >../sha/second; git tag v1\n"
	"git tag -am note v1a; git rev-parse v1a >../sha/tagobject\n"
	"echo 3 >>data; git commit -qam three; git rev-parse HEAD >../sha/tip\n"
	"git rev-parse HEAD^{tree} >../sha/tree\n"
	"git checkout -q -b side HEAD~1; echo s >s; git add s; git commit -qm side\n"
	"git rev-parse HEAD >../sha/side; git checkout -q trunk\n"
	"git clone -q --bare . ../repos/main.git; git -C ../repos/main.git pack-refs --all; cd ..\n"
	/* five thousand files in fifty folders */
	"git init -q -b trunk many; cd many\n"
	"for d in $(seq 50); do mkdir d$d; for f in $(seq 100); do echo $d $f >d$d/f$f; done; "
	"done\n"
	"git add .; git commit -qm many; git rev-parse HEAD >../sha/many\n"
	"git clone -q --bare . ../repos/many.git; cd ..\n"
	/* trees that no git would make: one branch each */
	"git init -q --bare repos/evil.git; cd repos/evil.git\n"
	"git config uploadpack.allowAnySHA1InWant true\n"
	"blob=$(echo evil | git hash-object -w --stdin); empty=$(git mktree </dev/null)\n"
	"evil() { name=$1; shift; raw=; for e in \"$@\"; do mode=${e%% *}; rest=${e#* }; o=$blob\n"
	"  [ $mode = 40000 ] && o=${sub:-$empty}; raw=\"$raw$mode ${rest}\\\\0$(echo $o | sed "
	"'s/../\\\\x&/g')\"; done\n"
	"  t=$(printf \"$raw\" | git hash-object -t tree -w --literally --stdin)\n"
	"  c=$(echo m | git commit-tree $t); git update-ref refs/heads/$name $c; echo $c "
	">../../sha/$name; }\n"
	"evil setuid '104755 f'\n"
	"evil fifo '10644 f'\n"
	"evil newline '100644 a\\nb'\n"
	"evil escape '100644 a\\033[31m'\n"
	"evil dotgit '100644 .git'\n"
	"evil bigdotgit '40000 .GIT'\n"
	"evil shortname '100644 git~1'\n"
	"evil dotdot '40000 ..'\n"
	"evil slash '100644 ../../escaped'\n"
	"evil absolute '100644 /tmp/escaped'\n"
	"evil modules '120000 .gitmodules'\n"
	"evil hfs '100644 .g\342\200\214it'\n"
	"evil stream '100644 .GIT::$INDEX_ALLOCATION'\n"
	"evil twice '100644 f' '100644 f'\n"
	"evil linkdir '120000 d' '40000 d'\n"
	"evil good '100644 f'\n"
	"sub=$empty; for i in $(seq 250); do\n"
	"  sub=$(printf \"40000 d\\\\0$(echo $sub | sed 's/../\\\\x&/g')\" | git hash-object -t "
	"tree -w "
	"--literally --stdin); done\n"
	"evil deep '40000 d'\n"
	/* ten folders of ten folders … of the same file: 10^8 entries in a pack of a few hundred
	   bytes */
	"sub=$(printf \"100644 f\\\\0$(echo $blob | sed 's/../\\\\x&/g')\" | git hash-object -t "
	"tree -w "
	"--literally --stdin)\n"
	"for i in $(seq 8); do raw=; for j in $(seq 0 9); do\n"
	"  raw=\"${raw}40000 d$j\\\\0$(echo $sub | sed 's/../\\\\x&/g')\"; done\n"
	"  sub=$(printf \"$raw\" | git hash-object -t tree -w --literally --stdin); done\n"
	"evil bomb '40000 d'\n";

static int shell(struct loop *l, const char *script, const char *arg, char **ret_out)
{
	const char *argv[] = { "bash", "-c", script, arg, NULL };
	const char *envp[] = { "PATH=/usr/bin:/bin", "HOME=/nonexistent", "GIT_CONFIG_NOSYSTEM=1",
		"GIT_CONFIG_COUNT=1", "GIT_CONFIG_KEY_0=safe.directory", "GIT_CONFIG_VALUE_0=*",
		"LC_ALL=C", NULL };
	struct proc_spec spec = { .argv = (char *const *)argv, .envp = (char *const *)envp };
	CLEAN_BUF struct buf out = BUF_INIT(MIB(4)), err_out = BUF_INIT(MIB(1));
	struct err e = { 0 };
	int status = -1;

	if (proc_run(l, &spec, NULL, 0, mono_add(mono_now(), 120 * USEC_PER_SEC), &out, &err_out,
		    &status, &e) < 0)
		fail_msg("%s", e.text);
	if (status != 0)
		print_error("%s%s", buf_cstr(&out), buf_cstr(&err_out));
	if (ret_out)
		*ret_out = buf_take(&out);
	return status;
}

static int setup(void **state)
{
	struct err e = { 0 };
	struct loop *l = loop_new(&e);

	(void)state;
	if (!l || !mkdtemp(root) || shell(l, make_repositories, root, NULL) != 0)
		return -1;
	loop_free(l);
	CLEAN_STR char *repos = path_join(root, "repos");
	server = git_server_start(repos, TOKEN);
	return server ? 0 : -1;
}

static int teardown(void **state)
{
	uint64_t left = 0;
	struct err e = { 0 };
	CLEAN_FD int tmp = dir_open("/tmp", &e);

	(void)state;
	git_server_stop(server);
	return tree_remove(tmp, root + strlen("/tmp/"), &left, &e) < 0 || left ? -1 : 0;
}

static char *sha_of(const char *name)
{
	CLEAN_STR char *path = xasprintf("%s/sha/%s", root, name);
	CLEAN_BUF struct buf text = BUF_INIT(100);
	struct err e = { 0 };

	if (file_read(path, &text, &e) < 0)
		fail_msg("%s", e.text);
	return xstrndup(text.data, 40);
}

static char *url_of(const char *repo)
{
	return xasprintf("http://127.0.0.1:%u/%s.git", git_server_port(server), repo);
}

/* ---- one run ---- */

static uid_t child_uid(void)
{
	return getuid() ? getuid() : 65534;
}

static gid_t child_gid(void)
{
	return getuid() ? getgid() : 65534;
}

static void run_open(struct run *r)
{
	struct err e = { 0 };

	*r = (struct run){ 0 };
	r->loop = loop_new(&e);
	assert_non_null(r->loop);
	r->workspace = xasprintf("%s/ws/XXXXXX", root);
	assert_non_null(mkdtemp(r->workspace));
	assert_int_equal(chmod(r->workspace, 0700), 0);
	if (getuid() == 0)
		assert_int_equal(chown(r->workspace, child_uid(), child_gid()), 0);
}

static void run_close(struct run *r)
{
	loop_free(r->loop);
	free(r->workspace);
	strv_release(&r->lines);
}

static void on_line(void *data, const char *line)
{
	struct run *r = data;

	strv_add(&r->lines, line);
}

static void on_done(void *data, const struct checkout_result *result)
{
	struct run *r = data;

	r->result = *result;
	r->done = true;
	r->calls++;
}

static int start_child(struct proc *p)
{
	CLEAN_STR char *uid = xasprintf("%u", child_uid()), *gid = xasprintf("%u", child_gid());
	char *argv[] = { (char *)"checkout", (char *)"--uid", uid, (char *)"--gid", gid, NULL };
	int pair[2];
	struct err e = { 0 };

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
	struct proc_fd fds[] = { { pair[1], 3 }, { 2, 2 } };
	struct proc_spec spec = { .path = "/proc/self/exe",
		.argv = argv,
		.fds = fds,
		.n_fds = 2,
		.die_with_parent = true };
	if (proc_spawn(p, &spec, &e) < 0)
		fail_msg("%s", e.text);
	close(pair[1]);
	return pair[0];
}

static void run_checkout(struct run *r, struct checkout_request *q)
{
	struct proc p = PROC_INIT;
	struct err e = { 0 };

	q->workspace = r->workspace;
	int fd = start_child(&p);
	struct checkout *c = checkout_start(r->loop, fd, q, on_line, on_done, r, &e);
	if (!c)
		fail_msg("%s", e.text);
	assert_int_equal(
		loop_wait(r->loop, &r->done, mono_add(mono_now(), 100 * USEC_PER_SEC), &e), 0);
	checkout_free(c);
	assert_int_equal(r->calls, 1);
	proc_destroy(&p);
	strv_each (line, &r->lines)
		assert_null(strstr(line, TOKEN));
	assert_null(strstr(r->result.error.text, TOKEN));
}

static char *in_workspace(struct run *r, const char *script)
{
	CLEAN_STR char *full = xasprintf("cd \"$0\" && { %s; }", script);
	char *out = NULL;

	if (shell(r->loop, full, r->workspace, &out) != 0)
		fail_msg("failed: %s", script);
	return out;
}

static void assert_out(struct run *r, const char *script, const char *want)
{
	CLEAN_STR char *got = in_workspace(r, script);

	assert_string_equal(got, want);
}

static void assert_ok(const struct run *r)
{
	if (!r->result.ok)
		fail_msg("checkout failed: %s", r->result.error.text);
}

/* What users look at afterwards: an ordinary clone, clean, and no trace of the token. */
static void assert_clean(struct run *r, const char *sha)
{
	/* first: git status below may write the index anew, as the user of this test */
	assert_out(r, "find . ! -user $(stat -c %u .) | head -1", "");
	CLEAN_STR char *head = in_workspace(r, "git rev-parse HEAD");
	assert_int_equal(strncmp(head, sha, 40), 0);
	assert_out(r, "git status --porcelain", "");
	assert_out(r, "git fsck --no-dangling 2>&1 | grep -v '^notice' || :", "");
	assert_out(r, "git config --get-all user.name || :", "");
	assert_out(r, "! grep -rl " TOKEN " . || echo found", "");
	assert_out(r, "git log -1 --format=%an", "A\n");
}

static void assert_line(const struct run *r, const char *part)
{
	strv_each (line, &r->lines)
		if (strstr(line, part))
			return;
	fail_msg("no line with \"%s\"", part);
}

/* ---- tests ---- */

static void test_commits(void **state)
{
	static const struct {
		const char *sha, *ref;
		int64_t depth;
		const char *commits; /* in git log */
		const char *made_ref;
		enum git_server_mode mode;
		unsigned requests;
	} cases[] = {
		{ "tip", "refs/heads/trunk", 1, "1\n", "refs/remotes/origin/trunk", GIT_SERVE, 1 },
		{ "tip", "refs/heads/trunk", 1, "1\n", "refs/remotes/origin/trunk", GIT_SERVE_V0,
			1 },
		{ "first", "refs/heads/trunk", 1, "1\n", "refs/remotes/origin/trunk", GIT_SERVE,
			1 },
		{ "second", "refs/tags/v1", 1, "1\n", "refs/tags/v1", GIT_SERVE, 1 },
		{ "side", "refs/pull/7/merge", 1, "1\n", "refs/remotes/pull/7/merge", GIT_SERVE,
			1 },
		{ "tip", NULL, 2, "2\n", NULL, GIT_SERVE, 1 },
		{ "tip", "refs/heads/trunk", 50, "3\n", "refs/remotes/origin/trunk", GIT_SERVE, 1 },
		{ "first", "refs/heads/trunk", 1, "1\n", "refs/remotes/origin/trunk",
			GIT_REFUSE_IDS, 4 },
		{ "side", "refs/heads/trunk", 0, "3\n", "refs/remotes/origin/side", GIT_SERVE, 2 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct run r;
		CLEAN_STR char *sha = sha_of(cases[i].sha), *url = url_of("main");
		struct checkout_request q = { .url = url,
			.token = TOKEN,
			.sha = sha,
			.ref = cases[i].ref,
			.depth = cases[i].depth };
		run_open(&r);
		git_server_mode(server, cases[i].mode);
		run_checkout(&r, &q);
		assert_ok(&r);
		assert_clean(&r, sha);
		assert_int_equal(git_server_requests(server), cases[i].requests);
		assert_out(&r, "git log --oneline | wc -l", cases[i].commits);
		assert_out(&r, "git symbolic-ref -q HEAD || echo detached", "detached\n");
		if (cases[i].made_ref) {
			CLEAN_STR char *ask = xasprintf("git rev-parse %s", cases[i].made_ref);
			CLEAN_STR char *want = xasprintf("%s\n", sha);
			assert_out(&r, ask, want);
		}
		CLEAN_STR char *fetching = xasprintf("Fetching %s at %s (", url, sha);
		CLEAN_STR char *now = xasprintf("HEAD is now at %s", sha);
		assert_line(&r, fetching);
		assert_line(&r, "Received ");
		assert_line(&r, now);
		assert_true(r.result.objects > 0 && r.result.files > 0 && r.result.pack_bytes > 0);
		run_close(&r);
	}
}

static void test_content(void **state)
{
	struct run r;
	CLEAN_STR char *sha = sha_of("tip"), *url = url_of("main");
	struct checkout_request q = {
		.url = url, .token = TOKEN, .sha = sha, .ref = "refs/heads/trunk", .depth = 1
	};

	(void)state;
	git_server_mode(server, GIT_SERVE);
	run_open(&r);
	run_checkout(&r, &q);
	assert_ok(&r);
	assert_out(&r, "stat -c '%a %n' run data dir dir/sub .git",
		"755 run\n644 data\n755 dir\n755 dir/sub\n755 .git\n");
	assert_out(&r, "readlink link outside", "run\n/etc/passwd\n");
	assert_out(&r, "tail -1 data; cat 'n\303\244me with blank'", "3\nu\n");
	assert_out(&r, "od -An -c crlf.txt | tr -d ' '", "line\\r\\n\n");
	assert_out(&r, "git rev-parse --is-shallow-repository", "true\n");
	CLEAN_STR char *remote = in_workspace(&r, "git remote get-url origin");
	assert_int_equal(strncmp(remote, url, strlen(url)), 0);
	assert_out(&r, "git config remote.origin.fetch", "+refs/heads/*:refs/remotes/origin/*\n");
	assert_int_equal(r.result.files, 8);
	/* the shallow clone can be deepened by an ordinary git with a credential */
	CLEAN_STR char *deepen = xasprintf(
		"git -c http.extraHeader=\"Authorization: Basic $(printf x-access-token:" TOKEN
		" | base64)\" fetch -q --unshallow && git log --oneline | wc -l");
	assert_out(&r, deepen, "3\n");
	run_close(&r);
}

static void test_again_and_path(void **state)
{
	struct run r;
	CLEAN_STR char *sha = sha_of("tip"), *old = sha_of("first"), *url = url_of("main");
	struct checkout_request q = {
		.url = url, .token = TOKEN, .sha = sha, .depth = 1, .path = "a/b"
	};

	(void)state;
	run_open(&r);
	run_checkout(&r, &q);
	assert_ok(&r);
	assert_out(&r, "ls -A; git -C a/b status --porcelain; tail -1 a/b/data", "a\n3\n");
	/* again into the same place: what was there is gone */
	free(in_workspace(&r, "echo left >a/b/left; mkdir -p a/b/x/y; chmod 500 a/b/x; "
			      "chown -R --reference=. a/b/left a/b/x"));
	q.sha = old;
	r.done = false;
	r.calls = 0;
	run_checkout(&r, &q);
	assert_ok(&r);
	assert_out(&r, "ls a/b/left a/b/x 2>/dev/null || tail -1 a/b/data", "2000\n");
	/* a link in the path is not followed */
	free(in_workspace(&r, "ln -s /tmp evil"));
	q.path = "evil/x";
	r.done = false;
	r.calls = 0;
	run_checkout(&r, &q);
	assert_false(r.result.ok);
	assert_non_null(strstr(r.result.error.text, "checkout path"));
	run_close(&r);
}

static void test_many_files(void **state)
{
	struct run r;
	CLEAN_STR char *sha = sha_of("many"), *url = url_of("many");
	struct checkout_request q = { .url = url, .token = TOKEN, .sha = sha, .depth = 1 };

	(void)state;
	git_server_mode(server, GIT_SERVE);
	run_open(&r);
	run_checkout(&r, &q);
	assert_ok(&r);
	assert_clean(&r, sha);
	assert_int_equal(r.result.files, 5000);
	assert_out(&r, "find . -path ./.git -prune -o -type f -print | wc -l; cat d50/f100",
		"5000\n50 100\n");
	run_close(&r);
}

static void expect_failure(const char *repo, const char *sha, const char *ref, const char *token,
	enum err_class class, const char *part, bool retryable)
{
	struct run r;
	CLEAN_STR char *url = url_of(repo);
	struct checkout_request q = {
		.url = url, .token = token, .sha = sha, .ref = ref, .depth = 1
	};

	run_open(&r);
	run_checkout(&r, &q);
	if (r.result.ok || r.result.error.class != class || !strstr(r.result.error.text, part) ||
		r.result.retryable != retryable)
		fail_msg("%s %.8s: ok %d class %s retryable %d \"%s\", expected \"%s\"", repo, sha,
			r.result.ok, err_class_name(r.result.error.class), r.result.retryable,
			r.result.error.text, part);
	/* a refused checkout leaves no file of the tree behind */
	assert_out(&r, "ls -A | grep -v '^.git$' || :", "");
	run_close(&r);
}

static void test_failures(void **state)
{
	CLEAN_STR char *tip = sha_of("tip"), *tree = sha_of("tree"), *tag = sha_of("tagobject");

	(void)state;
	git_server_mode(server, GIT_SERVE);
	expect_failure(
		"main", UNKNOWN, "refs/heads/trunk", TOKEN, ERR_NOT_FOUND, "not our ref", false);
	expect_failure("main", tree, NULL, TOKEN, ERR_INPUT, "is a tree, expected a commit", false);
	expect_failure("main", tag, NULL, TOKEN, ERR_INPUT, "is a tag, expected a commit", false);
	expect_failure("main", tip, NULL, "wrong-token", ERR_AUTH, "401", false);
	expect_failure("main", tip, NULL, NULL, ERR_AUTH, "401", false);
	git_server_mode(server, GIT_REFUSE_IDS);
	expect_failure("main", UNKNOWN, "refs/heads/trunk", TOKEN, ERR_NOT_FOUND,
		"is not in what the server sent", false);
	expect_failure("main", UNKNOWN, "refs/heads/nowhere", TOKEN, ERR_PROTO, "empty", false);
	git_server_mode(server, GIT_CUT);
	expect_failure("main", tip, NULL, TOKEN, ERR_NET, "cut off", true);
	git_server_mode(server, GIT_FLIP);
	expect_failure("main", tip, NULL, TOKEN, ERR_PROTO, "", false);
	git_server_mode(server, GIT_GARBAGE);
	expect_failure("main", tip, NULL, TOKEN, ERR_PROTO, "text/html", false);
	git_server_mode(server, GIT_REDIRECT);
	expect_failure("main", tip, NULL, TOKEN, ERR_PROTO, "redirects are not followed", false);
	git_server_mode(server, GIT_BROKEN);
	expect_failure("main", tip, NULL, TOKEN, ERR_PROTO, "503", true);
}

static void test_hostile_trees(void **state)
{
	static const struct {
		const char *name;
		enum err_class class;
		const char *part;
	} cases[] = {
		{ "setuid", ERR_INPUT, "mode 104755" },
		{ "fifo", ERR_INPUT, "mode 10644" },
		{ "newline", ERR_INPUT, "\"a?b\": reserved name or control" },
		{ "escape", ERR_INPUT, "control character" },
		{ "dotgit", ERR_INPUT, "\".git\": reserved" },
		{ "bigdotgit", ERR_INPUT, "\".GIT\": reserved" },
		{ "shortname", ERR_INPUT, "\"git~1\": reserved" },
		{ "dotdot", ERR_INPUT, "\"..\": reserved" },
		{ "slash", ERR_INPUT, "reserved name" },
		{ "absolute", ERR_INPUT, "reserved name" },
		{ "modules", ERR_INPUT, "link in place of .gitmodules" },
		{ "hfs", ERR_INPUT, "reserved" },
		{ "stream", ERR_INPUT, "reserved" },
		{ "twice", ERR_INPUT, "in the tree twice" },
		{ "linkdir", ERR_INPUT, "in the tree twice" },
		{ "deep", ERR_LIMIT, "nested too deeply" },
		{ "bomb", ERR_LIMIT, "too many entries" },
	};
	CLEAN_STR char *outside = xasprintf("%s/escaped", root);

	(void)state;
	git_server_mode(server, GIT_SERVE);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		CLEAN_STR char *sha = sha_of(cases[i].name);
		expect_failure("evil", sha, NULL, TOKEN, cases[i].class, cases[i].part, false);
	}
	assert_int_equal(access(outside, F_OK), -1);
	assert_int_equal(access("/tmp/escaped", F_OK), -1);
	/* the control: the same way of making trees, an ordinary one */
	struct run r;
	CLEAN_STR char *sha = sha_of("good"), *url = url_of("evil");
	struct checkout_request q = { .url = url, .token = TOKEN, .sha = sha, .depth = 1 };
	run_open(&r);
	run_checkout(&r, &q);
	assert_ok(&r);
	assert_out(&r, "cat f", "evil\n");
	run_close(&r);
}

static void test_dot_git_names(void **state)
{
	static const struct {
		const char *name;
		bool dot_git;
	} cases[] = {
		{ ".git", true },
		{ ".GiT", true },
		{ ".git.", true },
		{ ".git. . ..", true },
		{ ".git   ", true },
		{ "git~1", true },
		{ "GIT~1. ", true },
		{ ".git::$INDEX_ALLOCATION", true },
		{ ".git:stream", true },
		{ "\xef\xbb\xbf.g\xe2\x80\x8ci\xe2\x81\xaft", true },
		{ ".github", false },
		{ ".gitignore", false },
		{ ".gitt", false },
		{ ".gi", false },
		{ "git", false },
		{ "git~12", false },
		{ ".git .x", false },
		{ "..git", false },
		{ "\xe2\x80", false },
		{ "", false },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		if (name_is_dot_git(cases[i].name) != cases[i].dot_git)
			fail_msg("\"%s\": expected %d", cases[i].name, cases[i].dot_git);
}

static void test_timeout(void **state)
{
	struct run r;
	CLEAN_STR char *sha = sha_of("tip"), *url = url_of("main");
	struct checkout_request q = { .url = url,
		.token = TOKEN,
		.sha = sha,
		.depth = 1,
		.timeout_us = 200 * USEC_PER_MSEC };

	(void)state;
	git_server_mode(server, GIT_HANG);
	run_open(&r);
	run_checkout(&r, &q);
	assert_false(r.result.ok);
	assert_true(r.result.retryable);
	run_close(&r);
}

static bool lines_seen(struct run *r)
{
	return r->lines.n > 0;
}

static void on_line_flag(void *data, const char *line)
{
	struct run *r = data;

	on_line(data, line);
	r->done = lines_seen(r);
}

/* The server hangs, so the child is alive until we act. */
static struct checkout *start_hanging(
	struct run *r, struct proc *p, const char *url, const char *sha)
{
	struct checkout_request q = {
		.url = url, .token = TOKEN, .sha = sha, .depth = 1, .workspace = r->workspace
	};
	struct err e = { 0 };

	git_server_mode(server, GIT_HANG);
	struct checkout *c =
		checkout_start(r->loop, start_child(p), &q, on_line_flag, on_done, r, &e);
	assert_non_null(c);
	assert_int_equal(
		loop_wait(r->loop, &r->done, mono_add(mono_now(), 60 * USEC_PER_SEC), &e), 0);
	assert_int_equal(r->calls, 0);
	r->done = false;
	return c;
}

static void test_child_dies(void **state)
{
	struct run r;
	struct proc p = PROC_INIT;
	struct err e = { 0 };
	CLEAN_STR char *sha = sha_of("tip"), *url = url_of("main");

	(void)state;
	run_open(&r);
	struct checkout *c = start_hanging(&r, &p, url, sha);
	proc_signal(&p, SIGKILL);
	assert_int_equal(
		loop_wait(r.loop, &r.done, mono_add(mono_now(), 60 * USEC_PER_SEC), &e), 0);
	assert_int_equal(r.calls, 1);
	assert_false(r.result.ok);
	assert_non_null(strstr(r.result.error.text, "died without a result"));
	checkout_free(c);
	proc_destroy(&p);
	run_close(&r);
}

static void on_child_end(struct loop_source *s, int fd, uint32_t events, void *data)
{
	struct run *r = data;

	(void)s, (void)fd, (void)events;
	r->done = true;
}

static void test_job_goes_away(void **state)
{
	struct run r;
	struct proc p = PROC_INIT;
	struct err e = { 0 };
	int status = 0;
	CLEAN_STR char *sha = sha_of("tip"), *url = url_of("main");

	(void)state;
	run_open(&r);
	struct checkout *c = start_hanging(&r, &p, url, sha);
	struct loop_source *watch = proc_watch(r.loop, &p, on_child_end, &r);
	checkout_free(c);
	assert_int_equal(
		loop_wait(r.loop, &r.done, mono_add(mono_now(), 60 * USEC_PER_SEC), &e), 0);
	loop_source_free(watch);
	assert_int_equal(proc_reap(&p, &status), 1);
	assert_int_equal(r.calls, 0);
	run_close(&r);
}

static void test_refused_requests(void **state)
{
	struct run r;
	struct err e = { 0 };
	int pair[2];
	struct checkout_request q = { .url = "file:///etc", .sha = UNKNOWN, .workspace = "/tmp" };

	(void)state;
	run_open(&r);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
	assert_null(checkout_start(r.loop, pair[0], &q, on_line, on_done, &r, &e));
	assert_int_equal(e.class, ERR_INPUT);
	char c;
	assert_int_equal(read(pair[1], &c, 1), 0); /* our end was taken over and closed */
	close(pair[1]);
	run_close(&r);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_commits),
		cmocka_unit_test(test_content),
		cmocka_unit_test(test_again_and_path),
		cmocka_unit_test(test_many_files),
		cmocka_unit_test(test_failures),
		cmocka_unit_test(test_hostile_trees),
		cmocka_unit_test(test_dot_git_names),
		cmocka_unit_test(test_timeout),
		cmocka_unit_test(test_child_dies),
		cmocka_unit_test(test_job_goes_away),
		cmocka_unit_test(test_refused_requests),
	};

	if (str_eq(argv[0], "checkout"))
		return checkout_role_main(argc, argv);
	return cmocka_run_group_tests_name("checkout", tests, setup, teardown);
}
