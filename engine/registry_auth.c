/*
 * Texts of these files are secrets: errors say where something is wrong and never quote it.
 * Buffers are wiped, also after an error.
 */
#include "engine/registry_auth.h"

#include <errno.h>

#include "base/codec.h"
#include "base/fs.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/proc.h"

#define HUB "docker.io"
#define HUB_SERVER "https://index.docker.io/v1/" /* what Docker calls it here */

void registry_auth_release(struct registry_auth *a)
{
	wipe_free(a->user);
	wipe_free(a->password);
	wipe_free(a->identity_token);
	free(a->source);
	*a = (struct registry_auth){ 0 };
}

void registry_auth_entry_release(struct registry_auth_entry *x)
{
	registry_auth_release(&x->auth);
	free(x->helper);
	free(x->server);
	*x = (struct registry_auth_entry){ 0 };
}

static bool known(const struct registry_auth *a)
{
	return a->identity_token || (a->user && a->password);
}

/* ---- one file ---- */

/* "https://host/v1/" is the old way to say "host"; without a scheme a path is part of the name. */
static struct slice key_name(const char *key)
{
	const char *after = strstr(key, "://");
	struct slice s = slice_of(after ? after + 3 : key);

	if (after)
		s.len = strcspn(s.ptr, "/");
	while (s.len && s.ptr[s.len - 1] == '/')
		s.len--;
	if (slice_eq(s, "index." HUB) || slice_eq(s, "registry-1." HUB))
		return SLICE(HUB);
	return s;
}

/* How much of the image's name the key covers: 0 when it is about something else. */
static size_t covers(const char *key, const char *repository)
{
	struct slice s = key_name(key);

	if (s.len == 0 || strncmp(repository, s.ptr, s.len) != 0)
		return 0;
	return repository[s.len] == '/' || repository[s.len] == '\0' ? s.len : 0;
}

static const struct json_value *best_member(const struct json_value *v, const char *repository)
{
	const struct json_value *best = NULL;
	size_t most = 0;

	if (!v || v->type != JSON_OBJECT)
		return NULL;
	json_array_each (member, v) {
		size_t n = covers(member->key, repository);

		if (n > most) {
			most = n;
			best = member;
		}
	}
	return best;
}

/* base64 of "user:password"; Docker pads it with NUL bytes now and then. */
static int take_basic(const char *text, struct registry_auth *ret, struct err *e)
{
	CLEANUP(buf_release_wipe) struct buf plain = BUF_INIT_SECRET(REGISTRY_AUTH_SECRET_MAX);
	struct err ignored = { 0 };
	const char *colon;

	if (base64_decode(&plain, text, strlen(text), &ignored) < 0)
		return err_set(e, ERR_INPUT, "auth: expected base64 of user:password (not shown)");
	while (plain.len && plain.data[plain.len - 1] == '\0')
		plain.len--;
	colon = plain.len ? memchr(plain.data, ':', plain.len) : NULL;
	if (!colon || memchr(plain.data, '\0', plain.len))
		return err_set(e, ERR_INPUT, "auth: expected base64 of user:password (not shown)");
	ret->user = xmemdup0(plain.data, (size_t)(colon - plain.data));
	ret->password = xmemdup0(colon + 1, plain.len - (size_t)(colon + 1 - plain.data));
	return 0;
}

static int take_entry(const struct json_value *v, struct registry_auth *ret, struct err *e)
{
	const char *token = json_get_string(v, "identitytoken");
	const char *basic = json_get_string(v, "auth");
	const char *user = json_get_string(v, "username");
	const char *password = json_get_string(v, "password");

	if (!str_empty(token))
		ret->identity_token = xstrdup(token);
	if (!str_empty(basic))
		return take_basic(basic, ret, e);
	if (!str_empty(user) && password) {
		ret->user = xstrdup(user);
		ret->password = xstrdup(password);
	}
	return 0;
}

/* Becomes part of a program's name. */
static bool helper_fine(const char *name)
{
	size_t n = strlen(name);

	return n >= 1 && n <= 64 &&
	       strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-") ==
		       n;
}

