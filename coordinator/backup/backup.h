/*
 * `shithubd backup DIR`: the data folder at one instant, while serve goes on. The order makes it
 * whole:
 *
 *   1 objects       an object is there before its row says so, so rows of 2 find theirs …
 *   2 the store     … at one instant, in one read transaction
 *   3 objects again … but for those that came between 1 and 2
 *   4 repositories  rows name commits; what is copied after the rows has them: git keeps what it
 * had
 *
 * What is deleted goes object first, row second, and no object is deleted in its first day; one
 * that was replaced meanwhile loses its row in the copy. A push that came after 2 is in the
 * repository of the backup, but its runs are not in the store.
 *
 * DIR has a manifest.partial until all is there and synced, then a manifest.jsonl (manifest.h).
 */
#ifndef COORDINATOR_BACKUP_BACKUP_H
#define COORDINATOR_BACKUP_BACKUP_H

#include "base/err.h"

#define BACKUP_LAST                                                                  \
	"last-backup" /* in the data folder: its time of change is the last backup's \
		       */

struct backup_done {
	int64_t files, bytes, linked;
	int64_t replaced; /* artifacts that were replaced meanwhile: left out */
	int64_t missing;  /* objects that rows name and nobody has */
	int64_t removed;  /* older backups of the series (series.h) */
};
/* dir must not be there, or be empty. */
int backup_run(const char *data_dir, const char *store, const char *dir, bool without_key,
	struct backup_done *ret, struct err *e) CHECK_RESULT;

#endif
