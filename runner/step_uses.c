/* A `uses` step: the actions the runner itself knows, in one table. */
#include "runner/step_kinds.h"

static const struct {
	const char *name;
	enum outcome (*use)(struct job *j, const struct step_text *t);
	bool box;
} actions[] = {
	{ "actions/checkout@v4", use_checkout },
	{ "actions/setup-python@v5", use_setup_python, .box = true },
	{ "shithub/upload-artifact@v1", use_upload_artifact },
	{ "shithub/download-artifact@v1", use_download_artifact },
};

enum outcome step_uses(struct job *j, const struct step_text *t)
{
	const char *uses = j->spec->steps.v[j->index].uses;
	CLEAN_BUF struct buf known = BUF_INIT(1024);
	struct err e = { 0 };

	for (size_t i = 0; i < ARRAY_LEN(actions); i++) {
		if (str_eq(uses, actions[i].name))
			return actions[i].use(j, t);
		buf_addf(&known, "%s%s", i ? ", " : "", actions[i].name);
	}
	err_set(&e, ERR_INPUT, "uses: \"%s\" is not supported, expected %s", uses,
		buf_cstr(&known));
	return step_fails(j, &e);
}

bool step_wants_box(const struct step_spec *s)
{
	for (size_t i = 0; s->uses && i < ARRAY_LEN(actions); i++)
		if (str_eq(s->uses, actions[i].name))
			return actions[i].box;
	return !str_empty(s->run);
}
