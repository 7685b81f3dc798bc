/*
 * proc_run: one child to its end, its output in two bounded buffers. Input travels in a memfd, so
 * there is no pipe that the child could leave unread. A grandchild that keeps our pipes open after
 * the child's end (a daemon it started) is given DRAIN_US, then we stop listening.
 */
#include "base/proc.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "base/fs.h"

enum { DRAIN_US = 2000000, READ_CHUNK = 65536 };

struct capture {
	struct run *run;
	int fd;
	struct buf *out; /* NULL: dropped */
	struct loop_source *source;
};

struct run {
	struct capture streams[2]; /* stdout, stderr */
	struct loop_source *watch;
	bool exited;
	bool over; /* exited and both streams ended */
};

static void run_update(struct run *r)
{
	r->over = r->exited && !r->streams[0].source && !r->streams[1].source;
}

static void capture_end(struct capture *c)
{
	loop_source_unref(&c->source);
	close_fdp(&c->fd);
}

static void on_output(struct loop_source *s UNUSED, int fd, uint32_t events UNUSED, void *data)
{
	struct capture *c = data;
	char chunk[READ_CHUNK];
	ssize_t got = read(fd, chunk, sizeof(chunk));

	if (got < 0 && (errno == EINTR || errno == EAGAIN))
		return;
	if (got <= 0) {
		capture_end(c);
		run_update(c->run);
		return;
	}
	/* past its maximum the buffer only remembers that it failed; the child never blocks */
	if (c->out) {
		size_t room = c->out->failed ? 0 : c->out->max - c->out->len;
		size_t n = (size_t)got;

		buf_add(c->out, chunk, n < room ? n : room);
		if (n > room)
			c->out->failed = true;
	}
}

static void on_exit_seen(
	struct loop_source *s UNUSED, int fd UNUSED, uint32_t events UNUSED, void *data)
{
	struct run *r = data;

	r->exited = true;
	loop_source_unref(&r->watch);
	run_update(r);
}

static void run_release(struct run *r)
{
	for (size_t i = 0; i < ARRAY_LEN(r->streams); i++)
		capture_end(&r->streams[i]);
	loop_source_unref(&r->watch);
}

static int input_file(const char *input, size_t len, struct err *e)
{
	int fd CLEAN_FD = memfd_create("input", MFD_CLOEXEC);

	if (fd < 0)
		return err_set_errno(e, errno, "memfd");
	if (fd_write_all(fd, input, len, e) < 0)
		return -1;
	if (lseek(fd, 0, SEEK_SET) < 0)
		return err_set_errno(e, errno, "memfd");
	return TAKE_FD(fd);
}

static int capture_open(struct capture *c, int *ret_write, struct err *e)
{
	int fds[2];

	if (pipe2(fds, O_CLOEXEC) < 0)
		return err_set_errno(e, errno, "pipe");
	c->fd = fds[0];
	*ret_write = fds[1];
	if (fcntl(c->fd, F_SETFL, O_NONBLOCK) < 0)
		return err_set_errno(e, errno, "pipe");
	return 0;
}

/* The caller's descriptors and our three, in a session of its own so that a timeout can kill all.
 */
static int spawn_captured(
	struct proc *p, const struct proc_spec *spec, struct run *r, int in, struct err *e)
{
	struct proc_spec own = *spec;
	struct proc_fd *fds = xcalloc(spec->n_fds + 3, sizeof(*fds));
	int out[2] = { -1, -1 };
	int rc = -1;

	if (spec->n_fds)
		memcpy(fds, spec->fds, spec->n_fds * sizeof(*fds));
	own.fds = fds;
	own.new_session = true;
	if (in >= 0)
		fds[own.n_fds++] = (struct proc_fd){ .from = in, .to = 0 };
	for (int i = 0; i < 2; i++) {
		if (capture_open(&r->streams[i], &out[i], e) < 0)
			goto out;
		fds[own.n_fds++] = (struct proc_fd){ .from = out[i], .to = i + 1 };
	}
	rc = proc_spawn(p, &own, e);
out:
	close_fdp(&out[0]);
	close_fdp(&out[1]);
	free(fds);
	return rc;
}

/* Waits for the exit, then for the end of both streams. */
static int run_wait(struct loop *l, struct run *r, struct mono deadline, struct err *e)
{
	if (loop_wait(l, &r->exited, deadline, e) < 0)
		return -1;
	struct mono drain = mono_add(mono_now(), DRAIN_US);
	if (drain.us > deadline.us)
		drain = deadline;
	struct err late = { 0 };
	if (loop_wait(l, &r->over, drain, &late) < 0 && !err_is(&late, ERR_TIMEOUT)) {
		if (e)
			*e = late;
		return -1;
	}
	return 0;
}

int proc_run(struct loop *l, const struct proc_spec *spec, const char *input, size_t input_len,
	struct mono deadline, struct buf *out, struct buf *err_out, int *ret_status, struct err *e)
{
	struct run r CLEANUP(run_release) = {
		.streams = { { .fd = -1, .out = out }, { .fd = -1, .out = err_out } },
	};
	struct proc p CLEANUP(proc_destroy) = PROC_INIT;
	int in CLEAN_FD = -1;

	if (input) {
		in = input_file(input, input_len, e);
		if (in < 0)
			return -1;
	}
	if (spawn_captured(&p, spec, &r, in, e) < 0)
		return -1;
	for (size_t i = 0; i < ARRAY_LEN(r.streams); i++) {
		r.streams[i].run = &r;
		r.streams[i].source =
			loop_io(l, r.streams[i].fd, EPOLLIN, on_output, &r.streams[i]);
	}
	r.watch = proc_watch(l, &p, on_exit_seen, &r);
	if (run_wait(l, &r, deadline, e) < 0) {
		/* not reaped yet, so the group is still ours; proc_destroy takes the rest */
		kill(-p.pid, SIGKILL);
		return err_wrap(e, "%s", spec->argv[0]);
	}
	if (!proc_reap(&p, ret_status))
		BUG("%s: exit seen but nothing to reap", spec->argv[0]);
	return 0;
}
