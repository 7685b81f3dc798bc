/*
 * An address counts only when the provider says that it was verified: else anybody could write
 * another's domain into a profile.
 */
#include "coordinator/oidc/person.h"

#include <strings.h>

void oidc_person_release(struct oidc_person *p)
{
	free(p->subject);
	free(p->login);
	free(p->email);
	strv_release(&p->groups);
	*p = (struct oidc_person){ 0 };
}

static bool is_subject(const char *text)
{
	if (str_empty(text) || strlen(text) > OIDC_SUBJECT_MAX)
		return false;
	for (; *text; text++)
		if (*text < ' ' || *text > '~')
			return false;
	return true;
}

static int take_subject(struct oidc_person *p, const struct json_value *claims, struct err *e)
{
	const char *subject = json_get_string(claims, "sub");

	if (!is_subject(subject))
		return err_set(e, ERR_PROTO,
			"claim \"sub\": expected 1 to %d printable ASCII characters",
			OIDC_SUBJECT_MAX);
	if (p->subject && !str_eq(p->subject, subject))
		return err_set(e, ERR_PROTO, "claim \"sub\": another one than in the ID token");
	if (!p->subject)
		p->subject = xstrdup(subject);
	return 0;
}

static void take_text(char **to, const char *text)
{
	if (!*to && !str_empty(text) && strlen(text) <= OIDC_CLAIM_MAX)
		*to = xstrdup(text);
}

/* A list of names, or one. */
static void take_groups(struct oidc_person *p, const struct json_value *v)
{
	if (p->has_groups || !v || (v->type != JSON_ARRAY && v->type != JSON_STRING))
		return;
	p->has_groups = true;
	if (v->type == JSON_STRING) {
		strv_add(&p->groups, v->string);
		return;
	}
	json_array_each (item, v)
		if (item->type == JSON_STRING && p->groups.n < OIDC_GROUPS_MAX)
			strv_add(&p->groups, item->string);
}

int oidc_person_read(struct oidc_person *p, const struct json_value *claims,
	const struct oidc_settings *s, struct err *e)
{
	if (take_subject(p, claims, e) < 0)
		return -1;
	take_text(&p->login, json_get_string(claims, s->login_claim));
	if (json_get_bool(claims, "email_verified", false))
		take_text(&p->email, json_get_string(claims, "email"));
	take_groups(p, json_get(claims, s->groups_claim));
	return 0;
}

bool oidc_person_complete(const struct oidc_person *p, const struct oidc_settings *s)
{
	return p->login && (p->email || !s->email_domains.n) && (p->has_groups || !s->groups.n);
}

static bool domain_fits(const char *email, const struct strv *domains)
{
	const char *at = email ? strrchr(email, '@') : NULL;

	strv_each (domain, domains)
		if (at && strcasecmp(at + 1, domain) == 0)
			return true;
	return false;
}

static bool group_fits(const struct strv *have, const struct strv *wanted)
{
	strv_each (group, wanted)
		if (strv_contains(have, group))
			return true;
	return false;
}

int oidc_person_admitted(const struct oidc_person *p, const struct oidc_settings *s, struct err *e)
{
	if (s->email_domains.n && !domain_fits(p->email, &s->email_domains))
		return err_set(e, ERR_DENIED,
			"%s gives no verified e-mail address of yours in a domain that may sign "
			"in here.",
			s->name);
	if (s->groups.n && !p->has_groups)
		return err_set(e, ERR_DENIED,
			"%s does not say in which groups you are: the operator has to make it "
			"give the claim \"%s\", or name another in oidc.groups_claim or "
			"oidc.scopes.",
			s->name, s->groups_claim);
	if (s->groups.n && !group_fits(&p->groups, &s->groups))
		return err_set(
			e, ERR_DENIED, "At %s you are in no group that may sign in here.", s->name);
	return 0;
}
