/*
 * Options of serve, by the same tables as the runner's, and the root key. The key's id is left in
 * the data folder, so that a verb that was given another key refuses instead of sealing what serve
 * cannot open.
 */
#include "coordinator/serve/config.h"

#include <stdio.h>

#include "base/cli.h"
#include "base/codec.h"
#include "base/fs.h"
#include "base/limits.h"
#include "config/option_list.h"
#include "config/options.h"
#include "coordinator/http/address.h"
#include "coordinator/object/bucket.h"
#include "coordinator/oidc/provider.h"
#include "coordinator/sql/place.h"

#define ROOT_KEY_ENV "SHITHUB_TOTP_KEY"

/* Trims a slash at the end; the rest is checked where it matters, by those who clone. */
static const char *url_check(char **text)
{
	size_t n = strlen(*text);

	while (n && (*text)[n - 1] == '/')
		(*text)[--n] = 0;
	if (!str_starts(*text, "http://") && !str_starts(*text, "https://"))
		return "another scheme, expected http:// or https://";
	if (strpbrk(strstr(*text, "//") + 2, " @?#\"\\"))
		return "credentials, query, fragment or blanks in it, expected "
		       "scheme://host[/path]";
	return NULL;
}

static const char *store_check(char **text)
{
	return store_place_check(*text);
}

static const char *const pages_words[] = { [PAGES_OFF] = "off", [PAGES_ON] = "on", NULL };

static const char *network_check(char **text)
{
	struct network unused;

	return network_parse(*text, &unused);
}

/* ---- signing in by a provider ---- */

static const char *issuer_check(char **text)
{
	return strchr(*text, '?') ? "a query in it, expected https://HOST[/PATH]"
				  : oidc_url_problem(*text);
}

/* It stands on a button. */
static const char *name_check(char **text)
{
	return strlen(*text) > 40 ? "too long, expected at most 40 bytes" : NULL;
}

static const char *scopes_check(char **text)
{
	CLEANUP(strv_release) struct strv words = { 0 };

	strv_split(&words, *text, ' ');
	return strv_contains(&words, "openid") ? NULL : "no \"openid\", expected it among them";
}

static const char *domain_check(char **text)
{
	return strchr(*text, '@') || !strchr(*text, '.') ? "no domain, expected example.org" : NULL;
}

static const char *const users_words[] = {
	[OIDC_LINKED] = "linked", [OIDC_CREATE] = "create", NULL
};

/* A bucket's text is checked whole; a folder must be one from the root, as the file may say it. */
static const char *objects_place_check(char **text)
{
	static struct err why; /* told before the next text is checked */
	struct bucket bucket = { 0 };

	if (!bucket_is_s3(*text))
		return **text == '/' ? NULL : "a relative path, expected /DIR or s3://BUCKET…";
	err_clear(&why);
	int rc = bucket_parse(*text, &bucket, &why);
	bucket_release(&bucket);
	return rc < 0 ? why.text : NULL;
}

