/*
 * Shared by the admin verbs: they work directly on the data folder, also while serve runs, and
 * tell it through <data>/wake.sock when a job may have become claimable.
 */
#ifndef COORDINATOR_ADMIN_H
#define COORDINATOR_ADMIN_H

#include "base/cli.h"
#include "base/json.h"
#include "coordinator/keys.h"
#include "coordinator/store.h"

#define COORDINATOR_DATA_DIR "/var/lib/shithubd"

struct admin {
	char *data_dir;
	struct store *store;
};
/* data_dir NULL: COORDINATOR_DATA_DIR. The folder must exist or be creatable. */
int admin_open(struct admin *a, const char *data_dir, struct err *e) CHECK_RESULT;
void admin_close(struct admin *a);
#define CLEAN_ADMIN CLEANUP(admin_close)
void admin_wake(const struct admin *a); /* no serve running is fine */
/* Base URL of the running serve (or of the last one), NULL if never known; the caller's. */
char *admin_public_url(const struct admin *a);

/* --output: "text" (default) or "json"; -1 and one line on stderr otherwise. */
int admin_output(const char *text, bool *ret_json) CHECK_RESULT;
/* Prints "shithubd: <text>" and gives the exit code for the class. */
int admin_fail(const struct err *e);
/* Finishes the writer and prints the buffer and a newline; exit code. */
int admin_print_json(struct json_writer *w, struct buf *out);
/* "owner/name" of a --repo flag. */
int admin_repo_find(
	struct admin *a, const char *full_name, struct repo_row *ret, struct err *e) CHECK_RESULT;

/* The common flag rows. */
#define ADMIN_DATA_FLAG(target)                                     \
	{                                                           \
		"data", CLI_STRING, &(target), "DIR", "data folder" \
	}
#define ADMIN_OUTPUT_FLAG(target)                                                  \
	{                                                                          \
		"output", CLI_STRING, &(target), "text|json", "form of the result" \
	}

#endif
