/*
 * Where a submodule may come from: only the server that the repository itself came from, by the
 * same scheme and port. Relative URLs are resolved as git does, scp-like and ssh:// ones of that
 * host are taken as its repositories over HTTP (nothing here has an SSH key). Pure.
 */
#ifndef CHECKOUT_SUBMODULE_H
#define CHECKOUT_SUBMODULE_H

#include "checkout/checkout.h"

enum {
	SUBMODULES_MAX = 256, /* of one tree */
};

/* `url` as written in .gitmodules of the repository at `base` → an absolute URL of the same
 * server. ERR_INPUT says what was expected. */
int submodule_url(const char *base, const char *url, char **ret, struct err *e) CHECK_RESULT;
/* A submodule as the child tells it: URL on the server of base, path, name and id well-formed. */
int submodule_check(const char *base, const struct submodule *m, struct err *e) CHECK_RESULT;
/* The same repository, whether or not .git or a slash stands at the end. */
bool repository_url_same(const char *a, const char *b);

#endif
