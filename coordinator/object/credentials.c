/*
 * Keys that were cut off, or pasted with a line break, would be refused by the store with a word
 * that leads nobody to them, so their characters are checked here.
 */
#include "coordinator/object/credentials.h"

#include <stdlib.h>
#include <string.h>

#include "base/fs.h"
#include "base/limits.h"

enum { KEY_MAX = 4096 };

static char **field_of(struct sign_keys *k, const char *name, size_t n)
{
	const struct {
		const char *name;
		char **at;
	} all[] = { { "aws_access_key_id", &k->id }, { "aws_secret_access_key", &k->secret },
		{ "aws_session_token", &k->token } };

	for (size_t i = 0; i < ARRAY_LEN(all); i++)
		if (strlen(all[i].name) == n && memcmp(all[i].name, name, n) == 0)
			return all[i].at;
	return NULL;
}

static size_t trimmed(const char **p, size_t n)
{
	while (n && strchr(" \t\r", **p))
		++*p, n--;
	while (n && strchr(" \t\r", (*p)[n - 1]))
		n--;
	return n;
}

static void line_read(struct sign_keys *k, const char *p, size_t n)
{
	const char *equals = memchr(p, '=', n);

	if (!equals)
		return;
	const char *name = p, *value = equals + 1;
	size_t n_name = trimmed(&name, (size_t)(equals - p));
	size_t n_value = trimmed(&value, n - (size_t)(equals + 1 - p));
	char **at = field_of(k, name, n_name);
	if (at && !*at && n_value)
		*at = xstrndup(value, n_value);
}

static bool printable(const char *text)
{
	for (const char *p = text; *p; p++)
		if (*p <= ' ' || *p > '~')
			return false;
	return strlen(text) <= KEY_MAX;
}

static int keys_check(const struct sign_keys *k, struct err *e)
{
	if (str_empty(k->id) || str_empty(k->secret))
		return err_set(e, ERR_INPUT, "%s is missing",
			str_empty(k->id) ? "the access key ID" : "the secret access key");
	if (!printable(k->id) || strchr(k->id, '/') || !printable(k->secret) ||
		(k->token && !printable(k->token)))
		return err_set(e, ERR_INPUT, "a key has characters that no key has");
	return 0;
}

int credentials_parse(const char *text, size_t n, struct sign_keys *ret, struct err *e)
{
	const char *end = text + n;
	struct sign_keys k = { 0 };

	if (memchr(text, 0, n))
		return err_set(e, ERR_INPUT, "it is no text");
	for (const char *p = text, *next; p < end; p = next) {
		next = memchr(p, '\n', (size_t)(end - p));
		next = next ? next + 1 : end;
		line_read(&k, p, (size_t)(next - p) - (next[-1] == '\n'));
	}
	if (keys_check(&k, e) < 0) {
		sign_keys_release(&k);
		return -1;
	}
	*ret = k;
	return 0;
}

static char *env_copy(const char *name)
{
	const char *text = getenv(name);

	return str_empty(text) ? NULL : xstrdup(text);
}

static int keys_of_environment(struct sign_keys *ret, struct err *e)
{
	struct sign_keys k = { env_copy("AWS_ACCESS_KEY_ID"), env_copy("AWS_SECRET_ACCESS_KEY"),
		env_copy("AWS_SESSION_TOKEN") };

	if (keys_check(&k, e) < 0) {
		sign_keys_release(&k);
		return err_wrap(e,
			"keys of the object store: name their file in objects.credentials_file, or "
			"set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY");
	}
	*ret = k;
	return 0;
}

int credentials_load(const char *file, struct sign_keys *ret, struct err *e)
{
	struct buf text CLEANUP(buf_release_wipe) = BUF_INIT(KIB(64));

	if (!file)
		return keys_of_environment(ret, e);
	if (file_read_private(file, "keys of the object store", &text, e) < 0)
		return -1;
	if (credentials_parse(buf_cstr(&text), text.len, ret, e) < 0)
		return err_wrap(e,
			"%s: expected lines \"aws_access_key_id = …\" and \"aws_secret_access_key "
			"= …\"",
			file);
	return 0;
}
