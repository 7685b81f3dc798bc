/*
 * The frame around every admin verb. The result is printed only after the work has succeeded, so
 * that a verb that fails leaves nothing on stdout that a script could take for a result. It may
 * hold a token: its buffer is wiped.
 */
#include "coordinator/admin/admin.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>

#include "base/fs.h"
#include "base/limits.h"
#include "base/utf8.h"
#include "coordinator/remote/verb.h"
#include "coordinator/claim/claim.h"
#include "coordinator/rights/access.h"
#include "coordinator/serve/config.h"
#include "coordinator/sql/place.h"
#include "coordinator/instance/lease.h"
#include "coordinator/store/runner.h"

enum { REPO_TEXT_MAX = 256, FLAGS_MAX = 24, FRAME_FLAGS = 8 };
enum { PAGE_LIMIT_MAX = 100000, AFTER_MAX = 400 };
#define RESULT_MAX MIB(256)

/* What the flags that every verb has are parsed into. */
struct frame {
	const char *data_dir, *store; /* NULL: not given */
	enum cli_output output;
	enum cli_color color;
	int64_t limit;
	const char *after;
	struct remote remote;
};

/* A mistyped --data must not make an empty store, which would look like an empty answer, or like a
 * change that was made. */
static int admin_open(
	struct admin *a, const struct admin_verb *v, const struct frame *f, struct err *e)
{
	a->data_dir = xstrdup(f->data_dir ? f->data_dir : COORDINATOR_DATA_DIR);
	CLEAN_STR char *place = store_place_or(f->store, a->data_dir, e);
	if (!place)
		return -1;
	if (!v->makes_store && store_place_is_file(place) && access(place, F_OK) < 0)
		return err_set(e, ERR_INPUT,
			"data folder %s: there is no store at %s; expected the folder of "
			"`shithubd serve` (--data DIR)",
			a->data_dir, place);
	if (dir_ensure_parents(a->data_dir, 0700, e) < 0)
		return err_wrap(e, "data folder");
	a->store = store_open(place, e);
	return a->store ? 0 : -1;
}

static void admin_close(struct admin *a)
{
	table_release(&a->table);
	free(a->last);
	store_free(a->store);
	free(a->data_dir);
}

static int result_print(const struct buf *out, struct err *e)
{
	if (fwrite(buf_cstr(out), 1, out->len, stdout) != out->len || putchar('\n') == EOF ||
		fflush(stdout) != 0)
		return err_set(e, ERR_IO, "standard output: write failed");
	return 0;
}

/* ---- lists ---- */

/* '/' ends a part: it stands before all that a name may hold. */
static int rank_of(char c)
{
	return c == '/' ? 1 : tolower((unsigned char)c);
}

int admin_name_order(const char *x, const char *y)
{
	const char *begin_x = x, *begin_y = y;

	while (*x && rank_of(*x) == rank_of(*y)) {
		x++;
		y++;
	}
	return *x || *y ? rank_of(*x) - rank_of(*y) : strcmp(begin_x, begin_y);
}

/* Takes the key. */
static bool row_take(struct admin *a, bool seen_before, char *key)
{
	CLEAN_STR char *mine = key;

	a->seen++;
	if (seen_before)
		return false;
	if (a->rows == a->limit) {
		a->more = true;
		return false;
	}
	a->rows++;
	free(a->last);
	a->last = xstrdup(mine);
	return true;
}

bool admin_row(struct admin *a, const char *name)
{
	return row_take(a, a->after && admin_name_order(name, a->after) <= 0, xstrdup(name));
}

bool admin_row_id(struct admin *a, int64_t id)
{
	int64_t after = a->page.after;
	bool before = after && (a->order == ADMIN_BY_ID ? id <= after : id >= after);

	return row_take(a, before, xasprintf("%" PRId64, id));
}

void admin_total(struct admin *a, int64_t total)
{
	a->total = total;
}

static void list_begin(struct admin *a, const struct admin_list *l)
{
	a->total = -1;
	if (a->json)
		json_begin_array(&a->w);
	else
		a->table = (struct table){ .columns = l->columns, .n_columns = l->n_columns };
}

static void tell_more(const struct admin *a, const struct admin_list *l, int64_t total)
{
	const char *quote = strpbrk(a->last, " \t*?") ? "'" : "";

	fprintf(stderr, "… %" PRId64 " of %" PRId64 " %s; --after %s%s%s\n", a->rows, total,
		l->noun, quote, a->last, quote);
}

