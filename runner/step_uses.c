/* A `uses` step: the actions the runner itself knows, in one table. */
#include "runner/step_kinds.h"

static const struct {
	const char *name;
	enum outcome (*use)(struct job *j, const struct step_text *t);
} actions[] = {
	{ "actions/checkout@v4", use_checkout },
};

enum outcome step_uses(struct job *j, const struct step_text *t)
{
	const char *uses = j->spec->steps.v[j->index].uses;
	struct buf known = BUF_INIT(1024);
	struct err e = { 0 };

	for (size_t i = 0; i < ARRAY_LEN(actions); i++) {
		if (str_eq(uses, actions[i].name))
			return actions[i].use(j, t);
		buf_addf(&known, "%s%s", i ? ", " : "", actions[i].name);
	}
	err_set(&e, ERR_INPUT, "uses: \"%s\" is not supported, expected %s", uses,
		buf_cstr(&known));
	buf_release(&known);
	return step_fails(j, &e);
}
