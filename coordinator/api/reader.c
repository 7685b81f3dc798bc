/* A caller who may not see a repository hears the same as for one that does not exist. */
#include "coordinator/api/reader.h"

#include "coordinator/app/access.h"

int reader_repo(struct app *a, struct httpd_request *r, struct repo_row *ret, struct err *e)
{
	CLEANUP(pat_row_release) struct pat_row who = { 0 };
	bool named = httpd_bearer(r) != NULL;
	int64_t id;

	if ((named && auth_user(a, r, &who, e) < 0) ||
		access_named(a, named ? &who : NULL, httpd_param(r, "owner"),
			httpd_param(r, "name"), ROLE_READ, &id, e) < 0)
		return -1;
	return store_repo_get(a->store, id, ret, e);
}
