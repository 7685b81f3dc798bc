/*
 * Request bodies of the API: one strict JSON object each, decoded by table into a plain struct.
 * Pure, so that they can be tested and fuzzed without a server. An unknown key, a wrong type, a
 * value out of range is ERR_INPUT and names the field.
 */
#ifndef COORDINATOR_API_BODY_H
#define COORDINATOR_API_BODY_H

#include "base/ids.h"
#include "base/json.h"
#include "base/codec.h"
#include "coordinator/queue/report.h"

/* What all of them do: one object, by a table, strict. */
int body_decode(struct slice text, const struct json_field *fields, size_t n, void *out,
	struct err *e) CHECK_RESULT;

struct heartbeat_body {
	struct strv labels;
	bool labels_given;
	int64_t capacity;          /* 0: not given */
	char *host_name, *version; /* cut at LIMIT_METADATA bytes; NULL: not given */
	struct ids active_jobs;    /* what the runner still has */
	bool active_given;
};
int heartbeat_parse(struct slice text, struct heartbeat_body *ret, struct err *e) CHECK_RESULT;
void heartbeat_release(struct heartbeat_body *b);

/* {kind, text, seconds}: what keeps a runner from work, and for how long by now */
struct trouble_body {
	char *kind;      /* a word */
	char *text;      /* cut at LIMIT_TROUBLE bytes */
	int64_t seconds; /* cut at a year */
};
int trouble_parse(struct slice text, struct trouble_body *ret, struct err *e) CHECK_RESULT;
void trouble_release(struct trouble_body *b);

/* {status, conclusion?, started_at?, completed_at?} */
int report_parse(struct slice text, struct state_report *ret, struct err *e) CHECK_RESULT;

struct log_body {
	int64_t seq;
	int64_t step_id; /* 0: not given */
	struct buf chunk;
};
/* A chunk of more than LIMIT_LOG_CHUNK raw bytes is ERR_LIMIT. */
int log_parse(struct slice text, struct log_body *ret, struct err *e) CHECK_RESULT;
void log_release(struct log_body *b);

/* {name, size_bytes}; the name is ARTIFACT_NAME's, the size 0 or more */
struct artifact_body {
	char *name; /* list: NULL all */
	int64_t size_bytes;
	int64_t after; /* list: id of the last one seen */
	int64_t id;    /* complete */
	char *digest;  /* complete */
};
int artifact_upload_parse(struct slice text, struct artifact_body *ret, struct err *e) CHECK_RESULT;
/* {name?, after?} */
int artifact_list_parse(struct slice text, struct artifact_body *ret, struct err *e) CHECK_RESULT;
/* {artifact_id, digest} */
int artifact_complete_parse(
	struct slice text, struct artifact_body *ret, struct err *e) CHECK_RESULT;
bool artifact_digest_valid(const char *digest); /* sha256: and 64 lower-case hex digits */
void artifact_body_release(struct artifact_body *b);
/* ^[A-Za-z0-9._-]{1,100}$, not "." and not beginning with ".." */
bool artifact_name_valid(const char *name);

/* {key, host, action, status, documents}: one record of host hygiene */
struct evidence_body {
	char *key, *host, *action, *status;
	char *documents; /* JSON object */
};
enum { EVIDENCE_KEY_MAX = 200, IDEMPOTENCY_KEY_MAX = 256 };
int evidence_parse(struct slice text, struct evidence_body *ret, struct err *e) CHECK_RESULT;
void evidence_release(struct evidence_body *b);

/* {argv, stdin?}: an admin verb with its flags, and what it reads from standard input */
struct admin_body {
	struct strv argv;
	char *input; /* NULL: nothing; may be secret */
};
enum { ADMIN_WORDS_MAX = 128, ADMIN_WORD_MAX = 32 << 10 };
int admin_body_parse(struct slice text, struct admin_body *ret, struct err *e) CHECK_RESULT;
void admin_body_release(struct admin_body *b);

/* {outputs}: names to texts, LIMIT_JOB_OUTPUTS together */
struct outputs_body {
	struct pairs outputs;
};
int outputs_parse(struct slice text, struct outputs_body *ret, struct err *e) CHECK_RESULT;
void outputs_release(struct outputs_body *b);

/* {environment, state, comment?}: what a reviewer says; state is approved or rejected */
struct review_body {
	char *environment, *state, *comment;
};
int review_parse(struct slice text, struct review_body *ret, struct err *e) CHECK_RESULT;
void review_release(struct review_body *b);
/* {ref?, inputs?}: a run that is started by hand; numbers and booleans of inputs become text */
struct dispatch_body {
	char *ref; /* NULL: the default branch */
	struct pairs inputs;
};
int dispatch_parse(struct slice text, struct dispatch_body *ret, struct err *e) CHECK_RESULT;
void dispatch_release(struct dispatch_body *b);

/* {} */
int empty_parse(struct slice text, struct err *e) CHECK_RESULT;

#endif