static const struct option table[] = {
	{ "server", "listen", OPTION_STRING, offsetof(struct serve_config, listen),
		"127.0.0.1:8080", .flag = "listen", .meta = "HOST:PORT",
		.help = "address; port 0: a free one" },
	{ "server", "public_url", OPTION_STRING, offsetof(struct serve_config, public_url), NULL,
		.flag = "public-url", .meta = "URL",
		.help = "URL at which runners and git reach it", .check = url_check },
	{ "server", "tls_cert_file", OPTION_STRING, offsetof(struct serve_config, tls_cert), NULL,
		.flag = "tls-cert-file", .meta = "FILE", .path = OPTION_PATH,
		.help = "certificate and chain, PEM; SIGHUP reads it again" },
	{ "server", "tls_key_file", OPTION_STRING, offsetof(struct serve_config, tls_key), NULL,
		.flag = "tls-key-file", .meta = "FILE", .path = OPTION_PATH,
		.help = "its private key, PEM, 0600 or 0640" },
	{ "server", "data_dir", OPTION_STRING, offsetof(struct serve_config, data_dir),
		COORDINATOR_DATA_DIR, .flag = "data", .meta = "DIR", .path = OPTION_PATH,
		.help = "data folder" },
	{ "server", "store", OPTION_STRING, offsetof(struct serve_config, store), NULL,
		.flag = "store", .meta = "ADDRESS", .check = store_check,
		.help = "where the rows are: sqlite:/FOLDER or postgres://USER@HOST/DATABASE; "
			"none: in the data folder" },
	{ "server", "lease", OPTION_DURATION, offsetof(struct serve_config, lease), "30s",
		.min = 3 * USEC_PER_SEC, .max = 600 * USEC_PER_SEC,
		.help = "of several serves on one PostgreSQL, one that was silent for this long is "
			"taken for gone" },
	{ "server", "objects", OPTION_STRING, offsetof(struct serve_config, objects), NULL,
		.flag = "objects", .meta = "DIR|s3://BUCKET[/PREFIX]?endpoint=URL&region=NAME",
		.check = objects_place_check,
		.help = "folder or bucket of artifacts and archived logs; none: objects, in the "
			"data folder" },
	{ "server", "repositories", OPTION_STRING, offsetof(struct serve_config, repositories),
		NULL, .flag = "repositories", .meta = "DIR", .path = OPTION_PATH,
		.help = "folder of repositories that several serves share; none: repos, in the "
			"data folder" },
	{ "objects", "credentials_file", OPTION_STRING,
		offsetof(struct serve_config, objects_credentials), NULL, .path = OPTION_PATH,
		.help = "keys of the bucket as AWS's tools read them, 0600 or 0640; none: "
			"AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY" },
	{ "objects", "ca_file", OPTION_STRING, offsetof(struct serve_config, objects_ca_file), NULL,
		.path = OPTION_PATH, .help = "authority of the endpoint's certificate, PEM" },
	{ "server", "metrics_token_file", OPTION_STRING,
		offsetof(struct serve_config, metrics_token_file), NULL, .path = OPTION_PATH,
		.help = "token that /metrics needs, 0600 or 0640; none: only callers on this "
			"machine" },
	{ "server", "pages", OPTION_CHOICE, offsetof(struct serve_config, pages), "on",
		.choices = pages_words, .flag = "pages", .meta = "on|off",
		.help = "pages for browsers beside the API" },
	{ "server", "max_connections", OPTION_INT, offsetof(struct serve_config, connections),
		"4096", .min = 64, .max = 100000, .help = "connections at one time" },
	{ "server", "max_connections_per_peer", OPTION_INT,
		offsetof(struct serve_config, connections_per_peer), "256", .min = 1, .max = 100000,
		.help = "connections of one address that wait without having shown a token" },
	{ "server", "live_log_time", OPTION_DURATION, offsetof(struct serve_config, live_log_time),
		"2m", .min = USEC_PER_SEC, .max = 3600 * USEC_PER_SEC,
		.help = "a live log's reader comes again after this time, and its rights are "
			"asked again" },
	{ "server", "trusted_proxies", OPTION_LIST, offsetof(struct serve_config, trusted_proxies),
		NULL, .max = 64, .check = network_check,
		.help = "proxies whose X-Forwarded-For names the caller: addresses or networks" },
	{ "jobs", "expiry", OPTION_DURATION, offsetof(struct serve_config, job_expiry), "20m",
		.min = USEC_PER_SEC, .max = 7 * 24 * 3600 * USEC_PER_SEC, .flag = "job-expiry",
		.meta = "TIME",
		.help = "declare a job's runner lost after this time without a sign of life" },
	{ "artifacts", "max_size", OPTION_SIZE, offsetof(struct serve_config, artifact_max_size),
		"2g", .min = 1, .max = GIB(1024), .help = "size limit of one packed artifact" },
	{ "artifacts", "max_run_size", OPTION_SIZE,
		offsetof(struct serve_config, artifact_max_run_size), "8g", .min = 1,
		.max = GIB(1024), .help = "size limit of all artifacts of a run" },
	{ "artifacts", "retention_days", OPTION_INT, offsetof(struct serve_config, artifact_days),
		"30", .min = 1, .max = 90, .help = "unless the workflow says otherwise" },
	{ "logs", "max_step_size", OPTION_SIZE, offsetof(struct serve_config, log_max_step_size),
		"256m", .min = KIB(64), .max = GIB(1024), .help = "bytes kept of a step's log" },
	{ "logs", "max_job_size", OPTION_SIZE, offsetof(struct serve_config, log_max_job_size),
		"1g", .min = KIB(64), .max = GIB(1024), .help = "bytes kept of a job's logs" },
	{ "logs", "max_run_size", OPTION_SIZE, offsetof(struct serve_config, log_max_run_size),
		"4g", .min = KIB(64), .max = GIB(1024), .help = "bytes kept of a run's logs" },
	{ "git", "hooks_path", OPTION_STRING, offsetof(struct serve_config, git_hooks), NULL,
		.path = OPTION_PATH, .help = "folder of hooks that git runs in every repository" },
	{ "oidc", "issuer", OPTION_STRING, offsetof(struct serve_config, oidc.issuer), NULL,
		.check = issuer_check,
		.help = "OpenID Connect provider by which users sign in; none: passwords alone" },
	{ "oidc", "name", OPTION_STRING, offsetof(struct serve_config, oidc.name), "OpenID Connect",
		.check = name_check, .help = "of the provider, on the button" },
	{ "oidc", "client_id", OPTION_STRING, offsetof(struct serve_config, oidc.client_id), NULL,
		.help = "by which the provider knows this coordinator" },
	{ "oidc", "client_secret_file", OPTION_STRING,
		offsetof(struct serve_config, oidc.secret_file), NULL, .path = OPTION_PATH,
		.help = "file with the client's secret, 0600 or 0640" },
	{ "oidc", "scopes", OPTION_STRING, offsetof(struct serve_config, oidc.scopes),
		"openid profile email", .check = scopes_check,
		.help = "what the provider is asked for" },
	{ "oidc", "login_claim", OPTION_STRING, offsetof(struct serve_config, oidc.login_claim),
		"preferred_username", .help = "claim with the name of a user that is new here" },
	{ "oidc", "users", OPTION_CHOICE, offsetof(struct serve_config, oidc.users), "linked",
		.choices = users_words,
		.help = "who comes in: users that an operator linked, or new ones as well" },
	{ "oidc", "email_domains", OPTION_LIST, offsetof(struct serve_config, oidc.email_domains),
		NULL, .max = 64, .check = domain_check,
		.help = "only those with a verified address in one of these domains" },
	{ "oidc", "groups_claim", OPTION_STRING, offsetof(struct serve_config, oidc.groups_claim),
		"groups", .help = "claim with the groups of a user" },
	{ "oidc", "groups", OPTION_LIST, offsetof(struct serve_config, oidc.groups), NULL,
		.max = 64, .help = "only those in one of these groups" },
	{ "oidc", "ca_file", OPTION_STRING, offsetof(struct serve_config, oidc.ca_file), NULL,
		.path = OPTION_PATH,
		.help = "authority of the provider's certificate, PEM; none: the system's" },
	{ "auth", "totp_key_b64", OPTION_STRING, offsetof(struct serve_config, totp_key_b64), NULL,
		.sensitive = true, .help = "root key" },
};

