/* `admin token create`, `admin secret set`, `admin variable set`, `admin run cancel`. */
#include "coordinator/admin_verbs.h"

#include <stdio.h>

#include "base/fs.h"
#include "base/limits.h"
#include "coordinator/admin.h"
#include "coordinator/claim.h"
#include "coordinator/serve_config.h"
#include "coordinator/token.h"

enum { PAT_NAME_MAX = 100, NAME_MAX_BYTES = 200 };

static int scopes_parse(const char *text, unsigned *ret, struct err *e)
{
	static const struct {
		const char *name;
		unsigned bits;
	} scopes[] = {
		{ "repo:read", SCOPE_REPO_READ },
		{ "repo:write", SCOPE_REPO_READ | SCOPE_REPO_WRITE },
	};
	CLEANUP(strv_release) struct strv list = { 0 };
	strv_split(&list, text, ',');
	*ret = 0;
	strv_each (name, &list) {
		unsigned bits = 0;
		for (size_t i = 0; i < ARRAY_LEN(scopes); i++)
			if (str_eq(name, scopes[i].name))
				bits = scopes[i].bits;
		if (!bits)
			return err_set(e, ERR_INPUT,
				"--scopes: \"%.40s\", expected repo:read or repo:write", name);
		*ret |= bits;
	}
	return *ret ? 0 : err_set(e, ERR_INPUT, "--scopes: expected repo:read or repo:write");
}

static int pat_print(bool json, int64_t id, const char *name, const char *scopes, const char *token)
{
	struct buf out = BUF_INIT(KIB(16));
	struct json_writer w;
	if (!json) {
		printf("token %s\nIt is shown this once.\n", token);
		return EXIT_OK;
	}
	json_writer_init(&w, &out, false);
	json_begin_object(&w);
	json_kv_int(&w, "id", id);
	json_kv_str(&w, "name", name);
	json_kv_str(&w, "scopes", scopes);
	json_kv_str(&w, "token", token);
	json_end_object(&w);
	int code = admin_print_json(&w, &out);
	buf_release_wipe(&out);
	return code;
}

int admin_token_create(int argc, char **argv)
{
	CLEAN_ADMIN struct admin a = { 0 };
	struct err e = { 0 };
	const char *data = NULL, *output = NULL, *name = NULL, *scopes = "repo:read",
		   *expires_in = NULL;
	const struct cli_flag flags[] = {
		{ "name", CLI_STRING, &name, "NAME", "the user it stands for", .required = true },
		{ "scopes", CLI_STRING, &scopes, "LIST", "repo:read, repo:write" },
		{ "expires-in", CLI_STRING, &expires_in, "30d", "its life (default: for ever)" },
		ADMIN_DATA_FLAG(data),
		ADMIN_OUTPUT_FLAG(output),
	};
	char **args, token[PAT_TEXT_MAX];
	unsigned char sha[SHA256_LEN];
	unsigned bits;
	int n;
	int64_t id, life = 0;
	bool json;
	struct wall now = wall_now();
	int rc = cli_parse(argc, argv, flags, ARRAY_LEN(flags), NULL, 0, &args, &n);
	if (rc || admin_output(output, &json))
		return rc > 0 ? EXIT_OK : EXIT_USAGE;
	if (!*name || strlen(name) > PAT_NAME_MAX)
		return cli_fail(EXIT_USAGE, "--name: expected 1 to %d bytes", PAT_NAME_MAX);
	if (scopes_parse(scopes, &bits, &e) ||
		(expires_in && duration_parse(expires_in, &life, &e)) || admin_open(&a, data, &e))
		return admin_fail(&e);
	pat_random(token);
	token_hash(token, sha);
	struct wall expires = { life ? now.us + life : 0 };
	if (store_pat_add(a.store, name, sha, bits, now, expires, &id, &e))
		return admin_fail(&e);
	int code = pat_print(json, id, name, scopes, token);
	wipe(token, sizeof(token));
	return code;
}

/* ---- secrets and variables ---- */

struct named_args {
	const char *data, *repo, *name;
};

