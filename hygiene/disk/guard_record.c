/*
 * The journal of a program that runs because the disk is full: a line may not fit until something
 * was deleted, so lines wait in memory, bounded, and go out in order. The last error is kept, as
 * the guard reports it once at its end.
 */
#include "hygiene/disk/guard_record.h"

#include <stdio.h>
#include <sys/stat.h>

#include "base/codec.h"
#include "base/fs.h"
#include "state/evidence.h"

enum { WAITING_MAX = 20000 };

static void rotate(const char *path)
{
	CLEAN_STR char *old = xasprintf("%s.1", path);
	struct stat st;

	if (stat(path, &st) == 0 && st.st_size > RECORD_ROTATE)
		(void)rename(path, old); /* it fails: the journal grows on */
}

void guard_record_open(struct guard_record *r, const char *state_dir)
{
	CLEAN_STR char *folder = NULL;
	struct err e = { 0 };

	*r = (struct guard_record){ 0 };
	folder = evidence_folder(state_dir, "hygiene", &e);
	if (!folder) {
		r->error = xstrdup(e.text);
		folder = path_join(state_dir, "hygiene");
	}
	r->path = path_join(folder, "disk_guard.jsonl");
	rotate(r->path);
}

void guard_decision_write(
	const struct guard_decision *d, enum guard_mode mode, struct wall at, struct json_writer *w)
{
	CLEAN_STR char *path = text_escaped(d->path), *detail = NULL;
	char when[WALL_TEXT_MAX];

	detail = d->detail ? text_printable(d->detail) : NULL;
	json_begin_object(w);
	json_kv_str(w, "at", wall_format(at, when));
	json_kv_str(w, "mode", guard_mode_name(mode));
	json_kv_str(w, "path", path);
	json_kv_str(w, "decision", d->what);
	json_kv_str(w, "reason", d->reason);
	json_kv_str(w, "detail", detail);
	json_kv_int(w, "bytes", (int64_t)d->bytes);
	json_key(w, "age_seconds");
	if (d->age_us < 0)
		json_null(w);
	else
		json_int(w, d->age_us / USEC_PER_SEC);
	json_kv_int(w, "free_bytes", (int64_t)d->free_bytes);
	json_end_object(w);
}

static void flush(struct guard_record *r)
{
	struct err e = { 0 };
	size_t done = 0;

	free_charp(&r->error);
	while (done < r->waiting.n) {
		if (evidence_append(r->path, slice_of(r->waiting.v[done]), &e) < 0) {
			r->error = xstrdup(e.text);
			break;
		}
		free(r->waiting.v[done++]);
	}
	if (done == 0)
		return;
	r->waiting.n -= done;
	memmove(r->waiting.v, r->waiting.v + done, (r->waiting.n + 1) * sizeof(*r->waiting.v));
}

void guard_record_add(struct guard_record *r, enum guard_mode mode, const struct guard_decision *d)
{
	CLEAN_BUF struct buf line = BUF_INIT(EVIDENCE_LINE_MAX);
	struct json_writer w;
	struct err e = { 0 };

	json_writer_init(&w, &line, false);
	guard_decision_write(d, mode, wall_now(), &w);
	if (json_writer_finish(&w, &e) < 0 || r->waiting.n >= WAITING_MAX) {
		free(r->error);
		r->error = xstrdup(*e.text ? e.text : "too many decisions wait for room");
		return;
	}
	strv_add(&r->waiting, buf_cstr(&line));
	flush(r);
}

char *guard_record_close(struct guard_record *r)
{
	if (r->waiting.n)
		flush(r);
	strv_release(&r->waiting);
	free_charp(&r->path);
	return TAKE(r->error);
}
