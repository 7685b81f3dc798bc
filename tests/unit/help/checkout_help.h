/*
 * Repositories, a server and one run of the whole checkout for tests: job side, socket, sandboxed
 * child, a real git behind HTTP. The test program starts itself again as the child, so its main
 * begins with `if (str_eq(argv[0], "checkout")) return checkout_role_main(argc, argv);`. As root
 * the child becomes nobody, else it keeps its user.
 */
#ifndef TESTS_UNIT_HELP_CHECKOUT_HELP_H
#define TESTS_UNIT_HELP_CHECKOUT_HELP_H

#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "base/fs.h"
#include "base/limits.h"
#include "base/proc.h"
#include "checkout/checkout.h"
#include "tests/unit/help/git_server.h"

#define TOKEN "sekrit-token-0123456789"
#define UNKNOWN "0123456789012345678901234567890123456789"

extern struct git_server *checkout_server;

struct run {
	struct loop *loop;
	char *workspace;
	struct strv lines;
	struct strv submodules; /* of the last run: "NAME PATH URL SHA" */
	struct checkout_result result;
	bool done;
	unsigned calls;
};

/* Group fixtures: repositories main, many, super and evil, and their server. */
int checkout_setup(void **state);
/* Runs a script in bash; $0 is the folder with repos/ and sha/. */
void checkout_prepare(const char *script);
int checkout_teardown(void **state);
char *sha_of(const char *name); /* of a commit the fixture made */
char *url_of(const char *repo);
bool outside_written(void); /* did some tree get out of its workspace? */

void run_open(struct run *r); /* a fresh workspace owned by the child's user */
void run_close(struct run *r);
void on_line(void *data, const char *line);
void on_done(void *data, const struct checkout_result *result);
int start_child(struct proc *p, const char *workspace, int stderr_fd); /* our end of its socket */
void run_checkout(struct run *r, struct checkout_request *q);          /* to the end */

char *in_workspace(struct run *r, const char *script); /* what it prints; a failure fails */
void assert_out(struct run *r, const char *script, const char *want);
void assert_ok(const struct run *r);
/* What users look at afterwards: an ordinary clone, clean, and no trace of the token. */
void assert_clean(struct run *r, const char *sha);
void assert_line(const struct run *r, const char *part);

#endif
