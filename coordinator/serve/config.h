/*
 * Options of `serve`: defaults < file < environment < flags, by the same option tables as the
 * runner's. Environment names begin with SHITHUBD_; the root key is also SHITHUB_TOTP_KEY.
 */
#ifndef COORDINATOR_SERVE_CONFIG_H
#define COORDINATOR_SERVE_CONFIG_H

#include "coordinator/app/app.h"

/* How users sign in at the pages besides passwords (sign_in.h). */
struct oidc_options {
	char *issuer; /* NULL: not at all */
	char *name;   /* of the provider, for people */
	char *client_id, *secret_file;
	char *scopes, *login_claim, *groups_claim;
	struct strv groups, email_domains;
	enum { OIDC_LINKED, OIDC_CREATE } users; /* those who are linked, or whoever comes */
	char *ca_file;                           /* NULL: the system's */
};

#define COORDINATOR_DATA_DIR "/var/lib/shithubd"

struct serve_config {
	char *listen;             /* HOST:PORT */
	char *public_url;         /* NULL: http:// or https:// and the address it listens on */
	char *tls_cert, *tls_key; /* PEM files; both or none */
	char *data_dir;
	char *store;                        /* NULL: <data_dir>/shithubd.db */
	int64_t lease;                      /* microseconds of silence until others take over */
	char *objects;                      /* NULL: <data_dir>/objects; a folder or s3://… */
	char *repositories;                 /* NULL: <data_dir>/repos */
	char *objects_credentials;          /* file of a bucket's keys; NULL: the environment */
	char *objects_ca_file;              /* NULL: the system's */
	char *metrics_token_file;           /* NULL: none */
	enum { PAGES_OFF, PAGES_ON } pages; /* for browsers, beside the API */
	int64_t connections, connections_per_peer;
	int64_t live_log_time;       /* microseconds that one stream of a live log lasts */
	struct strv trusted_proxies; /* each one that network_parse takes */
	uint64_t artifact_max_size, artifact_max_run_size;
	int64_t artifact_days;
	uint64_t log_max_step_size, log_max_job_size, log_max_run_size;
	int64_t job_expiry; /* microseconds without a sign of life */
	char *git_hooks;    /* NULL: none */
	struct oidc_options oidc;
	char *totp_key_b64; /* NULL: the environment's, else <data>/root.key */
};
void serve_config_release(struct serve_config *c);

/* Fills *c and *ret_ready_file (borrowed from argv) from argv and the environment. 0, 1 help was
 * printed, -1 problems were printed. */
int serve_config_load(
	struct serve_config *c, const char **ret_ready_file, int argc, char **argv) CHECK_RESULT;

/* `config keys`: lists what the file may hold (config/option_list.h). */
int serve_config_keys(int argc, char **argv);

/* Where the root key of serve comes from, for a message. The caller's. */
char *serve_keys_source(const struct serve_config *c) CHECK_RESULT;

/* The keys for verbs outside serve: SHITHUB_TOTP_KEY, else <data>/root.key. ERR_CONFLICT when serve
 * said with serve_keys_publish that it uses others: what these seal, it could not open. */
int serve_keys_load(struct keys *k, const char *data_dir, struct err *e) CHECK_RESULT;
/* ERR_CONFLICT when serve used others here last. */
int serve_keys_check(const struct keys *k, const char *data_dir, struct err *e) CHECK_RESULT;
int serve_keys_publish(const struct keys *k, const char *data_dir, struct err *e) CHECK_RESULT;

#endif
