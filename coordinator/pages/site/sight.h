/* Which runners a caller may see: those of everybody, and those of an owner or a repository of
 * which the caller may read something. */
#ifndef COORDINATOR_PAGES_SITE_SIGHT_H
#define COORDINATOR_PAGES_SITE_SIGHT_H

#include "coordinator/pages/page.h"
#include "coordinator/store/runner.h"

struct sight {
	struct viewer viewer;
	int64_t reader; /* access_reader */
	struct readable_list readable;
};
void sight_release(struct sight *s);
/* Who asks, and what that caller may read; ERR_AUTH. */
int sight_of(struct app *a, struct httpd_request *r, struct sight *ret, struct err *e) CHECK_RESULT;
bool sight_runner(const struct sight *s, const struct runner_row *r);
/* The state in one word: what keeps it from work before whether it works. */
const char *runner_word(const struct runner_row *r, struct wall now);

/* "Its disk is full" */
const char *trouble_title(const char *kind);

#endif
