/* What the handlers of one turn of the server store is one transaction of the store. */
#ifndef COORDINATOR_APP_TURN_H
#define COORDINATOR_APP_TURN_H

#include "coordinator/app/app.h"

extern const struct httpd_turn app_turn; /* httpd_config.turn; its app is a struct app */

/* For an effect outside that needs what was changed on the disk before: stores that much of the
 * turn (all of it outside of one), so answers that wait for it leave, whatever becomes of the rest.
 */
int turn_flush(struct app *a, struct err *e) CHECK_RESULT;

/* Whether calls are answered, and why not, as lines. Any thread may ask. */
bool app_healthy(const struct app *a, struct buf *out);

#endif
