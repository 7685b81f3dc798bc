/*
 * The seccomp table: one list of system calls and argument rules in C, used three ways: printed as
 * the engine's JSON, and loaded by our own sandboxed children (smaller subsets). x86_64 and
 * aarch64, each alone in the architecture list.
 */
#ifndef SANDBOX_SECCOMP_H
#define SANDBOX_SECCOMP_H

#include "base/buf.h"
#include "base/err.h"

/* The step profile as compact JSON for HostConfig.SecurityOpt (deny by default, EPERM). arch is a
 * SCMP_ARCH_… token; SCMP_ARCH_NATIVE (0) for this machine's. */
int seccomp_profile_json(uint32_t arch, struct buf *out, struct err *e) CHECK_RESULT;
/* -1 with the first grave finding of seccomp_verify.h, or when the profile is for another machine.
 * *ret_beyond: calls that it allows and the built-in profile denies, as Docker's default does; the
 * caller's, NULL: none. */
int seccomp_profile_check(
	const char *text, size_t n, char **ret_beyond, struct err *e) CHECK_RESULT;

enum seccomp_child {
	SECCOMP_CHECKOUT_NET,  /* fetcher: sockets (inet, inet6, unix), no exec, no file creation */
	SECCOMP_CHECKOUT_TREE, /* indexer and tree writer: files only, no sockets, no exec */
	SECCOMP_ARTIFACT_PACK, /* reads below descriptors that it has; opens nothing for writing */
	SECCOMP_ARTIFACT_UNPACK, /* as the tree writer */
	SECCOMP_WATCH, /* reads the state of trees below its Landlock paths, writes to sockets that
			  it has */
};
int seccomp_load_child(enum seccomp_child which, struct err *e) CHECK_RESULT;

#endif
