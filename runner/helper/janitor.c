/*
 * Makes and removes workspaces by descriptors from the root down. What stands in the way of a new
 * workspace is renamed first and deleted second, so that a tree which resists can never fail a job.
 */
#include "runner/helper/janitor.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/capability.h>
#include <sys/stat.h>

#include "base/cli.h"
#include "base/codec.h"
#include "base/fs.h"
#include "base/log.h"
#include "hygiene/workdir/root_owner.h"
#include "hygiene/disk/project.h"
#include "hygiene/disk/sweep.h"
#include "runner/helper/job_folder.h"
#include "sandbox/drop.h"

struct order {
	const char *root, *state_dir, *log_format;
	int64_t run, job, uid, gid, project, limit;
	char run_name[24], job_name[24];
};

/* Keeps what is needed of what we have: root and the systemd unit have all three, a runner without
 * privileges has none and then owns its workspaces itself. */
int janitor_drop(uid_t uid, gid_t gid, struct err *e)
{
	static const int wanted[] = { CAP_CHOWN, CAP_FOWNER, CAP_DAC_OVERRIDE };
	int have[ARRAY_LEN(wanted)];
	const struct drop_spec spec = { .uid = uid,
		.gid = gid,
		.keep_caps = have,
		.n_keep_caps = drop_have(wanted, ARRAY_LEN(wanted), have) };

	return drop_privileges(&spec, e);
}