static const struct option_names names = { .prefix = "SHITHUBD_", .home = "server" };

int serve_config_keys(int argc, char **argv)
{
	return option_list_verb(argc, argv, table, ARRAY_LEN(table), &names);
}

void serve_config_release(struct serve_config *c)
{
	free(c->listen);
	free(c->public_url);
	free(c->tls_cert);
	free(c->tls_key);
	strv_release(&c->trusted_proxies);
	free(c->data_dir);
	free(c->store);
	free(c->objects);
	free(c->repositories);
	free(c->objects_credentials);
	free(c->objects_ca_file);
	free(c->metrics_token_file);
	free(c->git_hooks);
	free(c->oidc.issuer);
	free(c->oidc.name);
	free(c->oidc.client_id);
	free(c->oidc.secret_file);
	free(c->oidc.scopes);
	free(c->oidc.login_claim);
	free(c->oidc.groups_claim);
	strv_release(&c->oidc.groups);
	strv_release(&c->oidc.email_domains);
	free(c->oidc.ca_file);
	wipe_free(c->totp_key_b64);
	*c = (struct serve_config){ 0 };
}

static int problems_print(const struct options *o)
{
	for (size_t i = 0; i < o->n_problems; i++) {
		CLEAN_STR char *line = option_problem_line(&o->problems[i]);

		cli_fail(EXIT_USAGE, "%s", line);
	}
	return -1;
}

