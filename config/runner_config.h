/*
 * The runner's resolved configuration: defaults < file < environment < flags. Made once at start
 * (and again on SIGHUP), then read-only and passed down. Every key stands in one option table
 * (runner_options.c) with its type, range, default, flag, environment names and sensitivity.
 */
#ifndef CONFIG_RUNNER_CONFIG_H
#define CONFIG_RUNNER_CONFIG_H

#include "base/clock.h"
#include "base/log.h"

#define RUNNER_CONFIG_PATH "/etc/shithubd-runner/config.toml"
#define RUNNER_ENV_PREFIX "SHITHUB_RUNNER_"

enum engine_kind { ENGINE_AUTO, ENGINE_DOCKER, ENGINE_PODMAN };
enum step_io { STEP_IO_AUTO, STEP_IO_GATE, STEP_IO_ATTACH };
enum pull_policy { PULL_MISSING, PULL_ALWAYS, PULL_NEVER };
enum isolation { ISOLATION_STEP, ISOLATION_JOB };
enum hygiene_day { /* as tm_wday */
	HYGIENE_SUNDAY,
	HYGIENE_SATURDAY = 6,
	HYGIENE_NEVER,
	HYGIENE_DAILY,
};

struct runner_config {
	struct {
		char *base_url; /* http(s), no trailing slash, no credentials, query or fragment */
		char *ca_file;  /* NULL: system store */
		struct strv checkout_origins; /* scheme://host[:port] beside base_url's */
	} server;
	struct {
		char *token;      /* 64 hex; from token or token_file; required by run */
		char *token_file; /* 0600 file that holds it */
		struct strv labels;
		int64_t capacity; /* 1..64 */
		int64_t poll_interval_us;
		char *workspace_root;
		int64_t workspace_ttl_us;
		char *state_dir; /* journal, leases, control folders, instance id; 0700 */
		struct strv network_allowlist;
		/* Somebody chose the list, so no job runs without the firewall. The default is only
		 * what `network up` lets through. */
		bool network_allowlist_given;
		uint64_t step_log_limit;
		uint64_t artifact_limit;  /* bytes of one packed artifact on its way in state_dir */
		uint64_t workspace_limit; /* bytes that one job may take on the disk */
		int64_t project_first,
			project_ids; /* one a slot (hygiene/disk/project.h); 0: none */
		int64_t stop_grace_us;
		int64_t drain_timeout_us; /* 0: none */
		enum log_level log_level;
		enum log_format log_format;
	} runner;
	struct {
		enum engine_kind kind;
		char *socket; /* path; NULL: the usual ones of kind */
		char *default_image;
		struct strv allowed_images; /* globs of config/image_ref.h; empty: all */
		enum pull_policy pull;
		int64_t pull_timeout_us;
		char *registry_auth_file; /* NULL: the usual ones, engine/registry_auth.h */
		char *network;            /* name, "none" */
		uint64_t memory;
		int64_t nano_cpus;
		char *seccomp_profile;   /* path; NULL: the built-in profile */
		bool seccomp_unverified; /* run with a profile that does not verify */
		int64_t uid, gid;        /* of steps; user = "auto": the runner's own */
		int64_t users;           /* from uid and gid on, one a slot (runner/slot/seat.c);
					    1: all jobs share it */
		int64_t pids_limit;
		int64_t nofile_limit;
		uint64_t tmp_size;
		struct strv dns_servers;
		enum isolation isolation;
		enum step_io step_io;
		char *gate_path; /* NULL: beside the program, then ../lib/shithub */
	} engine;
	struct {
		char *subnet; /* "172.30.0.0/24"; its first address is the gateway and resolver */
		char *bridge; /* NULL: from engine.network */
		char *dir;    /* files of the egress firewall, a folder a bridge */
		struct strv upstream_dns;  /* empty: those of /etc/resolv.conf */
		struct strv ports;         /* TCP, of allowed names */
		struct strv allow_private; /* ranges that allowed names may lead to */
	} network;
	struct {
		int64_t high_water;    /* percent as df counts: from here on the guard prunes */
		int64_t low_water;     /* below high_water: there it stops */
		int64_t min_free;      /* percent: with less no job is claimed */
		int64_t stale_us;      /* untouched for so long: nightly takes it */
		struct strv protected; /* names and <run>/<job> that it never takes */
	} disk;
	struct {                              /* of the host: hygiene/host/policy.h */
		struct strv warm_builders;    /* images and builders that must stay */
		struct strv state_volumes;    /* that remove_buildkit_state_volumes may remove */
		struct strv actions;          /* enabled ones */
		uint64_t minimum_free;        /* bytes */
		uint64_t maximum_reclaimable; /* bytes; 0: no limit */
		uint64_t maximum_workdir;     /* bytes; 0: no limit */
		bool allow_orphan_buildkit;
		int64_t cache_age_us;       /* younger build cache stays */
		uint64_t cache_keep;        /* bytes of build cache that stay */
		int64_t timeout_us;         /* of one call to the engine */
		int64_t idle_window_us;     /* between two checks for work */
		char *user;                 /* who may run it; NULL: the owner of state_dir */
		enum hygiene_day mutate_on; /* when the timer's run changes something */
	} hygiene;
	struct {
		char *listen; /* "IP:PORT" or a unix socket's path; NULL: no metrics */
	} metrics;
};

void runner_config_release(struct runner_config *c); /* wipes the token */

#endif
