/* `admin user link` and `unlink`: who a user is at the provider by which users sign in. */
#ifndef COORDINATOR_ADMIN_RIGHTS_IDENTITY_H
#define COORDINATOR_ADMIN_RIGHTS_IDENTITY_H

#include "coordinator/admin/admin.h"

/* The identities of a user, behind what `show` prints of it; in JSON the member "identities". */
int admin_identities_show(struct admin *a, int64_t user_id, struct err *e) CHECK_RESULT;

int admin_user_link(int argc, char **argv);   /* LOGIN [--subject SUBJECT] [--issuer URL] */
int admin_user_unlink(int argc, char **argv); /* LOGIN */

#endif
