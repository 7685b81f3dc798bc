/*
 * The fetcher: takes the request, confines itself, moves pack bytes from the server to the writer.
 *
 * When the writer refuses a pack, the pipe to it breaks while bytes still arrive. Its own reason is
 * the one that counts, so the fetcher then waits for the writer's result instead of reporting the
 * pipe. A server may echo the token in its messages, so lines that hold it are withheld.
 */
#include <errno.h>
#include <inttypes.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "base/exits.h"
#include "base/late/late.h"
#include "base/message/frame.h"
#include "base/proc.h"
#include "checkout/fetch.h"
#include "checkout/role.h"
#include "checkout/role_common.h"
#include "sandbox/child_report.h"
#include "sandbox/landlock.h"
#include "sandbox/seccomp.h"

#define DEFAULT_TIMEOUT_US (3600 * USEC_PER_SEC)

struct fetcher {
	int job_fd, pack_fd, control;
	pid_t writer;
	struct loop *loop;
	struct loop_source *job_watch, *writer_watch;
	struct frame_reader reports;
	struct request_copy request;
	/* what the writer said last */
	bool writer_done;
	struct checkout_result written;
};

/* Landlock lets the fetcher read what name resolution and TLS need, and nothing else. */
static int confine_fetcher(const char *ca_file, struct err *e)
{
	const struct landlock_path paths[] = {
		{ "/etc/resolv.conf", false },
		{ "/etc/hosts", false },
		{ "/etc/host.conf", false },
		{ "/etc/gai.conf", false },
		{ "/etc/nsswitch.conf", false },
		{ "/etc/services", false },
		{ "/etc/localtime", false },
		{ "/etc/ssl", false },
		{ "/etc/pki", false },
		{ "/usr/lib/ssl", false },
		{ "/usr/share/ca-certificates", false },
		{ "/usr/local/share/ca-certificates", false },
		/* name service modules and their libraries */
		{ "/etc/ld.so.cache", false },
		{ "/lib", false },
		{ "/lib64", false },
		{ "/usr/lib", false },
		{ "/dev/urandom", false },
		{ ca_file ? ca_file : "/dev/null", false },
	};

	if (late_load(&late_curl, e) < 0 || role_limits(false, e) < 0)
		return err_wrap(e, "fetcher");
	if (landlock_restrict(paths, ARRAY_LEN(paths), false, e) < 0)
		return -1;
	return seccomp_load_child(SECCOMP_CHECKOUT_NET, e);
}

static int receive_request(struct fetcher *f, struct err *e)
{
	CLEANUP(frame_reader_release) struct frame_reader in = { 0 };
	struct slice text;

	frame_reader_init(&in, FRAME_SMALL);
	if (frame_recv(&in, f->job_fd, &text, e) < 0 || request_decode(text, &f->request, e) < 0)
		return -1;
	struct checkout_request r = request_view(&f->request);
	return checkout_request_check(&r, e);
}

static int send_order(struct fetcher *f, struct err *e)
{
	CLEAN_BUF struct buf text = BUF_INIT(FRAME_SMALL);
	struct checkout_request r = request_view(&f->request);

	if (request_encode(&r, false, &text, e) < 0)
		return -1;
	return frame_send(f->control, buf_slice(&text), e);
}

/* The job closed its end (or broke the one-request rule): nothing is left to do or to say. */
static void on_job(struct loop_source *s, int fd, uint32_t events, void *data)
{
	(void)s, (void)fd, (void)events, (void)data;
	_exit(EXIT_FINDINGS);
}

/* The writer ended without a result: say how. */
static void writer_lost(struct fetcher *f, const struct err *cause)
{
	char text[PROC_STATUS_TEXT];
	int status = 0;

	f->writer_done = true;
	f->written.ok = false;
	if (cause->class != ERR_NONE) {
		f->written.error = *cause;
		return;
	}
	while (waitpid(f->writer, &status, 0) < 0 && errno == EINTR)
		continue;
	err_set(&f->written.error, ERR_INTERNAL, "the tree writer ended early: %s",
		proc_status_text(status, text));
}

static void take_report(struct fetcher *f, const struct report_message *m, struct slice text)
{
	switch (m->kind) {
	case REPORT_LINE:
		child_send_line(f->job_fd, m->line);
		break;
	case REPORT_SUBMODULE: /* as it is: only the job knows what to make of it */
		child_send_text(f->job_fd, text);
		break;
	case REPORT_RESULT:
		f->written = m->result;
		f->writer_done = true;
		break;
	}
}

static int take_reports(struct fetcher *f, struct err *e)
{
	struct slice text;
	int rc;

	while ((rc = frame_peek(&f->reports, &text, e)) == 1) {
		CLEANUP(report_message_release) struct report_message m = { 0 };

		if (report_decode(text, &m, e) < 0)
			return -1;
		take_report(f, &m, text);
		frame_drop(&f->reports);
	}
	return rc;
}

static void on_writer(struct loop_source *s, int fd, uint32_t events, void *data)
{
	struct fetcher *f = data;
	struct err e = { 0 };
	int more = frame_fill(&f->reports, fd, MSG_DONTWAIT, &e);

	(void)events;
	int rc = more < 0 ? -1 : take_reports(f, &e);
	if (!f->writer_done && (rc < 0 || more == 0))
		writer_lost(f, &e);
	if (f->writer_done || more <= 0)
		loop_io_events(s, 0);
}

