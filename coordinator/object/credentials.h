/*
 * The keys of an S3 store: of a file in the form that AWS's tools read, or of the environment
 * variables that they read. Never of a command line, and never in a log.
 */
#ifndef COORDINATOR_OBJECT_CREDENTIALS_H
#define COORDINATOR_OBJECT_CREDENTIALS_H

#include "coordinator/object/sign.h"

/* file NULL: the environment. ERR_INPUT says what is missing and where it was expected. */
int credentials_load(const char *file, struct sign_keys *ret, struct err *e) CHECK_RESULT;
/* The lines "aws_access_key_id = …", "aws_secret_access_key = …", "aws_session_token = …"; of
 * several profiles the first. Pure. */
int credentials_parse(
	const char *text, size_t n, struct sign_keys *ret, struct err *e) CHECK_RESULT;

#endif
