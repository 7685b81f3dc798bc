/*
 * Counts may run into millions, samples may not: each code keeps five, the topmost first, because
 * the topmost entry is usually the cause of all those below it.
 */
#include "hygiene/workdir/finding.h"

#include "base/codec.h"

const char *finding_name(enum finding_code code)
{
	static const char *const names[] = {
		[FINDING_WRONG_OWNER] = "wrong_owner",
		[FINDING_ROOT_OWNED] = "root_owned",
		[FINDING_DIR_NOT_WRITABLE] = "dir_not_writable",
		[FINDING_FILE_READ_ONLY] = "file_read_only",
		[FINDING_STICKY_FOREIGN] = "sticky_foreign",
		[FINDING_IMMUTABLE] = "immutable",
		[FINDING_MOUNT_INSIDE] = "mount_inside",
		[FINDING_SYMLINK_ROOT] = "symlink_root",
		[FINDING_UNREADABLE] = "unreadable",
		[FINDING_STALE] = "stale",
	};

	return names[code];
}

const char *finding_severity_name(enum finding_severity s)
{
	static const char *const names[] = { "cosmetic", "unknown", "curable", "blocking" };

	return names[s];
}

void findings_release(struct findings *f)
{
	for (size_t c = 0; c < FINDING_CODES; c++)
		for (size_t i = 0; i < f->of[c].n; i++)
			free(f->of[c].samples[i].path);
	*f = (struct findings){ 0 };
}

static int compare(unsigned depth, const char *path, const struct finding_sample *b)
{
	if (depth != b->depth)
		return depth < b->depth ? -1 : 1;
	return strcmp(path, b->path);
}

/* Keeps the samples sorted; takes path over. */
static void keep_sample(struct finding *f, unsigned depth, char *path)
{
	size_t at = f->n;

	while (at && compare(depth, path, &f->samples[at - 1]) < 0)
		at--;
	if (at == FINDING_SAMPLES) {
		free(path);
		return;
	}
	if (f->n == FINDING_SAMPLES)
		free(f->samples[--f->n].path);
	memmove(&f->samples[at + 1], &f->samples[at], (f->n - at) * sizeof(f->samples[0]));
	f->samples[at] = (struct finding_sample){ depth, path };
	f->n++;
}

static void count_finding(struct finding *f, enum finding_severity severity, uint64_t count)
{
	f->count += count;
	if (severity > f->worst)
		f->worst = severity;
}

void findings_add(struct findings *f, enum finding_code code, enum finding_severity severity,
	unsigned depth, const char *path)
{
	count_finding(&f->of[code], severity, 1);
	keep_sample(&f->of[code], depth, xstrdup(path));
}

void findings_visit(struct findings *f, enum finding_code code, enum finding_severity severity,
	const struct walk *w, const struct walk_entry *ent)
{
	struct finding *of = &f->of[code];
	struct buf path = BUF_INIT(FINDING_PATH_MAX);

	count_finding(of, severity, 1);
	/* a million findings make a million paths only when all lie equally deep */
	if (of->n == FINDING_SAMPLES && ent->depth > of->samples[of->n - 1].depth)
		return;
	walk_path(w, &path);
	keep_sample(of, ent->depth, buf_take(&path));
}

void findings_sum(struct findings *into, struct findings *part)
{
	for (size_t c = 0; c < FINDING_CODES; c++) {
		struct finding *f = &part->of[c];

		count_finding(&into->of[c], f->worst, f->count);
		for (size_t i = 0; i < f->n; i++)
			keep_sample(&into->of[c], f->samples[i].depth, f->samples[i].path);
	}
	*part = (struct findings){ 0 };
}

enum finding_severity findings_worst(const struct findings *f)
{
	enum finding_severity worst = FINDING_NOTE;

	for (size_t c = 0; c < FINDING_CODES; c++)
		if (f->of[c].count && f->of[c].worst > worst)
			worst = f->of[c].worst;
	return worst;
}

static void write_one(struct json_writer *w, enum finding_code code, const struct finding *f)
{
	json_begin_object(w);
	json_kv_str(w, "code", finding_name(code));
	json_kv_str(w, "severity", finding_severity_name(f->worst));
	json_kv_int(w, "count", (int64_t)f->count);
	json_key(w, "samples");
	json_begin_array(w);
	for (size_t i = 0; i < f->n; i++) {
		char *path CLEAN_STR = text_escaped(f->samples[i].path);
		json_str(w, path);
	}
	json_end_array(w);
	json_end_object(w);
}

void findings_write(const struct findings *f, struct json_writer *w)
{
	json_begin_array(w);
	for (size_t c = 0; c < FINDING_CODES; c++)
		if (f->of[c].count)
			write_one(w, (enum finding_code)c, &f->of[c]);
	json_end_array(w);
}
