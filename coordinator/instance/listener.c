/*
 * While there is no connection, and once there is one again, nobody knows what was said meanwhile:
 * then, as when more words come than anybody reads, the application hears that some were missed.
 */
#include "coordinator/instance/listener.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/codec.h"
#include "base/fs.h"
#include "base/log.h"
#include "base/proc.h"
#include "coordinator/sql/listen.h"
#include "coordinator/instance/lease.h"

#define AGAIN_US USEC_PER_SEC
#define ASK_US (10 * USEC_PER_SEC)
enum { WORDS_MAX = 1000 };

struct listener {
	pthread_t thread;
	pthread_mutex_t lock;
	struct strv words;
	bool missed;
	int fd, stop_fd; /* readable: there are words; the thread shall end */
	struct loop_source *on_words;
	listener_fn heard;
	void *data;
	/* of the thread */
	struct listen *listen;
	struct mono asked;
	bool away; /* said so */
};

/* ---- the thread ---- */

static void tell(struct listener *l, const char *word)
{
	const uint64_t one = 1;

	pthread_mutex_lock(&l->lock);
	l->missed |= !word || l->words.n == WORDS_MAX;
	if (word && l->words.n < WORDS_MAX)
		strv_add(&l->words, word);
	pthread_mutex_unlock(&l->lock);
	IGNORE_RESULT(write(l->fd, &one, sizeof(one)), "it is readable already");
}

static bool is_stopping(const struct listener *l, int64_t us)
{
	struct pollfd p = { .fd = l->stop_fd, .events = POLLIN };

	return poll(&p, 1, (int)(us / USEC_PER_MSEC)) > 0;
}

static int listen_once(struct listener *l, struct err *e)
{
	char word[STORE_WORD_MAX + 1];
	int rc = listen_up(l->listen, e);

	if (rc < 0)
		return -1;
	if (rc > 0) {
		tell(l, NULL);
		l->away = false;
	}
	if (listen_wait(l->listen, l->stop_fd, ASK_US, e) < 0)
		return -1;
	if (mono_diff(mono_now(), l->asked) >= ASK_US) {
		l->asked = mono_now();
		if (listen_ask(l->listen, e) < 0)
			return -1;
	}
	while (listen_word(l->listen, word, sizeof(word)))
		tell(l, word);
	return 0;
}

static void *thread_main(void *data)
{
	struct listener *l = data;

	while (!is_stopping(l, 0)) {
		struct err e = { 0 };

		if (listen_once(l, &e) == 0)
			continue;
		if (!l->away)
			log_warn("serve", "other_serves_not_heard", F_ERR(&e),
				F_STR("effect", "their new jobs are seen a few seconds later"));
		l->away = true;
		if (is_stopping(l, AGAIN_US))
			break;
	}
	return NULL;
}

/* ---- the application ---- */

static void on_words(struct loop_source *s UNUSED, int fd, uint32_t events UNUSED, void *data)
{
	struct listener *l = data;
	CLEANUP(strv_release) struct strv words = { 0 };
	uint64_t n;

	IGNORE_RESULT(read(fd, &n, sizeof(n)), "it was not readable any more");
	pthread_mutex_lock(&l->lock);
	words = TAKE_VALUE(l->words, (struct strv){ 0 });
	bool missed = TAKE_VALUE(l->missed, false);
	pthread_mutex_unlock(&l->lock);
	strv_each (word, &words)
		l->heard(l->data, word);
	if (missed)
		l->heard(l->data, NULL);
}

static void listener_free(struct listener *l)
{
	loop_source_unref(&l->on_words);
	close_fdp(&l->fd);
	close_fdp(&l->stop_fd);
	listen_free(l->listen);
	strv_release(&l->words);
	pthread_mutex_destroy(&l->lock);
	free(l);
}

static int listener_open(struct listener *l, const char *place, struct loop *loop, struct err *e)
{
	l->listen = listen_new(place, e);
	if (!l->listen)
		return -1;
	l->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	l->stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (l->fd < 0 || l->stop_fd < 0)
		return err_set_errno(e, errno, "eventfd");
	l->on_words = loop_io(loop, l->fd, EPOLLIN, on_words, l);
	return thread_start(&l->thread, thread_main, l, "listener thread", e);
}

struct listener *listener_start(
	const char *place, struct loop *loop, listener_fn heard, void *data, struct err *e)
{
	struct listener *l = xcalloc(1, sizeof(*l));

	l->fd = l->stop_fd = -1;
	l->heard = heard;
	l->data = data;
	pthread_mutex_init(&l->lock, NULL);
	if (listener_open(l, place, loop, e) == 0)
		return l;
	listener_free(l);
	return NULL;
}

void listener_stop(struct listener *l)
{
	const uint64_t one = 1;

	if (!l)
		return;
	IGNORE_RESULT(write(l->stop_fd, &one, sizeof(one)), "a counter of one byte has room");
	pthread_join(l->thread, NULL);
	listener_free(l);
}
