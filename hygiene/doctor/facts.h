/*
 * What doctor knows when it judges: plain values that the inspectors (doctor/inspect.h) filled in,
 * so the checks (doctor.h) are pure and tests can inject any machine. Everything a peer, a file or
 * a container said is data here; secrets are not.
 */
#ifndef HYGIENE_DOCTOR_FACTS_H
#define HYGIENE_DOCTOR_FACTS_H

#include "config/options.h"
#include "config/runner_config.h"
#include "hygiene/disk/disk.h"
#include "sandbox/confinement.h"

enum inspection_state {
	INSPECTION_SKIPPED, /* not tried; why says the reason, NULL: there is nothing to inspect */
	INSPECTION_DONE,
	INSPECTION_FAILED, /* why: what went wrong */
};
struct inspection {
	enum inspection_state state;
	char *why;
};

struct token_facts {
	enum { TOKEN_NONE, TOKEN_FLAG, TOKEN_ENV, TOKEN_CONFIG_FILE, TOKEN_OWN_FILE } from;
	struct inspection inspection; /* at the file, when it comes from one */
	char *path;
	uint32_t mode;
	uid_t uid;
};

struct server_facts {
	struct inspection inspection; /* done: it answered, with whatever status */
	long status;
	bool page;   /* that answer was HTML */
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
	int64_t free_us; /* for how long it has had a free slot, 0: not known */
	struct inspection certificates;
	int64_t certificate_left_us; /* of the one that ends first */
};

/* What the runner of the state directory says over its control socket. */
struct runner_facts {
	struct inspection inspection; /* not: none runs there */
	char *state;                  /* "claiming", "drained", … */
	char *broken;                 /* why this machine cannot run jobs; NULL: it can */
	char *heartbeat_result, *heartbeat_error, *engine;
	char *disk, *platform; /* the fullest folder; why the machine is broken */
	int64_t disk_percent;
	bool has_heartbeat;
	int64_t heartbeat_age_us, failures;
};

struct engine_fact_set {
	struct inspection inspection;
	char *server, *api, *socket; /* "Docker/20.10", "1.41" */
	bool rootless;
	struct inspection told; /* what follows */
	char *storage, *cgroup_version, *cgroup_driver;
	bool seccomp, userns, memory_limit, pids_limit;
	struct inspection image_allowed, image;
	char *image_digest;
	char *network; /* behind engine.network */
	struct inspection bridge;
	struct inspection containers;
	struct strv orphans; /* ids */
	size_t live;         /* of this instance, with a held lease */
	size_t others;       /* instances with containers here, beside ours */
};

struct egress_facts {
	struct inspection inspection; /* of the network check */
	size_t stand, fail, unproved;
	char *worst; /* the first that does not stand */
};

struct box_facts {
	struct inspection inspection;
	bool gate;           /* the container was reached through the gate */
	struct pairs status; /* Uid, CapEff, Seccomp, … of /proc/self/status */
	struct pairs mounts; /* target → "type options" */
	struct pairs limits; /* memory, pids, nofile */
	struct strv proc;    /* files of /proc that this kernel has, masked or not */
	struct strv sockets; /* engine sockets that are there */
	bool root_writable, tmp_writable, complete;
};

struct folder_facts {
	struct inspection inspection;
	uid_t uid;
	gid_t gid;
	uint32_t mode;
	uint64_t dev;
	bool noexec, nosuid, read_only;
	struct disk_space space;
};

struct state_facts {
	struct folder_facts folder;
	pid_t holder;           /* who holds the lock, 0: nobody */
	struct inspection sync; /* a file written and synced */
	int64_t sync_us;
	struct inspection jobs;
	size_t left, held, damaged; /* job folders without and with a held lease */
};

struct host_facts {
	char kernel[65];
	pid_t pid; /* whose limits: the runner's, else our own */
	struct inspection limits;
	int64_t nofile, nofile_hard, pids_max; /* -1: unlimited */
};

struct unit_facts {
	struct inspection inspection;
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
	struct inspection gate; /* the program */
	char *gate_path;
	struct egress_facts egress;
	struct confinement confinement;
	struct box_facts box;
	struct folder_facts workspace;
	struct inspection root_owner; /* failed: another runner's root */
	struct inspection
		project_quota;        /* tried with runner.project_ids; FAILED: it does not hold */
	struct inspection root_reach; /* FAILED: the step user cannot pass a folder on the way */
	struct state_facts state;
	struct host_facts host;
	struct unit_facts unit;
};

void doctor_facts_release(struct doctor_facts *f);
void inspection_done(struct inspection *l);
void inspection_failed(struct inspection *l, const char *why);  /* copies */
void inspection_skipped(struct inspection *l, const char *why); /* copies */

#endif
