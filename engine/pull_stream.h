/*
 * The progress stream of /images/create: one JSON object a line, from Docker with bytes, from
 * Podman without. An error comes as an object inside a 200. Pure and incremental, lines bounded:
 * what it says comes partly from a registry. Layers past the cap are not counted.
 */
#ifndef ENGINE_PULL_STREAM_H
#define ENGINE_PULL_STREAM_H

#include "base/buf.h"
#include "base/err.h"

enum { PULL_LINE_MAX = 64 << 10, PULL_LAYERS_MAX = 256, PULL_LAYER_ID = 32 };

struct pull_layer {
	char id[PULL_LAYER_ID];
	bool here; /* all its bytes are on this machine */
	int64_t bytes, of;
};
struct pull_stream {
	struct buf line;
	struct pull_layer layers[PULL_LAYERS_MAX];
	size_t n_layers;
	char error[512]; /* the engine's words, "" when it told none */
};

void pull_stream_init(struct pull_stream *s);
void pull_stream_release(struct pull_stream *s);
/* 0, or -1 on what is no such stream (ERR_PROTO, ERR_LIMIT). */
int pull_stream_feed(struct pull_stream *s, const char *p, size_t n, struct err *e) CHECK_RESULT;
/* The last line may lack its newline. */
int pull_stream_end(struct pull_stream *s, struct err *e) CHECK_RESULT;

struct pull_progress {
	size_t layers, of_layers;
	int64_t bytes, of_bytes; /* of those that are or were loaded; 0: the engine tells none */
};
struct pull_progress pull_stream_progress(const struct pull_stream *s);

#endif
