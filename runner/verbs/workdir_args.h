/*
 * What the workdir verbs have in common: which hosts to inspect, how old is stale, how to print.
 *
 *	struct workdir_args a = WORKDIR_ARGS_INIT;
 *	rc = workdir_args_parse(&a, argc, argv, own, n_own, help, max, &rest, &n);  // as cli_parse
 *	if (workdir_args_open(&a) < 0) return a.code;  // told on stderr
 *	… a.hosts, a.audit …
 *	workdir_args_release(&a);
 */
#ifndef RUNNER_VERBS_WORKDIR_ARGS_H
#define RUNNER_VERBS_WORKDIR_ARGS_H

#include <stdatomic.h>

#include "base/cli.h"
#include "config/runner_config.h"
#include "hygiene/workdir/report.h"
#include "runner/verbs/workdir_engine.h"

/* Shared by the threads of a walk. */
struct workdir_progress {
	atomic_uint_least64_t seen, shown_ms;
};

struct workdir_args {
	/* as given */
	const char *config, *workspace_root, *state_dir, *expect, *stale_after;
	enum { LAYOUT_AUTO, LAYOUT_SHITHUB, LAYOUT_ACTIONS } layout; /* auto: by --instance */
	enum cli_output output;
	const char *server_url; /* triage */
	struct strv instances, folders;
	/* resolved */
	struct runner_config runner;
	struct workdir_uids expected;
	struct workdir_host *hosts; /* sorted by name */
	size_t n;
	struct host_failures failures; /* hosts that could not be opened */
	struct workdir_audit_spec audit;
	struct workdir_engine engine;
	struct workdir_progress progress;
	enum exit_code code; /* why workdir_args_open failed */
};
#define WORKDIR_ARGS_INIT             \
	{                             \
		.layout = LAYOUT_AUTO \
	}
enum { WORKDIR_OWN_FLAGS_MAX = 8 };

int workdir_args_parse(struct workdir_args *a, int argc, char **argv, const struct cli_flag *own,
	size_t n_own, const char *help, int max_args, char ***ret_rest, int *ret_n) CHECK_RESULT;
/* The configuration, the choices, then every host: -1 with a.code, reported on stderr. A host that
 * cannot be opened is one of a.failures. */
int workdir_args_load(struct workdir_args *a) CHECK_RESULT;
int workdir_args_open(struct workdir_args *a) CHECK_RESULT; /* load, then the hosts */
bool workdir_args_actions(const struct workdir_args *a);    /* the layout, once parsed */
void workdir_args_release(struct workdir_args *a);
/* Prints what is in out, then gives code; EXIT_FINDINGS when it cannot be printed. */
enum exit_code workdir_print(const struct buf *out, enum exit_code code);

#endif
