/*
 * A step box: one fresh hardened container, started ahead of its step, that takes one script at a
 * time. Two transports behind this interface (engine.step_io): the gate (our static PID 1 receives
 * the script and the output pipe over a unix socket) and attach (the engine's attach stream).
 *
 * A box_job holds what the boxes of one job share: engine, limits, mounts, labels and the network
 * holder container whose network namespace every box joins.
 *
 * Runs in the job process only. Call order:
 *   box_job_open → step_box_prepare (any number ahead) → step_box_launch → on_output* → on_exit
 *   → [step_box_launch again when isolation = job] → step_box_free → box_job_close
 * prepare returns at once; its failure surfaces in launch. free removes the container in the
 * background; box_job_close waits until all of them are gone (bounded).
 */
#ifndef ENGINE_STEP_BOX_H
#define ENGINE_STEP_BOX_H

#include "engine/engine.h"

struct box_job;
struct step_box;

#define BOX_LABEL_RUNNER "sh.shithub.runner"
#define BOX_LABEL_JOB "sh.shithub.job"
#define BOX_LABEL_STEP "sh.shithub.step"
#define BOX_WORKSPACE "/workspace"
#define BOX_HOSTNAME "step" /* with a network of its own */
#define BOX_FILES "/shithub/files"
#define BOX_TOOLS "/shithub/tools"
#define BOX_HOME "/shithub/home"
#define BOX_TEMP "/shithub/temp"
#define BOX_TOOL_CACHE "/shithub/tool_cache"

/* What the steps of a job share beside the workspace: folders of own_dir and where they are
 * mounted. Each is mounted by itself: a step that could reach the folder above would choose what
 * the next box mounts. */
enum { BOX_OWN_FOLDERS = 3 };
extern const struct box_own_folder {
	const char *name, *target;
} box_own_folders[BOX_OWN_FOLDERS];

struct box_job_spec {
	struct loop *loop;
	struct engine *engine;
	const struct runner_config *config; /* limits, image, network, user, step_io (not AUTO) */
	const char *instance_id;            /* label value of this runner */
	const char *job_id;                 /* label value, part of container names */
	const char *image;
	const struct strv *volumes; /* of the image, engine/image.h; NULL: the engine is asked */
	const char *workspace;      /* host path, mounted at /workspace */
	const char *own_dir;        /* host path, holds box_own_folders; NULL: none */
	const char *home;           /* where home is mounted; NULL: at BOX_HOME */
	const char *files_dir;      /* host path, mounted at /shithub/files; NULL: none */
	const char *tools_dir;      /* host path, mounted read-only at /shithub/tools; NULL: none */
	const char *control_dir;    /* existing host folder 0711 owned by us, one subfolder a box */
	const char *gate_path;
	const char *seccomp_json;
};
/* Starts the holder container in the background. */
struct box_job *box_job_open(const struct box_job_spec *spec, struct err *e) CHECK_RESULT;
void box_job_close(struct box_job *j); /* removes holder and leftovers, at most 30 s; NULL fine */

struct step_box *step_box_prepare(struct box_job *j, const char *step_id);
/* The same with home at BOX_HOME, whatever the job says: what the image has at its HOME shows. */
struct step_box *step_box_prepare_beside(struct box_job *j, const char *step_id);

/* What a step's left-over processes may still write after it ended, how long those that hold no
 * output have before they count as left, and how long the engine may
 * take to end a killed box before it counts as stuck. */
#define BOX_DRAIN_US (2 * USEC_PER_SEC)
#define BOX_LEFT_US (200 * USEC_PER_MSEC)
#define BOX_KILL_US (10 * USEC_PER_SEC)
#define BOX_READY_US (60 * USEC_PER_SEC) /* launch waits so long for its box */
#define BOX_CLOSE_US (30 * USEC_PER_SEC)

enum step_end {
	STEP_EXITED,   /* code; the attach transport tells a signal as 128 + n like a shell */
	STEP_SIGNALED, /* code is the signal */
	STEP_GONE,     /* the box ended without a status: killed, out of memory, engine lost */
};
struct step_result {
	enum step_end end;
	int code;
	bool oom;         /* the memory limit killed something in this box */
	bool output_lost; /* attach transport: the engine's stream broke off, something may be
			     missing */
	bool output_cut;  /* a left-over process kept the pipe; drained for a bounded time, then
			     closed */
	bool left_ended;  /* gate transport, isolation "step": quiet processes were left, and ended
			     with the box */
	struct err infra; /* set when STEP_GONE is the platform's fault */
};
struct step_launch {
	/* e.g. bash -e -o pipefail {0}; "{0}" becomes the script's path. The first word may be
	 * names with | between them ("bash|sh"): the first one that the PATH has. */
	const struct strv *argv;
	const char *script; /* bytes written to a file inside the box; NULL: none */
	size_t script_len;
	const char *script_name; /* file name the interpreter sees ("step.py"); NULL: "script" */
	const struct strv *env;  /* NAME=value */
	const char *working_dir; /* absolute inside the container */
	/* Both streams in the order they were written. Must not block. With the attach transport
	 * the first output may come while step_box_launch still waits for the engine's answer. */
	void (*on_output)(void *data, const char *p, size_t n);
	/* Once, after the last on_output. */
	void (*on_exit)(void *data, const struct step_result *r);
	void *data;
};
/* Blocks until the box is ready (bounded, BOX_READY_US), hands over the script and returns; output
 * and exit come through the loop. -1: the box could not be made (ERR_ENGINE, ERR_NOT_FOUND image,
 * …). */
int step_box_launch(struct step_box *b, const struct step_launch *l, struct err *e) CHECK_RESULT;
/* SIGTERM (or another) to everything in the box; no answer is awaited. */
void step_box_signal(struct step_box *b, int sig);
/* Stops everything in the box where it is (on), or lets it go on; done says whether the engine did.
 * False: nothing runs in it, and done is not called. */
bool step_box_pause(
	struct step_box *b, bool on, void (*done)(void *data, const struct err *e), void *data);
/* The Engine's kill: always ends the box; on_exit follows. */
void step_box_kill(struct step_box *b);
void step_box_free(struct step_box *b); /* NULL fine; no callback after this */

/* Starts one throw-away gate container and says whether the descriptor crossed (step_io = auto). */
int step_io_probe(const struct box_job_spec *spec, enum step_io *ret, struct err *e) CHECK_RESULT;

#endif