/* ^[A-Za-z_][A-Za-z0-9_]*$ */
static bool name_valid(const char *s)
{
	static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_";
	static const char more[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_0123456789";
	size_t n = strlen(s);
	return n && n <= NAME_MAX_BYTES && strchr(letters, *s) && strspn(s, more) == n;
}

static int named_parse(int argc, char **argv, struct named_args *o)
{
	const struct cli_flag flags[] = {
		{ "repo", CLI_STRING, &o->repo, "OWNER/NAME", "the repository", .required = true },
		{ "name", CLI_STRING, &o->name, "NAME", "letters, digits, _", .required = true },
		ADMIN_DATA_FLAG(o->data),
	};
	char **args;
	int n;
	int rc = cli_parse(argc, argv, flags, ARRAY_LEN(flags),
		"The value is read from standard input; one newline at its end is dropped.", 0,
		&args, &n);
	if (rc == 0 && !name_valid(o->name)) {
		cli_fail(EXIT_USAGE, "--name \"%.40s\": expected letters, digits and _", o->name);
		return -1;
	}
	return rc;
}

static int value_read(struct buf *value, struct err *e)
{
	if (fd_read_all(STDIN_FILENO, value, e))
		return err_wrap(e, "value on standard input");
	if (value->len && value->data[value->len - 1] == '\n')
		value->data[--value->len] = 0;
	if (!value->len || memchr(value->data, 0, value->len) ||
		!utf8_valid(value->data, value->len))
		return err_set(e, ERR_INPUT,
			"value on standard input: expected UTF-8 text without NUL, not empty");
	return 0;
}

static int secret_store(struct admin *a, const struct keys *k, const struct named_args *o,
	const struct buf *value, struct err *e)
{
	CLEANUP(repo_row_release) struct repo_row repo = { 0 };
	CLEAN_BUF struct buf sealed = BUF_INIT(LIMIT_MASK_VALUE + 64);
	if (admin_repo_find(a, o->repo, &repo, e))
		return -1;
	CLEAN_STR char *context = secret_context(repo.id, o->name);
	if (seal(k, context, value->data, value->len, &sealed, e))
		return -1;
	return store_secret_set(a->store, repo.id, o->name, sealed.data, sealed.len, wall_now(), e);
}

int admin_secret_set(int argc, char **argv)
{
	CLEAN_ADMIN struct admin a = { 0 };
	struct named_args o = { 0 };
	struct keys keys = { 0 };
	struct err e = { 0 };
	struct buf value = BUF_INIT(LIMIT_MASK_VALUE);
	int rc = named_parse(argc, argv, &o);
	if (rc)
		return rc > 0 ? EXIT_OK : EXIT_USAGE;
	rc = admin_open(&a, o.data, &e) || serve_keys_load(&keys, a.data_dir, &e) ||
			     value_read(&value, &e) || secret_store(&a, &keys, &o, &value, &e)
		     ? admin_fail(&e)
		     : EXIT_OK;
	buf_release_wipe(&value);
	keys_wipe(&keys);
	return rc;
}

int admin_variable_set(int argc, char **argv)
{
	CLEAN_ADMIN struct admin a = { 0 };
	CLEANUP(repo_row_release) struct repo_row repo = { 0 };
	CLEAN_BUF struct buf value = BUF_INIT(LIMIT_MASK_VALUE);
	struct named_args o = { 0 };
	struct err e = { 0 };
	int rc = named_parse(argc, argv, &o);
	if (rc)
		return rc > 0 ? EXIT_OK : EXIT_USAGE;
	if (admin_open(&a, o.data, &e) || value_read(&value, &e) ||
		admin_repo_find(&a, o.repo, &repo, &e) ||
		store_variable_set(a.store, repo.id, o.name, buf_cstr(&value), &e))
		return admin_fail(&e);
	return EXIT_OK;
}

/* ---- cancel ---- */

int admin_run_cancel(int argc, char **argv)
{
	CLEAN_ADMIN struct admin a = { 0 };
	CLEANUP(run_row_release) struct run_row run = { 0 };
	struct err e = { 0 };
	const char *data = NULL;
	int64_t id = 0;
	const struct cli_flag flags[] = {
		{ "id", CLI_INT, &id, "N", "the run", 1, INT64_MAX, true },
		ADMIN_DATA_FLAG(data),
	};
	char **args;
	int n;
	int rc = cli_parse(argc, argv, flags, ARRAY_LEN(flags), NULL, 0, &args, &n);
	if (rc)
		return rc > 0 ? EXIT_OK : EXIT_USAGE;
	if (admin_open(&a, data, &e) || store_run_cancel(a.store, id, wall_now(), &e) ||
		store_run_get(a.store, id, &run, &e))
		return admin_fail(&e);
	admin_wake(&a);
	printf("run %lld is %s\n", (long long)id,
		status_terminal(run.state.status) ? status_text(run.state.status)
						  : "asked to cancel");
	return EXIT_OK;
}
