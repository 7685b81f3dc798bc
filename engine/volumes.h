/*
 * The VOLUME paths of an image. An engine would make an anonymous volume for each: writable disk of
 * the host without any limit. A box gets a tmpfs there instead, within the step's memory and
 * engine.tmp_size. Pure.
 */
#ifndef ENGINE_VOLUMES_H
#define ENGINE_VOLUMES_H

#include "base/err.h"

enum { VOLUMES_MAX = 32 };

/* Adds to *ret each path that needs a tmpfs, without those that a box mounts anyway; home: where it
 * mounts the home of the job, or NULL. Refused with ERR_INPUT: more than VOLUMES_MAX, a path that
 * is not plain and absolute, one in or above a folder of the runner or the kernel. */
int volumes_plan(
	const struct strv *paths, const char *home, struct strv *ret, struct err *e) CHECK_RESULT;
/* Whether the job's home can be mounted at the HOME that an image says. */
bool volumes_home_fits(const char *home);

#endif
