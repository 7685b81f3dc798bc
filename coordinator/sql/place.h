/*
 * Which store belongs to a data folder. `serve` notes in the folder what --store told it, so that
 * whoever works beside it opens the same: <data>/store, absent for the file <data>/shithubd.db.
 */
#ifndef COORDINATOR_SQL_PLACE_H
#define COORDINATOR_SQL_PLACE_H

#include "base/err.h"

/* For the flag --store of a verb. */
#define STORE_FLAG_META "STORE"
#define STORE_FLAG_HELP "sqlite:/FOLDER or postgres://… (default: as serve said last)"

/* For store_open. As serve said it last; where it never ran, the environment's SHITHUBD_STORE; else
 * the file. NULL: the note cannot be read. The caller's. */
char *store_place(const char *data_dir, struct err *e) CHECK_RESULT;
/* store: as --store takes it, NULL for the file in the data folder. Once the store is open: the
 * note must not lead the verbs to one that does not serve. */
int store_place_publish(const char *data_dir, const char *store, struct err *e) CHECK_RESULT;
/* The same, but `given` (a --store of the verb's own, NULL: none) wins. */
char *store_place_or(const char *given, const char *data_dir, struct err *e) CHECK_RESULT;
bool store_place_noted(const char *data_dir); /* serve said one */
/* What store_open takes, of a text as --store takes it. NULL: it is none. The caller's. */
char *store_place_of(const char *store, struct err *e) CHECK_RESULT;
/* The same for serve, with NULL for the file in the data folder. The caller's. */
char *store_place_to_serve(const char *data_dir, const char *store, struct err *e) CHECK_RESULT;
/* NULL: --store takes it, else what was expected. */
const char *store_place_check(const char *store);
bool store_place_is_file(const char *place); /* of what store_place gives */

#endif
