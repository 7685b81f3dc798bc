/*
 * The child has read hostile bytes: its words are cleaned when they are sent, and checked like any
 * other input when they are read. A child that reports a failure without a class is believed to
 * have failed, for an internal reason.
 */
#include "sandbox/child_report.h"

#include "base/codec.h"
#include "base/message/frame.h"

int child_line_encode(const char *line, struct buf *out, struct err *e)
{
	CLEAN_STR char *clean = text_printable(line);
	struct json_writer w;

	json_writer_init(&w, out, false);
	json_begin_object(&w);
	json_kv_str(&w, "line", clean);
	json_end_object(&w);
	return json_writer_finish(&w, e);
}

const char *child_line_text(const struct json_value *message)
{
	return json_get_string(message, "line");
}

void child_send_text(int fd, struct slice message)
{
	IGNORE_RESULT(frame_send(fd, message, NULL), "nobody reads: the role is ending");
}

void child_send_line(int fd, const char *line)
{
	CLEAN_BUF struct buf text = BUF_INIT(FRAME_SMALL);

	if (child_line_encode(line, &text, NULL) == 0)
		child_send_text(fd, buf_slice(&text));
}

void child_outcome_write(struct json_writer *w, bool ok, const struct err *cause)
{
	CLEAN_STR char *text = text_printable(cause->text);

	json_kv_bool(w, "ok", ok);
	json_kv_int(w, "class", cause->class);
	json_kv_int(w, "errnum", cause->errnum);
	json_kv_str(w, "error", text);
}

void child_outcome_take(struct child_outcome *o, struct err *ret)
{
	if (!o->ok && o->text)
		err_set(ret, o->class ? (enum err_class)o->class : ERR_INTERNAL, "%s", o->text);
	ret->errnum = (int)o->errnum;
	free_charp(&o->text);
}
