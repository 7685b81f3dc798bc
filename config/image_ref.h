/*
 * References of container images: "bash", "ghcr.io/a/b:1", "127.0.0.1:5000/x@sha256:…". Pure.
 *
 * The normal form names everything: the registry (docker.io when the first part is no host), the
 * folder library/ of docker.io's own images, and a tag (latest) or a digest. Globs of
 * engine.allowed_images are matched against it (docs/IMAGES.md):
 *
 *   *     any text without a slash        **   any text
 *
 * A glob is completed like a reference, but without a tag or digest of its own it matches all of
 * them. Its first part counts as a registry also when it is * or contains **.
 */
#ifndef CONFIG_IMAGE_REF_H
#define CONFIG_IMAGE_REF_H

#include "base/err.h"

struct image_ref {
	char *registry; /* "docker.io"; NULL: an image id, which no registry knows */
	char *path;     /* "library/bash"; of an id the 64 hex digits */
	char *tag;      /* NULL: none was given beside a digest */
	char *digest;   /* "sha256:…" or NULL */
};
int image_ref_parse(const char *text, struct image_ref *ret, struct err *e) CHECK_RESULT;
void image_ref_release(struct image_ref *r);
#define CLEAN_IMAGE_REF CLEANUP(image_ref_release)

/* "docker.io/library/bash", without tag and digest; of an id "sha256:…". */
char *image_ref_repository(const struct image_ref *r) CHECK_RESULT;
/* With both. */
char *image_ref_text(const struct image_ref *r) CHECK_RESULT;

bool image_glob_match(const char *glob, const struct image_ref *r);
/* An empty list allows everything. ERR_INPUT names the image and the list. */
int image_allowed(const struct strv *globs, const char *image, struct err *e) CHECK_RESULT;

#endif
