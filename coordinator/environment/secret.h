/*
 * Secrets (sealed by the caller: coordinator/app/keys.h) and variables. Each belongs to one scope:
 * the site, an owner, a repository or an environment of a repository; the narrower scope shadows
 * the wider. Names differ in more than upper and lower case.
 */
#ifndef COORDINATOR_ENVIRONMENT_SECRET_H
#define COORDINATOR_ENVIRONMENT_SECRET_H

#include "base/clock.h"
#include "base/codec.h"
#include "coordinator/store/store.h"

enum value_kind { VALUE_SECRET, VALUE_VARIABLE };
const char *value_kind_text(enum value_kind k); /* "secret" */

/* Exactly one member is set, none: the site. */
struct value_scope {
	const char *owner;
	int64_t repo_id, environment_id;
};
struct value_row {
	char *name;
	char *bytes; /* of a secret: sealed */
	size_t len;
	char *owner; /* the scope, as above */
	int64_t repo_id, environment_id;
	struct wall updated_at;
};
struct value_list {
	struct value_row *v;
	size_t n;
};
void value_list_release(struct value_list *l);
static inline struct value_scope value_scope_of(const struct value_row *r)
{
	return (struct value_scope){ r->owner, r->repo_id, r->environment_id };
}

/* Context under which a secret of a scope is sealed; the caller's. */
char *secret_context(const struct value_scope *scope, const char *name);

/* Replaces one that exists. ERR_LIMIT past LIMIT_SECRETS of a kind in a scope. */
int store_value_set(struct store *s, enum value_kind k, const struct value_scope *scope,
	const char *name, struct slice value, struct wall now, struct err *e) CHECK_RESULT;
/* ERR_NOT_FOUND */
int store_value_delete(struct store *s, enum value_kind k, const struct value_scope *scope,
	const char *name, struct err *e) CHECK_RESULT;
/* Those of this scope alone, by name. */
int store_value_list(struct store *s, enum value_kind k, const struct value_scope *scope,
	struct value_list *ret, struct err *e) CHECK_RESULT;
/* What a job of the repository gets; environment NULL: it names none. Shadowed ones are left out.
 */
int store_value_visible(struct store *s, enum value_kind k, int64_t repo_id,
	const char *environment, struct value_list *ret, struct err *e) CHECK_RESULT;
/* The same for variables, as name and text. */
int store_variables(struct store *s, int64_t repo_id, const char *environment, struct pairs *ret,
	struct err *e) CHECK_RESULT;

#endif
