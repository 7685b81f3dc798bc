/* Finding the workflow files of a repository by what the user typed. */
#ifndef RUNNER_LOCAL_FILES_H
#define RUNNER_LOCAL_FILES_H

#include "base/buf.h"
#include "base/err.h"

#define LOCAL_WORKFLOW_DIR ".shithub/workflows"

/* Names of the files in root/.shithub/workflows that are workflows, sorted. No folder: none. */
int local_files_list(const char *root, struct strv *ret, struct err *e) CHECK_RESULT;

/* The file to run: a path, a name of one in root's folder (with or without its ending), or with
 * NULL the only one there. *ret_path opens it, *ret_shown names it in messages and claims. */
int local_files_find(const char *root, const char *wanted, char **ret_path, char **ret_shown,
	struct err *e) CHECK_RESULT;

#endif
