/*
 * The janitor role: makes, hands over and deletes one workspace, then exits. The only process that
 * touches a workspace with capabilities (CAP_CHOWN, CAP_FOWNER, CAP_DAC_OVERRIDE and nothing else);
 * descriptor-relative, never follows links, never talks to a network, takes only two numbers and a
 * configured root as input.
 *
 *   janitor make   --root DIR --run N --job N --uid N --gid N --state-dir DIR
 *                  [--project N --limit BYTES]           its quota: hygiene/disk/project.h
 *   janitor remove --root DIR --run N --job N --state-dir DIR
 *   janitor sweep  --root DIR --state-dir DIR                what nobody uses: hygiene/disk/sweep.h
 *
 * A root that belongs to the runner of another state directory is refused
 * (hygiene/workdir/root_owner.h). The workspace is <root>/<run>/<job>, mode 0700, owned by the step
 * user. What already stands there is removed first; what cannot be removed is renamed in place and
 * reported, so it can never fail the next job. Exit 0, or 1 with one line on stderr.
 */
#ifndef RUNNER_HELPER_JANITOR_H
#define RUNNER_HELPER_JANITOR_H

#include <sys/types.h>

#include "base/err.h"

/* Drops to a janitor's rights, as that user or as the present one ((uid_t)-1). */
int janitor_drop(uid_t uid, gid_t gid, struct err *e) CHECK_RESULT;
int janitor_role_main(int argc, char **argv);

#endif
