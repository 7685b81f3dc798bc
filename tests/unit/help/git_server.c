/* A thread serves, because the checkout under test blocks the test's own. Each way to misbehave is
 * a mode, so that a test names the fault it wants. */
#include <errno.h>
#include <fcntl.h>
#include <microhttpd.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "base/util.h"
#include "tests/unit/help/git_server.h"

enum { ANSWER_BLOCK = 64 << 10, CUT_AFTER = 3000 };

struct git_server {
	struct MHD_Daemon *daemon;
	char *root, *password;
	atomic_int mode; /* enum git_server_mode */
	atomic_uint requests;
	int stop[2]; /* readable when hanging answers must end */
};

struct exchange {
	int body; /* memfd */
};

struct answer_pipe {
	int fd;
	pid_t pid;
	enum git_server_mode mode;
	size_t sent;
};

static ssize_t answer_read(void *data, uint64_t pos, char *buf, size_t max)
{
	struct answer_pipe *a = data;
	ssize_t n;

	(void)pos;
	if (a->mode == GIT_CUT && a->sent >= CUT_AFTER)
		return MHD_CONTENT_READER_END_OF_STREAM;
	if (a->mode == GIT_CUT && max > CUT_AFTER - a->sent)
		max = CUT_AFTER - a->sent;
	n = read(a->fd, buf, max);
	if (n <= 0)
		return MHD_CONTENT_READER_END_OF_STREAM;
	if (a->mode == GIT_FLIP && a->sent <= 2000 && a->sent + (size_t)n > 2000)
		buf[2000 - a->sent] ^= 0x55;
	a->sent += (size_t)n;
	return n;
}

static void answer_free(void *data)
{
	struct answer_pipe *a = data;

	close(a->fd);
	waitpid(a->pid, NULL, 0);
	free(a);
}

static struct answer_pipe *run_git(
	struct git_server *s, const char *repo, bool advertise, const char *protocol, int body)
{
	struct answer_pipe *a = xcalloc(1, sizeof(*a));
	CLEAN_STR char *path = xasprintf("%s/%s", s->root, repo);
	CLEAN_STR char *version = xasprintf("GIT_PROTOCOL=%s", protocol ? protocol : "");
	char *argv[] = { (char *)"git", (char *)"upload-pack", (char *)"--stateless-rpc",
		advertise ? (char *)"--advertise-refs" : path, advertise ? path : NULL, NULL };
	char *envp[] = { (char *)"PATH=/usr/bin:/bin", (char *)"GIT_CONFIG_NOSYSTEM=1",
		(char *)"HOME=/nonexistent", (char *)"LC_ALL=C", version, NULL };

	posix_spawn_file_actions_t acts;
	int out[2], bad;

	a->mode = (enum git_server_mode)s->mode;
	if (pipe2(out, O_CLOEXEC) < 0)
		abort();
	posix_spawn_file_actions_init(&acts);
	posix_spawn_file_actions_adddup2(&acts, body, 0);
	posix_spawn_file_actions_adddup2(&acts, out[1], 1);
	posix_spawn_file_actions_addopen(&acts, 2, "/dev/null", O_WRONLY, 0);
	bad = posix_spawn(&a->pid, "/usr/bin/git", &acts, NULL, argv, envp);
	posix_spawn_file_actions_destroy(&acts);
	close(out[1]);
	a->fd = out[0];
	if (bad)
		abort();
	return a;
}

static enum MHD_Result reply(
	struct MHD_Connection *c, unsigned status, struct MHD_Response *r, const char *type)
{
	MHD_add_response_header(r, "Content-Type", type);
	enum MHD_Result rc = MHD_queue_response(c, status, r);
	MHD_destroy_response(r);
	return rc;
}

static enum MHD_Result reply_text(struct MHD_Connection *c, unsigned status, const char *text)
{
	return reply(c, status,
		MHD_create_response_from_buffer(strlen(text), (void *)text, MHD_RESPMEM_PERSISTENT),
		"text/html");
}

static enum MHD_Result reply_redirect(struct MHD_Connection *c, const char *url)
{
	struct MHD_Response *r = MHD_create_response_from_buffer(0, NULL, MHD_RESPMEM_PERSISTENT);

	MHD_add_response_header(r, "Location", url);
	return reply(c, 302, r, "text/plain");
}

/* A server that gives only the tips of its refs, asked in the old protocol. */
static bool wants_a_tip(const struct git_server *s, const char *repo, int body)
{
	char text[4096], want[41];
	ssize_t n = pread(body, text, sizeof(text) - 1, 0);
	CLEAN_STR char *packed = xasprintf("%s/%s/packed-refs", s->root, repo);
	FILE *f = fopen(packed, "re");
	bool found = false;

	if (n < 50 || !f)
		abort();
	text[n] = 0;
	if (!str_starts(text + 4, "want ")) {
		fclose(f);
		return true; /* v2 to a v0 server: git itself answers with nothing */
	}
	memcpy(want, text + 9, 40);
	want[40] = 0;
	while (fgets(text, sizeof(text), f))
		found |= str_starts(text, want);
	fclose(f);
	return found;
}

