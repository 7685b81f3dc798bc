/* What a verb prints, caught by its test: output_catch, call it, output_give_back in reverse. */
#ifndef TESTS_UNIT_HELP_OUTPUT_H
#define TESTS_UNIT_HELP_OUTPUT_H

#include <stdio.h>

#include "base/buf.h"

struct output {
	int fd, saved;
	FILE *file;
};

struct output output_catch(int fd);
/* fd is what it was again; what came meanwhile is added to text. */
void output_give_back(struct output *o, struct buf *text);

#endif
