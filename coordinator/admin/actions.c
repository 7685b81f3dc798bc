/*
 * The workflow parser on files at hand, before anybody pushes them: no data folder, no repository.
 * The lines are those that a broken run shows, so an author meets the same words in both places.
 */
#include "coordinator/admin/actions.h"

#include <stdio.h>

#include "base/cli.h"
#include "base/fs.h"
#include "base/limits.h"
#include "workflow/workflow.h"

enum { FILES_MAX = 1000 };

static int check_file(const char *path)
{
	/* more than the parser allows: it refuses larger files itself and names the size */
	CLEAN_BUF struct buf text = BUF_INIT(MIB(16));
	CLEANUP(strv_release) struct strv problems = { 0 };
	CLEAN_WORKFLOW struct workflow w = { 0 };
	struct err e = { 0 };

	if (file_read(path, &text, &e) < 0)
		return cli_fail(EXIT_USAGE, "%s", e.text);
	if (workflow_parse(path, buf_cstr(&text), text.len, &w, &problems) == 0) {
		printf("%s: fine, %zu jobs\n", path, w.n_jobs);
		return EXIT_OK;
	}
	strv_each (line, &problems)
		fprintf(stderr, "%s\n", line);
	return EXIT_FINDINGS;
}

int admin_actions_parse(int argc, char **argv)
{
	char **args;
	int n, worst = EXIT_OK;
	int rc = cli_parse(argc, argv, NULL, 0, NULL, FILES_MAX, &args, &n);

	if (rc != 0)
		return rc > 0 ? EXIT_OK : EXIT_USAGE;
	if (n == 0)
		return cli_fail(EXIT_USAGE, "no file, expected at least one workflow file");
	for (int i = 0; i < n; i++) {
		rc = check_file(args[i]);
		worst = rc > worst ? rc : worst;
	}
	return worst;
}
