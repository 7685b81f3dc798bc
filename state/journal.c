/*
 * Small and replaced as a whole, so a reader never sees half of it. A journal of a later version,
 * or a damaged one, is refused and set aside by the caller; nothing in it is guessed at.
 */
#include "state/journal.h"

#include "base/fs.h"
#include "base/json.h"
#include "base/limits.h"

enum { JOURNAL_VERSION = 1 };

void journal_release(struct journal *j)
{
	free_charp(&j->instance);
	free_charp(&j->base_url);
	free_charp(&j->workspace_root);
	free_charp(&j->cause);
	free(j->steps.v);
	j->steps = (struct journal_steps){ 0 };
}

int journal_write(const char *dir, const struct journal *j, struct err *e)
{
	CLEAN_STR char *path = path_join(dir, "journal");
	CLEAN_BUF struct buf out = BUF_INIT(LIMIT_JOURNAL);
	struct json_writer w;

	json_writer_init(&w, &out, false);
	json_begin_object(&w);
	json_kv_int(&w, "version", JOURNAL_VERSION);
	json_kv_int(&w, "job", j->job);
	json_kv_int(&w, "run", j->run);
	json_kv_str(&w, "instance", j->instance);
	json_kv_str(&w, "base_url", j->base_url);
	json_kv_str(&w, "workspace_root", j->workspace_root);
	json_kv_bool(&w, "started", j->started);
	if (j->cause)
		json_kv_str(&w, "cause", j->cause);
	json_key(&w, "steps");
	json_begin_array(&w);
	for (size_t i = 0; i < j->steps.n; i++)
		json_int(&w, j->steps.v[i]);
	json_end_array(&w);
	json_end_object(&w);
	if (json_writer_finish(&w, e) < 0)
		return err_wrap(e, "journal");
	return file_replace(path, out.data, out.len, 0600, e);
}

static int parse_steps(const struct json_value *v, void *target, struct err *e)
{
	struct journal_steps *s = target;

	if (v->type != JSON_ARRAY || v->count > LIMIT_STEPS)
		return err_set(e, ERR_INPUT, "expected a list of at most %d ids", LIMIT_STEPS);
	s->v = xcalloc(v->count + 1, sizeof(*s->v));
	json_array_each (item, v) {
		if (item->type != JSON_NUMBER || !item->is_integer || item->integer < 0)
			return err_set(e, ERR_INPUT, "expected ids");
		s->v[s->n++] = item->integer;
	}
	return 0;
}

int journal_parse(const char *text, size_t n, struct journal *ret, struct err *e)
{
	struct target {
		struct journal j;
		int64_t version;
	} t = { 0 };
#define AT(member) offsetof(struct target, member)
	static const struct json_field fields[] = {
		{ "version", JSON_TO_INT, AT(version), JSON_REQUIRED, 1, JOURNAL_VERSION },
		{ "job", JSON_TO_INT, AT(j.job), JSON_REQUIRED, 1, INT64_MAX },
		{ "run", JSON_TO_INT, AT(j.run), JSON_REQUIRED, 0, INT64_MAX },
		{ "instance", JSON_TO_STRING, AT(j.instance), JSON_REQUIRED, 1, 64 },
		{ "base_url", JSON_TO_STRING, AT(j.base_url), JSON_REQUIRED, 1, LIMIT_NAME },
		{ "workspace_root", JSON_TO_STRING, AT(j.workspace_root), JSON_REQUIRED, 1,
			LIMIT_NAME },
		{ "started", JSON_TO_BOOL, AT(j.started), JSON_REQUIRED },
		{ "cause", JSON_TO_STRING, AT(j.cause), 0, 1, 32 },
		{ "steps", JSON_TO_CUSTOM, AT(j.steps), JSON_REQUIRED, .fn = parse_steps },
	};
#undef AT
	CLEAN_JSON struct json_doc *doc =
		json_parse(text, n, &(struct json_limits){ .bytes = LIMIT_JOURNAL }, e);

	if (!doc || json_decode(json_root(doc), fields, ARRAY_LEN(fields), &t, 0, e) < 0) {
		journal_release(&t.j);
		return err_wrap(e, "journal");
	}
	*ret = t.j;
	return 0;
}

int journal_read(const char *dir, struct journal *ret, struct err *e)
{
	CLEAN_STR char *path = path_join(dir, "journal");
	CLEAN_BUF struct buf text = BUF_INIT(LIMIT_JOURNAL);

	if (file_read(path, &text, e) < 0)
		return -1;
	return journal_parse(buf_cstr(&text), text.len, ret, e);
}
