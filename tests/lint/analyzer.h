/*
 * For clang-tidy only (-include): tells the path analysis what it cannot see across files, that the
 * err_ functions always return -1. Without it every `return err_set(...)` opens a path in which the
 * caller believes in success and reads outputs that were never written.
 */
#include "base/err.h"

#define err_set(...) ((void)err_set(__VA_ARGS__), -1)
#define err_set_errno(...) ((void)err_set_errno(__VA_ARGS__), -1)
#define err_wrap(...) ((void)err_wrap(__VA_ARGS__), -1)
