/*
 * What the files behind a step box share; nobody else includes this. From the ground up: box_plan.c
 * (what a container may see), box_state.c (what becomes of a box), box_gate.c and box_attach.c (the
 * two transports), step_box.c (the interface) and box_job.c (what a job's boxes share).
 *
 * A box: PREPARING → READY → RUNNING → (READY again, or SPENT), or FAILED with the reason. The
 * object outlives step_box_free until the next dispatch, so callbacks that free their box return
 * into valid memory; `freed` then tells them to leave.
 */
#ifndef ENGINE_STEP_BOX_PRIVATE_H
#define ENGINE_STEP_BOX_PRIVATE_H

#include "engine/box_container.h"
#include "engine/gate/gate_proto.h"
#include "engine/step_box.h"

enum box_state { BOX_WAITING, BOX_PREPARING, BOX_READY, BOX_FAILED, BOX_RUNNING, BOX_SPENT };

struct box_transport {
	int (*prepare)(
		struct step_box *b, struct err *e); /* the holder is made; ends in box_settle */
	int (*launch)(struct step_box *b, const struct step_launch *l, struct err *e);
	void (*signal)(struct step_box *b, int sig);
	void (*kill)(struct step_box *b); /* running; on_exit must follow */
	struct box_container *(*container)(const struct step_box *b);
	void (*release)(struct step_box *b); /* everything but the memory of b->impl */
};
extern const struct box_transport box_gate_transport, box_attach_transport;

struct step_box {
	struct box_job *job;
	struct step_box *next;
	char *step_id;
	bool beside; /* home at BOX_HOME, not over the image's */
	const struct box_transport *transport;
	void *impl; /* the transport's own; freed with the box */
	enum box_state state;
	bool settled; /* READY or FAILED: launch waits for it */
	bool killed;  /* by step_box_kill */
	bool freed;
	bool launching;   /* step_box_launch is on the stack */
	struct err error; /* of FAILED */
	void (*on_output)(void *data, const char *p, size_t n);
	void (*on_exit)(void *data, const struct step_result *r);
	void *data;
	struct step_result result;
};

enum { BOX_READ_MAX = 256 << 10 }; /* bytes of output handled in one dispatch */

struct box_job {
	struct loop *loop;
	struct engine *engine;
	const struct runner_config *config;
	char *instance_id, *job_id, *image, *workspace, *own_dir, *home, *files_dir, *tools_dir,
		*control_dir, *gate_path, *seccomp_json;
	char *seccomp_path;  /* Podman: the profile as a file */
	char *hosts_path;    /* network "none": the file /etc/hosts */
	struct strv volumes; /* of the image: a tmpfs at each */
	char nonce[9];       /* makes container names ours beyond doubt */
	unsigned serial;
	int64_t ready_us;
	struct box_list containers;
	struct box_container *holder;
	bool holder_made, holder_failed;
	struct err holder_error;
	char *network; /* of boxes: "none" or "container:<holder>"; NULL until the holder is made */
	struct step_box *boxes, *dead;
	struct loop_source *free_later;
	char *read_buf; /* BOX_READ_MAX */
};

/* box_state.c */
void box_begin(struct step_box *b); /* the holder is made */
void box_to(struct step_box *b, enum box_state to);
void box_settle(struct step_box *b, const struct err *e); /* NULL: ready */
/* Waits until *settled, ready_us at most, longer while the engine does not answer. */
int box_wait(struct box_job *j, const bool *settled, struct err *e) CHECK_RESULT;
/* Nobody answered an inspect: true and when to ask again, false when that is no use. */
bool box_ask_later(struct step_box *b, const struct err *e, int64_t *ret_pause_us);
/* Hands output on; false when the callback freed the box. */
bool box_output(struct step_box *b, const char *p, size_t n);
/* Calls on_exit with b->result: the last touch of the caller. */
void box_finish(struct step_box *b, bool reusable);
/* argv with every "{0}" replaced by path (NULL: kept). */
void box_argv(const struct strv *argv, const char *path, struct strv *ret);
void box_free_later(struct box_job *j, struct step_box *b); /* in the next dispatch */
void box_free_pending(struct box_job *j);                   /* those now */

/* box_plan.c */
const char *box_job_network(const struct box_job *j);
/* A step container's plan: its whole confinement, workspace and gate mounted; argv and env are the
 * caller's. */
void box_job_plan(const struct step_box *b, struct box_plan *ret);
void box_holder_plan(struct box_job *j, struct box_plan *ret);

#endif
