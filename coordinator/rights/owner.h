/*
 * Owners of repositories: users and organisations. They share one namespace, as both stand before
 * the slash of OWNER/NAME; logins compare without case. Membership gives a user one role on all
 * repositories of an organisation.
 */
#ifndef COORDINATOR_RIGHTS_OWNER_H
#define COORDINATOR_RIGHTS_OWNER_H

#include "base/clock.h"
#include "coordinator/rights/access.h"
#include "coordinator/store/store.h"

struct owner_row {
	int64_t id;
	char *login;
	bool user;       /* else an organisation */
	bool site_admin; /* a user that may do everything */
	struct wall created_at;
	struct wall disabled_at; /* a user whose tokens are refused */
};
struct owner_list {
	struct owner_row *v;
	size_t n;
};
void owner_row_release(struct owner_row *r);
void owner_list_release(struct owner_list *l);

/* login, user and site_admin are taken from the row, which gets its id. ERR_CONFLICT. */
int store_owner_add(
	struct store *s, struct owner_row *row, struct wall now, struct err *e) CHECK_RESULT;
int store_owner_find(
	struct store *s, const char *login, struct owner_row *ret, struct err *e) CHECK_RESULT;
/* The same, and ERR_INPUT if it is of the other kind. */
int store_user_find(
	struct store *s, const char *login, struct owner_row *ret, struct err *e) CHECK_RESULT;
int store_organisation_find(
	struct store *s, const char *login, struct owner_row *ret, struct err *e) CHECK_RESULT;
/* By name; users alone, or all. */
int store_owner_list(
	struct store *s, bool users_only, struct owner_list *ret, struct err *e) CHECK_RESULT;
int store_user_count(struct store *s, int64_t *ret, struct err *e) CHECK_RESULT;
int store_user_set_admin(struct store *s, int64_t id, bool on, struct err *e) CHECK_RESULT;
/* disabled_at.us 0: enabled again. The sessions of a user that is disabled end. */
int store_user_set_disabled(
	struct store *s, int64_t id, struct wall disabled_at, struct err *e) CHECK_RESULT;

/* A member of an organisation: its login and role. */
struct member_row {
	char *login;
	int64_t role; /* enum role */
};
struct member_list {
	struct member_row *v;
	size_t n;
};
void member_list_release(struct member_list *l);
int store_member_set(struct store *s, int64_t owner_id, int64_t user_id, enum role role,
	struct err *e) CHECK_RESULT;
/* ERR_NOT_FOUND if there is no such member. */
int store_member_remove(
	struct store *s, int64_t owner_id, int64_t user_id, struct err *e) CHECK_RESULT;
int store_member_list(
	struct store *s, int64_t owner_id, struct member_list *ret, struct err *e) CHECK_RESULT;

#endif
