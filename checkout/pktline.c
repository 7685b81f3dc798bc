/*
 * A machine fed with pieces of any size, because a pkt-line may be cut anywhere. Pack bytes pass
 * through without a copy; a text line is collected up to a cap. Every length is checked before it
 * is believed, and whatever does not fit the state is an error.
 */
#include "base/codec.h"

#include <inttypes.h>
#include "checkout/pktline.h"

enum { PKT_LENGTH = 4, PKT_DELIM = 1, PKT_RESPONSE_END = 2, OID_HEX = 40 };

void answer_init(struct answer *a, const struct answer_sink *sink, uint64_t max_pack)
{
	*a = (struct answer){ .sink = *sink, .max_pack = max_pack };
}

void answer_release(struct answer *a)
{
	strv_release(&a->shallow);
}

/* -1: not four hex digits. */
static int hex_length(const char text[PKT_LENGTH])
{
	unsigned char raw[2];
	char z[PKT_LENGTH + 1] = { text[0], text[1], text[2], text[3] };

	return hex_decode(z, raw, sizeof(raw)) < 0 ? -1 : raw[0] << 8 | raw[1];
}

static int bad(struct err *e, const char *what, const char *text)
{
	return err_set(e, ERR_PROTO, "upload-pack answer: %s \"%.60s\"", what, text);
}

/* Cuts the line end, in place. */
static void chomp(struct answer *a)
{
	while (a->text_len &&
		(a->text[a->text_len - 1] == '\n' || a->text[a->text_len - 1] == '\r'))
		a->text_len--;
	a->text[a->text_len] = 0;
}

static int server_error(struct answer *a, const char *text, struct err *e)
{
	bool gone = strstr(text, "not our ref") || strstr(text, "not found");

	a->refused = true;
	return err_set(e, gone ? ERR_NOT_FOUND : ERR_PROTO, "the server says: %.500s", text);
}

static int add_shallow(struct answer *a, const char *oid, struct err *e)
{
	if (!is_hex_oid(oid))
		return bad(e, "shallow without an object id", oid);
	if (a->shallow.n >= ANSWER_SHALLOW_MAX)
		return err_set(e, ERR_LIMIT, "upload-pack answer: more than %d shallow lines",
			ANSWER_SHALLOW_MAX);
	strv_add(&a->shallow, oid);
	return 0;
}

/* Section titles of v2 that only announce what follows. */
static bool is_section(const char *t)
{
	return str_eq(t, "shallow-info") || str_eq(t, "acknowledgments") || str_eq(t, "ready");
}

static int header_line(struct answer *a, struct err *e)
{
	const char *t = a->text;

	if (++a->lines > ANSWER_LINES_MAX)
		return err_set(e, ERR_LIMIT, "upload-pack answer: too many lines before the pack");
	if (str_starts(t, "shallow "))
		return add_shallow(a, t + strlen("shallow "), e);
	if (str_eq(t, "NAK") || str_eq(t, "packfile")) {
		a->phase = ANSWER_PACK;
		return 0;
	}
	if (is_section(t))
		return 0;
	if (str_starts(t, "ERR "))
		return server_error(a, t + strlen("ERR "), e);
	return bad(e, "unexpected line", t);
}

/* Progress comes with carriage returns and in pieces; each packet is shown as one line. */
static void progress_line(struct answer *a)
{
	if (a->sink.progress && a->text_len)
		a->sink.progress(a->sink.data, a->text);
}

static int packet_end(struct answer *a, struct err *e)
{
	int band = a->band;

	if (band == 1)
		return 0;
	chomp(a);
	if (band == 2) {
		progress_line(a);
		return 0;
	}
	if (band == 3)
		return server_error(a, a->text, e);
	return header_line(a, e);
}

