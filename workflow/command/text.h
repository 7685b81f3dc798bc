/*
 * The spelling of one workflow command line: split and decoded, without meaning. Pure; what is not
 * decoded points into the line.
 */
#ifndef WORKFLOW_COMMAND_TEXT_H
#define WORKFLOW_COMMAND_TEXT_H

#include "base/buf.h"

struct command_text {
	struct slice name, properties, message;
};

/* `::name properties::message` without blanks before and line end after it; false: no command. */
bool command_text_split(struct slice line, struct command_text *ret);

/* Raw value of a property, blanks around key and value dropped; the last one of a name counts, case
 * does not. Empty when absent. */
struct slice command_text_property(struct slice properties, const char *key);

/* Decodes %25 %0D %0A, in properties also %3A %2C; any other % is itself. `out` has room for
 * raw.len bytes. */
enum command_escapes { COMMAND_MESSAGE, COMMAND_PROPERTY };
struct slice command_text_decode(struct slice raw, enum command_escapes which, char *out);

bool command_name_eq(struct slice s, const char *name); /* ASCII case does not count */
struct slice command_text_trim(struct slice s);         /* without blanks and line ends around it */

/* Appends raw as UTF-8: NUL and each byte that belongs to no character become U+FFFD. Stops before
 * the character that would exceed out->max; false: it did. */
bool command_text_clean(struct slice raw, struct buf *out);

#endif
