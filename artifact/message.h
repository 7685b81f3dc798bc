/* What travels in the frames between job and child: one request, then lines, one result. Pure. */
#ifndef ARTIFACT_MESSAGE_H
#define ARTIFACT_MESSAGE_H

#include "artifact/artifact.h"
#include "base/json.h"

/* A request that owns its strings. */
struct artifact_order {
	struct artifact_request r;
	char *paths, *path;
};
void artifact_order_release(struct artifact_order *o);
int artifact_request_encode(
	const struct artifact_request *r, struct buf *out, struct err *e) CHECK_RESULT;
/* Decoded and checked; release also after -1. */
int artifact_request_decode(
	struct slice text, struct artifact_order *ret, struct err *e) CHECK_RESULT;

/* Lines: sandbox/child_report.h. */
int artifact_result_encode(
	const struct artifact_result *r, struct buf *out, struct err *e) CHECK_RESULT;
/* 1: *ret_line (the caller's), 0: *ret, -1. */
int artifact_report_decode(struct slice text, char **ret_line, struct artifact_result *ret,
	struct err *e) CHECK_RESULT;

#endif
