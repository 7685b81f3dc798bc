/*
 * The small pieces that every answer shares, so that a time or a state looks the same in all of
 * them.
 */
#include "coordinator/view/row_json.h"

#include "base/limits.h"
#include "coordinator/store/state.h"

void kv_time(struct json_writer *w, const char *key, struct wall t)
{
	char text[WALL_TEXT_MAX];

	json_kv_str(w, key, t.us ? wall_format(t, text) : NULL);
}

void kv_span(struct json_writer *w, const char *key, struct wall from, struct wall to)
{
	if (from.us && to.us)
		json_kv_int(w, key, (to.us - from.us) / USEC_PER_MSEC);
	else
		json_kv_str(w, key, NULL);
}

void kv_state(struct json_writer *w, struct state s)
{
	json_kv_str(w, "status", status_text(s.status));
	json_kv_str(w, "conclusion", conclusion_text(s.conclusion));
}

int kv_json(struct json_writer *w, const char *key, const char *text, struct err *e)
{
	struct json_limits lim = { .bytes = LIMIT_CLAIM_BYTES };
	CLEAN_JSON struct json_doc *d = json_parse(text, strlen(text), &lim, e);

	if (!d)
		return err_wrap(e, "%s", key);
	json_key(w, key);
	json_copy(w, json_root(d));
	return 0;
}
