/*
 * The actions are built in: nothing named by `uses` is downloaded or run on the host. Adding one
 * means a file of its own in this folder and a line in the table.
 */
#include "runner/step/uses.h"

#include <inttypes.h>

#include "runner/step/action_inputs.h"
#include "runner/step/artifact.h"
#include "runner/step/checkout.h"
#include "runner/step/setup_python.h"
#include "workflow/shithub.h"

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

/* `token: ${{ github.token }}` and its like say what holds without them. */
static void drop_own(const struct job_spec *s, struct pairs *with)
{
	CLEANUP(pairs_release) struct pairs own = { 0 };
	CLEAN_STR char *run = xasprintf("%" PRId64, s->run_id);
	CLEAN_STR char *repository = shithub_repository_of(s->checkout_url);

	pairs_set(&own, "run-id", run);
	pairs_set(&own, "repository", repository);
	if (!str_empty(s->checkout_token)) {
		pairs_set(&own, "token", s->checkout_token);
		pairs_set(&own, "github-token", s->checkout_token);
	}
	action_inputs_drop_own(with, &own);
}

enum outcome step_uses(struct job *j, struct step_text *t)
{
	const char *uses = j->spec->steps.v[j->step.index].uses;
	CLEAN_BUF struct buf known = BUF_INIT(1024);
	struct err e = { 0 };

	drop_own(j->spec, &t->with);
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
