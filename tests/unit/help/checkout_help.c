/* The child is this very test program, so that what runs is the shipped role and not a copy of it.
 */
#include "tests/unit/help/checkout_help.h"

static char root[] = "/tmp/test-checkout.XXXXXX";
struct git_server *checkout_server;

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
	"git rev-parse HEAD >../sha/side; git branch both; git checkout -q trunk; git tag both\n"
	"git clone -q --bare . ../repos/main.git; git -C ../repos/main.git pack-refs --all; cd ..\n"
	/* a repository with submodules: one by a relative URL, which has one itself */
	"for r in leaf lib super; do git init -q -b trunk $r; done\n"
	"cd leaf; echo leaf >leaf; git add .; git commit -qm leaf; leaf=$(git rev-parse HEAD)\n"
	"cd ../lib; printf '[submodule \"leaf\"]\\n path = deep/leaf\\n url = ./../leaf\\n' "
	">.gitmodules\n"
	"git update-index --add --cacheinfo 160000,$leaf,deep/leaf; echo lib >lib; git add "
	".gitmodules lib\n"
	"git commit -qm lib; lib=$(git rev-parse HEAD)\n"
	"cd ../super; link() { git checkout -q --orphan $1; git rm -qrf --cached . || :; shift\n"
	"  printf \"$@\" >.gitmodules; git add .gitmodules\n"
	"  git update-index --add --cacheinfo 160000,$lib,libs/lib; git commit -qm super; }\n"
	"mod='[submodule \"my.lib\"]\\n\\tpath = libs/lib\\n\\tupdate = !touch /tmp/escaped\\n'\n"
	"link good \"$mod\\turl = ../lib.git\\n\"; git rev-parse HEAD >../sha/super\n"
	"link far \"$mod\\turl = https://elsewhere.example/lib.git\\n\"; git rev-parse HEAD "
	">../sha/far\n"
	"link dash \"$mod\\turl = -oProxyCommand=id\\n\"; git rev-parse HEAD >../sha/dash\n"
	"link none ''; git rev-parse HEAD >../sha/none\n"
	"cd ..; for r in leaf lib super; do git clone -q --bare $r repos/$r.git; done\n"
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
	"evil steers '100644 a\\nb/..'\n"
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
	"sub=$empty; long=$(printf %0240d 0); for i in $(seq 17); do\n"
	"  sub=$(printf \"40000 $long\\\\0$(echo $sub | sed 's/../\\\\x&/g')\" | git hash-object "
	"-t "
	"tree -w "
	"--literally --stdin); done\n"
	"evil deep '40000 d'\n"
	"sub=$(printf \"100644 f\\\\0$(echo $blob | sed 's/../\\\\x&/g')\" | git hash-object -t "
	"tree -w "
	"--literally --stdin)\n"
	"for i in $(seq 16); do\n"
	"  sub=$(printf \"40000 $long\\\\0$(echo $sub | sed 's/../\\\\x&/g')\" | git hash-object "
	"-t "
	"tree -w "
	"--literally --stdin); done\n"
	"evil names '100644 \\001x' '100644 Icon\\r' '100644 a\\nb' '40000 d' '100644 e\\033[31m' "
	"'100644 x\\177'\n"
	/* ten folders of ten folders … of the same file: 10^8 entries in a pack of a few hundred
	   bytes */
	"sub=$(printf \"100644 f\\\\0$(echo $blob | sed 's/../\\\\x&/g')\" | git hash-object -t "
	"tree -w "
	"--literally --stdin)\n"
	"for i in $(seq 8); do raw=; for j in $(seq 0 9); do\n"
	"  raw=\"${raw}40000 d$j\\\\0$(echo $sub | sed 's/../\\\\x&/g')\"; done\n"
	"  sub=$(printf \"$raw\" | git hash-object -t tree -w --literally --stdin); done\n"
	"evil bomb '40000 d'\n";

static int checkout_shell(struct loop *l, const char *script, const char *arg, char **ret_out)
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

void checkout_prepare(const char *script)
{
	struct err e = { 0 };
	struct loop *l = loop_new(&e);

	assert_non_null(l);
	assert_int_equal(checkout_shell(l, script, root, NULL), 0);
	loop_free(l);
}

