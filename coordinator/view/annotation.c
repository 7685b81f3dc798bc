/*
 * The field's clients want a line in every annotation with a path, and an end with every start; so
 * an end that was not given is the start. What nobody gave is null.
 */
#include "coordinator/view/annotation.h"

static void kv_place(struct json_writer *w, const char *key, int64_t v)
{
	if (v)
		json_kv_int(w, key, v);
	else
		json_kv_str(w, key, NULL);
}

void annotation_write(struct json_writer *w, const struct annotation_row *a)
{
	json_begin_object(w);
	json_kv_int(w, "id", a->id);
	json_kv_int(w, "job_id", a->job_id);
	json_kv_str(w, "job_name", a->job_name);
	json_kv_int(w, "step_id", a->step_id);
	json_kv_int(w, "step_index", a->step_index);
	json_kv_str(w, "step_name", a->step_name);
	json_kv_str(w, "annotation_level", a->level);
	json_kv_str(w, "title", a->title);
	json_kv_str(w, "message", a->message);
	json_kv_str(w, "path", a->path);
	kv_place(w, "start_line", a->start_line);
	kv_place(w, "end_line", a->end_line ? a->end_line : a->start_line);
	kv_place(w, "start_column", a->start_column);
	kv_place(w, "end_column", a->end_column ? a->end_column : a->start_column);
	json_end_object(w);
}

void kv_annotation_counts(struct json_writer *w, const char *key, const struct annotation_counts *c)
{
	json_key(w, key);
	json_begin_object(w);
	json_kv_int(w, "notice", c->notices);
	json_kv_int(w, "warning", c->warnings);
	json_kv_int(w, "failure", c->failures);
	json_kv_int(w, "dropped", c->dropped);
	json_end_object(w);
}
