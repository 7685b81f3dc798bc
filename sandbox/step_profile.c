/*
 * A profile of the operator's own is verified before it is used: an engine would take a text that
 * confines nothing. engine.seccomp_unverified turns a finding into a warning, and doctor keeps
 * showing it. A profile that allows no more than Docker's default does is usable as it is: it
 * confines, for less.
 */
#include "sandbox/step_profile.h"

#include "base/buf.h"
#include "base/fs.h"
#include "base/limits.h"
#include "sandbox/seccomp.h"

static int read_profile(const struct runner_config *c, struct buf *text, struct err *e)
{
	const char *path = c->engine.seccomp_profile;

	if (!path)
		return seccomp_profile_json(0, text, e);
	return file_read(path, text, e) < 0 ? err_wrap(e, "seccomp profile") : 0;
}

int step_profile_load(const struct runner_config *c, struct step_profile *ret, struct err *e)
{
	CLEAN_BUF struct buf text = BUF_INIT(MIB(1));
	struct err wrong = { 0 };
	const char *path = c->engine.seccomp_profile ? c->engine.seccomp_profile : "built in";

	*ret = (struct step_profile){ 0 };
	if (read_profile(c, &text, e) < 0)
		return -1;
	if (seccomp_profile_check(buf_cstr(&text), text.len, &ret->beyond, &wrong) < 0) {
		if (!c->engine.seccomp_unverified)
			return err_set(e, ERR_INPUT,
				"%s: %s; run `shithubd-runner seccomp verify` "
				"for details, or set engine.seccomp_unverified = true to use it "
				"anyway",
				path, wrong.text);
		ret->doubts = xstrdup(wrong.text);
	}
	ret->text = buf_take(&text);
	return 0;
}

void step_profile_release(struct step_profile *p)
{
	free(p->text);
	free(p->doubts);
	free(p->beyond);
	*p = (struct step_profile){ 0 };
}