static void tls_both_or_none(struct options *o)
{
	static const char *const keys[] = { "tls_cert_file", "tls_key_file" };

	for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
		const struct option_value *v = options_value(o, "server", keys[i]);
		const struct option_value *other = options_value(o, "server", keys[1 - i]);

		if (v->text && !other->text)
			options_problem(o, "server.tls_cert_file", v->source,
				"server.%s is missing, expected both files or none", keys[1 - i]);
	}
}

/* ---- what no setting is by itself ---- */

static bool is_given(const struct option_value *v)
{
	return v->origin != ORIGIN_DEFAULT && (v->text || v->list.n);
}

static void refuse_alone(struct options *o, const char *section, const char *key, const char *needs)
{
	const struct option_value *v = options_value(o, section, key);
	CLEAN_STR char *name = xasprintf("%s.%s", section, key);

	if (is_given(v))
		options_problem(o, name, v->source, "does nothing without %s", needs);
}

/* What nobody would ever see act is refused: who wrote it believes that it does. */
static void alone_refused(struct options *o)
{
	const char *objects = options_value(o, "server", "objects")->text;
	bool bucket = objects && bucket_is_s3(objects);
	bool issuer = options_value(o, "oidc", "issuer")->text;

	for (size_t i = 0; i < o->count; i++) {
		const struct option *x = &o->table[i];

		if (!bucket && str_eq(x->section, "objects"))
			refuse_alone(o, x->section, x->key,
				"a bucket, expected server.objects = \"s3://…\"");
		if (!issuer && str_eq(x->section, "oidc"))
			refuse_alone(o, x->section, x->key,
				"oidc.issuer, expected https://HOST[/PATH] there");
	}
	if (issuer && !options_value(o, "oidc", "groups")->list.n)
		refuse_alone(o, "oidc", "groups_claim", "oidc.groups, expected names there");
	if (str_eq(options_value(o, "server", "pages")->text, "off"))
		refuse_alone(o, "server", "live_log_time", "pages, expected server.pages = \"on\"");
}

static void oidc_whole(struct options *o)
{
	static const char *const needed[] = { "client_id", "client_secret_file" };
	const struct option_value *issuer = options_value(o, "oidc", "issuer");
	bool linked = str_eq(options_value(o, "oidc", "users")->text, "linked");

	if (!issuer->text)
		return;
	for (size_t i = 0; i < ARRAY_LEN(needed); i++)
		if (!options_value(o, "oidc", needed[i])->text)
			options_problem(o, "oidc.issuer", issuer->source,
				"oidc.%s is missing, expected it beside the issuer", needed[i]);
	if (str_eq(options_value(o, "server", "pages")->text, "off"))
		options_problem(o, "oidc.issuer", issuer->source,
			"server.pages is \"off\", expected \"on\": users sign in at the pages");
	if (!linked && !options_value(o, "oidc", "email_domains")->list.n &&
		!options_value(o, "oidc", "groups")->list.n)
		options_problem(o, "oidc.users", options_value(o, "oidc", "users")->source,
			"\"create\" would let in everybody whom the provider knows, expected "
			"oidc.email_domains or oidc.groups beside it");
}

