/* Passwords of users, as scrypt digests: made slow on purpose, so never on a thread that serves. */
#ifndef COORDINATOR_RIGHTS_PASSWORD_H
#define COORDINATOR_RIGHTS_PASSWORD_H

#include "base/err.h"

enum { PASSWORD_MIN = 8, PASSWORD_MAX = 1024, PASSWORD_DIGEST_MAX = 160 };

/* "scrypt:15:8:1:<salt>:<key>" for a new salt. ERR_INPUT unless the text has PASSWORD_MIN to
 * PASSWORD_MAX bytes. */
int password_digest(const char *text, char out[PASSWORD_DIGEST_MAX], struct err *e) CHECK_RESULT;
/* Takes as long for a digest that is NULL or broken, which no text fits. */
bool password_fits(const char *digest, const char *text) CHECK_RESULT;

#endif