int checkout_setup(void **state)
{
	struct err e = { 0 };
	struct loop *l = loop_new(&e);

	(void)state;
	if (!l || !mkdtemp(root) || checkout_shell(l, make_repositories, root, NULL) != 0)
		return -1;
	loop_free(l);
	CLEAN_STR char *repos = path_join(root, "repos");
	checkout_server = git_server_start(repos, TOKEN);
	return checkout_server ? 0 : -1;
}

int checkout_teardown(void **state)
{
	uint64_t left = 0;
	struct err e = { 0 };
	CLEAN_FD int tmp = dir_open("/tmp", &e);

	(void)state;
	git_server_stop(checkout_server);
	return tree_remove(tmp, root + strlen("/tmp/"), &left, &e) < 0 || left ? -1 : 0;
}

char *sha_of(const char *name)
{
	CLEAN_STR char *path = xasprintf("%s/sha/%s", root, name);
	CLEAN_BUF struct buf text = BUF_INIT(100);
	struct err e = { 0 };

	if (file_read(path, &text, &e) < 0)
		fail_msg("%s", e.text);
	return xstrndup(text.data, 40);
}

char *url_of(const char *repo)
{
	return xasprintf("http://127.0.0.1:%u/%s.git", git_server_port(checkout_server), repo);
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

void run_open(struct run *r)
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

void run_close(struct run *r)
{
	loop_free(r->loop);
	free(r->workspace);
	strv_release(&r->lines);
	strv_release(&r->submodules);
}

void on_line(void *data, const char *line)
{
	struct run *r = data;

	strv_add(&r->lines, line);
}

void on_done(void *data, const struct checkout_result *result)
{
	struct run *r = data;

	r->result = *result;
	r->done = true;
	r->calls++;
}

int start_child(struct proc *p, const char *workspace, int stderr_fd)
{
	CLEAN_STR char *uid = xasprintf("%u", child_uid()), *gid = xasprintf("%u", child_gid());
	char *argv[] = { (char *)"checkout", (char *)"--uid", uid, (char *)"--gid", gid,
		(char *)"--workspace", (char *)workspace, NULL };
	int pair[2];
	struct err e = { 0 };

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
	struct proc_fd fds[] = { { pair[1], 3 }, { stderr_fd, 2 } };
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

static void keep_submodules(struct run *r, const struct submodule_list *l)
{
	strv_release(&r->submodules);
	for (size_t i = 0; i < l->n; i++)
		strv_addf(&r->submodules, "%s %s %s %s", l->v[i].name, l->v[i].path, l->v[i].url,
			l->v[i].sha);
}

void run_checkout(struct run *r, struct checkout_request *q)
{
	struct proc p = PROC_INIT;
	struct err e = { 0 };

	q->any_address = true; /* the tests' server is on this host */
	r->done = false;
	r->calls = 0;
	int fd = start_child(&p, r->workspace, 2);
	struct checkout *c = checkout_start(r->loop, fd, q, on_line, on_done, r, &e);
	if (!c)
		fail_msg("%s", e.text);
	assert_int_equal(
		loop_wait(r->loop, &r->done, mono_add(mono_now(), 100 * USEC_PER_SEC), &e), 0);
	keep_submodules(r, checkout_submodules(c));
	checkout_free(c);
	assert_int_equal(r->calls, 1);
	proc_destroy(&p);
	strv_each (line, &r->lines)
		assert_null(strstr(line, TOKEN));
	assert_null(strstr(r->result.error.text, TOKEN));
}

char *in_workspace(struct run *r, const char *script)
{
	CLEAN_STR char *full = xasprintf("cd \"$0\" && { %s; }", script);
	char *out = NULL;

	if (checkout_shell(r->loop, full, r->workspace, &out) != 0)
		fail_msg("failed: %s", script);
	return out;
}

void assert_out(struct run *r, const char *script, const char *want)
{
	CLEAN_STR char *got = in_workspace(r, script);

	assert_string_equal(got, want);
}

void assert_ok(const struct run *r)
{
	if (!r->result.ok)
		fail_msg("checkout failed: %s", r->result.error.text);
}

void assert_clean(struct run *r, const char *sha)
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

void assert_line(const struct run *r, const char *part)
{
	strv_each (line, &r->lines)
		if (strstr(line, part))
			return;
	fail_msg("no line with \"%s\"", part);
}

bool outside_written(void)
{
	CLEAN_STR char *outside = xasprintf("%s/escaped", root);

	return access(outside, F_OK) == 0 || access("/tmp/escaped", F_OK) == 0;
}
