/*
 * The server's certificate from the configuration's files, at the start and on SIGHUP. A broken one
 * ends the start; later it is refused with one line in the log, and the old one stays.
 */
#ifndef COORDINATOR_SERVE_CERTIFICATE_H
#define COORDINATOR_SERVE_CERTIFICATE_H

#include "coordinator/serve/config.h"

static inline bool certificate_given(const struct serve_config *c)
{
	return c->tls_cert != NULL;
}
/* Fine without one. An expired one is used, with a warning: a machine whose clock is wrong starts.
 */
int certificate_open(const struct serve_config *c, struct err *e) CHECK_RESULT;
void certificate_reload(const struct serve_config *c); /* logs what came of it */
void certificate_close(void);

#endif
