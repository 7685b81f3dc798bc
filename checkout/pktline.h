/*
 * The upload-pack wire: requests out, answers in. Pure: bytes in any portions, no I/O, no logging.
 *
 * An answer is pkt-lines (four hex digits of length, then the bytes): first shallow and NAK lines
 * (v0) or sections (v2), then the pack in side-band packets: band 1 pack bytes, 2 progress, 3 an
 * error. Pack bytes go to the sink as they arrive, never collected; everything else is short and
 * capped. Call order: init → feed* → end → release; after -1 only release.
 */
#ifndef CHECKOUT_PKTLINE_H
#define CHECKOUT_PKTLINE_H

#include "base/buf.h"
#include "base/err.h"

enum {
	PKT_MAX = 65520,     /* a whole packet, its length included */
	PKT_TEXT_MAX = 1000, /* what is kept of a line that is not pack data */
	ANSWER_SHALLOW_MAX = 100000,
	ANSWER_LINES_MAX = 2 * ANSWER_SHALLOW_MAX + 1000,
};

struct answer_sink {
	int (*pack)(void *data, const char *p, size_t n, struct err *e); /* -1 stops feed */
	void (*progress)(void *data, const char *line); /* one line of band 2; NULL: dropped */
	void *data;
};

struct answer {
	struct answer_sink sink;
	uint64_t max_pack, pack_bytes;
	struct strv shallow; /* 40 hex each */
	bool refused;        /* the server said ERR or band 3: no transport trouble */
	bool pack_started;   /* at least one pack byte went to the sink */
	/* parser */
	enum {
		ANSWER_HEADER,
		ANSWER_PACK,
		ANSWER_ENDED,
	} phase;
	char length[4];
	size_t length_have;
	size_t left;  /* bytes of the current packet not yet seen */
	int band;     /* 0: text line, 1..3: inside a side-band packet, -1: the next byte tells */
	size_t lines; /* header lines so far */
	char text[PKT_TEXT_MAX + 1];
	size_t text_len;
};

void answer_init(struct answer *a, const struct answer_sink *sink, uint64_t max_pack);
void answer_release(struct answer *a);
int answer_feed(struct answer *a, const void *p, size_t n, struct err *e) CHECK_RESULT;
/* The transport ended. -1 with ERR_PROTO: nothing came (a server that does not speak this
 * version), ERR_NET: cut in the middle. */
int answer_end(const struct answer *a, struct err *e) CHECK_RESULT;

/* "wants" are hex ids; depth 0: everything. One request, no negotiation: we have nothing. */
int request_v0(struct buf *out, const struct strv *wants, int64_t depth);
int request_v2(struct buf *out, const struct strv *wants, int64_t depth);

/* A ref advertisement (the whole body of info/refs, v0). Peeled entries (name^{}) and names that
 * are no refs are left out; "HEAD" stays. Two lists of the same length, in the server's order. */
enum { ADVERT_REFS_MAX = 100000 };
struct ref_list {
	struct strv names, oids;
};
void ref_list_release(struct ref_list *r);
const char *ref_list_find(const struct ref_list *r, const char *name); /* the id, or NULL */
/* On error the caller still releases what was read. */
int advert_parse(const char *p, size_t n, struct ref_list *ret, struct err *e) CHECK_RESULT;

#endif
