/*
 * Records that root left in a runner's folder could not be written by the runner any more, so
 * hygiene acts as one user only: the one who is named, else the owner of the state directory.
 */
#include "hygiene/host/user.h"

#include <errno.h>
#include <inttypes.h>
#include <pwd.h>
#include <sys/stat.h>

/* By name or number. */
static int find_user(const char *name, int64_t *ret, struct err *e)
{
	struct passwd pw, *found = NULL;
	char text[4096];

	if (getpwnam_r(name, &pw, text, sizeof(text), &found) == 0 && found) {
		*ret = found->pw_uid;
		return 0;
	}
	if (parse_i64(name, 0, UINT32_MAX, ret))
		return 0;
	return err_set(e, ERR_INPUT, "hygiene.user: there is no user %s", name);
}

int host_user_check(const struct runner_config *c, struct err *e)
{
	struct stat st;
	int64_t uid;

	if (c->hygiene.user) {
		if (find_user(c->hygiene.user, &uid, e) < 0)
			return -1;
	} else if (stat(c->runner.state_dir, &st) == 0) {
		uid = st.st_uid;
	} else {
		return errno == ENOENT ? 0 : err_set_errno(e, errno, "%s", c->runner.state_dir);
	}
	if (uid == (int64_t)geteuid())
		return 0;
	return err_set(e, ERR_AUTH, "runs as uid %u, expected uid %" PRId64 " (%s)",
		(unsigned)geteuid(), uid,
		c->hygiene.user ? "hygiene.user" : "the owner of runner.state_dir");
}
