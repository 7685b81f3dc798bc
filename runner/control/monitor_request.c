/*
 * Only the request line matters: two paths, two methods. Headers are read for their end and
 * nothing else, so there is nothing in them to attack.
 */
#include "runner/control/monitor_request.h"

bool monitor_request_whole(struct slice seen)
{
	return memmem(seen.ptr, seen.len, "\r\n\r\n", 4) || memmem(seen.ptr, seen.len, "\n\n", 2);
}

/* Cuts the word before the next blank off the front; an empty one when there is no blank. */
static struct slice word(struct slice *line)
{
	const char *blank = memchr(line->ptr, ' ', line->len);
	struct slice w = { line->ptr, blank ? (size_t)(blank - line->ptr) : 0 };

	if (blank) {
		line->ptr += w.len + 1;
		line->len -= w.len + 1;
	}
	return w;
}

/* Without the query, which says nothing here. */
static struct slice path_of(struct slice target)
{
	const char *query = memchr(target.ptr, '?', target.len);

	if (query)
		target.len = (size_t)(query - target.ptr);
	return target;
}

struct monitor_request monitor_request_parse(struct slice request)
{
	const char *end = memchr(request.ptr, '\n', request.len);
	struct slice line = { request.ptr, end ? (size_t)(end - request.ptr) : 0 };
	struct monitor_request r = { .wants = MONITOR_BAD };
	struct slice method, target;

	if (line.len && line.ptr[line.len - 1] == '\r')
		line.len--;
	method = word(&line);
	target = path_of(word(&line));
	if (method.len == 0 || target.len == 0 || target.ptr[0] != '/' ||
		(!slice_eq(line, "HTTP/1.1") && !slice_eq(line, "HTTP/1.0")))
		return r;
	r.head = slice_eq(method, "HEAD");
	if (!r.head && !slice_eq(method, "GET"))
		r.wants = MONITOR_METHOD;
	else if (slice_eq(target, "/metrics"))
		r.wants = MONITOR_METRICS;
	else
		r.wants = slice_eq(target, "/healthz") ? MONITOR_HEALTH : MONITOR_NOTHING;
	return r;
}
