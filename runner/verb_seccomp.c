/* See verb_seccomp.h. */
#include "runner/verb_seccomp.h"

#include <stdio.h>

#include "base/cli.h"
#include "base/limits.h"
#include "sandbox/seccomp.h"

int verb_seccomp_print(int argc, char **argv)
{
	CLEAN_BUF struct buf json = BUF_INIT(MIB(1));
	struct err e = { 0 };
	char **args;
	int n, rc = cli_parse(argc, argv, NULL, 0, NULL, 0, &args, &n);

	if (rc != 0)
		return rc > 0 ? EXIT_OK : EXIT_USAGE;
	if (seccomp_profile_json(&json, &e) < 0)
		return cli_fail(EXIT_FINDINGS, "%s", e.text);
	if (puts(buf_cstr(&json)) < 0 || fflush(stdout) != 0)
		return cli_fail(EXIT_FINDINGS, "standard output: write failed");
	return EXIT_OK;
}
