/*
 * The paths come from the author of an image. A tmpfs inside the workspace would make a folder
 * there that belongs to root, and one above a mount of ours would hide it, so those are refused and
 * not worked around. A colon is refused, because Podman joins path and options with one.
 */
#include "engine/volumes.h"

#include "engine/step_box.h"

/* Where a box has a mount of its own, which no volume can replace. */
static const char *const mounted[] = { BOX_WORKSPACE, BOX_FILES, BOX_HOME, BOX_TEMP, BOX_TOOL_CACHE,
	"/tmp" };
/* Nothing may be mounted below these, or above them. */
static const char *const reserved[] = { BOX_WORKSPACE, "/shithub", "/proc", "/sys", "/dev" };

static bool is_below(const char *path, const char *folder)
{
	size_t n = strlen(folder);

	return strncmp(path, folder, n) == 0 && path[n] == '/';
}

static bool is_plain(const char *path)
{
	if (path[0] != '/' || strlen(path) > 255)
		return false;
	for (const char *p = path; *p; p++)
		if ((unsigned char)*p < 0x20 || *p == 0x7f || *p == ':' || *p == ',')
			return false;
	return !strstr(path, "//") && !strstr(path, "/./") && !strstr(path, "/../") &&
	       !str_ends(path, "/.") && !str_ends(path, "/..");
}

static bool is_mounted(const char *path)
{
	for (size_t i = 0; i < ARRAY_LEN(mounted); i++)
		if (str_eq(path, mounted[i]))
			return true;
	return false;
}

static bool is_reserved(const char *path)
{
	for (size_t i = 0; i < ARRAY_LEN(reserved); i++)
		if (str_eq(path, reserved[i]) || is_below(path, reserved[i]) ||
			is_below(reserved[i], path))
			return true;
	return !*path;
}

bool volumes_home_fits(const char *home)
{
	return home && is_plain(home) && !str_eq(home, "/") && !str_ends(home, "/") &&
	       !is_mounted(home) && !is_reserved(home);
}

/* The home is writable already, and what stands in it shall stay for the next step. */
static bool is_home(const char *path, const char *home)
{
	return home && (str_eq(path, home) || is_below(path, home));
}

static int plan_one(const char *text, const char *home, struct strv *ret, struct err *e)
{
	CLEAN_STR char *path = xstrdup(text);
	size_t n = strlen(path);

	if (n > 1 && path[n - 1] == '/')
		path[n - 1] = '\0';
	if (is_mounted(path) || is_home(path, home) || strv_contains(ret, path))
		return 0;
	if (!is_plain(path) || str_eq(path, "/"))
		return err_set(
			e, ERR_INPUT, "VOLUME \"%.100s\": expected a plain absolute path", text);
	if (is_reserved(path))
		return err_set(e, ERR_INPUT,
			"VOLUME \"%.100s\": the runner or the kernel owns that place", text);
	if (ret->n == VOLUMES_MAX)
		return err_set(e, ERR_INPUT, "more than %d VOLUME paths", VOLUMES_MAX);
	strv_add(ret, path);
	return 0;
}

int volumes_plan(const struct strv *paths, const char *home, struct strv *ret, struct err *e)
{
	strv_each (path, paths)
		if (plan_one(path, home, ret, e) < 0)
			return -1;
	return 0;
}
