/*
 * The link stands in the data folder, so whoever works beside serve finds the repositories as it
 * does. A mount that is missing looks like an empty folder, and two folders on two hosts may have
 * the same name. So the shared one holds a mark, and the store knows the mark.
 */
#include "coordinator/serve/repositories.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/codec.h"
#include "base/fs.h"
#include "coordinator/store/pool/fact.h"

#define FACT "repositories"
#define MARK ".place" /* no owner's name begins so */
enum { MARK_LEN = 16, MARK_MAX = 64 };

/* ---- the link ---- */

static int folder_check(const char *dir, struct err *e)
{
	struct stat st;

	if (stat(dir, &st) < 0)
		return err_set(e, ERR_INPUT,
			"server.repositories: %s: %s; make the folder, or mount it", dir,
			strerror(errno));
	return S_ISDIR(st.st_mode)
		       ? 0
		       : err_set(e, ERR_INPUT, "server.repositories: %s is no folder", dir);
}

static bool same_folder(const char *a, const char *b)
{
	struct stat x, y;

	return stat(a, &x) == 0 && stat(b, &y) == 0 && x.st_dev == y.st_dev && x.st_ino == y.st_ino;
}

/* What is there may be a link of before, or an empty folder. */
static int place_clear(const char *place, const char *dir, struct err *e)
{
	struct stat st;

	if (lstat(place, &st) < 0)
		return errno == ENOENT ? 0 : err_set_errno(e, errno, "%s", place);
	if (S_ISLNK(st.st_mode) || rmdir(place) == 0)
		return 0;
	if (errno != ENOTEMPTY && errno != EEXIST)
		return err_set_errno(e, errno, "%s", place);
	return err_set(e, ERR_CONFLICT,
		"server.repositories: there are repositories in %s; move what is in it, with " MARK
		" if it has one, to %s, and remove the folder",
		place, dir);
}

static int link_make(const char *place, const char *dir, struct err *e)
{
	CLEAN_STR char *temp = xasprintf("%s.new", place);

	if (same_folder(place, dir))
		return 0;
	if (place_clear(place, dir, e) < 0)
		return -1;
	if ((unlink(temp) < 0 && errno != ENOENT) || symlink(dir, temp) < 0 ||
		rename(temp, place) < 0)
		return err_set_errno(e, errno, "%s", place);
	return 0;
}

/* ---- the mark ---- */

/* *ret: the caller's; NULL: there is none. */
static int mark_read(const char *path, char **ret, struct err *e)
{
	struct buf text = BUF_INIT(MARK_MAX);
	struct err why = { 0 };
	int rc = file_read(path, &text, &why);

	*ret = NULL;
	if (rc == 0)
		*ret = xstrndup(buf_cstr(&text), strcspn(buf_cstr(&text), "\n"));
	buf_release(&text);
	if (rc < 0 && !err_is(&why, ERR_NOT_FOUND))
		return err_set(e, why.class, "%s", why.text);
	return 0;
}

/* Of several that come first, one makes it. */
static int mark_make(const char *path, struct err *e)
{
	unsigned char raw[MARK_LEN];
	char text[2 * MARK_LEN + 2];

	random_bytes(raw, sizeof(raw));
	hex_encode(raw, sizeof(raw), text);
	text[sizeof(text) - 2] = '\n';
	CLEAN_STR char *temp = xasprintf("%s.%.8s", path, text);
	if (file_replace(temp, text, sizeof(text) - 1, 0600, e) < 0)
		return -1;
	int rc = link(temp, path) < 0 && errno != EEXIST ? err_set_errno(e, errno, "%s", path) : 0;
	unlink(temp);
	return rc;
}

static int mark_refuse(const char *place, const char *mark, const char *said, struct err *e)
{
	return err_set(e, ERR_CONFLICT,
		"%s is not the folder in which the other serves have the repositories: its " MARK
		" is %s; mount that folder and name it in server.repositories (--repositories). If "
		"they were moved here, write %s into " MARK,
		place, mark ? "another's" : "missing", said);
}

/* Without the option there is nothing to agree on, unless others have it. */
static int mark_agree(struct app *a, const char *place, bool shared, struct err *e)
{
	CLEAN_STR char *path = path_join(place, MARK);
	CLEAN_STR char *said = NULL;
	CLEAN_STR char *mark = NULL;

	if (store_fact(a->store, FACT, &said, e) < 0 || mark_read(path, &mark, e) < 0)
		return -1;
	if (!said && shared && !mark && (mark_make(path, e) < 0 || mark_read(path, &mark, e) < 0))
		return -1;
	if (!said && shared && mark &&
		store_fact_say(a->store, FACT, mark, wall_now(), &said, e) < 0)
		return -1;
	return !said || str_eq(said, mark) ? 0 : mark_refuse(place, mark, said, e);
}

int repositories_begin(struct app *a, const struct serve_config *c, struct err *e)
{
	CLEAN_STR char *place = path_join(a->data_dir, "repos");

	if (c->repositories &&
		(folder_check(c->repositories, e) < 0 || link_make(place, c->repositories, e) < 0))
		return -1;
	return mark_agree(a, place, c->repositories, e);
}