static enum MHD_Result serve(
	struct git_server *s, struct MHD_Connection *c, const char *url, struct exchange *x)
{
	CLEAN_STR char *repo = xstrdup(url + 1);
	char *slash = strchr(repo, '/');
	const char *protocol = MHD_lookup_connection_value(c, MHD_HEADER_KIND, "Git-Protocol");
	bool advertise;

	if (!slash)
		return reply_text(c, 404, "no such page\n");
	*slash++ = 0;
	advertise = str_eq(slash, "info/refs");
	if (s->mode == GIT_SERVE_V0 || s->mode == GIT_REFUSE_IDS)
		protocol = NULL;
	if (s->mode == GIT_REFUSE_IDS && !advertise && !wants_a_tip(s, repo, x->body))
		return reply(c, 200,
			MHD_create_response_from_buffer(33,
				(void *)"0021ERR upload-pack: not our ref\n",
				MHD_RESPMEM_PERSISTENT),
			"application/x-git-upload-pack-result");
	lseek(x->body, 0, SEEK_SET);
	struct answer_pipe *a = run_git(s, repo, advertise, protocol, x->body);
	return reply(c, 200,
		MHD_create_response_from_callback(
			MHD_SIZE_UNKNOWN, ANSWER_BLOCK, answer_read, a, answer_free),
		advertise ? "application/x-git-upload-pack-advertisement"
			  : "application/x-git-upload-pack-result");
}

static bool authorized(const struct git_server *s, struct MHD_Connection *c)
{
	char *password = NULL, *user = MHD_basic_auth_get_username_password(c, &password);
	bool ok =
		user && password && str_eq(user, "x-access-token") && str_eq(password, s->password);

	MHD_free(user);
	MHD_free(password);
	return ok;
}

static enum MHD_Result answer(
	struct git_server *s, struct MHD_Connection *c, const char *url, struct exchange *x)
{
	struct pollfd stop = { .fd = s->stop[0], .events = POLLIN };

	int mode = s->mode;

	s->requests++;
	if (!authorized(s, c))
		return reply_text(c, 401, "who are you?\n");
	switch (mode) {
	case GIT_GARBAGE:
		return reply_text(c, 200, "<html>Welcome to the wrong page</html>\n");
	case GIT_REDIRECT:
		return reply_redirect(c, url);
	case GIT_BROKEN:
		return reply_text(c, 503, "upstream down\n");
	case GIT_HANG:
		poll(&stop, 1, -1);
		return MHD_NO;
	default:
		return serve(s, c, url, x);
	}
}

static enum MHD_Result on_request(void *data, struct MHD_Connection *c, const char *url,
	const char *method, const char *version, const char *upload, size_t *upload_size,
	void **con)
{
	struct exchange *x = *con;

	(void)method, (void)version;
	if (!x) {
		x = xcalloc(1, sizeof(*x));
		x->body = memfd_create("body", MFD_CLOEXEC);
		*con = x;
		return MHD_YES;
	}
	if (*upload_size) {
		if (write(x->body, upload, *upload_size) != (ssize_t)*upload_size)
			return MHD_NO;
		*upload_size = 0;
		return MHD_YES;
	}
	return answer(data, c, url, x);
}

static void on_completed(
	void *data, struct MHD_Connection *c, void **con, enum MHD_RequestTerminationCode code)
{
	struct exchange *x = *con;

	(void)data, (void)c, (void)code;
	if (!x)
		return;
	close(x->body);
	free(x);
}

struct git_server *git_server_start(const char *root, const char *password)
{
	struct git_server *s = xcalloc(1, sizeof(*s));
	struct sockaddr_in any = { .sin_family = AF_INET, .sin_addr = { htonl(INADDR_LOOPBACK) } };

	signal(SIGPIPE, SIG_IGN);
	s->root = xstrdup(root);
	s->password = xstrdup(password);
	if (pipe2(s->stop, O_CLOEXEC) < 0)
		abort();
	s->daemon = MHD_start_daemon(
		MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_THREAD_PER_CONNECTION | MHD_USE_POLL, 0,
		NULL, NULL, on_request, s, MHD_OPTION_SOCK_ADDR, &any, MHD_OPTION_NOTIFY_COMPLETED,
		on_completed, NULL, MHD_OPTION_END);
	if (s->daemon)
		return s;
	git_server_stop(s);
	return NULL;
}

void git_server_stop(struct git_server *s)
{
	if (!s)
		return;
	close(s->stop[1]);
	if (s->daemon)
		MHD_stop_daemon(s->daemon);
	close(s->stop[0]);
	free(s->root);
	free(s->password);
	free(s);
}

uint16_t git_server_port(const struct git_server *s)
{
	return MHD_get_daemon_info(s->daemon, MHD_DAEMON_INFO_BIND_PORT)->port;
}

void git_server_mode(struct git_server *s, enum git_server_mode m)
{
	s->mode = m;
	s->requests = 0;
}

unsigned git_server_requests(const struct git_server *s)
{
	return s->requests;
}
