/*
 * A library is never unloaded: it may have threads, and handlers for the end of the process.
 * RTLD_LOCAL, as our functions have the names of its own: it must find its own.
 */
#include "base/late/late.h"

#include <dlfcn.h>
#include <stdio.h>
#include <unistd.h>

_Static_assert(sizeof(LATE_CURL) > 1 && sizeof(LATE_GIT2) > 1 && sizeof(LATE_PQ) > 1 &&
		       sizeof(LATE_CJOSE) > 1,
	"the build found no such library");
enum { EXIT_NOT_LOADED = 127 };

int late_load(struct late_library *l, struct err *e)
{
	if (l->at)
		return 0;
	void *at = dlopen(l->file, RTLD_NOW | RTLD_LOCAL);
	if (!at)
		return err_set(e, ERR_INTERNAL, "%s: %s", l->name, dlerror());
	l->at = at;
	return 0;
}

static void give_up(const struct late_library *l, const char *why)
{
	fprintf(stderr,
		"%s cannot be used: %s; install the version that this program was built with\n",
		l->name, why);
	_exit(EXIT_NOT_LOADED);
}

void *late_find(struct late_library *l, const char *name)
{
	struct err e = { 0 };

	if (late_load(l, &e) < 0)
		give_up(l, e.text);
	void *fn = dlsym(l->at, name);
	if (!fn)
		give_up(l, dlerror());
	return fn;
}