static int special_packet(struct answer *a, int length, struct err *e)
{
	if (a->phase == ANSWER_PACK && (length == 0 || length == PKT_RESPONSE_END))
		a->phase = ANSWER_ENDED;
	else if (a->phase == ANSWER_HEADER && (length == 0 || length == PKT_DELIM)) {
		if (++a->lines > ANSWER_LINES_MAX)
			return err_set(e, ERR_LIMIT, "upload-pack answer: too many empty packets");
	} else if (a->phase != ANSWER_ENDED)
		return bad(e, "misplaced special packet", "");
	return 0;
}

static int packet_begin(struct answer *a, struct err *e)
{
	char z[PKT_LENGTH + 1] = { a->length[0], a->length[1], a->length[2], a->length[3] };
	int length = hex_length(a->length);

	a->length_have = 0;
	if (length < 0 || length == 3 || length > PKT_MAX)
		return bad(e, "bad packet length", z);
	if (length < 3)
		return special_packet(a, length, e);
	if (a->phase == ANSWER_ENDED)
		return bad(e, "data after the end", z);
	a->left = (size_t)length - PKT_LENGTH;
	a->band = a->phase == ANSWER_PACK ? -1 : 0;
	a->text_len = 0;
	if (a->left == 0 && a->band == 0) {
		a->text[0] = 0;
		return header_line(a, e);
	}
	return 0;
}

/* The first byte of a packet in the pack phase; some servers still say ERR there as plain text. */
static int choose_band(struct answer *a, char c, struct err *e)
{
	if (c >= 1 && c <= 3) {
		a->band = (unsigned char)c;
		return 1;
	}
	if (c != 'E')
		return bad(e, "unknown side band in packet", "");
	a->band = 0;
	return 0;
}

static int take_pack(struct answer *a, const char *p, size_t n, struct err *e)
{
	if (n > a->max_pack - a->pack_bytes)
		return err_set(e, ERR_LIMIT,
			"the pack is larger than the limit of %" PRIu64 " bytes", a->max_pack);
	a->pack_bytes += n;
	a->pack_started = true;
	return a->sink.pack(a->sink.data, p, n, e);
}

static void take_text(struct answer *a, const char *p, size_t n)
{
	size_t room = PKT_TEXT_MAX - a->text_len, k = n < room ? n : room;

	for (size_t i = 0; i < k; i++) {
		char c = p[i];

		a->text[a->text_len++] = c == 0 ? '?' : c;
	}
	a->text[a->text_len] = 0;
}

/* Consumes some bytes of the current packet; how many comes back in *ret_used. */
static int take_bytes(struct answer *a, const char *p, size_t n, size_t *ret_used, struct err *e)
{
	size_t k = n < a->left ? n : a->left;

	*ret_used = 0;
	if (a->band < 0) {
		int used = choose_band(a, *p, e);

		if (used < 0)
			return -1;
		*ret_used = (size_t)used;
		a->left -= (size_t)used;
		k -= (size_t)used;
		p += used;
	}
	if (a->band != 1)
		take_text(a, p, k);
	else if (k && take_pack(a, p, k, e) < 0)
		return -1;
	a->left -= k;
	*ret_used += k;
	return a->left == 0 ? packet_end(a, e) : 0;
}

int answer_feed(struct answer *a, const void *data, size_t n, struct err *e)
{
	const char *p = data;

	while (n) {
		size_t used = 1;

		if (a->left) {
			if (take_bytes(a, p, n, &used, e) < 0)
				return -1;
		} else {
			a->length[a->length_have++] = *p;
			if (a->length_have == PKT_LENGTH && packet_begin(a, e) < 0)
				return -1;
		}
		p += used;
		n -= used;
	}
	return 0;
}

int answer_end(const struct answer *a, struct err *e)
{
	if (a->phase == ANSWER_ENDED && a->left == 0 && a->length_have == 0) {
		if (a->pack_started)
			return 0;
		return err_set(e, ERR_PROTO, "upload-pack answer: no pack in it");
	}
	if (a->lines == 0 && a->phase == ANSWER_HEADER && a->left == 0 && a->length_have == 0)
		return err_set(e, ERR_PROTO, "upload-pack answer: empty");
	return err_set(e, ERR_NET, "upload-pack answer: cut off after %" PRIu64 " pack bytes",
		a->pack_bytes);
}

