/*
 * All forms with their walks, which move through one stream together, and the scan that finds where
 * moving is of use.
 *
 * A step may add values for ever, each to take effect at once, and an automaton is built whole. So
 * the forms stand in layers, each with automata of its own: new forms become a small new layer,
 * which swallows those before it that are not twice as large. Every form is thus built a few times
 * over, not once for each value after it. When the owner says that enough quiet output has passed
 * to pay for it, the layers become one again and the scan is back.
 */
#ifndef BASE_MASK_LAYERS_H
#define BASE_MASK_LAYERS_H

#include "base/mask/forms.h"
#include "base/mask/scan.h"
#include "base/mask/walk.h"

enum { MASK_LAYERS_MAX = 32 };

/* Neighbouring forms and a walk for each of their lanes; each layer has more than twice the bytes
 * of the next. */
struct mask_layer {
	struct mask_walk *walks[MASK_LANES]; /* NULL: no form of this lane */
	size_t n, bytes;                     /* of its forms */
};

/* The stream around a position: n bytes at p, from position base on, and n_older before these. */
struct mask_text {
	const unsigned char *p, *older;
	size_t n, n_older;
	uint64_t base;
};

struct mask_layers {
	struct mask_layer v[MASK_LAYERS_MAX]; /* the oldest forms first */
	size_t n;                             /* 0: nothing to mask, or no walk yet */
	struct mask_scan *scan;               /* of the only layer; NULL when there are several */
	bool narrow;                          /* it does without wide registers */
	struct mask_tokens tokens;
	struct mask_trail trail;
	uint64_t lost; /* how often a walk lost its way */
};

#define MASK_LAYERS_INIT ((struct mask_layers){ .trail = MASK_TRAIL_INIT })
void mask_layers_release(struct mask_layers *l); /* wipes */
/* Takes in the forms that were added behind those that it has; into_one: makes one layer of all.
 * The walks are to be reset afterwards. */
void mask_layers_renew(
	struct mask_layers *l, const struct mask_forms *forms, size_t dense_bytes, bool into_one);
/* To the beginning of a stream, or to a place before which nothing begins. */
void mask_layers_reset(struct mask_layers *l);
/* Takes the byte of the text at position at. True: [*ret_from, *ret_to) is covered; *ret_to is at +
 * 1, or farther when a walk lost its way. */
bool mask_layers_step(struct mask_layers *l, const struct mask_text *text, uint64_t at,
	uint64_t *ret_from, uint64_t *ret_to);
/* The first position before `at`, where the stream is, at which something may still begin. */
uint64_t mask_layers_hold(const struct mask_layers *l, uint64_t at);
/* How many bytes back a scan has to begin; SIZE_MAX: it must not. */
size_t mask_layers_depth(const struct mask_layers *l);
/* Gives up all that may still become a form; returns up to where that could have reached. */
uint64_t mask_layers_lose(struct mask_layers *l, uint64_t at);

#endif
