/*
 * The secret is a file of its own: neither the command line nor the environment, which other
 * processes may read, ever holds it.
 */
#include "coordinator/serve/sign_in.h"

#include <errno.h>

#include "base/fs.h"
#include "base/late/late.h"
#include "base/limits.h"
#include "base/log.h"

#define CALLBACK "/login/oidc/callback"
#define ISSUER_FILE "oidc.issuer"
enum { SECRET_MIN = 8, SECRET_MAX = 1024, TEXT_SPARE = 64 };

static int secret_read(const char *file, char **ret, struct err *e)
{
	struct buf text = BUF_INIT_SECRET(SECRET_MAX + TEXT_SPARE);
	bool bad = false;

	if (file_read_private(file, "the client's secret", &text, e) < 0) {
		buf_release_wipe(&text);
		return -1;
	}
	while (text.len && strchr("\r\n ", text.data[text.len - 1]))
		text.data[--text.len] = 0;
	for (size_t i = 0; i < text.len; i++)
		bad = bad || text.data[i] <= ' ' || text.data[i] > '~';
	bad = bad || text.len < SECRET_MIN || text.len > SECRET_MAX;
	if (!bad)
		*ret = xstrdup(buf_cstr(&text));
	buf_release_wipe(&text);
	return !bad ? 0
		    : err_set(e, ERR_INPUT,
			      "%s: expected a secret of %d to %d printable ASCII characters "
			      "without blanks",
			      file, SECRET_MIN, SECRET_MAX);
}

static void list_copy(struct strv *to, const struct strv *from)
{
	strv_each (text, from)
		strv_add(to, text);
}

static int settings_fill(
	struct oidc_settings *s, const struct serve_config *c, const char *base, struct err *e)
{
	s->issuer = xstrdup(c->oidc.issuer);
	s->name = xstrdup(c->oidc.name);
	s->client_id = xstrdup(c->oidc.client_id);
	s->redirect_uri = xasprintf("%s" CALLBACK, base ? base : "");
	s->scopes = xstrdup(c->oidc.scopes);
	s->login_claim = xstrdup(c->oidc.login_claim);
	s->groups_claim = xstrdup(c->oidc.groups_claim);
	list_copy(&s->groups, &c->oidc.groups);
	list_copy(&s->email_domains, &c->oidc.email_domains);
	s->create = c->oidc.users == OIDC_CREATE;
	s->ca_file = xstrdup(c->oidc.ca_file);
	return secret_read(c->oidc.secret_file, &s->secret, e);
}

int sign_in_open(
	const struct serve_config *c, const char *public_url, struct oidc **ret, struct err *e)
{
	CLEANUP(oidc_settings_release) struct oidc_settings s = { 0 };

	*ret = NULL;
	if (!c->oidc.issuer)
		return 0;
	if (public_url && oidc_url_problem(public_url))
		return err_set(e, ERR_INPUT,
			"oidc.issuer: server.public_url is %s, expected https:// (http:// on this "
			"machine alone)",
			public_url);
	if (settings_fill(&s, c, public_url, e) < 0)
		return err_wrap(e, "oidc.client_secret_file");
	if (late_load(&late_cjose, e) < 0)
		return -1;
	log_redact(s.secret);
	*ret = oidc_new(&s, e);
	return *ret ? 0 : -1;
}

int sign_in_publish(const struct serve_config *c, struct err *e)
{
	CLEAN_STR char *path = path_join(c->data_dir, ISSUER_FILE);

	if (c->oidc.issuer)
		return file_replace(path, c->oidc.issuer, strlen(c->oidc.issuer), 0644, e);
	if (unlink(path) < 0 && errno != ENOENT)
		return err_set_errno(e, errno, "%s", path);
	return 0;
}

int sign_in_issuer(const char *data_dir, char **ret, struct err *e)
{
	CLEAN_STR char *path = path_join(data_dir, ISSUER_FILE);
	CLEAN_BUF struct buf text = BUF_INIT(OIDC_URL_MAX + TEXT_SPARE);

	if (file_read(path, &text, NULL) < 0)
		return err_set(e, ERR_NOT_FOUND,
			"serve has no oidc.issuer; set it and start serve, or name it with "
			"--issuer");
	*ret = xstrdup(buf_cstr(&text));
	return 0;
}
