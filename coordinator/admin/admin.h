/*
 * What the admin verbs share. They work directly on the data folder, also while serve runs, and
 * tell it through <data>/wake.sock when a job may have become claimable.
 *
 * A verb is its flags and its work; admin_verb_run does the rest, the same for all: it parses,
 * opens the folder, closes it, prints a JSON result or the error, and gives the exit code. With
 * --url the verb runs at a coordinator elsewhere instead (remote/verb.h).
 *
 * A verb that lists things has a `list`. It gets --limit and --after, and its result is an array in
 * JSON and a table else:
 *
 *   for (size_t i = 0; i < l.n; i++)
 *           if (admin_row_id(a, l.v[i].id)) // false: not on this page
 *                   thing_show(a, &l.v[i]); // one JSON object, or one cell a column of a->table
 *
 * --after takes the key of the last row that was seen, the row's id or its name, so that a list
 * that grows meanwhile shows no row twice. Keys stand in one order and none stands twice.
 *
 * What may be large is paged by the store instead: it gets a->page, which asks for one row more
 * than will be shown, and admin_total hears how many rows there are in all.
 */
#ifndef COORDINATOR_ADMIN_ADMIN_H
#define COORDINATOR_ADMIN_ADMIN_H

#include "base/cli.h"
#include "base/json.h"
#include "base/terminal/table.h"
#include "coordinator/store/page.h"
#include "coordinator/store/repo.h"
#include "coordinator/store/store.h"

enum admin_order { ADMIN_BY_NAME, ADMIN_BY_ID, ADMIN_BY_ID_DOWN /* newest first */ };
struct admin_list {
	const char *noun; /* "runners", for "no runners" and "25 of 310 runners" */
	const struct table_column *columns;
	size_t n_columns;
	int64_t limit;     /* rows without --limit; 0: all */
	int64_t limit_max; /* of --limit; 0: what the frame allows */
	enum admin_order order;
};
#define ADMIN_LIST(noun_, columns_) \
	.noun = (noun_), .columns = (columns_), .n_columns = ARRAY_LEN(columns_)

struct admin {
	char *data_dir;
	struct store *store;
	char **args; /* what is no flag, argv's */
	int n_args;
	bool json;                   /* --output json: the work writes one value to w … */
	struct json_writer w;        /* … and prints nothing; else it prints text */
	enum exit_code code;         /* of a verb whose work succeeded: the work may set it */
	struct terminal_style style; /* of standard output */
	struct page page;            /* of a list, for the store */
	/* of a list: what its keys are and, by name, the last one seen (NULL: none was) */
	enum admin_order order;
	const char *after;
	struct table table; /* of a list that is not JSON */
	/* of a list: rows that the work gave; those on the page, at most `limit`; there are so many
	 * in all, -1: `seen` */
	int64_t seen, rows, limit, total;
	bool more;  /* there are rows behind this page */
	char *last; /* key of its last row */
};

struct admin_verb {
	const struct cli_flag *flags; /* --data and --output are added */
	size_t n_flags;
	void *options; /* what the flags fill; handed to check and work */
	int max_args;
	bool text_only;                /* has no --output */
	bool colored;                  /* has --color; a list has it anyway */
	const struct admin_list *list; /* NULL: it lists nothing */
	bool makes_store;              /* also where none is yet: it adds the first of something */
	bool reads_stdin;              /* what it reads there goes along when it runs elsewhere */
	const char *help;
	/* Checks the options before the folder is opened, so that a bad flag makes no folder; NULL:
	 * the flag table says it all. */
	int (*check)(struct admin *a, void *options, struct err *e);
	int (*work)(struct admin *a, void *options, struct err *e); /* 0, -1 */
	/* The repository that it is about, 0: not one alone. Whoever is admin of that one may call
	 * it from elsewhere; NULL: site admins may. Asked before the work. */
	int (*repo_of)(struct admin *a, void *options, int64_t *ret_repo, struct err *e);
};
int admin_verb_run(int argc, char **argv, const struct admin_verb *v); /* an exit code */

/* One more row of a list, by its key; whether it is on the page. */
bool admin_row_id(struct admin *a, int64_t id);
bool admin_row(struct admin *a, const char *name);
/* How names stand: without regard to case, as the store has them; the parts of OWNER/NAME one after
 * the other. Names that differ in case alone have an order, too. */
int admin_name_order(const char *x, const char *y);
/* The store gave the rows of the page alone, out of so many. Before the first admin_row. */
void admin_total(struct admin *a, int64_t total);

/* Who called from elsewhere: then this process runs one verb for that user (call.h). */
struct admin_caller {
	const char *data_dir, *login, *address;
	int64_t user_id;
	bool site_admin; /* may call every verb; else only those about a repository of theirs */
};
void admin_called_by(const struct admin_caller *c); /* borrowed while the process lives */
const struct admin_caller *admin_caller(void);      /* NULL: somebody at this machine */

void admin_wake(const struct admin *a); /* no serve running is fine */
/* Base URL of the running serve (or of the last one), NULL if never known; the caller's. */
char *admin_public_url(const struct admin *a);
/* "owner/name" of a --repo flag. */
int admin_repo_find(
	struct admin *a, const char *full_name, struct repo_row *ret, struct err *e) CHECK_RESULT;
/* For repo_of: that of a --repo flag (NULL: not given), of the first argument, of a runner. */
int admin_repo_id(
	struct admin *a, const char *full_name, int64_t *ret_repo, struct err *e) CHECK_RESULT;
int admin_repo_of_argument(
	struct admin *a, void *options, int64_t *ret_repo, struct err *e) CHECK_RESULT;
int admin_repo_of_runner(
	struct admin *a, int64_t runner_id, int64_t *ret_repo, struct err *e) CHECK_RESULT;

/* Flag rows that many verbs have. */
#define ADMIN_ID_FLAG(target, what)                                                        \
	{                                                                                  \
		"id", CLI_INT, &(target), "ID", what, .min = 1, .max = INT64_MAX,          \
						      .required = true, .positional = true \
	}

#endif
