/*
 * The head of a push, out of a stream that goes on with a pack of any size: only the packets up to
 * the flush are kept, bounded, and parsed when they are complete.
 */
#include "coordinator/trigger/push.h"

#include "base/codec.h"

void push_release(struct push *p)
{
	for (size_t i = 0; i < p->n; i++)
		free(p->v[i].ref);
	free(p->v);
	*p = (struct push){ 0 };
}

bool oid_is_zero(const char *oid)
{
	return strspn(oid, "0") == 40 && !oid[40];
}

/* Length of the packet at p (its four digits included), 0 for a flush, -1 for nonsense. */
static int packet_length(const char *p)
{
	unsigned char raw[2];
	char digits[5] = { p[0], p[1], p[2], p[3] }; /* hex_decode wants the text to end there */

	if (hex_decode(digits, raw, 2) < 0)
		return -1;
	int n = raw[0] << 8 | raw[1];
	return n >= 1 && n < 4 ? -1 : n;
}

int push_scan_add(struct push_scan *s, const char *p, size_t n, struct err *e)
{
	size_t room = s->head.max - s->head.len;

	if (s->done || n == 0)
		return 0;
	if (buf_add(&s->head, p, n < room ? n : room) < 0)
		return err_set(e, ERR_LIMIT, "push names too many refs");
	while (!s->done && s->head.len - s->next >= 4) {
		int length = packet_length(s->head.data + s->next);

		if (length < 0)
			return err_set(
				e, ERR_INPUT, "push offset %zu: expected a packet length", s->next);
		if (length > 0 && (size_t)length > s->head.len - s->next)
			break;
		s->next += length ? (size_t)length : 4;
		s->done = length == 0;
	}
	if (!s->done && s->head.len == s->head.max)
		return err_set(e, ERR_LIMIT, "push names too many refs");
	if (s->done)
		s->head.len = s->next;
	return 0;
}

/* line: "<40> <40> <ref>", capabilities and line feed cut off. */
static int parse_command(const char *line, struct ref_update *u, struct err *e)
{
	size_t n = strlen(line);

	if (n < 83 || line[40] != ' ' || line[81] != ' ')
		return err_set(e, ERR_INPUT, "bad ref update \"%.100s\"", line);
	memcpy(u->before, line, 40);
	memcpy(u->after, line + 41, 40);
	u->before[40] = u->after[40] = '\0';
	if (!is_hex_oid(u->before) || !is_hex_oid(u->after))
		return err_set(e, ERR_INPUT, "bad object id in ref update \"%.100s\"", line);
	u->ref = xstrdup(line + 82);
	return 0;
}

static int add_packet(struct push *push, const char *p, size_t n, struct err *e)
{
	/* capabilities follow a NUL, which ends the text */
	CLEAN_STR char *line = xmemdup0(p, n);
	size_t len = strlen(line);

	if (len > 0 && line[len - 1] == '\n')
		line[len - 1] = '\0';
	if (str_starts(line, "shallow "))
		return 0;
	if ((push->n & (push->n - 1)) == 0)
		push->v = xrealloc(push->v, (push->n ? push->n * 2 : 1) * sizeof(*push->v));
	if (parse_command(line, &push->v[push->n], e) < 0)
		return -1;
	push->n++;
	return 0;
}

static int add_packets(struct push *push, const char *p, size_t n, struct err *e)
{
	for (size_t at = 0;;) {
		int length = n - at >= 4 ? packet_length(p + at) : -1;

		if (length < 0 || (size_t)length > n - at)
			return err_set(e, ERR_INPUT, "push offset %zu: expected a packet", at);
		if (length == 0)
			return 0;
		if (add_packet(push, p + at + 4, (size_t)length - 4, e) < 0)
			return -1;
		at += (size_t)length;
	}
}

/* They stand behind the NUL of the first command, apart by blanks. */
static bool packet_names(const char *p, size_t n, const char *capability)
{
	CLEANUP(strv_release) struct strv words = { 0 };
	const char *list = memchr(p, '\0', n);

	if (!list)
		return false;
	CLEAN_STR char *text = xmemdup0(list + 1, (size_t)(p + n - list - 1));
	text[strcspn(text, "\n")] = '\0';
	strv_split(&words, text, ' ');
	return strv_contains(&words, capability);
}

bool push_asks(const char *p, size_t n, const char *capability)
{
	for (size_t at = 0;;) {
		int length = n - at >= 4 ? packet_length(p + at) : -1;

		if (length < 4 || (size_t)length > n - at)
			return false;
		if (packet_names(p + at + 4, (size_t)length - 4, capability))
			return true;
		at += (size_t)length;
	}
}

int push_parse(const char *p, size_t n, struct push *ret, struct err *e)
{
	struct push push = { 0 };

	if (add_packets(&push, p, n, e) < 0) {
		push_release(&push);
		return -1;
	}
	*ret = push;
	return 0;
}
