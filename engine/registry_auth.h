/*
 * Credentials of registries, as Docker and Podman keep them. Reads files of whoever runs the
 * runner; a credential helper runs as a bounded child process. Job process only: what is found
 * goes to the engine as one header and nowhere else.
 *
 * Where it searches; the first that knows the registry wins:
 *   engine.registry_auth_file, else $REGISTRY_AUTH_FILE: only this file, and it must be there
 *   else $DOCKER_CONFIG/config.json, or ~/.docker/config.json when DOCKER_CONFIG is not set
 *   then $XDG_RUNTIME_DIR/containers/auth.json
 * In a file: credHelpers of the registry, then credsStore, then auths, where the longest name that
 * leads to the image wins ("ghcr.io/team" before "ghcr.io").
 */
#ifndef ENGINE_REGISTRY_AUTH_H
#define ENGINE_REGISTRY_AUTH_H

#include "base/loop.h"
#include "config/image_ref.h"

enum { REGISTRY_AUTH_FILE_MAX = 1 << 20, REGISTRY_AUTH_SECRET_MAX = 64 << 10 };
#define REGISTRY_AUTH_HELPER_US (30 * USEC_PER_SEC)

struct registry_auth {
	char *user, *password; /* or … */
	char *identity_token;  /* … this one instead */
	char *source;          /* where it came from, for people; NULL: nothing was found */
};
void registry_auth_release(struct registry_auth *a); /* wipes */
#define CLEAN_REGISTRY_AUTH CLEANUP(registry_auth_release)

/* 0 also when nobody knows the registry. file: engine.registry_auth_file or NULL. Waits for a
 * helper: not from a callback. */
int registry_auth_find(struct loop *l, const char *file, const struct image_ref *ref,
	struct registry_auth *ret, struct err *e) CHECK_RESULT;

/* The value of X-Registry-Auth; NULL when a is empty. Wipe it. */
char *registry_auth_header(const struct registry_auth *a, const struct image_ref *ref) CHECK_RESULT;

/* What one file says about an image. Pure. */
struct registry_auth_entry {
	struct registry_auth auth; /* source is left NULL */
	char *helper;              /* to be asked first, NULL: none */
	char *server;              /* what it calls the registry */
};
void registry_auth_entry_release(struct registry_auth_entry *x);
int registry_auth_parse(const char *text, size_t n, const struct image_ref *ref,
	struct registry_auth_entry *ret, struct err *e) CHECK_RESULT;
/* The answer of a credential helper's `get`. Pure. */
int registry_auth_answer(
	const char *text, size_t n, struct registry_auth *ret, struct err *e) CHECK_RESULT;

#endif