static int take_helper(const struct json_value *root, const char *repository,
	const struct image_ref *ref, struct registry_auth_entry *ret, struct err *e)
{
	const struct json_value *own = best_member(json_get(root, "credHelpers"), repository);
	const char *name =
		own && own->type == JSON_STRING ? own->string : json_get_string(root, "credsStore");

	if (str_empty(name))
		return 0;
	if (!helper_fine(name))
		return err_set(e, ERR_INPUT,
			"credential helper: expected a name of letters, digits, '.', '_', '-'");
	ret->helper = xstrdup(name);
	ret->server = xstrdup(str_eq(ref->registry, HUB) ? HUB_SERVER : ref->registry);
	return 0;
}

int registry_auth_parse(const char *text, size_t n, const struct image_ref *ref,
	struct registry_auth_entry *ret, struct err *e)
{
	static const struct json_limits limits = { .bytes = REGISTRY_AUTH_FILE_MAX };
	CLEAN_JSON struct json_doc *doc = json_parse(text, n, &limits, e);
	CLEAN_STR char *repository = image_ref_repository(ref);
	const struct json_value *root, *entry;

	*ret = (struct registry_auth_entry){ 0 };
	if (!doc)
		return -1;
	root = json_root(doc);
	if (root->type != JSON_OBJECT)
		return err_set(e, ERR_INPUT, "expected an object with \"auths\"");
	entry = best_member(json_get(root, "auths"), repository);
	if (take_helper(root, repository, ref, ret, e) == 0 &&
		(!entry || take_entry(entry, &ret->auth, e) == 0))
		return 0;
	registry_auth_entry_release(ret);
	return -1;
}

/* ---- helpers ---- */

int registry_auth_answer(const char *text, size_t n, struct registry_auth *ret, struct err *e)
{
	static const struct json_limits limits = { .bytes = REGISTRY_AUTH_SECRET_MAX };
	struct err ignored = { 0 };
	CLEAN_JSON struct json_doc *doc = json_parse(text, n, &limits, &ignored);
	const char *user = doc ? json_get_string(json_root(doc), "Username") : NULL;
	const char *secret = doc ? json_get_string(json_root(doc), "Secret") : NULL;

	if (!user || str_empty(secret))
		return err_set(e, ERR_PROTO,
			"expected an object with Username and Secret (answer not shown)");
	if (str_eq(user, "<token>")) {
		ret->identity_token = xstrdup(secret);
		return 0;
	}
	ret->user = xstrdup(user);
	ret->password = xstrdup(secret);
	return 0;
}

/* What a helper may need to find its own store; nothing of the job. */
static void helper_env(struct strv *env)
{
	static const char *const names[] = { "PATH", "HOME", "XDG_RUNTIME_DIR", "DOCKER_CONFIG",
		"DBUS_SESSION_BUS_ADDRESS" };

	strv_add(env, "LANG=C.UTF-8");
	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		if (getenv(names[i]))
			strv_addf(env, "%s=%s", names[i], getenv(names[i]));
}

static bool nothing_stored(const struct buf *out)
{
	return strstr(buf_cstr(out), "credentials not found") != NULL;
}

static int ask_helper(struct loop *l, const struct registry_auth_entry *x,
	struct registry_auth *ret, struct err *e)
{
	CLEANUP(buf_release_wipe) struct buf out = BUF_INIT_SECRET(REGISTRY_AUTH_SECRET_MAX);
	CLEAN_BUF struct buf words = BUF_INIT(KIB(4));
	CLEAN_STR char *program = xasprintf("docker-credential-%s", x->helper);
	CLEANUP(strv_release) struct strv env = { 0 };
	char *argv[] = { program, (char *)"get", NULL };
	struct proc_spec spec = { .argv = argv, .cwd = "/", .die_with_parent = true };
	char status_text[PROC_STATUS_TEXT];
	int status;

