/*
 * Workflow commands in a step's output: a streaming stage between the box and the masker. Bytes go
 * on in order and unchanged; a line that is a command is also reported to the caller, before its
 * bytes leave this stage, so that the masker after it knows an add-mask before it sees that line.
 *
 *   [blanks]::name key=value,key2=value::message       docs/COMMANDS.md
 *
 * A line ends at LF or at a lone CR. Only a line that can still become a command is held back: its
 * blanks, the beginning of a known name, and after that until its end or LIMIT_COMMAND_LINE bytes;
 * a longer one is text, but a longer add-mask is not shown. Output, events and their order depend
 * on the bytes only, never on how they were cut into commands_feed calls.
 *
 * Time is linear in the bytes, memory bounded by one line. Knows no job, does no I/O. Runs in the
 * job process, one for each step.
 *
 * Bytes of the runner's own (step_log_line) do not pass here, so they are never commands.
 *
 * Order: commands_init, commands_feed…, commands_end, commands_release.
 */
#ifndef WORKFLOW_COMMAND_COMMANDS_H
#define WORKFLOW_COMMAND_COMMANDS_H

#include "base/buf.h"
#include "base/limits.h"

enum command_kind {
	COMMAND_ADD_MASK, /* value; never blank. Told twice when the log shows it escaped (below) */
	COMMAND_GROUP,    /* value: title */
	COMMAND_ENDGROUP,
	COMMAND_DEBUG,      /* value */
	COMMAND_NOTICE,     /* value, place */
	COMMAND_WARNING,    /* value, place */
	COMMAND_ERROR,      /* value, place */
	COMMAND_STOP,       /* value: the token that ends it; until then no line is a command */
	COMMAND_RESUME,     /* value: the token */
	COMMAND_ECHO,       /* on */
	COMMAND_SET_OUTPUT, /* key, value */
	COMMAND_SAVE_STATE, /* key, value */
	COMMAND_DEPRECATED, /* value: advice for the log, once a step; before the effect */
	COMMAND_REFUSED,    /* value: reason for the log; the command has no effect */
	COMMAND_KINDS
};

/* Where an annotation points. 0 and empty: not given. Consistent: columns only with a line and
 * within one line, no end before its begin; what was not so is dropped. */
struct command_place {
	struct slice title, file;
	int64_t line, end_line, column, end_column;
};

/* Texts are decoded bytes from the step: any bytes, not terminated, gone when the callback returns.
 */
struct command {
	enum command_kind kind;
	const char *name;   /* "set-output": the command's name as documented */
	struct slice value; /* the message */
	struct slice key;   /* 1 to LIMIT_COMMAND_NAME bytes, no NUL */
	struct command_place place;
	bool on;
};

/* Runs at the start of a line: everything before the command's line has been emitted, nothing of
 * the line itself. Must not feed this stage. */
typedef void (*command_fn)(void *data, const struct command *c);
typedef void (*commands_emit_fn)(void *data, const char *p, size_t n); /* n > 0 */

/* At most this many refusals of one step are reported; later ones are only counted. */
#define COMMANDS_REFUSALS_SHOWN 20

/* What the line that is read now can be: anything, "::name…", a command for certain, text, what
 * must not be shown. */
enum commands_line { LINE_BLANKS, LINE_NAME, LINE_COMMAND, LINE_TEXT, LINE_DROPPED };

struct commands {
	command_fn on_command;
	void *data;
	enum commands_line line;
	struct buf held; /* what earlier calls brought of this line */
	size_t blanks;   /* before its "::" */
	size_t matched;  /* bytes after the blanks that agree with "::name" or the token */
	unsigned alive;  /* set of names that agree so far */
	char *token;     /* of stop-commands, with "::" around it; NULL: not stopped */
	size_t token_len;
	unsigned deprecated;            /* set of commands whose advice was given */
	char *unmasked;                 /* why the add-mask that is reported now has no effect */
	uint64_t counts[COMMAND_KINDS]; /* so far, annotations among them */
};

/* An add-mask value with escapes is reported decoded and then as its line spells it, so that the
 * line does not show it either. Both go to mask_add, which also masks each line of a value. */
void commands_init(struct commands *c, command_fn on_command, void *data);
void commands_feed(struct commands *c, const char *p, size_t n, commands_emit_fn emit, void *data);
/* End of the step's output: an unfinished line is judged too. Back to the state after init, but for
 * the counts. */
void commands_end(struct commands *c, commands_emit_fn emit, void *data);
/* From the callback of an add-mask: its value cannot be masked. The line is refused with this
 * reason and not shown, as it would show what somebody wanted hidden. */
void commands_unmasked(struct commands *c, const char *reason);
void commands_release(struct commands *c); /* wipes what is held; also after a partial stream */
static inline size_t commands_held(const struct commands *c)
{
	return c->held.len;
}

#endif
