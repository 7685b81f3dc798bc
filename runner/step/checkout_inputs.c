/*
 * Inputs of actions/checkout that would need a credential beyond the job's own are refused by name,
 * with the reason, rather than tried: the job's token is good for one repository.
 */
#include "runner/step/checkout_inputs.h"

#include <ctype.h>
#include <strings.h>

#include "base/codec.h"
#include "runner/step/action_inputs.h"

#define ACTION "actions/checkout"
#define NO_SSH "repositories are fetched over HTTP with the job's own token"
#define NO_SPARSE "the whole tree is written"

#define FIELD(name) offsetof(struct checkout_inputs, name)
static const struct action_input table[] = {
	{ "repository", INPUT_TEXT, FIELD(repository) },
	{ "ref", INPUT_TEXT, FIELD(ref) },
	{ "path", INPUT_TEXT, FIELD(path) },
	{ "fetch-depth", INPUT_NUMBER, FIELD(depth), 0, 100000 },
	{ "fetch-tags", INPUT_BOOL, FIELD(tags) },
	{ "clean", INPUT_BOOL, FIELD(clean) },
	{ "submodules", INPUT_TEXT, FIELD(submodules) },
	{ "github-server-url", INPUT_TEXT, FIELD(server) },
	{ "persist-credentials", INPUT_FALSE_ONLY,
		.why = "the token is kept out of the workspace because every later step could "
		       "read it" },
	{ "lfs", INPUT_FALSE_ONLY, .why = "Git LFS objects are not fetched" },
	{ "show-progress", INPUT_IDLE_BOOL },
	{ "set-safe-directory", INPUT_IDLE_BOOL },
	{ "sparse-checkout-cone-mode", INPUT_IDLE_BOOL },
	{ "token", INPUT_NOT_HERE, .why = "the job's own checkout token is used" },
	{ "ssh-key", INPUT_NOT_HERE, .why = NO_SSH },
	{ "ssh-known-hosts", INPUT_NOT_HERE, .why = NO_SSH },
	{ "ssh-strict", INPUT_IDLE_BOOL },
	{ "ssh-user", INPUT_NOT_HERE, .why = NO_SSH },
	{ "sparse-checkout", INPUT_NOT_HERE, .why = NO_SPARSE },
	{ "filter", INPUT_NOT_HERE, .why = NO_SPARSE },
};

/* owner/name of http://host/owner/name.git */
static struct slice own_repository(const char *url)
{
	const char *host = strstr(url, "://");
	const char *path = host ? strchr(host + 3, '/') : NULL;
	size_t n;

	if (!path)
		return (struct slice){ "", 0 };
	path += strspn(path, "/");
	for (n = strlen(path); n && path[n - 1] == '/'; n--)
		continue;
	if (n > 4 && memcmp(path + n - 4, ".git", 4) == 0)
		n -= 4;
	return (struct slice){ path, n };
}

static int check_repository(const char *wanted, const char *url, struct err *e)
{
	struct slice own = own_repository(url);

	if (!wanted || (strlen(wanted) == own.len && strncasecmp(wanted, own.ptr, own.len) == 0))
		return 0;
	return err_set(e, ERR_INPUT,
		ACTION ": repository: \"%.100s\" cannot be checked out, expected the job's own: "
		       "%.*s",
		wanted, (int)own.len, own.ptr);
}

static int check_server(const char *wanted, const char *url, struct err *e)
{
	size_t n = strlen(url) - strlen(own_repository(url).ptr);
	size_t len = wanted ? strlen(wanted) : 0;

	while (n && url[n - 1] == '/')
		n--;
	while (len && wanted[len - 1] == '/')
		len--;
	if (!wanted || (len == n && strncasecmp(wanted, url, n) == 0))
		return 0;
	return err_set(e, ERR_INPUT,
		ACTION ": github-server-url: expected the server of the job's repository, %.*s",
		(int)n, url);
}

static int read_modules(struct checkout_inputs *in, struct err *e)
{
	int value = in->submodules ? yaml_boolean(in->submodules) : 0;

	if (value < 0 && strcasecmp(in->submodules, "recursive") != 0)
		return err_set(e, ERR_INPUT,
			ACTION ": submodules: \"%.100s\", expected true, false or recursive",
			in->submodules);
	in->modules = value < 0 ? MODULES_RECURSIVE : value ? MODULES_DIRECT : MODULES_NONE;
	return 0;
}

/* Forty hex digits are a commit, never a branch of that name, as for the original action. */
static void split_ref(struct checkout_inputs *in)
{
	if (!in->ref)
		return;
	CLEAN_STR char *lower = xstrdup(in->ref);
	for (char *p = lower; *p; p++)
		*p = (char)tolower((unsigned char)*p);
	if (!is_hex_oid(lower))
		return;
	in->sha = TAKE(lower);
	free_charp(&in->ref);
}

int checkout_inputs_read(
	const struct pairs *with, const char *url, struct checkout_inputs *ret, struct err *e)
{
	*ret = (struct checkout_inputs){ .depth = 1, .clean = true };
	if (action_inputs_read(ACTION, table, ARRAY_LEN(table), with, ret, e) < 0 ||
		check_repository(ret->repository, url, e) < 0 ||
		check_server(ret->server, url, e) < 0 || read_modules(ret, e) < 0)
		return -1;
	split_ref(ret);
	return 0;
}

void checkout_inputs_release(struct checkout_inputs *in)
{
	free(in->ref);
	free(in->sha);
	free(in->path);
	free(in->repository);
	free(in->server);
	free(in->submodules);
	*in = (struct checkout_inputs){ 0 };
}