	helper_env(&env);
	spec.envp = env.v;
	if (proc_run(l, &spec, x->server, strlen(x->server),
		    mono_add(mono_now(), REGISTRY_AUTH_HELPER_US), &out, &words, &status, e) < 0)
		return err_wrap(e, "credential helper %s", program);
	if (status != 0 && (nothing_stored(&out) || nothing_stored(&words)))
		return 0;
	if (status != 0)
		return err_set(e, ERR_AUTH, "credential helper %s get: %s", program,
			proc_status_text(status, status_text));
	if (!buf_ok(&out))
		return err_set(e, ERR_LIMIT, "credential helper %s: answer of more than %d bytes",
			program, REGISTRY_AUTH_SECRET_MAX);
	if (registry_auth_answer(buf_cstr(&out), out.len, ret, e) < 0)
		return err_wrap(e, "credential helper %s", program);
	ret->source = xstrdup(program);
	return 0;
}

/* ---- all files ---- */

static int ask_file(struct loop *l, const char *path, const struct image_ref *ref,
	struct registry_auth *ret, struct err *e)
{
	CLEANUP(buf_release_wipe) struct buf text = BUF_INIT_SECRET(REGISTRY_AUTH_FILE_MAX);
	CLEANUP(registry_auth_entry_release) struct registry_auth_entry x = { 0 };

	if (file_read(path, &text, e) < 0)
		return -1;
	if (registry_auth_parse(buf_cstr(&text), text.len, ref, &x, e) < 0 ||
		(x.helper && ask_helper(l, &x, ret, e) < 0))
		return err_wrap(e, "%s", path);
	if (known(ret) || !known(&x.auth))
		return 0;
	*ret = TAKE_VALUE(x.auth, (struct registry_auth){ 0 });
	ret->source = xstrdup(path);
	return 0;
}

static void add_place(struct strv *places, const char *dir, const char *name)
{
	if (!str_empty(dir))
		strv_addf(places, "%s/%s", dir, name);
}

static void usual_places(struct strv *places)
{
	const char *config = getenv("DOCKER_CONFIG");

	if (!str_empty(config))
		add_place(places, config, "config.json");
	else
		add_place(places, getenv("HOME"), ".docker/config.json");
	add_place(places, getenv("XDG_RUNTIME_DIR"), "containers/auth.json");
}

int registry_auth_find(struct loop *l, const char *file, const struct image_ref *ref,
	struct registry_auth *ret, struct err *e)
{
	CLEANUP(strv_release) struct strv places = { 0 };
	const char *only = file ? file : getenv("REGISTRY_AUTH_FILE");

	*ret = (struct registry_auth){ 0 };
	if (!ref->registry)
		return 0;
	if (!str_empty(only))
		return ask_file(l, only, ref, ret, e) < 0 ? err_wrap(e, "registry credentials") : 0;
	usual_places(&places);
	strv_each (path, &places) {
		struct err why = { 0 };

		/* somebody else's home says nothing about us */
		if (ask_file(l, path, ref, ret, &why) < 0 && !err_is(&why, ERR_NOT_FOUND) &&
			why.errnum != EACCES) {
			*e = why;
			return err_wrap(e, "registry credentials");
		}
		if (known(ret))
			return 0;
	}
	return 0;
}

char *registry_auth_header(const struct registry_auth *a, const struct image_ref *ref)
{
	CLEANUP(buf_release_wipe) struct buf json = BUF_INIT_SECRET(4 * REGISTRY_AUTH_SECRET_MAX);
	struct buf text = BUF_INIT_SECRET(8 * REGISTRY_AUTH_SECRET_MAX);
	struct json_writer w;
	struct err ignored = { 0 };

	if (!known(a))
		return NULL;
	json_writer_init(&w, &json, false);
	json_begin_object(&w);
	if (a->identity_token) {
		json_kv_str(&w, "identitytoken", a->identity_token);
	} else {
		json_kv_str(&w, "username", a->user);
		json_kv_str(&w, "password", a->password);
	}
	json_kv_str(&w, "serveraddress", str_eq(ref->registry, HUB) ? HUB_SERVER : ref->registry);
	json_end_object(&w);
	if (json_writer_finish(&w, &ignored) < 0)
		return NULL;
	base64url_encode(&text, json.data, json.len);
	while (text.len % 4) /* engines want the padding that the URL form may leave out */
		buf_addc(&text, '=');
	return buf_take(&text);
}