/* ---- requests ---- */

static void pkt(struct buf *out, const char *text)
{
	buf_addf(out, "%04zx%s", strlen(text) + PKT_LENGTH, text);
}

static void pkt_want(struct buf *out, const char *oid, const char *tail)
{
	buf_addf(out, "%04zxwant %s%s", PKT_LENGTH + strlen("want ") + strlen(oid) + strlen(tail),
		oid, tail);
}

static void pkt_deepen(struct buf *out, int64_t depth)
{
	CLEAN_STR char *line = xasprintf("deepen %" PRId64, depth);

	if (depth > 0)
		pkt(out, line);
}

#define AGENT "agent=shithubd-runner/" PROJECT_VERSION

int request_v0(struct buf *out, const struct strv *wants, int64_t depth)
{
	for (size_t i = 0; i < wants->n; i++)
		pkt_want(out, wants->v[i],
			i ? "\n" : " side-band-64k ofs-delta shallow no-progress " AGENT "\n");
	pkt_deepen(out, depth);
	buf_adds(out, "0000");
	pkt(out, "done\n");
	return buf_ok(out) ? 0 : -1;
}

int request_v2(struct buf *out, const struct strv *wants, int64_t depth)
{
	pkt(out, "command=fetch");
	pkt(out, AGENT);
	buf_adds(out, "0001");
	pkt(out, "ofs-delta");
	pkt(out, "no-progress");
	for (size_t i = 0; i < wants->n; i++)
		pkt_want(out, wants->v[i], "");
	pkt_deepen(out, depth);
	pkt(out, "done");
	buf_adds(out, "0000");
	return buf_ok(out) ? 0 : -1;
}

/* ---- advertisement ---- */

/* "<oid> <name>[\0capabilities][\n]" */
static int advert_line(const char *p, size_t n, struct ref_list *refs, struct err *e)
{
	CLEAN_STR char *line = xstrndup(p, n);
	char *name = line + OID_HEX + 1;

	line[strcspn(line, "\n")] = 0;
	if (str_starts(line, "ERR "))
		return err_set(e, ERR_PROTO, "the server says: %.500s", line + strlen("ERR "));
	if (line[0] == '#' || str_starts(line, "version ") || str_starts(line, "shallow "))
		return 0;
	if (strlen(line) <= OID_HEX + 1 || line[OID_HEX] != ' ')
		return bad(e, "unexpected line in the list of refs", line);
	line[OID_HEX] = 0;
	if (!is_hex_oid(line))
		return bad(e, "ref without an object id", line);
	if (str_ends(name, "^{}") || (!str_starts(name, "refs/") && !str_eq(name, "HEAD")))
		return 0;
	if (refs->names.n >= ADVERT_REFS_MAX)
		return err_set(e, ERR_LIMIT, "more than %d refs", ADVERT_REFS_MAX);
	strv_add(&refs->names, name);
	strv_add(&refs->oids, line);
	return 0;
}

void ref_list_release(struct ref_list *r)
{
	strv_release(&r->names);
	strv_release(&r->oids);
}

const char *ref_list_find(const struct ref_list *r, const char *name)
{
	for (size_t i = 0; i < r->names.n; i++)
		if (str_eq(r->names.v[i], name))
			return r->oids.v[i];
	return NULL;
}

int advert_parse(const char *p, size_t n, struct ref_list *ret, struct err *e)
{
	while (n) {
		int length = n < PKT_LENGTH ? -1 : hex_length(p);
		size_t step = length < PKT_LENGTH ? PKT_LENGTH : (size_t)length;

		if (length < 0 || length == 3 || step > n)
			return err_set(e, ERR_PROTO, "list of refs: malformed or cut off");
		if (length > PKT_LENGTH &&
			advert_line(p + PKT_LENGTH, step - PKT_LENGTH, ret, e) < 0)
			return -1;
		p += step;
		n -= step;
	}
	return 0;
}
