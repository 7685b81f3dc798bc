/*
 * What systemd is told (sd_notify), when there is one: READY, STOPPING, RELOADING, the STATUS line,
 * the watchdog's sign of life at half of its interval, and while jobs finish the wish for more
 * time. Supervisor only.
 */
#ifndef RUNNER_SUPERVISOR_NOTIFY_H
#define RUNNER_SUPERVISOR_NOTIFY_H

#include "base/loop.h"

struct notify;
struct notify *notify_new(struct loop *l);
void notify_free(struct notify *n); /* NULL fine */
void notify_ready(struct notify *n);
void notify_stopping(struct notify *n);
void notify_reloading(struct notify *n); /* notify_ready ends it */
/* Sent only when it differs from the last. */
void notify_status(struct notify *n, const char *fmt, ...) PRINTF_LIKE(2, 3);

#endif
