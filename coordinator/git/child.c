/*
 * Landlock is inherited by everything that git starts (pack-objects, index-pack, gc after a push),
 * as are the limits, so this is the one place where they are set.
 *
 * Memory: git maps packs up to packedGitLimit and holds a window of objects while it compresses;
 * both are set well below the address space, so that a large repository is slower, not refused.
 */
#include "coordinator/git/child.h"

#include <errno.h>
#include <unistd.h>

#include "base/cli.h"
#include "base/limits.h"
#include "sandbox/confine.h"
#include "sandbox/landlock.h"

#define FILE_MAX GIB(8) /* one pack */
enum { CPU_SECONDS = 1800, OPEN_FILES = 1024 };

static const char *const settings[] = {
	"safe.directory=*", /* the folder is the coordinator's own, whoever owns it on disk */
	"core.packedGitLimit=512m",
	"core.packedGitWindowSize=64m",
	"core.bigFileThreshold=32m",
	"pack.windowMemory=256m",
	"pack.threads=1",
	"receive.fsckObjects=true",
	"receive.fsck.zeroPaddedFilemode=ignore", /* of old histories, harmless */
	"receive.fsck.badTimezone=ignore",
	"receive.fsck.missingSpaceBeforeDate=ignore",
};

struct request {
	bool write;
	const char *hooks; /* NULL: none */
	const char *repo;
	char **args; /* git's */
};

static int confine(const struct request *r, struct err *e)
{
	const struct landlock_path paths[] = {
		{ .path = "/usr", .executable = true },
		{ .path = "/bin", .executable = true },
		{ .path = "/lib", .executable = true },
		{ .path = "/lib64", .executable = true },
		{ .path = "/nix/store", .executable = true },
		{ .path = "/etc" },
		{ .path = "/dev/null", .writable = true },
		{ .path = "/dev/urandom" },
		{ .path = r->repo, .writable = r->write },
		{ .path = r->hooks, .executable = true },
	};
	const struct confine_limits limits = { .file_size = FILE_MAX,
		.open_files = OPEN_FILES,
		.cpu_seconds = CPU_SECONDS,
		.address_space = GIB(4) };
	size_t n = ARRAY_LEN(paths) - str_empty(r->hooks);

	return confine_limits(&limits, e) < 0 || landlock_restrict(paths, n, true, e) < 0 ? -1 : 0;
}

static void become_git(const struct request *r)
{
	CLEANUP(strv_release) struct strv git = { 0 };

	strv_add(&git, "git");
	for (size_t i = 0; i < ARRAY_LEN(settings); i++) {
		strv_add(&git, "-c");
		strv_add(&git, settings[i]);
	}
	strv_add(&git, "-c");
	strv_addf(&git, "core.hooksPath=%s", str_empty(r->hooks) ? "/dev/null" : r->hooks);
	for (char **arg = r->args; *arg; arg++)
		strv_add(&git, *arg);
	execvp("git", git.v);
}

int git_child_main(int argc, char **argv)
{
	struct request r = { 0 };
	const struct cli_flag flags[] = {
		{ "write", CLI_BOOL, &r.write, NULL, "git may change the repository" },
		{ "hooks", CLI_STRING, &r.hooks, "DIR", "git runs these hooks" },
		{ "repo", CLI_STRING, &r.repo, "DIR", "the repository", .required = true },
	};
	struct err e = { 0 };
	int n, rc = cli_parse(argc, argv, flags, ARRAY_LEN(flags), NULL, argc, &r.args, &n);

	if (rc != 0)
		return rc > 0 ? EXIT_OK : EXIT_USAGE;
	if (confine(&r, &e) < 0)
		return cli_fail(EXIT_FINDINGS, "%s: %s", argv[0], e.text);
	become_git(&r);
	return cli_fail(EXIT_FINDINGS, "%s: git: errno %d", argv[0], errno);
}
