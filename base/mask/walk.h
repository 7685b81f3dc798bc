/*
 * One automaton's way through the stream, byte by byte. Because a text can be read in several ways
 * ("\n" as a line end, as an n behind a backslash that stands for nothing, or as two characters),
 * there is a set of readings at every position. A reading whose text ends another's can become
 * whatever that one can, so the other is dropped; what remains is one reading nearly always.
 *
 * Secrets and text can be made so that many remain. Their number is bounded (MASK_READINGS_MAX);
 * whoever exceeds it is told by MASK_WALK_LOST and must hide what it no longer knows.
 */
#ifndef BASE_MASK_WALK_H
#define BASE_MASK_WALK_H

#include "base/mask/automaton.h"
#include "base/mask/lane.h"
#include "base/mask/token.h"
#include "base/mask/trail.h"

enum { MASK_READINGS_MAX = 24, MASK_TOKENS_MAX = 4 };

struct mask_reading {
	uint32_t state, gap; /* gap: bytes since its last symbol */
	struct mask_place place;
};

struct mask_readings {
	unsigned n;
	struct mask_reading v[MASK_READINGS_MAX];
};

/* The tokens that may begin at a byte behind us, for all walks alike. */
struct mask_tokens {
	unsigned n;
	struct mask_token v[MASK_TOKENS_MAX];
	uint64_t from[MASK_TOKENS_MAX];
	unsigned wraps[MASK_TOKENS_MAX]; /* lanes whose line was wrapped here, if this is a line end
					  */
};

struct mask_walk {
	struct mask_automaton *automaton;
	const struct mask_rules *rules;
	unsigned lane;     /* as a bit */
	size_t most_bytes; /* that a form can take up in a log */
	struct mask_readings
		sets[2]; /* sets[now]: besides the one at the root, which is everywhere */
	unsigned now;
	struct mask_readings then[MASK_TOKENS_MAX]; /* where each token began */
};

/* What one byte did. */
struct mask_event {
	uint64_t cover; /* a form began here and ends now; UINT64_MAX: none */
	bool lost;
};

/* Takes a copy of what it needs of the forms, which are of this lane, at least one. */
struct mask_walk *mask_walk_new(
	const struct mask_forms *forms, enum mask_lane lane, size_t dense_bytes);
void mask_walk_free(struct mask_walk *w); /* wipes; NULL fine */
void mask_walk_reset(struct mask_walk *w);
/* Takes byte c at position at; wraps: as in mask_tokens. decoded[i]: what of tokens->v[i], which
 * stood before this byte, ended with it. */
void mask_walk_step(struct mask_walk *w, struct mask_trail *t, unsigned char c, unsigned wraps,
	uint64_t at, const struct mask_tokens *tokens, const struct mask_decoded *decoded,
	struct mask_event *ev);
/* A token begins at the byte that follows: it starts from here, as the i-th. */
void mask_walk_open(struct mask_walk *w, unsigned i);
/* The i-th token is over, the last one takes its place. */
void mask_walk_close(struct mask_walk *w, unsigned i, unsigned last);
/* The earliest start of what can still become a form, a token among it; `at` when there is nothing.
 */
uint64_t mask_walk_hold(const struct mask_walk *w, const struct mask_trail *t,
	const struct mask_tokens *tokens, uint64_t at);
/* How many of the last bytes could begin a form, if every reading has had one byte for each symbol;
 * else UINT32_MAX. */
uint32_t mask_walk_depth(const struct mask_walk *w);

#endif
