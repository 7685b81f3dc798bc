/*
 * `shithubd restore DIR --data NEWDIR`: a data folder from a backup. It is made beside NEWDIR, each
 * file checked against the manifest while it is copied, and gets its name when all is well: a
 * NEWDIR that is there is whole. Jobs that ran at the time of the backup end as lost, and no id is
 * handed out a second time (store/file.h).
 */
#ifndef COORDINATOR_BACKUP_RESTORE_H
#define COORDINATOR_BACKUP_RESTORE_H

#include "base/err.h"

struct restore_done {
	int64_t files, bytes, jobs_lost, ids_skipped, from_schema, to_schema;
	char *created_at; /* of the backup; the caller's */
};
/* root_key: a file, for backups that have none; NULL: SHITHUB_TOTP_KEY. store: an empty database
 * for the rows, as --store takes it; NULL: they are a file in NEWDIR. NEWDIR must not be there or
 * be empty. ERR_CONFLICT for what is refused: not complete, damaged, newer schema, no or another
 * root key. */
int restore_run(const char *dir, const char *data_dir, const char *root_key, const char *store,
	struct restore_done *ret, struct err *e) CHECK_RESULT;

#endif