/* What the rows do not say goes to stderr: they may be a script's. */
static int list_end(struct admin *a, const struct admin_list *l, struct err *e)
{
	int64_t total = a->total < 0 ? a->seen : a->total;

	if (a->json)
		json_end_array(&a->w);
	else
		table_print(&a->table, stdout, a->style);
	if (fflush(stdout) != 0)
		return err_set(e, ERR_IO, "standard output: write failed");
	if (total == 0 && !a->json)
		fprintf(stderr, "no %s\n", l->noun);
	else if (a->rows == 0 && total > 0)
		fprintf(stderr, "nothing behind that; there are %" PRId64 " %s\n", total, l->noun);
	else if (a->more)
		tell_more(a, l, total);
	return 0;
}

static int list_work(struct admin *a, const struct admin_verb *v, struct err *e)
{
	list_begin(a, v->list);
	if (v->work(a, v->options, e) < 0)
		return -1;
	return list_end(a, v->list, e);
}

/* ---- who may ---- */

/* Set once, before the only verb of this process runs. */
static const struct admin_caller *caller;

void admin_called_by(const struct admin_caller *c)
{
	caller = c;
}

const struct admin_caller *admin_caller(void)
{
	return caller;
}

/* One text for a repository that is not there and for one that is not the caller's. */
static int caller_may(struct admin *a, const struct admin_verb *v, struct err *e)
{
	struct access_row found = { 0 };
	struct err why = { 0 };
	int64_t repo = 0;

	if (!caller || caller->site_admin)
		return 0;
	if (v->repo_of && v->repo_of(a, v->options, &repo, &why) < 0 &&
		!err_is(&why, ERR_NOT_FOUND))
		return err_set(e, why.class, "%s", why.text);
	if (repo && store_access_repo(a->store, caller->user_id, repo, &found, e) < 0)
		return -1;
	if (found.role >= ROLE_ADMIN)
		return 0;
	return err_set(e, ERR_DENIED,
		v->repo_of ? "user %s is no admin of one repository that this is about, and no "
			     "site admin"
			   : "user %s is no site admin, or the token lacks the scope admin",
		caller->login);
}

/* ---- the frame ---- */

static int verb_work(
	struct admin *a, const struct admin_verb *v, const struct frame *f, struct err *e)
{
	struct buf out = BUF_INIT(RESULT_MAX);

	if (a->json)
		json_writer_init(&a->w, &out, true);
	int rc = (v->check && v->check(a, v->options, e) < 0) || admin_open(a, v, f, e) < 0 ||
				 caller_may(a, v, e) < 0 ||
				 (v->list ? list_work(a, v, e) : v->work(a, v->options, e)) < 0
			 ? -1
			 : 0;
	/* finished in any case, as that frees it; the first error stays */
	if (a->json && json_writer_finish(&a->w, rc < 0 ? NULL : e) < 0)
		rc = -1;
	if (a->json && rc == 0)
		rc = result_print(&out, e);
	buf_release_wipe(&out);
	admin_close(a);
	return rc;
}

static size_t frame_flags(struct frame *f, const struct admin_verb *v, struct cli_flag *flags)
{
	size_t n = 0;

	flags[n++] =
		(struct cli_flag){ "data", CLI_STRING, &f->data_dir, "DIR", "the data folder" };
	flags[n++] = (struct cli_flag){ "store", CLI_STRING, &f->store, STORE_FLAG_META,
		STORE_FLAG_HELP };
	if (!v->text_only)
		flags[n++] = (struct cli_flag)CLI_OUTPUT_FLAG(f->output);
	if (!cli_is_local() && !caller)
		n += remote_flags(&f->remote, flags + n);
	if (v->list || v->colored)
		flags[n++] = (struct cli_flag)CLI_COLOR_FLAG(f->color);
	if (!v->list)
		return n;
	flags[n++] = (struct cli_flag){ "limit", CLI_INT, &f->limit, "N",
		"at most so many rows (a page)", 1,
		v->list->limit_max ? v->list->limit_max : PAGE_LIMIT_MAX };
	flags[n++] = (struct cli_flag){ "after", CLI_STRING, &f->after,
		v->list->order == ADMIN_BY_NAME ? "NAME" : "ID", "rows behind that one" };
	return n;
}

static int after_read(struct admin *a, const char *after, struct err *e)
{
	if (a->order != ADMIN_BY_NAME && !parse_i64(after, 1, INT64_MAX, &a->page.after))
		return err_set(e, ERR_INPUT,
			"--after \"%.40s\": expected the id of a row of this list", after);
	if (!*after || strlen(after) > AFTER_MAX || !utf8_valid(after, strlen(after)))
		return err_set(e, ERR_INPUT,
			"--after: expected the name of a row of this list, at most %d bytes",
			AFTER_MAX);
	a->after = after;
	return 0;
}

