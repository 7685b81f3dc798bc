/*
 * `shithubd backup --in FOLDER`: one more backup of a series, in a folder that is named by its
 * time. What an earlier try left undone is deleted first, the oldest backups last, when this one is
 * there and nothing was missing. Nothing else in FOLDER is touched.
 */
#ifndef COORDINATOR_BACKUP_SERIES_H
#define COORDINATOR_BACKUP_SERIES_H

#include "coordinator/backup/backup.h"

enum { BACKUP_NAME_MAX = 32 };

struct backup_series {
	const char *folder, *store; /* store: as --store takes it, NULL: the data folder's */
	int64_t keep;               /* that many stay, this one included; 0: all */
	bool without_key;
};
/* ret_name: of the new backup. ERR_CONFLICT when another process works in the folder. */
int backup_series_run(const char *data_dir, const struct backup_series *s, struct backup_done *ret,
	char ret_name[BACKUP_NAME_MAX], struct err *e) CHECK_RESULT;

#endif
