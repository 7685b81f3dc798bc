/*
 * A log is a row of phases: before any step, in a checkout, after it. What is found
 * in a checkout waits until its end tells whether the checkout failed: a warning that it survived
 * proves nothing.
 */
#include "hygiene/workdir/triage.h"

#include "hygiene/workdir/workdir.h"

enum phase { PHASE_BEFORE, PHASE_CHECKOUT, PHASE_AFTER };
enum { JOB_NAME_MAX = 200 };

struct triage {
	const struct triage_root *roots;
	size_t n_roots;
	enum phase phase;
	bool failing; /* the phase told an error */
	bool known;   /* steps come from triage_step: lines tell no steps */
	char *runner;
	struct buf part;            /* a line whose end is still to come */
	char job[JOB_NAME_MAX + 1]; /* first column of a log with columns */
	struct triage_pair *pairs;
	size_t n, settled; /* pairs: all, those of checkouts that failed */
	bool passed;       /* a checkout succeeded */
	bool later;        /* … and something failed after it */
	bool outside;      /* the signature, about a path below no root */
	const char *reason;
};

const char *triage_class_name(enum triage_class c)
{
	static const char *const names[] = { "platform_checkout", "downstream", "inconclusive" };

	return names[c];
}

struct triage *triage_new(const struct triage_root *roots, size_t n)
{
	struct triage *t = xcalloc(1, sizeof(*t));

	t->roots = roots;
	t->n_roots = n;
	buf_init(&t->part, TRIAGE_LINE_MAX);
	return t;
}

static void pair_release(struct triage_pair *p)
{
	free(p->host);
	free(p->repo);
}

void triage_free(struct triage *t)
{
	if (!t)
		return;
	for (size_t i = 0; i < t->n; i++)
		pair_release(&t->pairs[i]);
	free(t->pairs);
	free(t->runner);
	buf_release(&t->part);
	free(t);
}

/* ---- phases ---- */

static void drop_unsettled(struct triage *t)
{
	while (t->n > t->settled)
		pair_release(&t->pairs[--t->n]);
}

static void end_phase(struct triage *t, bool last)
{
	if (t->phase == PHASE_CHECKOUT) {
		if (t->failing || (last && t->n > t->settled)) {
			t->settled = t->n;
		} else if (!last) {
			drop_unsettled(t);
			t->outside = false;
			t->passed = true;
		}
	} else if (t->phase == PHASE_AFTER && t->failing && t->passed) {
		t->later = true;
	}
	t->failing = false;
}

static void begin_phase(struct triage *t, bool checkout)
{
	end_phase(t, false);
	if (checkout)
		t->phase = PHASE_CHECKOUT;
	else if (t->phase != PHASE_BEFORE)
		t->phase = PHASE_AFTER;
}

static void end_line(struct triage *t);

void triage_step(struct triage *t, const char *runner, bool is_checkout, bool failed)
{
	end_line(t);
	t->known = true;
	begin_phase(t, is_checkout);
	if (!is_checkout)
		t->phase = PHASE_AFTER;
	t->failing = failed;
	free(t->runner);
	t->runner = xstrdup(runner);
}

/* ---- lines ---- */

static bool begins(struct slice s, const char *with)
{
	size_t n = strlen(with);

	return s.len >= n && memcmp(s.ptr, with, n) == 0;
}

static struct slice from(struct slice s, size_t n)
{
	return (struct slice){ s.ptr + n, s.len - n };
}

/* "job<TAB>step<TAB>rest": a new job begins anew. */
static struct slice skip_columns(struct triage *t, struct slice s)
{
	const char *first = memchr(s.ptr, '\t', s.len);
	const char *second =
		first ? memchr(first + 1, '\t', s.len - (size_t)(first + 1 - s.ptr)) : NULL;
	size_t n = first ? (size_t)(first - s.ptr) : 0;

	if (!second || n > JOB_NAME_MAX)
		return s;
	if (strlen(t->job) != n || memcmp(t->job, s.ptr, n) != 0) {
		end_phase(t, true);
		t->phase = PHASE_BEFORE;
		memcpy(t->job, s.ptr, n);
		t->job[n] = '\0';
	}
	return from(s, (size_t)(second + 1 - s.ptr));
}

