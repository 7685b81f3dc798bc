/* `admin token …`: personal access tokens. */
#ifndef COORDINATOR_ADMIN_RIGHTS_TOKEN_H
#define COORDINATOR_ADMIN_RIGHTS_TOKEN_H

#include "coordinator/admin/admin.h"
#include "coordinator/rights/pat.h"

int admin_token_create(int argc, char **argv); /* --name N [--user LOGIN] [--scopes L] … */
int admin_token_list(int argc, char **argv);   /* [--user LOGIN] */
int admin_token_revoke(int argc, char **argv); /* --id N */

/* An object, or a line: everything but the token itself, which nobody knows. */
void admin_token_show(struct admin *a, const struct pat_row *p);

#endif
