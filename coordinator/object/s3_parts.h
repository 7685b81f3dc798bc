/* Large objects in parts. Parts without an end cost their owner money and are seen by nobody, so
 * what fails is aborted, and what a crash left is found and aborted later. */
#ifndef COORDINATOR_OBJECT_S3_PARTS_H
#define COORDINATOR_OBJECT_S3_PARTS_H

#include "coordinator/object/s3_request.h"

int s3_put_parts(struct s3 *s, const char *key, int fd, int64_t size, struct err *e) CHECK_RESULT;
/* Uploads that began before; *ret_n: how many. */
int s3_abort_old(struct s3 *s, struct wall before, int64_t *ret_n, struct err *e) CHECK_RESULT;

#endif
