/*
 * Where a bucket is, as `server.objects` says it:
 *
 *   s3://BUCKET[/PREFIX]?endpoint=https://HOST[:PORT]&region=NAME&style=path|host&presign=on|off
 *
 * Without an endpoint it is AWS's of the region, whose default is us-east-1. style=host puts the
 * bucket in front of the host's name. The host's case and a port that goes without saying are
 * nothing. presign=off keeps runners and browsers away from the store:
 * everything then passes through us. Keys of the store are no part of it. Pure.
 */
#ifndef COORDINATOR_OBJECT_BUCKET_H
#define COORDINATOR_OBJECT_BUCKET_H

#include "base/err.h"

struct bucket {
	char *bucket, *prefix; /* prefix: "" or "a/b/" */
	char *origin;          /* https://host[:port], with the bucket for style=host */
	char *root;            /* what keys follow in a path: "/bucket/a/b/" or "/a/b/" */
	char *base;            /* the path of the bucket itself: "/bucket" or "/" */
	char *region;
	bool presign;
};
enum { BUCKET_TEXT_MAX = 2048 };
#define BUCKET_EXPECTED "expected s3://BUCKET[/PREFIX]?endpoint=URL&region=NAME"
bool bucket_is_s3(const char *text);
/* ERR_INPUT with what is wrong and what was expected. */
int bucket_parse(const char *text, struct bucket *ret, struct err *e) CHECK_RESULT;
void bucket_release(struct bucket *p);

#endif
