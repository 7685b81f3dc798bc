/*
 * The gate and the probe are files that containers execute, so they cannot be verbs of this
 * binary. They stand beside it in a build folder and in ../lib/shithub when installed.
 */
#include "runner/helper/program.h"

#include <errno.h>
#include <limits.h>
#include <unistd.h>

char *helper_program(const char *configured, const char *name, struct err *e)
{
	static const char *const places[] = { "%s/%s", "%s/../lib/shithub/%s" };
	char exe[PATH_MAX];
	ssize_t n;

	if (configured)
		return xstrdup(configured);
	n = readlink("/proc/self/exe", exe, sizeof(exe) - 1);
	if (n < 0) {
		err_set_errno(e, errno, "find %s: /proc/self/exe", name);
		return NULL;
	}
	exe[n] = '\0';
	*strrchr(exe, '/') = '\0';
	for (size_t i = 0; i < ARRAY_LEN(places); i++) {
		CLEAN_STR char *path = xasprintf(places[i], exe, name);

		if (access(path, X_OK) == 0)
			return TAKE(path);
	}
	err_set(e, ERR_NOT_FOUND, "%s is neither in %s nor in %s/../lib/shithub%s", name, exe, exe,
		str_eq(name, "shithub-gate") ? "; set engine.gate_path" : "");
	return NULL;
}
