/*
 * What a key looks like: "actions/" and parts of A-Z a-z 0-9 . _ - with a slash between them, none
 * of them "." or "..". A list of a bucket may name anything; what is no key of ours is neither a
 * path below a folder of ours nor one of a URL. Pure.
 */
#ifndef COORDINATOR_OBJECT_KEY_H
#define COORDINATOR_OBJECT_KEY_H

#include "base/err.h"

#define KEY_ROOT "actions/"
bool key_is_ours(const char *key);
/* ERR_INPUT that shows what of it can be shown. */
int key_check(const char *key, struct err *e) CHECK_RESULT;

#endif
