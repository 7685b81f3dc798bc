/*
 * What the hygiene verbs have in common: configuration, request flags, loop, engine, output.
 *
 *	struct hygiene_args a = HYGIENE_ARGS_INIT;
 *	if (hygiene_args_open(&a, argc, argv, HYGIENE_FLAG_…, help, &code) < 0) return code;
 *	if (hygiene_args_engine(&a, &e) < 0) …   // only where one is needed
 *	hygiene_args_release(&a);
 */
#ifndef RUNNER_VERBS_HYGIENE_ARGS_H
#define RUNNER_VERBS_HYGIENE_ARGS_H

#include "base/cli.h"
#include "config/runner_options.h"
#include "hygiene/host/apply.h"

enum hygiene_flags {
	HYGIENE_FLAG_OBSERVATION = 1, /* --observation, --policy */
	HYGIENE_FLAG_REQUEST = 2,     /* --action … */
	HYGIENE_FLAG_ATTENTION = 4,   /* --fail-on-attention */
	HYGIENE_FLAG_RESOLVE = 8,     /* --resolve */
	HYGIENE_FLAG_LIMIT = 16,      /* --limit */
};

struct hygiene_args {
	enum cli_output output;
	enum cli_color color; /* of history */
	const char *observation, *policy_file;
	bool fail_on_attention, resolve, move_damaged;
	int64_t limit;
	struct hygiene_request request;
	struct runner_config config;
	struct options options;
	struct hygiene_policy policy;
	struct loop *loop;
	struct http *http;
	struct engine *engine;
};
#define HYGIENE_ARGS_INIT    \
	{                    \
		.limit = 25, \
	}
/* -1 with *ret_code, told: also after --help. */
int hygiene_args_open(struct hygiene_args *a, int argc, char **argv, unsigned flags,
	const char *help, int *ret_code) CHECK_RESULT;
int hygiene_args_engine(struct hygiene_args *a, struct err *e) CHECK_RESULT;
void hygiene_args_release(struct hygiene_args *a);

/* The observation of --observation, or a fresh one (then calls are filled). */
int hygiene_args_observe(struct hygiene_args *a, struct host_observation *ret,
	struct host_calls *calls, struct err *e) CHECK_RESULT;
struct host_context hygiene_args_context(const struct hygiene_args *a);

/* Who we are, the engine, the spool: nothing is done without any of them. Release it in any case.
 */
int hygiene_apply_open(struct hygiene_args *a, struct host_apply *ret, struct err *e) CHECK_RESULT;
void hygiene_apply_release(struct host_apply *h);

/* The exit code of an error, told on stderr. */
int hygiene_fail(const struct err *e);
/* Prints what was written, with a newline; gives code, or EXIT_FINDINGS when it cannot. */
int hygiene_print(struct json_writer *w, struct buf *out, int code);
int hygiene_print_text(const struct buf *out, int code);

#endif
