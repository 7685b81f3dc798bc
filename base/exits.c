/*
 * One map from error class to exit code, so that all verbs of both programs agree on what a script
 * may branch on.
 */
#include "base/exits.h"

enum exit_code exit_code(const struct err *e)
{
	switch (e->class) {
	case ERR_INPUT:
	case ERR_LIMIT:
		return EXIT_USAGE;
	case ERR_AUTH:
	case ERR_DENIED:
	case ERR_CONFLICT:
		return EXIT_REFUSED;
	default:
		return EXIT_FINDINGS;
	}
}