/* "2026-04-16T10:11:12.1234567Z " */
static struct slice skip_time(struct slice s)
{
	size_t n = 0;

	while (n < s.len && n < 40 && s.ptr[n] && strchr("0123456789-:.TZ+", s.ptr[n]))
		n++;
	if (n < 20 || n == s.len || s.ptr[n] != ' ' || s.ptr[4] != '-' || s.ptr[10] != 'T')
		return s;
	return from(s, n + 1);
}

/* True when the line begins a step. */
static bool begin_step(struct triage *t, struct slice s)
{
	static const char group[] = "##[group]Run ", post[] = "Post job cleanup.";

	if (t->known || (!begins(s, group) && !begins(s, post)))
		return false;
	begin_phase(t, begins(s, group) && begins(from(s, strlen(group)), "actions/checkout"));
	return true;
}

static bool has(struct slice s, const char *word)
{
	return memmem(s.ptr, s.len, word, strlen(word)) != NULL;
}

static bool is_signature(struct slice s)
{
	static const char *const words[] = { "EACCES", "EPERM", "ermission denied",
		"peration not permitted" };

	for (size_t i = 0; i < ARRAY_LEN(words); i++)
		if (has(s, words[i]))
			return true;
	return false;
}

/* ---- paths ---- */

static bool is_plain(struct slice s)
{
	if (s.len == 0 || s.len > WORKDIR_NAME_MAX || *s.ptr == '-' || *s.ptr == '.')
		return false;
	for (size_t i = 0; i < s.len; i++) {
		char c = s.ptr[i];
		bool word =
			(c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');

		if (!word && c != '.' && c != '_' && c != '-')
			return false;
	}
	return true;
}

/* Cuts the first component off; empty when there is none or what follows is no path. */
static struct slice component(struct slice *path)
{
	const char *slash = memchr(path->ptr, '/', path->len);
	struct slice c = { path->ptr, slash ? (size_t)(slash - path->ptr) : path->len };

	*path = from(*path, c.len + (slash ? 1 : 0));
	return c;
}

static bool below(struct slice path, const char *root, struct slice *ret)
{
	size_t n = strlen(root);

	while (n && root[n - 1] == '/')
		n--;
	if (path.len <= n || memcmp(path.ptr, root, n) != 0 || path.ptr[n] != '/')
		return false;
	*ret = from(path, n + 1);
	return true;
}

static bool climbs(struct slice path)
{
	while (path.len) {
		struct slice c = component(&path);

		if (slice_eq(c, "..") || slice_eq(c, "."))
			return true;
	}
	return false;
}

static bool is_number(struct slice s)
{
	for (size_t i = 0; i < s.len; i++)
		if (s.ptr[i] < '0' || s.ptr[i] > '9')
			return false;
	return s.len > 0 && s.len <= 18;
}

/* Names of the workspace that rest of a path below a root lies in. */
static bool names_of(const struct triage *t, const struct triage_root *root, struct slice rest,
	struct triage_pair *ret)
{
	const char *slash = strrchr(root->path, '/');
	struct slice host = slice_of(slash ? slash + 1 : root->path), repo;

	if (root->kind == TRIAGE_OWN) {
		struct slice run = component(&rest), job = component(&rest);
		const char *runner = t->runner ? t->runner : "";

		if (!is_number(run) || !is_number(job) || (*runner && !is_plain(slice_of(runner))))
			return false;
		ret->host = xstrdup(*runner ? runner : "localhost");
		ret->repo = xasprintf("%.*s-%.*s", (int)run.len, run.ptr, (int)job.len, job.ptr);
		return true;
	}
	if (root->kind == TRIAGE_INSTANCES)
		host = component(&rest);
	if (!slice_eq(component(&rest), "_work"))
		return false;
	repo = component(&rest);
	if (!is_plain(host) || !is_plain(repo) || *repo.ptr == '_')
		return false;
	ret->host = xstrndup(host.ptr, host.len);
	ret->repo = xstrndup(repo.ptr, repo.len);
	return true;
}

static bool have_pair(const struct triage *t, const struct triage_pair *p)
{
	for (size_t i = 0; i < t->n; i++)
		if (str_eq(t->pairs[i].host, p->host) && str_eq(t->pairs[i].repo, p->repo))
			return true;
	return false;
}

static void add_pair(struct triage *t, struct triage_pair p)
{
	if (t->n == TRIAGE_PAIRS_MAX || have_pair(t, &p)) {
		pair_release(&p);
		return;
	}
	t->pairs = xrealloc(t->pairs, (t->n + 1) * sizeof(*t->pairs));
	t->pairs[t->n++] = p;
}

static bool add_path(struct triage *t, struct slice path)
{
	for (size_t i = 0; i < t->n_roots; i++) {
		struct triage_pair p = { .root = i };
		struct slice rest;

		if (below(path, t->roots[i].path, &rest) && !climbs(rest) &&
			names_of(t, &t->roots[i], rest, &p)) {
			add_pair(t, p);
			return true;
		}
	}
	return false;
}

/* The first absolute path in the line that lies below a root. */
static void find_paths(struct triage *t, struct slice s)
{
	static const char ends[] = "'\"`<>|\n\r";
	bool found = false, any = false;

	for (size_t i = 0; i < s.len && !found; i++) {
		bool quoted = i && strchr("'\"`", s.ptr[i - 1]) != NULL;
		size_t n = 0;

		if (s.ptr[i] != '/' || (i && !quoted && !strchr(" \t(=:[", s.ptr[i - 1])))
			continue;
		while (i + n < s.len && s.ptr[i + n] && !strchr(ends, s.ptr[i + n]) &&
			(quoted || !strchr(" \t:,;)]", s.ptr[i + n])))
			n++;
		any = true;
		found = add_path(t, (struct slice){ s.ptr + i, n });
		i += n ? n - 1 : 0;
	}
	t->outside = t->outside || (any && !found);
}

/* A workspace that could not even be made fails before any step, whatever the step was. */
static bool is_setup_failure(const struct triage *t, struct slice s)
{
	return t->known && begins(s, "[shithub] error:") && has(s, "no workspace:");
}

static void read_line(struct triage *t, struct slice s)
{
	if (begins(s, "\xef\xbb\xbf"))
		s = from(s, 3);
	if (!t->known)
		s = skip_time(skip_columns(t, s));
	if (begin_step(t, s))
		return;
	if (is_setup_failure(t, s)) {
		t->phase = PHASE_CHECKOUT;
		t->failing = true;
	}
	if (!t->known && begins(s, "##[error]"))
		t->failing = true;
	if (t->phase == PHASE_CHECKOUT && is_signature(s))
		find_paths(t, s);
}

static void end_line(struct triage *t)
{
	if (t->part.len)
		read_line(t, buf_slice(&t->part));
	buf_clear(&t->part);
}

void triage_feed(struct triage *t, const char *p, size_t n)
{
	while (n) {
		const char *end = memchr(p, '\n', n);
		size_t len = end ? (size_t)(end - p) : n, room = TRIAGE_LINE_MAX - t->part.len;

		buf_add(&t->part, p, len < room ? len : room);
		if (!end)
			return;
		end_line(t);
		p += len + 1;
		n -= len + 1;
	}
}

/* ---- the end ---- */

static int by_names(const void *x, const void *y)
{
	const struct triage_pair *a = x, *b = y;
	int order = strcmp(a->host, b->host);

	return order ? order : strcmp(a->repo, b->repo);
}

enum triage_class triage_conclude(struct triage *t)
{
	end_line(t);
	end_phase(t, true);
	drop_unsettled(t);
	if (t->n) {
		qsort(t->pairs, t->n, sizeof(*t->pairs), by_names);
		t->reason = "the checkout was refused in a workspace that an earlier job left";
		return TRIAGE_PLATFORM_CHECKOUT;
	}
	if (t->outside) {
		t->reason = "the checkout was refused, but outside the known work roots";
		return TRIAGE_INCONCLUSIVE;
	}
	if (t->passed) {
		t->reason = t->later ? "the checkout succeeded, a later step failed"
				     : "the checkout succeeded";
		return TRIAGE_DOWNSTREAM;
	}
	t->reason = "no checkout failed with a permission error";
	return TRIAGE_INCONCLUSIVE;
}

const struct triage_pair *triage_pairs(const struct triage *t, size_t *ret_n)
{
	*ret_n = t->n;
	return t->pairs;
}

const char *triage_reason(const struct triage *t)
{
	return t->reason;
}