static int on_pack(void *data, const char *p, size_t n, struct err *e)
{
	struct fetcher *f = data;

	while (n) {
		ssize_t k = write(f->pack_fd, p, n);

		if (k < 0 && errno == EINTR)
			continue;
		if (k < 0)
			return err_set_errno(e, errno, "the tree writer takes no more");
		p += k;
		n -= (size_t)k;
	}
	return 0;
}

static void on_started(void *data)
{
	struct fetcher *f = data;

	wipe_charp(&f->request.token);
}

/* A server may echo what it was sent. */
static void on_line(void *data, const char *line)
{
	struct fetcher *f = data;

	if (f->request.token && strstr(line, f->request.token))
		line = "remote: (line withheld: it repeats the token)";
	child_send_line(f->job_fd, line);
}

static int open_loop(struct fetcher *f, struct http **ret_http, struct err *e)
{
	struct http_config config = { .user_agent = "git/2.0 (shithubd-runner " PROJECT_VERSION ")",
		.ca_file = f->request.ca_file };

	f->loop = loop_new(e);
	if (!f->loop)
		return -1;
	f->job_watch = loop_io(f->loop, f->job_fd, EPOLLIN, on_job, f);
	f->writer_watch = loop_io(f->loop, f->control, EPOLLIN, on_writer, f);
	*ret_http = http_new(f->loop, &config, e);
	return *ret_http ? 0 : -1;
}

static void report_fetching(struct fetcher *f)
{
	const struct request_copy *r = &f->request;
	CLEAN_STR char *depth =
		r->depth ? xasprintf("depth %" PRId64, r->depth) : xstrdup("full history");
	CLEAN_STR char *line = xasprintf("Fetching %s at %s (%s%s)", r->url,
		r->sha ? r->sha : r->ref, depth, r->tags ? ", all tags" : "");

	child_send_line(f->job_fd, line);
}

static int send_end(struct fetcher *f, const struct end_message *m, struct err *e)
{
	CLEAN_BUF struct buf text = BUF_INIT(FRAME_LARGE);

	close_fdp(&f->pack_fd);
	if (end_encode(m, &text, e) < 0)
		return -1;
	return frame_send(f->control, buf_slice(&text), e);
}

/* The writer's own words beat "it takes no more": wait for them. */
static int wait_writer(struct fetcher *f, struct mono deadline, struct err *e)
{
	close_fdp(&f->pack_fd);
	if (loop_wait(f->loop, &f->writer_done, deadline, e) < 0)
		return err_wrap(e, "write the tree");
	return 0;
}

static int fetch_and_wait(
	struct fetcher *f, struct http *http, struct checkout_result *ret, struct err *e)
{
	struct checkout_request r = request_view(&f->request);
	struct fetch_sink sink = { on_pack, on_started, on_line, f };
	struct fetch_result got = { 0 };
	struct mono start = mono_now();
	struct mono deadline = mono_add(start, r.timeout_us ? r.timeout_us : DEFAULT_TIMEOUT_US);

	int rc = fetch_pack(http, &r, &sink, deadline, &got, e);
	int64_t fetch_us = mono_diff(mono_now(), start);
	bool writer_broke = rc < 0 && e->errnum == EPIPE;

	if (rc == 0 && send_end(f, &got.end, e) < 0)
		writer_broke = true;
	end_message_release(&got.end);
	if (rc < 0 && !writer_broke && !f->writer_done) {
		ret->retryable = got.retryable;
		ret->pack_bytes = got.pack_bytes;
		return -1;
	}
	if (wait_writer(f, deadline, e) < 0)
		return -1;
	err_clear(e);
	*ret = f->written;
	ret->pack_bytes = got.pack_bytes;
	ret->fetch_us = fetch_us;
	return ret->ok ? 0 : -1;
}

static int fetch(struct fetcher *f, struct checkout_result *ret)
{
	struct http *http = NULL;
	struct err *e = &ret->error;

	if (receive_request(f, e) < 0 || send_order(f, e) < 0 ||
		confine_fetcher(f->request.ca_file, e) < 0 || open_loop(f, &http, e) < 0)
		return -1;
	report_fetching(f);
	struct err failure = { 0 };
	int rc = fetch_and_wait(f, http, ret, &failure);
	if (rc < 0 && failure.class != ERR_NONE)
		ret->error = failure;
	return rc;
}

int role_fetch(int job_fd, int pack_fd, int control, pid_t writer)
{
	struct fetcher f = {
		.job_fd = job_fd, .pack_fd = pack_fd, .control = control, .writer = writer
	};
	struct checkout_result result = { 0 };

	frame_reader_init(&f.reports, FRAME_SMALL);
	result.ok = fetch(&f, &result) == 0;
	wipe_charp(&f.request.token);
	role_send_result(job_fd, &result);
	/* the process ends here; loop, connections and buffers go with it */
	return result.ok ? EXIT_OK : EXIT_FINDINGS;
}
