/*
 * Paths are resolved as text: a `..` takes the name before it away, whatever stands on the disk.
 */
#include "runner/context/hash_patterns.h"

#include "base/buf.h"
#include "base/limits.h"
#include "engine/step_box.h"

struct patterns {
	struct buf text;
	bool gives; /* one of them does not only take away */
};

/* Below the workspace, without . and ..; false: it leads out. */
static bool resolve(const char *path, struct strv *ret)
{
	for (const char *p = path; *p;) {
		size_t n = strcspn(p, "/");

		if (n == 2 && memcmp(p, "..", 2) == 0) {
			if (ret->n == 0)
				return false;
			free(ret->v[--ret->n]);
		} else if (n > 0 && !(n == 1 && *p == '.')) {
			strv_add_take(ret, xstrndup(p, n));
		}
		p += n + (p[n] == '/');
	}
	return true;
}

/* The part of an absolute path that is below the workspace; NULL: it is elsewhere. */
static const char *below_workspace(const char *path)
{
	size_t n = strlen(BOX_WORKSPACE);

	if (*path != '/')
		return path;
	return strncmp(path, BOX_WORKSPACE, n) == 0 && (path[n] == '/' || !path[n]) ? path + n
										    : NULL;
}

static int add_pattern(struct patterns *all, const char *pattern, struct err *e)
{
	CLEANUP(strv_release) struct strv names = { 0 };
	bool takes_away = *pattern == '!';
	const char *path;

	if (str_starts(pattern, "--"))
		return err_set(e, ERR_INPUT, "\"%.200s\": options are not supported", pattern);
	for (const char *p = pattern; *p; p++)
		if ((unsigned char)*p < 0x20 || *p == 0x7f)
			return err_set(e, ERR_INPUT,
				"\"%.*s\": a control character follows, expected none",
				(int)(p - pattern), pattern);
	path = below_workspace(pattern + takes_away);
	if (!path || !resolve(path, &names))
		return 0;
	buf_adds(&all->text, takes_away ? "!." : "."); /* a name may begin with ! or # */
	strv_each (name, &names)
		buf_addf(&all->text, "/%s", name);
	buf_addc(&all->text, '\n');
	all->gives |= !takes_away;
	return 0;
}

static int add_lines(struct patterns *all, const char *argument, struct err *e)
{
	static const char blanks[] = " \t\r";

	for (const char *p = argument; *p;) {
		size_t len = strcspn(p, "\n"), lead = strspn(p, blanks), end = len;

		while (end > lead && strchr(blanks, p[end - 1]))
			end--;
		if (end > lead && p[lead] != '#') {
			CLEAN_STR char *pattern = xstrndup(p + lead, end - lead);

			if (add_pattern(all, pattern, e) < 0)
				return -1;
		}
		p += len + (p[len] == '\n');
	}
	return 0;
}

int hash_patterns(const struct strv *arguments, char **ret, struct err *e)
{
	struct patterns all = { .text = BUF_INIT(LIMIT_ARTIFACT_PATHS) };
	int rc = 0;

	strv_each (argument, arguments)
		if (rc == 0)
			rc = add_lines(&all, argument, e);
	if (rc == 0 && !buf_ok(&all.text))
		rc = err_set(e, ERR_LIMIT, "the patterns have more than %zu bytes",
			LIMIT_ARTIFACT_PATHS);
	if (rc == 0)
		*ret = all.gives ? buf_take(&all.text) : NULL;
	buf_release(&all.text);
	return rc;
}