/* The run's folder below the root: 0711, so that the step user can pass but not list. */
static int open_run_dir(int root, const struct order *o, bool create, struct err *e)
{
	int fd;

	if (create && mkdirat(root, o->run_name, 0711) < 0 && errno != EEXIST)
		return err_set_errno(e, errno, "create %s/%s", o->root, o->run_name);
	fd = openat(root, o->run_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return err_set_errno(e, errno, "open %s/%s", o->root, o->run_name);
	return fd;
}

/* Out of the way by rename in the same folder, then deleted as far as it goes. */
static int clear_old(int run, const struct order *o, struct err *e)
{
	CLEAN_STR char *aside = NULL;
	char uuid[UUID_TEXT_MAX];
	struct err left = { 0 };
	uint64_t n = 0;

	uuid_v4(uuid);
	aside = xasprintf(".stale-%s-%.8s", o->job_name, uuid);
	if (renameat(run, o->job_name, run, aside) < 0)
		return errno == ENOENT ? 0
				       : err_set_errno(e, errno, "move old workspace %s/%s aside",
						 o->run_name, o->job_name);
	if (tree_remove(run, aside, &n, &left) == 0)
		fprintf(stderr, "an old workspace was found in %s/%s/%s and was removed\n", o->root,
			o->run_name, o->job_name);
	else
		fprintf(stderr, "old workspace kept as %s/%s/%s (%" PRIu64 " entries left): %s\n",
			o->root, o->run_name, aside, n, left.text);
	return 0;
}

/* The run's folder, with a fresh one of the job in it, which others may pass: the job process,
 * which is nobody's owner, checks the two folders that it mounts. Whoever removes the run's last
 * workspace meanwhile takes the run's folder along (ENOENT): then once more. */
static int make_job_dir(int root, const struct order *o, struct err *e)
{
	enum { TRIES = 16 };

	for (int i = 0;; i++) {
		CLEAN_FD int run = open_run_dir(root, o, true, e);

		if (run >= 0 && clear_old(run, o, e) < 0)
			return -1;
		if (run >= 0 && mkdirat(run, o->job_name, 0711) == 0)
			return TAKE_FD(run);
		if (run < 0 && !err_is(e, ERR_NOT_FOUND))
			return -1;
		if (run >= 0 && (errno != ENOENT || i == TRIES))
			return err_set_errno(e, errno, "create workspace %s/%s/%s", o->root,
				o->run_name, o->job_name);
		if (i == TRIES)
			return -1;
		err_clear(e);
	}
}

/* A workspace without its project works as well: then a watcher measures it. */
static void give_project(int dir, const struct order *o)
{
	struct err e = { 0 };

	if (project_assign(dir, (uint32_t)o->project, &e) == 0 &&
		project_require(dir, (uint64_t)o->limit, &e) == 0)
		return;
	fprintf(stderr, "no quota of project %" PRId64 ": %s; a watcher measures the workspace\n",
		o->project, e.text);
	err_clear(&e);
	if (project_assign(dir, 0, &e) < 0)
		err_clear(&e); /* it had none */
}

static int make_workspace(int root, const struct order *o, struct err *e)
{
	CLEAN_FD int run = make_job_dir(root, o, e), dir = -1;

	if (run < 0)
		return -1;
	dir = openat(run, o->job_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (dir < 0)
		return err_set_errno(e, errno, "open workspace");
	if (o->project)
		give_project(dir, o);
	return job_folder_fill(dir, (uid_t)o->uid, (gid_t)o->gid, e);
}

static int remove_workspace(int root, const struct order *o, struct err *e)
{
	CLEAN_FD int run = open_run_dir(root, o, false, e);
	uint64_t left = 0;

	if (run < 0) {
		if (!err_is(e, ERR_NOT_FOUND))
			return -1;
		err_clear(e);
		return 0;
	}
	if (tree_remove(run, o->job_name, &left, e) < 0 && !err_is(e, ERR_NOT_FOUND))
		return err_wrap(e, "remove workspace (%" PRIu64 " entries left)", left);
	err_clear(e);
	/* the last job of a run takes the run's folder with it */
	if (unlinkat(root, o->run_name, AT_REMOVEDIR) < 0 && errno != ENOTEMPTY &&
		errno != EEXIST && errno != ENOENT)
		return err_set_errno(e, errno, "remove %s/%s", o->root, o->run_name);
	return 0;
}

/* Made when missing: 0711, as the step user must pass and nobody needs to list. */
static int open_root(const char *path, struct err *e)
{
	CLEAN_FD int fd = -1;

	if (dir_ensure_parents(path, 0711, e) < 0)
		return err_wrap(e, "workspace root");
	fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return err_set_errno(e, errno, "workspace root %s", path);
	/* a user who could exchange the folder of a run would choose what is deleted */
	if (dir_check_own(fd, path, e) < 0)
		return err_wrap(e, "workspace root");
	return TAKE_FD(fd);
}

/* Numbers of runs and jobs are a coordinator's own: another runner's may be the same, and what we
 * would move aside here would be its work. Without room for the mark it is enough that no other
 * one stands there. */
static int check_owner(const struct order *o, bool make, struct err *e)
{
	struct err why = { 0 };

	if (!o->state_dir || root_owner_check(o->root, o->state_dir, make, &why) == 0 ||
		!err_is(&why, ERR_CONFLICT))
		return 0;
	*e = why;
	return -1;
}

/* Removed as a workspace is, with openat2: a kernel or a filter without it must show here. */
static int remove_probe(int root, const char *name, struct err *e)
{
	uint64_t left;

	if (tree_remove(root, name, &left, e) == 0)
		return 0;
	if (e->errnum == ENOSYS)
		return err_set(e, ERR_IO,
			"openat2 is not available: unset RestrictSUIDSGID= in the unit, and use a "
			"kernel of 5.6 or newer");
	return err_wrap(e, "workspace root");
}

/* A folder can be made, handed over and removed here. */
static int probe_root(int root, const struct order *o, struct err *e)
{
	char uuid[UUID_TEXT_MAX];
	CLEAN_STR char *name = NULL;
	CLEAN_FD int dir = -1;
	struct err ignored = { 0 };
	int rc = 0;

	uuid_v4(uuid);
	name = xasprintf(".probe-%.8s", uuid);
	if (mkdirat(root, name, 0700) < 0)
		return err_set_errno(e, errno, "create a folder in workspace root %s", o->root);
	dir = openat(root, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (dir < 0)
		rc = err_set_errno(e, errno, "open %s/%s", o->root, name);
	else if (((uid_t)o->uid != geteuid() || (gid_t)o->gid != getegid()) &&
		 fchown(dir, (uid_t)o->uid, (gid_t)o->gid) < 0)
		rc = err_set_errno(
			e, errno, "hand a folder to %" PRId64 ":%" PRId64, o->uid, o->gid);
	if (remove_probe(root, name, rc < 0 ? &ignored : e) < 0)
		rc = -1;
	return rc;
}

static int run_action(const char *action, struct order *o, struct err *e)
{
	CLEAN_FD int root = -1;

	if (janitor_drop((uid_t)-1, (gid_t)-1, e) < 0)
		return -1;
	umask(0);
	snprintf(o->run_name, sizeof(o->run_name), "%" PRId64, o->run);
	snprintf(o->job_name, sizeof(o->job_name), "%" PRId64, o->job);
	root = open_root(o->root, e);
	if (root < 0 || check_owner(o, str_eq(action, "make"), e) < 0)
		return -1;
	if (str_eq(action, "make"))
		return make_workspace(root, o, e);
	if (str_eq(action, "remove"))
		return remove_workspace(root, o, e);
	if (str_eq(action, "probe"))
		return probe_root(root, o, e);
	return err_set(
		e, ERR_INPUT, "unknown action %s, expected make, remove, probe or sweep", action);
}

/* One line of what was found; none if there was nothing. */
static void report_sweep(const struct sweep_result *r)
{
	if (r->kept)
		log_warn("janitor", "workspaces_kept", F_INT("removed", (int64_t)r->removed),
			F_INT("kept", (int64_t)r->kept), F_STR("reason", r->reason),
			F_STR("effect", "set aside in place, no job uses them again"));
	else if (r->removed)
		log_info("janitor", "workspaces_swept", F_INT("removed", (int64_t)r->removed));
}

static int sweep(const struct order *o, struct err *e)
{
	struct sweep_spec spec = { .root = o->root, .state_dir = o->state_dir, .now = wall_now() };
	CLEANUP(sweep_result_release) struct sweep_result r = { 0 };
	enum log_format format = LOG_TEXT;

	if (log_format_parse(o->log_format, &format) < 0)
		format = LOG_TEXT;
	log_setup(LOG_INFO, format, STDERR_FILENO);
	if (janitor_drop((uid_t)-1, (gid_t)-1, e) < 0 || sweep_workspaces(&spec, &r, e) < 0) {
		log_warn("janitor", "sweep_refused", F_ERR(e));
		return -1;
	}
	report_sweep(&r);
	return 0;
}

static bool is_complete(const char *action, const struct order *o)
{
	if (str_eq(action, "sweep"))
		return o->state_dir;
	if (str_eq(action, "probe"))
		return o->uid >= 0 && o->gid >= 0;
	return o->run > 0 && o->job > 0 &&
	       (str_eq(action, "remove") || (o->uid >= 0 && o->gid >= 0));
}

int janitor_role_main(int argc, char **argv)
{
	struct order o = { .uid = -1, .gid = -1, .log_format = "text" };
	const struct cli_flag flags[] = {
		{ "root", CLI_STRING, &o.root, "DIR", "workspace root", .required = true },
		{ "run", CLI_INT, &o.run, "N", "run id", 1, INT64_MAX },
		{ "job", CLI_INT, &o.job, "N", "job id", 1, INT64_MAX },
		{ "uid", CLI_INT, &o.uid, "N", "step user", 0, UINT32_MAX - 1 },
		{ "gid", CLI_INT, &o.gid, "N", "step group", 0, UINT32_MAX - 1 },
		{ "project", CLI_INT, &o.project, "N", "make: of runner.project_ids", 1,
			INT32_MAX },
		{ "limit", CLI_INT, &o.limit, "BYTES", "make: of that project", 1, INT64_MAX },
		{ "state-dir", CLI_STRING, &o.state_dir, "DIR",
			"whose root it is; sweep: leases and jobs" },
		{ "log-format", CLI_STRING, &o.log_format, "FORMAT", "sweep: text or json" },
	};
	struct err e = { 0 };
	char **args;
	int n, rc = cli_parse(argc, argv, flags, ARRAY_LEN(flags), NULL, 1, &args, &n);

	if (rc != 0)
		return rc > 0 ? EXIT_OK : EXIT_USAGE;
	if (n != 1 || !is_complete(args[0], &o))
		return cli_fail(EXIT_USAGE,
			"janitor: expected make --run --job --uid --gid, remove --run --job, or "
			"sweep --state-dir");
	if (str_eq(args[0], "sweep"))
		return sweep(&o, &e) < 0 ? EXIT_FINDINGS : EXIT_OK;
	if (run_action(args[0], &o, &e) < 0) {
		fprintf(stderr, "%s\n", e.text);
		return EXIT_FINDINGS;
	}
	return EXIT_OK;
}
