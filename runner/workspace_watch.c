/* The job's side; see workspace_watch.h. */
#include "runner/workspace_watch.h"

#include <errno.h>
#include <sys/socket.h>

#include "runner/channel.h"

struct workspace_watch {
	struct workspace_watch_spec spec;
	int sock;
	struct loop_source *source;
};

static void on_word(struct loop_source *src, int fd, uint32_t events, void *data)
{
	struct workspace_watch *w = data;
	uint64_t used = 0;
	ssize_t n = recv(fd, &used, sizeof(used), MSG_DONTWAIT);

	(void)events;
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	loop_io_events(src, 0);
	w->spec.on_exceeded(w->spec.data, n == (ssize_t)sizeof(used) ? used : 0);
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
	w->source = loop_io(spec->loop, sock, EPOLLIN, on_word, w);
	return w;
}

void workspace_watch_free(struct workspace_watch *w)
{
	if (!w)
		return;
	loop_source_free(w->source);
	close(w->sock);
	free(w);
}
