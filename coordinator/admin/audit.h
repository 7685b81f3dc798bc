/* What operators did, as entries of the audit table (coordinator/store/audit.h), and the verb that
 * lists them. */
#ifndef COORDINATOR_ADMIN_AUDIT_H
#define COORDINATOR_ADMIN_AUDIT_H

#include "coordinator/admin/admin.h"
#include "coordinator/store/audit.h"

/* Login of who runs this process, for the caller to free; NULL where the system has no name for the
 * number. */
char *admin_operator(int64_t *ret_uid) CHECK_RESULT;
/* Who acts: the user that called from elsewhere, else the operator here; to free. */
char *admin_actor(void) CHECK_RESULT;
/* Records what this verb does, with the operator filled in. Call it inside the transaction that
 * makes the change. */
int admin_audit(struct admin *a, struct audit_entry entry, struct err *e) CHECK_RESULT;
/* The same for a target that has a number. */
int admin_audit_id(struct admin *a, const char *verb, const char *kind, int64_t id,
	const char *reason, struct err *e) CHECK_RESULT;

int admin_audit_list(int argc, char **argv);

#endif
