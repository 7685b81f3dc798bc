/*
 * Below both halves, so that neither needs role.c, which starts them. The caps stand behind
 * Landlock and seccomp: a pack is a program for the inflater, and what it may cost is decided here.
 */
#include "checkout/role_common.h"

#include "base/message/frame.h"
#include "base/limits.h"
#include "checkout/message.h"
#include "sandbox/child_report.h"
#include "sandbox/confine.h"

enum { CPU_SECONDS = 3600, OPEN_FILES = 256 };
/* Nothing a tree or a pack may hold within its caps needs more (checkout/tree.c sizes libgit2). */
#define ADDRESS_SPACE GIB(2)

int role_limits(bool writes_files, struct err *e)
{
	return confine_limits(
		&(struct confine_limits){ .file_size = writes_files ? LIMIT_PACK + MIB(1) : 0,
			.open_files = OPEN_FILES,
			.cpu_seconds = CPU_SECONDS,
			.address_space = ADDRESS_SPACE },
		e);
}

void role_send_result(int fd, const struct checkout_result *r)
{
	CLEAN_BUF struct buf text = BUF_INIT(FRAME_SMALL);

	if (result_encode(r, &text, NULL) == 0)
		child_send_text(fd, buf_slice(&text));
}
