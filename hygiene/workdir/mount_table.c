/*
 * A container sees the folder of its job under a name of its own, so a path says nothing across
 * mount namespaces. What does not differ is the file system and the path inside it, and mountinfo
 * tells both for each mount. The last mount over a point is the one that is seen.
 */
#include "hygiene/workdir/mount_table.h"

#include "base/fs.h"
#include "base/limits.h"

enum { MOUNTINFO_MAX = 8 << 20 };

/* ---- places ---- */

void mount_place_release(struct mount_place *p)
{
	free_charp(&p->dev);
	free_charp(&p->path);
}

/* What follows root in path, from its '/' on; NULL: path is not below root. */
static const char *rest_below(const char *path, const char *root)
{
	size_t n = str_eq(root, "/") ? 0 : strlen(root);

	if (strncmp(path, root, n) != 0 || (path[n] != '/' && path[n] != '\0'))
		return NULL;
	return path + n;
}

bool mount_place_within(const struct mount_place *a, const struct mount_place *b)
{
	return str_eq(a->dev, b->dev) && rest_below(a->path, b->path);
}

/* ---- reading ---- */

static bool is_octal(const char *s)
{
	for (size_t i = 0; i < 3; i++)
		if (s[i] < '0' || s[i] > '7')
			return false;
	return true;
}

/* Blanks and backslashes stand as \ooo. In place. */
static void unescape(char *s)
{
	char *to = s;

	for (; *s; to++) {
		if (s[0] == '\\' && is_octal(s + 1)) {
			*to = (char)((s[1] - '0') * 64 + (s[2] - '0') * 8 + (s[3] - '0'));
			s += 4;
		} else {
			*to = *s++;
		}
	}
	*to = '\0';
}

/* "36 35 98:0 /root /mnt/point rw,noatime …" */
static void add_line(struct mount_table *t, const char *line)
{
	CLEANUP(strv_release) struct strv words = { 0 };
	struct mount_entry m;

	strv_split(&words, line, ' ');
	if (words.n < 5)
		return;
	m = (struct mount_entry){ { xstrdup(words.v[2]), xstrdup(words.v[3]) },
		xstrdup(words.v[4]) };
	unescape(m.root.path);
	unescape(m.point);
	t->v = xrealloc(t->v, (t->n + 1) * sizeof(*t->v));
	t->v[t->n++] = m;
}

void mount_table_parse(struct mount_table *t, const char *mountinfo)
{
	CLEANUP(strv_release) struct strv lines = { 0 };

	*t = (struct mount_table){ 0 };
	strv_split(&lines, mountinfo, '\n');
	strv_each (line, &lines)
		add_line(t, line);
}

int mount_table_read(struct mount_table *t, const char *name, struct err *e)
{
	CLEAN_STR char *path = xasprintf("/proc/%s/mountinfo", name);
	CLEAN_BUF struct buf text = BUF_INIT(MOUNTINFO_MAX);

	*t = (struct mount_table){ 0 };
	if (file_read(path, &text, e) < 0)
		return -1;
	mount_table_parse(t, buf_cstr(&text));
	return 0;
}

void mount_table_release(struct mount_table *t)
{
	for (size_t i = 0; i < t->n; i++) {
		mount_place_release(&t->v[i].root);
		free(t->v[i].point);
	}
	free(t->v);
	*t = (struct mount_table){ 0 };
}

/* ---- asking ---- */

int mount_table_locate(const struct mount_table *t, const char *path, struct mount_place *ret)
{
	const struct mount_entry *best = NULL;
	const char *rest = NULL;

	for (size_t i = 0; i < t->n; i++) {
		const char *below = rest_below(path, t->v[i].point);

		if (below && (!best || strlen(t->v[i].point) >= strlen(best->point))) {
			best = &t->v[i];
			rest = below;
		}
	}
	if (!best)
		return -1;
	*ret = (struct mount_place){ .dev = xstrdup(best->root.dev) };
	if (str_eq(best->root.path, "/"))
		ret->path = xstrdup(*rest ? rest : "/");
	else
		ret->path = xasprintf("%s%s", best->root.path, str_eq(rest, "/") ? "" : rest);
	return 0;
}

bool mount_table_has(const struct mount_table *t, const struct mount_entry *m)
{
	for (size_t i = 0; i < t->n; i++)
		if (str_eq(t->v[i].point, m->point) && str_eq(t->v[i].root.dev, m->root.dev) &&
			str_eq(t->v[i].root.path, m->root.path))
			return true;
	return false;
}
