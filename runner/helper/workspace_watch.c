/*
 * The job's side of one socket. A socket that ends without a message means that the watcher is
 * gone, which counts like an exceeded limit. Whatever ends it, what was paused goes on first.
 */
#include "runner/helper/workspace_watch.h"

#include <errno.h>
#include <sys/socket.h>

#include "base/log.h"
#include "runner/ipc/channel.h"

struct workspace_watch {
	struct workspace_watch_spec spec;
	int sock;
	struct loop_source *source;
	bool paused; /* asked for and not taken back */
};

static void set_pause(struct workspace_watch *w, bool on)
{
	if (w->paused == on)
		return;
	w->paused = on;
	w->spec.pause(w->spec.data, w, on);
}

/* The answer is for a watcher that still waits: one that asked to resume meanwhile does not. */
void workspace_watch_paused(struct workspace_watch *w, bool paused)
{
	const unsigned char answer = paused;

	if (w->paused && send(w->sock, &answer, 1, MSG_DONTWAIT | MSG_NOSIGNAL) < 0)
		log_warn("job", "watch_answer", F_INT("errno", errno));
}

static void on_message(struct loop_source *src, int fd, uint32_t events, void *data)
{
	struct workspace_watch *w = data;
	struct watch_message m = { .kind = WATCH_EXCEEDED };
	ssize_t n = recv(fd, &m, sizeof(m), MSG_DONTWAIT);

	(void)events;
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n == (ssize_t)sizeof(m) && m.kind != WATCH_EXCEEDED) {
		set_pause(w, m.kind == WATCH_PAUSE);
		return;
	}
	loop_io_events(src, 0);
	set_pause(w, false);
	w->spec.on_exceeded(w->spec.data, n == (ssize_t)sizeof(m) ? m.used : 0);
}

struct workspace_watch *workspace_watch_new(const struct workspace_watch_spec *spec, struct err *e)
{
	struct workspace_watch *w;
	int sock = channel_start_role(spec->channel, "watch", e);

	if (sock < 0) {
		err_wrap(e, "workspace watcher");
		return NULL;
	}
	w = xcalloc(1, sizeof(*w));
	w->spec = *spec;
	w->sock = sock;
	w->source = loop_io(spec->loop, sock, EPOLLIN, on_message, w);
	return w;
}

void workspace_watch_free(struct workspace_watch *w)
{
	if (!w)
		return;
	set_pause(w, false);
	loop_source_unref(&w->source);
	close(w->sock);
	free(w);
}
