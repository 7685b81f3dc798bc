/*
 * Between a claim's arrival and its journal lie a few milliseconds in which only the key knows of
 * the job. The trap is the other end of that window: a job whose journal stands is recovered with
 * its own token, and a repeated heartbeat would take that token away from it. So the job's number
 * is added to the key before the journal is written, and a key whose journal exists is not sent.
 */
#include "runner/supervisor/claim_keys.h"

#include <inttypes.h>
#include <unistd.h>

#include "base/codec.h"
#include "base/fs.h"
#include "base/limits.h"
#include "base/log.h"

/* One in flight, the claims that wait for a slot, and those of an earlier supervisor. */
enum { KEYS_MAX = 16 };

struct claim_key {
	char text[UUID_TEXT_MAX];
	int64_t job; /* 0: not known */
	bool sent;   /* by us */
};
struct claim_keys {
	char *path;
	struct claim_key v[KEYS_MAX];
	size_t n;
};

static int store(const struct claim_keys *k, struct err *e)
{
	CLEAN_BUF struct buf text = BUF_INIT(KIB(4));

	for (size_t i = 0; i < k->n; i++) {
		buf_adds(&text, k->v[i].text);
		if (k->v[i].job)
			buf_addf(&text, " %" PRId64, k->v[i].job);
		buf_addc(&text, '\n');
	}
	if (file_replace(k->path, buf_cstr(&text), text.len, 0600, e) < 0)
		return err_wrap(e, "key of the heartbeat");
	return 0;
}

static void store_or_log(const struct claim_keys *k)
{
	struct err e = { 0 };

	if (store(k, &e) < 0)
		log_warn("supervisor", "heartbeat_key_kept", F_ERR(&e));
}

static bool has_journal(const struct state_dir *state, int64_t job)
{
	CLEAN_STR char *dir = job > 0 ? state_dir_job_path(state, job) : NULL,
		       *journal = dir ? path_join(dir, "journal") : NULL;

	return journal && access(journal, F_OK) == 0;
}

static bool read_line(const char *line, struct claim_key *ret)
{
	const char *blank = strchr(line, ' ');
	size_t n = blank ? (size_t)(blank - line) : strlen(line);

	*ret = (struct claim_key){ 0 };
	if (n != UUID_TEXT_MAX - 1)
		return false;
	memcpy(ret->text, line, n);
	return !blank || parse_i64(blank + 1, 1, INT64_MAX, &ret->job);
}

static void read_keys(struct claim_keys *k, const struct state_dir *state)
{
	CLEAN_BUF struct buf text = BUF_INIT(KIB(4));
	CLEANUP(strv_release) struct strv lines = { 0 };
	struct err e = { 0 };

	if (file_read(k->path, &text, &e) < 0) {
		if (!err_is(&e, ERR_NOT_FOUND))
			log_warn("supervisor", "heartbeat_keys_lost", F_ERR(&e));
		return;
	}
	strv_split(&lines, buf_cstr(&text), '\n');
	strv_each (line, &lines) {
		struct claim_key key;

		if (!*line)
			continue;
		if (k->n == KEYS_MAX || !read_line(line, &key))
			log_warn("supervisor", "heartbeat_keys_lost", F_STR("line", line));
		else if (!has_journal(state, key.job))
			k->v[k->n++] = key;
	}
}

struct claim_keys *claim_keys_new(const struct state_dir *state)
{
	struct claim_keys *k = xcalloc(1, sizeof(*k));

	k->path = path_join(state->path, "heartbeats");
	read_keys(k, state);
	if (k->n)
		log_info("supervisor", "heartbeats_repeated", F_INT("keys", (int64_t)k->n));
	return k;
}

void claim_keys_free(struct claim_keys *k)
{
	if (!k)
		return;
	free(k->path);
	free(k);
}

static struct claim_key *find(struct claim_keys *k, const char *key)
{
	for (size_t i = 0; i < k->n; i++)
		if (str_eq(k->v[i].text, key))
			return &k->v[i];
	return NULL;
}

const char *claim_keys_next(struct claim_keys *k, struct err *e)
{
	struct claim_key *key;

	for (size_t i = 0; i < k->n; i++)
		if (!k->v[i].sent) {
			k->v[i].sent = true;
			return k->v[i].text;
		}
	if (k->n == KEYS_MAX) {
		err_set(e, ERR_LIMIT, "%d claims have no journal yet", KEYS_MAX);
		return NULL;
	}
	key = &k->v[k->n++];
	*key = (struct claim_key){ .sent = true };
	uuid_v4(key->text);
	if (store(k, e) == 0)
		return key->text;
	k->n--;
	return NULL;
}

void claim_keys_name_job(struct claim_keys *k, const char *key, int64_t job)
{
	struct claim_key *found = find(k, key);

	if (!found)
		return;
	found->job = job;
	store_or_log(k);
}

/* The file follows with the next key; until then a key too many costs one heartbeat. */
void claim_keys_settle(struct claim_keys *k, const char *key)
{
	struct claim_key *found = find(k, key);

	if (!found)
		return;
	memmove(found, found + 1, (size_t)(&k->v[k->n] - (found + 1)) * sizeof(*found));
	k->n--;
}

bool claim_keys_settled(const struct claim_keys *k)
{
	return k->n == 0;
}
