/* The verb `version` of both programs: which source they were built from, and the libraries that
 * they run with. */
#ifndef BASE_VERSION_VERB_H
#define BASE_VERSION_VERB_H

#include "base/util.h"

extern const char version_verb_help[];
/* libraries: name to version, in the order to print. Returns an exit code. */
int version_verb(int argc, char **argv, const struct pairs *libraries);

#endif
