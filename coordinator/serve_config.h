/*
 * What `serve` is told: defaults < file < environment < flags, by the same option tables as the
 * runner's. Environment names begin with SHITHUBD_; the root key is also SHITHUB_TOTP_KEY.
 */
#ifndef COORDINATOR_SERVE_CONFIG_H
#define COORDINATOR_SERVE_CONFIG_H

#include "coordinator/app.h"

struct serve_config {
	char *listen;     /* HOST:PORT */
	char *public_url; /* NULL: http:// and the address it listens on */
	char *data_dir;
	uint64_t artifact_max_size, artifact_max_run_size;
	int64_t artifact_days;
	int64_t job_expiry; /* microseconds without a sign of life */
	char *totp_key_b64; /* NULL: the environment's, else <data>/root.key */
};
void serve_config_release(struct serve_config *c);

/* Fills *c and *ret_ready_file (borrowed from argv) from argv and the environment. 0, 1 help was
 * printed, -1 problems were printed. */
int serve_config_load(
	struct serve_config *c, const char **ret_ready_file, int argc, char **argv) CHECK_RESULT;

/* The keys for verbs outside serve: SHITHUB_TOTP_KEY, else <data>/root.key. ERR_CONFLICT when serve
 * said with serve_keys_publish that it uses others: what these seal, it could not open. */
int serve_keys_load(struct keys *k, const char *data_dir, struct err *e) CHECK_RESULT;
int serve_keys_publish(const struct keys *k, const char *data_dir, struct err *e) CHECK_RESULT;

#endif
