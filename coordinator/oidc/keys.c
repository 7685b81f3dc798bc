/*
 * A key is bound to one algorithm by its kind when it is read, before any token is seen: so a
 * token's header never decides how a key is used, and no public key ever serves as a shared secret.
 */
#include "coordinator/oidc/keys.h"

#include "base/json.h"
#include "coordinator/oidc/provider.h"

enum { KEYS_DEPTH = 8, KEYS_NODES = 5000, KEY_JSON_MAX = 16 * 1024 };

static const char *const algorithms[] = { [OIDC_RS256] = "RS256", [OIDC_ES256] = "ES256" };

int oidc_algorithm_parse(const char *text, enum oidc_algorithm *ret)
{
	for (size_t i = 0; i < ARRAY_LEN(algorithms); i++)
		if (str_eq(text, algorithms[i])) {
			*ret = (enum oidc_algorithm)i;
			return 0;
		}
	return -1;
}

void oidc_keys_release(struct oidc_keys *k)
{
	for (size_t i = 0; i < k->n; i++) {
		free(k->v[i].kid);
		free(k->v[i].json);
	}
	free(k->v);
	*k = (struct oidc_keys){ 0 };
}

/* By its kind, which its own "alg" must not contradict. */
static bool algorithm_of(const struct json_value *v, enum oidc_algorithm *ret)
{
	const char *kind = json_get_string(v, "kty"), *use = json_get_string(v, "use");
	const char *said = json_get_string(v, "alg");

	if (str_eq(kind, "RSA"))
		*ret = OIDC_RS256;
	else if (str_eq(kind, "EC") && str_eq(json_get_string(v, "crv"), "P-256"))
		*ret = OIDC_ES256;
	else
		return false;
	return (!use || str_eq(use, "sig")) && (!said || str_eq(said, algorithms[*ret]));
}

/* The public half alone goes on; what else stands in the object is nobody's business. */
static int key_text(const struct json_value *v, char **ret, struct err *e)
{
	static const char *const members[] = { "kty", "n", "e", "crv", "x", "y" };
	CLEAN_BUF struct buf out = BUF_INIT(KEY_JSON_MAX);
	struct json_writer w;

	json_writer_init(&w, &out, false);
	json_begin_object(&w);
	for (size_t i = 0; i < ARRAY_LEN(members); i++) {
		const char *text = json_get_string(v, members[i]);

		if (text)
			json_kv_str(&w, members[i], text);
	}
	json_end_object(&w);
	if (json_writer_finish(&w, e) < 0)
		return err_wrap(e, "key");
	*ret = buf_take(&out);
	return 0;
}

static int key_add(struct oidc_keys *k, const struct json_value *v, struct err *e)
{
	const char *kid = json_get_string(v, "kid");
	struct oidc_key key = { 0 };

	if (!algorithm_of(v, &key.algorithm) || (kid && strlen(kid) > OIDC_KID_MAX))
		return 0;
	if (k->n == OIDC_KEYS_MAX)
		return err_set(e, ERR_PROTO, "more than %d keys", OIDC_KEYS_MAX);
	for (size_t i = 0; kid && i < k->n; i++)
		if (k->v[i].algorithm == key.algorithm && str_eq(k->v[i].kid, kid))
			return err_set(e, ERR_PROTO, "two keys are called \"%.100s\"", kid);
	if (key_text(v, &key.json, e) < 0)
		return -1;
	key.kid = xstrdup(kid);
	k->v = xrealloc(k->v, (k->n + 1) * sizeof(*k->v));
	k->v[k->n++] = key;
	return 0;
}

int oidc_keys_parse(const char *text, size_t n, struct oidc_keys *ret, struct err *e)
{
	static const struct json_limits limits = { OIDC_ANSWER_MAX, KEYS_DEPTH, KEYS_NODES };
	CLEAN_JSON struct json_doc *doc = json_parse(text, n, &limits, e);

	if (!doc)
		return -1;
	const struct json_value *list = json_get(json_root(doc), "keys");
	if (!list || list->type != JSON_ARRAY)
		return err_set(e, ERR_PROTO, "field \"keys\": missing, expected a list");
	json_array_each (item, list)
		if (key_add(ret, item, e) < 0)
			return -1;
	return ret->n ? 0
		      : err_set(e, ERR_PROTO, "no key for RS256 or ES256 among %zu", list->count);
}

const struct oidc_key *oidc_keys_find(
	const struct oidc_keys *k, enum oidc_algorithm algorithm, const char *kid)
{
	const struct oidc_key *found = NULL;

	for (size_t i = 0; i < k->n; i++) {
		if (k->v[i].algorithm != algorithm || (kid && !str_eq(k->v[i].kid, kid)))
			continue;
		if (found)
			return NULL;
		found = &k->v[i];
	}
	return found;
}
