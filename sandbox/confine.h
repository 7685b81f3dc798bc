/*
 * What every child that handles a job's files as the step user does first, after exec and before it
 * reads anything: become that user, die with the parent, cap its own resources. Landlock and
 * seccomp (landlock.h, seccomp.h) follow when it knows what it needs.
 */
#ifndef SANDBOX_CONFINE_H
#define SANDBOX_CONFINE_H

#include "base/err.h"

/* The beginning of a role: its flags (the user to become, the workspace), the socket of its job in
 * place; opens the workspace, whose parents may be closed to that user, and becomes it
 * (drop.h), umask 022. 0 go on, -1 with an error to tell the job, 1 --help was printed, 2 wrong
 * usage was reported. */
int confine_begin(
	int argc, char **argv, int socket, int *ret_workspace, struct err *e) CHECK_RESULT;
/* SIGKILL with the parent's end; again after a fork. */
void confine_die_with_parent(void);

struct confine_limits {
	uint64_t file_size; /* 0: writes no file */
	uint64_t open_files, cpu_seconds, address_space;
};
/* A hard limit that is lower already stays; no core file in any case. */
int confine_limits(const struct confine_limits *l, struct err *e) CHECK_RESULT;

#endif
