/*
 * The one file that knows the commit: a new commit compiles this file and nothing else.
 */
#include "base/version/build_info.h"

const char build_version[] = PROJECT_VERSION;
const char build_commit[] = BUILD_COMMIT;
const char build_date[] = BUILD_DATE;
const char build_full_version[] = PROJECT_VERSION BUILD_SUFFIX;
