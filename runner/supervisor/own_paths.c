/*
 * The kernel is asked and not the unit: whatever made the place read-only, the first folder that
 * exists on the way to it says so. Only that reason counts here, as capabilities may write where
 * the mode forbids it.
 *
 * A folder that is there may have become read-only by a fault of the disk, and a runner outlives
 * that (platform.h). A service manager is another matter: it starts us again when that is mended.
 */
#include "runner/supervisor/own_paths.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "base/err.h"

/* Where the path's missing part would be made. */
static char *nearest_existing(const char *path)
{
	char *at = xstrdup(path);

	while (access(at, F_OK) < 0 && errno == ENOENT && strrchr(at, '/') != at)
		*strrchr(at, '/') = '\0';
	if (access(at, F_OK) < 0) {
		free(at);
		at = xstrdup("/");
	}
	return at;
}

static bool is_read_only(const char *path)
{
	CLEAN_STR char *at = nearest_existing(path);

	if (str_eq(at, path) && !getenv("NOTIFY_SOCKET"))
		return false;
	return faccessat(AT_FDCWD, at, W_OK, AT_EACCESS) < 0 && errno == EROFS;
}

int own_paths_check(const struct runner_config *c, struct err *e)
{
	const struct {
		const char *key, *path;
	} ours[] = {
		{ "runner.state_dir", c->runner.state_dir },
		{ "runner.workspace_root", c->runner.workspace_root },
	};

	for (size_t i = 0; i < ARRAY_LEN(ours); i++)
		if (is_read_only(ours[i].path))
			return err_set(e, ERR_CONFLICT,
				"%s: %s is read-only for this process; under systemd add "
				"ReadWritePaths=%s to the unit (systemctl edit), or choose a "
				"folder "
				"below /var/lib/shithubd-runner",
				ours[i].key, ours[i].path, ours[i].path);
	return 0;
}
