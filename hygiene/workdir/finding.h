/*
 * What is wrong with a file tree: a fixed set of codes, each with how often, how bad and a few
 * sample paths. Plain values without I/O; two sets of the same tree add up to the same result in
 * any order (samples: the topmost, then the first by bytes).
 */
#ifndef HYGIENE_WORKDIR_FINDING_H
#define HYGIENE_WORKDIR_FINDING_H

#include "base/json.h"
#include "base/tree/walk.h"

enum finding_code {
	FINDING_WRONG_OWNER,
	FINDING_ROOT_OWNED,
	FINDING_DIR_NOT_WRITABLE,
	FINDING_FILE_READ_ONLY,
	FINDING_STICKY_FOREIGN,
	FINDING_IMMUTABLE,
	FINDING_MOUNT_INSIDE,
	FINDING_SYMLINK_ROOT,
	FINDING_UNREADABLE,
	FINDING_STALE,
	FINDING_CODES,
};

enum finding_severity {
	FINDING_NOTE,     /* cosmetic: hinders nobody */
	FINDING_UNSEEN,   /* unknown: nobody can tell what is there */
	FINDING_CURABLE,  /* hinders; a chmod of an own entry cures it */
	FINDING_BLOCKING, /* hinders and the owner of the tree cannot cure it */
};

enum { FINDING_SAMPLES = 5, FINDING_PATH_MAX = 4 << 10 };

struct finding {
	uint64_t count;
	enum finding_severity worst;
	size_t n;
	struct finding_sample {
		unsigned depth;
		char *path; /* raw bytes, relative to the tree */
	} samples[FINDING_SAMPLES];
};
struct findings {
	struct finding of[FINDING_CODES];
};

const char *finding_name(enum finding_code code);           /* "wrong_owner" */
const char *finding_severity_name(enum finding_severity s); /* "cosmetic" "unknown" … */
void findings_release(struct findings *f);
/* The entry that a walk is visiting. */
void findings_visit(struct findings *f, enum finding_code code, enum finding_severity severity,
	const struct walk *w, const struct walk_entry *ent);
void findings_add(struct findings *f, enum finding_code code, enum finding_severity severity,
	unsigned depth, const char *path);
void findings_sum(struct findings *into, struct findings *part); /* part is empty afterwards */
/* FINDING_NOTE also when there is none at all. */
enum finding_severity findings_worst(const struct findings *f);
/* [{"code","severity","count","samples":[…]}…], in order of the codes, paths escaped. */
void findings_write(const struct findings *f, struct json_writer *w);

#endif
