/*
 * What is in a backup: one JSON object a line. The first tells the format, the last how many there
 * are, so that one that was cut short shows. Paths are those of the data folder; bytes that are not
 * printable ASCII, and '%', are written as %XX.
 *
 *   {"format":1,"program":"0.1.0","created_at":"…","schema":21,"root_key":true}
 *   {"path":"repos/acme","directory":true}
 *   {"path":"shithubd.db","size":81920,"sha256":"…"}
 *   {"files":1,"bytes":81920}
 *
 * It is written under another name, which it keeps until the backup is complete.
 */
#ifndef COORDINATOR_BACKUP_MANIFEST_H
#define COORDINATOR_BACKUP_MANIFEST_H

#include "base/clock.h"
#include "base/codec.h"
#include "base/err.h"

#define MANIFEST_NAME "manifest.jsonl"
#define MANIFEST_PARTIAL "manifest.partial"
enum { MANIFEST_FORMAT = 1 };

struct manifest_head {
	int64_t format, schema;
	char *program, *created_at;
	bool root_key; /* the root key is in the backup */
};
void manifest_head_release(struct manifest_head *h);

struct manifest_entry {
	char *path; /* relative, without ".." */
	bool directory;
	int64_t size;
	char *sha256; /* hex; NULL for a directory */
};

/* ---- writing ---- */

struct manifest_writer;
struct manifest_writer *manifest_begin(
	const char *dir, const struct manifest_head *h, struct err *e) CHECK_RESULT;
int manifest_add(
	struct manifest_writer *m, const struct manifest_entry *entry, struct err *e) CHECK_RESULT;
/* All is there and synced: the manifest gets its name. */
int manifest_commit(struct manifest_writer *m, int64_t *ret_files, int64_t *ret_bytes,
	struct err *e) CHECK_RESULT;
void manifest_writer_free(struct manifest_writer *m); /* NULL fine */

/* ---- reading ---- */

/* Calls fn with each entry; checks that the last line fits. ERR_CONFLICT when the backup is not
 * complete, ERR_INPUT when the manifest is damaged. fn NULL: only the head and the lines. */
int manifest_read(const char *dir, struct manifest_head *ret,
	int (*fn)(void *data, const struct manifest_entry *entry, struct err *e), void *data,
	struct err *e) CHECK_RESULT;

#endif
