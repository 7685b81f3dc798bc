/*
 * What doctor knows when it judges: plain values that the lookers (doctor_look.h) filled in, so the
 * checks (doctor.h) are pure and tests can inject any machine. Everything a peer, a file or a
 * container said is data here; secrets are not.
 */
#ifndef HYGIENE_DOCTOR_FACTS_H
#define HYGIENE_DOCTOR_FACTS_H

#include "config/options.h"
#include "config/runner_config.h"
#include "hygiene/disk.h"
#include "sandbox/walls.h"

enum look_state {
	LOOK_NOT, /* not asked: why says the reason, NULL: nothing to look at */
	LOOK_DONE,
	LOOK_FAILED, /* why: what went wrong */
};
struct look {
	enum look_state state;
	char *why;
};

struct token_facts {
	enum { TOKEN_NONE, TOKEN_FLAG, TOKEN_ENV, TOKEN_CONFIG_FILE, TOKEN_OWN_FILE } from;
	struct look look; /* at the file, when it comes from one */
	char *path;
	uint32_t mode;
	uid_t uid;
};

struct server_facts {
	struct look look; /* done: it answered, with whatever status */
	long status;
	char *words; /* of an error answer */
	bool dated;
	int64_t skew_us; /* of its clock against ours: what is surely so, 0 within a second */
	int64_t rtt_us;
	bool self; /* what follows is what it says of this runner */
	int64_t id, capacity, active;
	char *name;
	struct strv labels;
	bool online, draining, revoked;
	int64_t queued, oldest_job, oldest_us; /* jobs it could take; oldest: id and age */
	struct look certificates;
	int64_t certificate_left_us; /* of the one that ends first */
};

/* What the runner of the state directory says over its control socket. */
struct runner_facts {
	struct look look; /* not: none runs there */
	char *state;      /* "claiming", "drained", … */
	char *beat, *beat_error, *engine;
	bool beaten;
	int64_t beat_age_us, failures;
};

struct engine_fact_set {
	struct look look;
	char *server, *api, *socket; /* "Docker/20.10", "1.41" */
	bool rootless;
	struct look told; /* what follows */
	char *storage, *cgroup_version, *cgroup_driver;
	bool seccomp, userns, memory_limit, pids_limit;
	struct look image_allowed, image;
	char *image_digest;
	char *network; /* behind engine.network */
	struct look bridge;
	struct look containers;
	struct strv orphans; /* ids */
	size_t live;         /* of this instance, with a held lease */
	size_t others;       /* instances with containers here, beside ours */
};

struct wall_facts {
	struct look look; /* of the network check */
	size_t stand, fail, unproved;
	char *worst; /* the first that does not stand */
};

struct box_facts {
	struct look look;
	bool gate;           /* the container was reached through the gate */
	struct pairs status; /* Uid, CapEff, Seccomp, … of /proc/self/status */
	struct pairs mounts; /* target → "type options" */
	struct pairs limits; /* memory, pids, nofile */
	struct strv proc;    /* files of /proc that this kernel has, masked or not */
	struct strv sockets; /* engine sockets that are there */
	bool root_writable, tmp_writable, complete;
};

struct folder_facts {
	struct look look;
	uid_t uid;
	gid_t gid;
	uint32_t mode;
	uint64_t dev;
	bool noexec, nosuid, read_only;
	struct disk_space space;
};

struct state_facts {
	struct folder_facts folder;
	pid_t holder;     /* who holds the lock, 0: nobody */
	struct look sync; /* a file written and synced */
	int64_t sync_us;
	struct look jobs;
	size_t left, held, damaged; /* job folders without and with a held lease */
};

struct host_facts {
	char kernel[65];
	pid_t pid; /* whose limits: the runner's, else our own */
	struct look limits;
	int64_t nofile, nofile_hard, pids_max; /* -1: unlimited */
};

struct unit_facts {
	struct look look;
	char *source;       /* "systemctl show x.service", the file's path */
	struct pairs value; /* of [Service] */
};

struct doctor_facts {
	bool offline;
	uid_t euid;
	const struct runner_config *config; /* NULL: it could not be loaded */
	struct strv problems, warnings;
	char *missing; /* why run would stop */
	struct token_facts token;
	struct server_facts server;
	struct runner_facts runner;
	struct engine_fact_set engine;
	struct look gate; /* the program */
	char *gate_path;
	struct wall_facts wall;
	struct walls walls;
	struct box_facts box;
	struct folder_facts workspace;
	struct look root_owner; /* failed: another runner's root */
	struct state_facts state;
	struct host_facts host;
	struct unit_facts unit;
};

void doctor_facts_release(struct doctor_facts *f);
void look_done(struct look *l);
void look_failed(struct look *l, const char *why); /* copies */
void look_not(struct look *l, const char *why);    /* copies */

#endif
