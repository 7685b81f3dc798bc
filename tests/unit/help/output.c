/* A file, not a pipe: a verb may print more than a pipe holds, and nobody reads meanwhile. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/fs.h"
#include "tests/unit/help/output.h"

struct output output_catch(int fd)
{
	struct output o = { .fd = fd, .file = tmpfile() };

	assert_non_null(o.file);
	fflush(NULL);
	o.saved = dup(fd);
	assert_true(o.saved >= 0);
	assert_int_equal(dup2(fileno(o.file), fd), fd);
	return o;
}

void output_give_back(struct output *o, struct buf *text)
{
	struct err e = { 0 };

	fflush(NULL);
	assert_int_equal(dup2(o->saved, o->fd), o->fd);
	close(o->saved);
	lseek(fileno(o->file), 0, SEEK_SET);
	assert_int_equal(fd_read_all(fileno(o->file), text, &e), 0);
	fclose(o->file);
}
