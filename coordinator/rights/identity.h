/*
 * Who a user is at an OpenID Connect provider: its issuer and the subject there, which is never
 * another's and never changes. A name at the provider is neither, so it lets nobody in by itself:
 * only an invitation, or a user that is made for it, binds a subject, once and for good.
 */
#ifndef COORDINATOR_RIGHTS_IDENTITY_H
#define COORDINATOR_RIGHTS_IDENTITY_H

#include "base/clock.h"
#include "coordinator/store/store.h"

#define IDENTITY_INVITED_US (7 * 24 * 3600 * USEC_PER_SEC)

struct identity_row {
	int64_t id, user_id;
	bool disabled; /* the user is */
	char *issuer;
	char *subject; /* NULL: invited, nobody came yet */
	struct wall created_at;
	struct wall last_used_at; /* 0: never */
};
struct identity_list {
	struct identity_row *v;
	size_t n;
};
void identity_row_release(struct identity_row *r);
void identity_list_release(struct identity_list *l);

/* The user's only one at that issuer; an earlier one goes. subject NULL: an invitation for whoever
 * is called like the user there and comes within IDENTITY_INVITED_US. The user's sessions end.
 * ERR_CONFLICT when the subject is another user's. */
int store_identity_link(struct store *s, int64_t user_id, const char *issuer, const char *subject,
	struct wall now, struct err *e) CHECK_RESULT;
/* All of the user's; its sessions end. ERR_NOT_FOUND if it has none. */
int store_identity_unlink(struct store *s, int64_t user_id, struct err *e) CHECK_RESULT;
int store_identity_list(
	struct store *s, int64_t user_id, struct identity_list *ret, struct err *e) CHECK_RESULT;

/* Somebody who proved to be this subject. Notes the use. ERR_NOT_FOUND: nobody is bound to it. */
int store_identity_find(struct store *s, const char *issuer, const char *subject, struct wall now,
	struct identity_row *ret, struct err *e) CHECK_RESULT;
/* Binds the subject to the user of that login, if it was invited. False: it was not. */
int store_identity_accept(struct store *s, const char *issuer, const char *subject,
	const char *login, struct wall now, bool *ret, struct err *e) CHECK_RESULT;

#endif
