/*
 * With another root key a serve would start well and fail later: values do not open, and tokens of
 * the others are refused. So it is refused before it serves. No key is made beside a store that has
 * one: it would be a wrong one, in the place where the right one is missing.
 */
#include "coordinator/serve/root_key.h"

#include <unistd.h>

#include "base/codec.h"
#include "base/fs.h"
#include "coordinator/store/pool/fact.h"

#define FACT "root_key"
#define REMEDY                                                                                   \
	"give it the key with which the store was begun: copy root.key of the serve that opens " \
	"it, "                                                                                   \
	"or of its backup"

static int missing_is_refused(
	struct store *s, const struct serve_config *c, const char *source, struct err *e)
{
	CLEAN_STR char *said = NULL;

	if (c->totp_key_b64 || access(source, F_OK) == 0)
		return 0;
	if (store_fact(s, FACT, &said, e) < 0)
		return -1;
	return said ? err_set(e, ERR_CONFLICT,
			      "%s is missing, and the store has a root key; " REMEDY, source)
		    : 0;
}

static int not_the_stores(const char *source, struct err *e)
{
	return err_set(e, ERR_CONFLICT, "the root key in %s is not the store's; " REMEDY, source);
}

static int other_is_refused(struct app *a, const char *source, struct err *e)
{
	CLEAN_STR char *said = NULL;
	char print[2 * KEY_LEN + 1];

	hex_encode(a->keys.print, KEY_LEN, print);
	if (store_fact_say(a->store, FACT, print, wall_now(), &said, e) < 0)
		return -1;
	return str_eq(said, print) ? 0 : not_the_stores(source, e);
}

int root_key_begin(struct app *a, const struct serve_config *c, struct err *e)
{
	CLEAN_STR char *source = serve_keys_source(c);

	if (missing_is_refused(a->store, c, source, e) < 0 ||
		keys_load(&a->keys, c->totp_key_b64, a->data_dir, e) < 0 ||
		other_is_refused(a, source, e) < 0)
		return -1;
	return serve_keys_publish(&a->keys, a->data_dir, e);
}

int root_key_load(struct keys *k, struct store *s, const char *data_dir, struct err *e)
{
	char *given = getenv("SHITHUB_TOTP_KEY");
	const struct serve_config c = { .data_dir = (char *)(uintptr_t)data_dir,
		.totp_key_b64 = str_empty(given) ? NULL : given };
	CLEAN_STR char *source = serve_keys_source(&c);
	CLEAN_STR char *said = NULL;
	char print[2 * KEY_LEN + 1];

	if (missing_is_refused(s, &c, source, e) < 0 || serve_keys_load(k, data_dir, e) < 0 ||
		store_fact(s, FACT, &said, e) < 0)
		return -1;
	hex_encode(k->print, KEY_LEN, print);
	return !said || str_eq(said, print) ? 0 : not_the_stores(source, e);
}