/* Before anything is opened. */
static int page_read(
	struct admin *a, const struct frame *f, const struct admin_list *l, struct err *e)
{
	a->order = l->order;
	a->limit = f->limit ? f->limit : l->limit ? l->limit : INT64_MAX - 1;
	a->page.limit = a->limit + 1;
	return f->after ? after_read(a, f->after, e) : 0;
}

static char **words_copy(int argc, char **argv)
{
	char **copy = xcalloc((size_t)argc + 1, sizeof(*copy));

	memcpy(copy, argv, (size_t)argc * sizeof(*copy));
	return copy;
}

static void words_free(char ***words)
{
	free(*words);
}

static int verb_remote(const struct remote *r, const struct admin_verb *v, struct admin *a)
{
	struct err e = { 0 };
	int code = EXIT_FINDINGS;

	if ((v->check && v->check(a, v->options, &e) < 0) || remote_run(r, &code, &e) < 0)
		return cli_fail(exit_code(&e), "%s", e.text);
	return code;
}

int admin_verb_run(int argc, char **argv, const struct admin_verb *v)
{
	struct admin a = { 0 };
	struct frame f = { .remote = { .argc = argc, .reads_stdin = v->reads_stdin } };
	struct cli_flag flags[FLAGS_MAX];
	struct err e = { 0 };

	if (v->n_flags + FRAME_FLAGS > FLAGS_MAX)
		BUG("%zu flags", v->n_flags);
	if (v->n_flags)
		memcpy(flags, v->flags, v->n_flags * sizeof(*flags));
	size_t n = v->n_flags + frame_flags(&f, v, flags + v->n_flags);
	/* the parser moves words about; a caller elsewhere needs them as typed */
	CLEANUP(words_free) char **typed = f.remote.argv = words_copy(argc, argv);
	int rc = cli_parse(argc, argv, flags, n, v->help, v->max_args, &a.args, &a.n_args);
	if (rc != 0)
		return rc > 0 ? EXIT_OK : EXIT_USAGE;
	if (v->list && page_read(&a, &f, v->list, &e) < 0)
		return cli_fail(EXIT_USAGE, "%s", e.text);
	if (f.remote.url)
		return verb_remote(&f.remote, v, &a);
	if (caller)
		f.data_dir = caller->data_dir;
	a.json = f.output == OUTPUT_JSON;
	a.style = terminal_style(STDOUT_FILENO, f.color);
	if (verb_work(&a, v, &f, &e) < 0)
		return cli_fail(exit_code(&e), "%s", e.text);
	return a.code;
}

void admin_wake(const struct admin *a)
{
	wake_send(a->data_dir);
	if (a->store)
		IGNORE_RESULT(store_tell(a->store, "wake", NULL), "they look every few seconds");
}

char *admin_public_url(const struct admin *a)
{
	CLEAN_STR char *path = path_join(a->data_dir, "public_url");
	CLEAN_BUF struct buf text = BUF_INIT(4096);

	if (file_read(path, &text, NULL) < 0)
		return NULL;
	return xstrndup(buf_cstr(&text), strcspn(buf_cstr(&text), "\n"));
}

int admin_repo_find(struct admin *a, const char *full_name, struct repo_row *ret, struct err *e)
{
	const char *slash = strchr(full_name, '/');

	if (!slash || slash == full_name || !slash[1] || strchr(slash + 1, '/') ||
		strlen(full_name) > REPO_TEXT_MAX)
		return err_set(
			e, ERR_INPUT, "repository \"%.100s\", expected OWNER/NAME", full_name);
	CLEAN_STR char *owner = xstrndup(full_name, (size_t)(slash - full_name));
	return store_repo_find(a->store, owner, slash + 1, ret, e);
}

int admin_repo_id(struct admin *a, const char *full_name, int64_t *ret_repo, struct err *e)
{
	CLEANUP(repo_row_release) struct repo_row repo = { 0 };

	if (full_name && admin_repo_find(a, full_name, &repo, e) < 0)
		return -1;
	*ret_repo = repo.id;
	return 0;
}

int admin_repo_of_argument(struct admin *a, void *options UNUSED, int64_t *ret_repo, struct err *e)
{
	return admin_repo_id(a, a->args[0], ret_repo, e);
}

int admin_repo_of_runner(struct admin *a, int64_t runner_id, int64_t *ret_repo, struct err *e)
{
	CLEANUP(runner_row_release) struct runner_row runner = { 0 };

	if (store_runner_get(a->store, runner_id, &runner, e) < 0)
		return -1;
	*ret_repo = runner.scope_repo_id;
	return 0;
}
