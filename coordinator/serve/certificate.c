/*
 * A new certificate concerns new connections alone: those that are open go on with the keys that
 * they agreed on. An expired certificate is taken at the start, where nothing better is there, and
 * refused later, where it would replace one that may be good.
 */
#include "coordinator/serve/certificate.h"

#include "base/log.h"
#include "coordinator/http/tls.h"

static struct tls_identity *identity_load(const struct serve_config *c, struct err *e)
{
	struct tls_identity *t = tls_identity_load(c->tls_cert, c->tls_key, e);

	if (!t)
		err_wrap(e, "TLS");
	return t;
}

static void in_use_log(const char *event, const struct serve_config *c, struct wall ends)
{
	char text[WALL_TEXT_MAX];

	log_info("serve", event, F_STR("file", c->tls_cert),
		F_STR("not_after", wall_format(ends, text)));
}

int certificate_open(const struct serve_config *c, struct err *e)
{
	struct err old = { 0 };

	if (!certificate_given(c))
		return 0;
	struct tls_identity *t = identity_load(c, e);
	if (!t)
		return -1;
	if (tls_identity_valid(t, wall_now(), &old) < 0)
		log_warn("serve", "certificate_not_valid", F_STR("file", c->tls_cert), F_ERR(&old),
			F_STR("effect", "no runner will trust it"),
			F_STR("remedy", "renew it, then send SIGHUP"));
	in_use_log("certificate_loaded", c, tls_identity_ends(t));
	tls_identity_use(t);
	return 0;
}

void certificate_reload(const struct serve_config *c)
{
	CLEAN_TLS_IDENTITY struct tls_identity *t = NULL;
	struct err e = { 0 };

	if (!certificate_given(c)) {
		log_info("serve", "nothing_to_reload",
			F_STR("why", "SIGHUP reloads the certificate, and there is none"));
		return;
	}
	t = identity_load(c, &e);
	if (!t || tls_identity_valid(t, wall_now(), &e) < 0) {
		log_error("serve", "certificate_refused", F_STR("file", c->tls_cert), F_ERR(&e),
			F_STR("effect", "the one that was in use stays"));
		return;
	}
	in_use_log("certificate_reloaded", c, tls_identity_ends(t));
	tls_identity_use(TAKE(t));
}

void certificate_close(void)
{
	tls_identity_use(NULL);
}