static int options_resolve(struct serve_config *c, const char *file, const char *const *texts)
{
	CLEAN_OPTIONS struct options o;
	struct buf text = BUF_INIT(LIMIT_CONFIG_FILE);
	struct err e = { 0 };

	options_init(&o, table, ARRAY_LEN(table));
	options_defaults(&o);
	if (file && file_read(file, &text, &e) < 0) {
		cli_fail(EXIT_USAGE, "%s", e.text);
		return -1;
	}
	if (file)
		options_file(&o, file, buf_cstr(&text), text.len);
	buf_release_wipe(&text);
	options_environment(&o, &names, environ);
	CLEAN_STR char *cwd = getcwd(NULL, 0);
	options_flags(&o, &(struct option_texts){ .texts = texts, .cwd = cwd });
	tls_both_or_none(&o);
	alone_refused(&o);
	oidc_whole(&o);
	return options_apply(&o, c) ? problems_print(&o) : 0;
}

int serve_config_load(struct serve_config *c, const char **ret_ready_file, int argc, char **argv)
{
	const char *file = NULL, *texts[ARRAY_LEN(table)] = { 0 };
	struct cli_flag flags[ARRAY_LEN(table) + 2] = {
		{ "config", CLI_STRING, &file, "FILE",
			"TOML: [server], [objects], [jobs], [artifacts], [logs], [git], [oidc] and "
			"[auth]" },
		{ "ready-file", CLI_STRING, ret_ready_file, "FILE",
			"file to write the base URL to once the server listens" },
	};
	CLEANUP(strv_release) struct strv own = { 0 };
	char **args;
	int n;
	size_t more = options_cli_flags(table, ARRAY_LEN(table), texts, NULL, &own, flags + 2);
	int rc = cli_parse(argc, argv, flags, 2 + more, NULL, 0, &args, &n);

	if (rc != 0)
		return rc;
	if (options_resolve(c, file, texts) < 0)
		return -1;
	const char *env = getenv(ROOT_KEY_ENV);
	if (!str_empty(env)) {
		wipe_free(c->totp_key_b64);
		c->totp_key_b64 = xstrdup(env);
	}
	return 0;
}

char *serve_keys_source(const struct serve_config *c)
{
	if (!c->totp_key_b64)
		return path_join(c->data_dir, "root.key");
	return xstrdup(str_empty(getenv(ROOT_KEY_ENV)) ? "auth.totp_key_b64" : ROOT_KEY_ENV);
}

/* Distinguishes keys without revealing anything about them. */
static void key_id(const struct keys *k, char out[SHA256_HEX_MAX])
{
	unsigned char raw[SHA256_LEN];

	sha256(k->seal, KEY_LEN, raw);
	hex_encode(raw, SHA256_LEN, out);
}

int serve_keys_publish(const struct keys *k, const char *data_dir, struct err *e)
{
	CLEAN_STR char *path = path_join(data_dir, "key.id");
	char id[SHA256_HEX_MAX];

	key_id(k, id);
	return file_replace(path, id, strlen(id), 0600, e);
}

int serve_keys_load(struct keys *k, const char *data_dir, struct err *e)
{
	const char *env = getenv(ROOT_KEY_ENV);

	return keys_load(k, str_empty(env) ? NULL : env, data_dir, e) < 0
		       ? -1
		       : serve_keys_check(k, data_dir, e);
}

int serve_keys_check(const struct keys *k, const char *data_dir, struct err *e)
{
	CLEAN_STR char *path = path_join(data_dir, "key.id");
	CLEAN_BUF struct buf used = BUF_INIT(SHA256_HEX_MAX);
	char id[SHA256_HEX_MAX];

	key_id(k, id);
	if (file_read(path, &used, NULL) == 0 && !str_eq(id, buf_cstr(&used)))
		return err_set(e, ERR_CONFLICT,
			"the root key is not the one serve uses; give that one in " ROOT_KEY_ENV);
	return 0;
}
