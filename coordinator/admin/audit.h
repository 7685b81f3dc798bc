/* What operators did, as entries of the audit table (coordinator/store/audit.h), and the verb that
 * lists them. */
#ifndef COORDINATOR_ADMIN_AUDIT_H
#define COORDINATOR_ADMIN_AUDIT_H

#include "coordinator/admin/admin.h"
#include "coordinator/store/audit.h"

/* The operator's login, the caller's; NULL where the system has no name for the number. */
char *admin_operator(int64_t *ret_uid) CHECK_RESULT;
/* Records what this verb does, with the operator filled in. Call it inside the transaction that
 * makes the change. */
int admin_audit(struct admin *a, struct audit_entry entry, struct err *e) CHECK_RESULT;
/* Who that is: the login's name, the caller's; NULL where the system has none for the uid. */
char *admin_operator(int64_t *ret_uid);
/* The same for a target that has a number. */
int admin_audit_id(struct admin *a, const char *verb, const char *kind, int64_t id,
	const char *reason, struct err *e) CHECK_RESULT;

int admin_audit_list(int argc, char **argv);

#endif
