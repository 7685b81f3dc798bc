/*
 * The arguments of hashFiles() become the patterns that an artifact child knows
 * (artifact/pattern.h), relative to the workspace. Pure.
 *
 * Each argument may hold several lines; empty ones and those that begin with # count for nothing.
 * A pattern may name the workspace by its absolute path; one that leads out of it matches nothing,
 * because only files of the workspace are hashed.
 */
#ifndef RUNNER_CONTEXT_HASH_PATTERNS_H
#define RUNNER_CONTEXT_HASH_PATTERNS_H

#include "base/err.h"

/* *ret: one pattern a line, the caller's; NULL when nothing can match. Errors name the pattern. */
int hash_patterns(const struct strv *arguments, char **ret, struct err *e) CHECK_RESULT;

#endif
