/* One reading of the type string for all engines, so that they cannot differ in what a NULL text or
 * a time of 0 means. JSON may hold what only few may read, so it is wiped. */
#include "coordinator/sql/value.h"

#include "base/clock.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/utf8.h"
#include "coordinator/sql/sql.h"

static int json_text(const struct strv *v, const struct pairs *p, struct buf *out, struct err *e)
{
	struct json_writer w;

	json_writer_init(&w, out, false);
	if (p) {
		json_begin_object(&w);
		for (size_t i = 0; i < p->n; i++)
			json_kv_str(&w, p->v[i].key, p->v[i].value);
		json_end_object(&w);
	} else {
		json_begin_array(&w);
		for (size_t i = 0; v && i < v->n; i++)
			json_str(&w, v->v[i]);
		json_end_array(&w);
	}
	return json_writer_finish(&w, e);
}

static int value_json(
	struct sql_value *to, const struct strv *v, const struct pairs *p, struct err *e)
{
	struct buf b = BUF_INIT(COLUMN_JSON_MAX);

	b.secret = true;
	if (json_text(v, p, &b, e) < 0) {
		buf_release(&b);
		return -1;
	}
	to->kind = VALUE_TEXT;
	to->len = b.len;
	to->bytes = to->owned = buf_take(&b);
	return 0;
}

/* PostgreSQL would refuse it, and the whole transaction with it. */
static int value_text(struct sql_value *to, const char *text, struct err *e)
{
	size_t n = text ? strlen(text) : 0;

	if (!utf8_valid(text, n))
		return err_set(e, ERR_INPUT, "store: a text is not UTF-8: %.200s", text);
	if (text)
		*to = (struct sql_value){ VALUE_TEXT, 0, text, n, NULL };
	return 0;
}

static void value_int(struct sql_value *to, int64_t number)
{
	to->kind = VALUE_INT;
	to->number = number;
}

static int value_read(struct sql_value *to, char type, va_list *ap, struct err *e)
{
	static const struct pairs none;

	switch (type) {
	case 'i':
		value_int(to, va_arg(*ap, int64_t));
		return 0;
	case 'y':
		value_int(to, va_arg(*ap, int) != 0);
		return 0;
	case 't':
		return value_text(to, va_arg(*ap, const char *), e);
	case 'b': {
		const char *p = va_arg(*ap, const void *);
		size_t n = va_arg(*ap, size_t);

		*to = (struct sql_value){ VALUE_BYTES, 0, p ? p : "", n, NULL };
		return 0;
	}
	case 'w': {
		struct wall t = va_arg(*ap, struct wall);

		if (t.us)
			value_int(to, t.us);
		return 0;
	}
	case 'v':
		return value_json(to, va_arg(*ap, const struct strv *), NULL, e);
	case 'p': {
		const struct pairs *p = va_arg(*ap, const struct pairs *);

		return value_json(to, NULL, p ? p : &none, e);
	}
	default:
		BUG("bind type '%c'", type);
	}
}

int values_read(struct sql_values *v, const char *types, va_list *ap, struct err *e)
{
	v->n = 0;
	for (const char *t = types; *t; t++) {
		if (v->n == SQL_VALUES_MAX)
			BUG("more than %d values", SQL_VALUES_MAX);
		v->v[v->n] = (struct sql_value){ VALUE_NULL };
		if (value_read(&v->v[v->n++], *t, ap, e) < 0)
			return -1;
	}
	return 0;
}

void values_release(struct sql_values *v)
{
	for (size_t i = 0; i < v->n; i++)
		wipe_free(v->v[i].owned);
	v->n = 0;
}
