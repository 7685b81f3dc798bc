/* `admin runner preflight`: are enough runners there to send jobs to, of the version that was
 * rolled out? Exit codes. */
#ifndef COORDINATOR_ADMIN_PREFLIGHT_H
#define COORDINATOR_ADMIN_PREFLIGHT_H

int admin_runner_preflight(int argc, char **argv);

#endif
