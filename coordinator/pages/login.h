/* What both ways of signing in share: a password's (login.c) and a provider's (oidc.c). */
#ifndef COORDINATOR_PAGES_LOGIN_H
#define COORDINATOR_PAGES_LOGIN_H

enum { LOGIN_NEXT_MAX = 500 };

/* Where to go afterwards: a path of this host, whatever the browser says; NULL: the first page. */
const char *login_next(const char *next);

#endif
