/*
 * The section [oidc] of the configuration: by which provider users sign in. For admin verbs, which
 * do not read the configuration, serve leaves the issuer in the data folder.
 */
#ifndef COORDINATOR_SERVE_SIGN_IN_H
#define COORDINATOR_SERVE_SIGN_IN_H

#include "coordinator/oidc/client.h"
#include "coordinator/serve/config.h"

/* *ret NULL: users sign in with passwords alone. public_url NULL: nobody will come back (doctor).
 * ERR_INPUT for a secret that others can read, and for a URL that gives cookies away. */
int sign_in_open(const struct serve_config *c, const char *public_url, struct oidc **ret,
	struct err *e) CHECK_RESULT;
/* Leaves the issuer in the data folder, or takes it away. */
int sign_in_publish(const struct serve_config *c, struct err *e) CHECK_RESULT;
/* The issuer that serve left there. ERR_NOT_FOUND, with the remedy. */
int sign_in_issuer(const char *data_dir, char **ret, struct err *e) CHECK_RESULT;

#endif
