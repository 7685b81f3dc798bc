/*
 * A masker has limits, and what does not fit would be printed. So nothing may depend on the order
 * in which a coordinator lists its secrets: the job's own tokens come first, then every value as it
 * is, then the forms of all. What fails is remembered and the rest still added, because the reason
 * is logged through this very masker.
 */
#include "runner/context/secrets.h"

struct hiding {
	struct mask *mask;
	const struct job_spec *spec;
	struct strv *too_short;
	struct err failed; /* the first */
};

typedef int (*add_fn)(struct hiding *h, const char *name, const char *value, struct err *e);

static int add_value(struct hiding *h, const char *name UNUSED, const char *value, struct err *e)
{
	return mask_add_value(h->mask, value, strlen(value), e);
}

static int add_derived(struct hiding *h, const char *name, const char *value, struct err *e)
{
	bool is_short = false;

	if (mask_add_derived(h->mask, value, strlen(value), &is_short, e) < 0)
		return -1;
	if (is_short && name)
		strv_add(h->too_short, name);
	return 0;
}

/* name NULL: what says what it is. */
static void hide(
	struct hiding *h, add_fn add, const char *what, const char *name, const char *value)
{
	struct err e = { 0 };

	if (!value || add(h, name, value, &e) == 0 || h->failed.class != ERR_NONE)
		return;
	h->failed = e;
	err_wrap(&h->failed, "%s%s%s cannot be masked", what, name ? " " : "", name ? name : "");
}

static void hide_all(struct hiding *h, add_fn add)
{
	const struct job_spec *s = h->spec;

	hide(h, add, "the job token", NULL, s->token);
	hide(h, add, "the checkout token", NULL, s->checkout_token);
	for (size_t i = 0; i < s->secrets.n; i++)
		hide(h, add, "secret", s->secrets.v[i].key, s->secrets.v[i].value);
	strv_each (value, &s->mask_values)
		hide(h, add, "a mask value", NULL, value);
}

int secrets_hide(struct mask *m, const struct job_spec *spec, struct strv *too_short, struct err *e)
{
	struct hiding h = { .mask = m, .spec = spec, .too_short = too_short };

	hide_all(&h, add_value);
	hide_all(&h, add_derived);
	mask_begin_steps(m);
	if (h.failed.class == ERR_NONE)
		return 0;
	*e = h.failed;
	return -1;
}
