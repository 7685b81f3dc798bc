/*
 * shithub-probe: tests the network from where it runs, a step's container for `network check`.
 * Static, no library but libc, so that it needs nothing of an image. Every argument is one probe;
 * all run at the same time, each in a process of its own with a deadline.
 *
 *   connect,ADDRESS,PORT        TCP
 *   name,NAME,PORT              resolve as a step would, then TCP
 *   resolve,NAME                resolve as a step would
 *   dns,udp|tcp,ADDRESS,NAME    ask that resolver
 *   datagram,ADDRESS,PORT       UDP; open unless an error comes back
 *   listen,PORT                 alone: accept connections until killed
 *
 * One line for each, in any order: INDEX open|closed DETAIL. listen prints "0 open ADDRESS" once
 * it has reached itself there. Exit status 2 for an argument it does not know.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netdb.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

/* Drops the result of a call that may fail without harm; `why` tells the reader why that is so. */
#define IGNORE_RESULT(call, why)  \
	do {                      \
		if ((call) < 0) { \
		}                 \
	} while (0)

enum { PARTS_MAX = 4, PROBES_MAX = 64, WAIT_MS = 2500, DEADLINE_S = 6, DNS_MAX = 1500 };

struct result {
	int open;
	char detail[128];
};

static void say(struct result *r, int open, const char *detail)
{
	r->open = open;
	snprintf(r->detail, sizeof(r->detail), "%s", detail);
}

static void print_result(int index, const struct result *r)
{
	char line[192];
	int n = snprintf(
		line, sizeof(line), "%d %s %s\n", index, r->open ? "open" : "closed", r->detail);

	/* one write: lines of several processes stay whole */
	IGNORE_RESULT(write(1, line, (size_t)n), "a reader that is gone misses nothing");
}

/* ---- sockets ---- */

struct target {
	struct sockaddr_storage address;
	socklen_t len;
};

static int target_of(const char *address, const char *port, struct target *t)
{
	struct sockaddr_in *v4 = (struct sockaddr_in *)&t->address;
	struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)&t->address;
	char *end;
	unsigned long number = strtoul(port, &end, 10);

	memset(t, 0, sizeof(*t));
	if (*end || number > 65535)
		return -1;
	if (inet_pton(AF_INET, address, &v4->sin_addr) == 1) {
		v4->sin_family = AF_INET;
		v4->sin_port = htons((unsigned short)number);
		t->len = sizeof(*v4);
	} else if (inet_pton(AF_INET6, address, &v6->sin6_addr) == 1) {
		v6->sin6_family = AF_INET6;
		v6->sin6_port = htons((unsigned short)number);
		t->len = sizeof(*v6);
	} else {
		return -1;
	}
	return 0;
}

/* Waits for the socket: 0, or -1 with errno. */
static int wait_for(int fd, short events)
{
	struct pollfd p = { .fd = fd, .events = events };
	int rc = poll(&p, 1, WAIT_MS);

	if (rc == 0)
		errno = ETIMEDOUT;
	return rc == 1 ? 0 : -1;
}

/* A connected socket, or -1 with errno. */
static int connected(const struct target *t, int type)
{
	int fd = socket(t->address.ss_family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), error = 0;
	socklen_t len = sizeof(error);

	if (fd < 0)
		return -1;
	if (connect(fd, (const struct sockaddr *)&t->address, t->len) == 0)
		return fd;
	if (errno == EINPROGRESS && wait_for(fd, POLLOUT) == 0 &&
		getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len) == 0) {
		if (error == 0)
			return fd;
		errno = error;
	}
	error = errno;
	close(fd);
	errno = error;
	return -1;
}

static void probe_connect(char **part, struct result *r)
{
	struct target t;
	int fd;

	if (target_of(part[0], part[1], &t) < 0) {
		say(r, 0, "malformed address");
		return;
	}
	fd = connected(&t, SOCK_STREAM);
	say(r, fd >= 0, fd >= 0 ? part[0] : strerror(errno));
}

static void probe_datagram(char **part, struct result *r)
{
	struct target t;
	char byte = 0;
	int fd;

	if (target_of(part[0], part[1], &t) < 0) {
		say(r, 0, "malformed address");
		return;
	}
	fd = connected(&t, SOCK_DGRAM);
	/* the error of the first datagram is told to the next call */
	if (fd < 0 || send(fd, &byte, 1, 0) < 0 || wait_for(fd, POLLIN) < 0)
		say(r, fd >= 0 && errno == ETIMEDOUT, strerror(errno));
	else if (recv(fd, &byte, 1, 0) < 0)
		say(r, 0, strerror(errno));
	else
		say(r, 1, "answered");
}

/* ---- names ---- */

static int resolve(const char *name, char out[INET_ADDRSTRLEN], struct result *r)
{
	struct addrinfo hints = { .ai_family = AF_INET, .ai_socktype = SOCK_STREAM }, *list;
	int rc = getaddrinfo(name, NULL, &hints, &list);

	if (rc != 0) {
		say(r, 0, rc == EAI_NONAME ? "no such name" : gai_strerror(rc));
		return -1;
	}
	inet_ntop(AF_INET, &((struct sockaddr_in *)list->ai_addr)->sin_addr, out, INET_ADDRSTRLEN);
	freeaddrinfo(list);
	return 0;
}

static void probe_resolve(char **part, struct result *r)
{
	char address[INET_ADDRSTRLEN];

	if (resolve(part[0], address, r) == 0)
		say(r, 1, address);
}

static void probe_name(char **part, struct result *r)
{
	char address[INET_ADDRSTRLEN];
	char *to[] = { address, part[1] };
	char detail[sizeof(r->detail)];

	if (resolve(part[0], address, r) < 0)
		return;
	probe_connect(to, r);
	snprintf(detail, sizeof(detail), "%s%s%.90s", address, r->open ? "" : ": ",
		r->open ? "" : r->detail);
	say(r, r->open, detail);
}

/* One question of type A, as it goes over UDP. */
static size_t dns_question(const char *name, unsigned char out[DNS_MAX])
{
	static const unsigned char head[12] = { 0x5a, 0x5a, 1, 0, 0, 1 };
	static const unsigned char tail[5] = { 0, 0, 1, 0, 1 };
	size_t n = sizeof(head);

	memcpy(out, head, sizeof(head));
	while (*name) {
		size_t label = strcspn(name, ".");

		if (label == 0 || label > 63 || n + label + 16 > DNS_MAX)
			return 0;
		out[n++] = (unsigned char)label;
		memcpy(out + n, name, label);
		n += label;
		name += label + (name[label] == '.');
	}
	memcpy(out + n, tail, sizeof(tail));
	return n + sizeof(tail);
}

/* Any answer at all is an open way: what leaves can carry anything. */
static void dns_exchange(int fd, const unsigned char *q, size_t n, int tcp, struct result *r)
{
	unsigned char answer[DNS_MAX],
		framed[DNS_MAX + 2] = { (unsigned char)(n >> 8), (unsigned char)n };
	size_t skip = tcp ? 0 : 2;
	char detail[64];

	memcpy(framed + 2, q, n);
	if (send(fd, framed + skip, n + 2 - skip, MSG_NOSIGNAL) < 0 || wait_for(fd, POLLIN) < 0) {
		say(r, 0, strerror(errno));
		return;
	}
	ssize_t got = recv(fd, answer, sizeof(answer), 0);
	if (got < 12) {
		say(r, 0, got < 0 ? strerror(errno) : "connection closed");
		return;
	}
	snprintf(detail, sizeof(detail), "answered, code %d", answer[tcp ? 5 : 3] & 15);
	say(r, 1, detail);
}

static void probe_dns(char **part, struct result *r)
{
	unsigned char question[DNS_MAX];
	size_t n = dns_question(part[2], question);
	int tcp = !strcmp(part[0], "tcp");
	struct target t;
	int fd;

	if (n == 0 || target_of(part[1], "53", &t) < 0) {
		say(r, 0, "malformed address or name");
		return;
	}
	fd = connected(&t, tcp ? SOCK_STREAM : SOCK_DGRAM);
	if (fd < 0)
		say(r, 0, strerror(errno));
	else
		dns_exchange(fd, question, n, tcp, r);
}

/* ---- listening ---- */

static int own_address(char out[INET_ADDRSTRLEN])
{
	struct ifaddrs *list, *i;
	int found = -1;

	if (getifaddrs(&list) < 0)
		return -1;
	for (i = list; i; i = i->ifa_next) {
		if (!i->ifa_addr || i->ifa_addr->sa_family != AF_INET ||
			(i->ifa_flags & IFF_LOOPBACK))
			continue;
		inet_ntop(AF_INET, &((struct sockaddr_in *)i->ifa_addr)->sin_addr, out,
			INET_ADDRSTRLEN);
		found = 0;
	}
	freeifaddrs(list);
	return found;
}

static int serve(int fd)
{
	for (;;) {
		int peer = accept(fd, NULL, NULL);

		if (peer >= 0)
			close(peer);
		else if (errno != EINTR && errno != ECONNABORTED)
			return 1;
	}
}

static int listen_on(char *port)
{
	char address[INET_ADDRSTRLEN];
	char *self[] = { address, port };
	struct result r = { 0 };
	struct target t;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (target_of("0.0.0.0", port, &t) < 0 || own_address(address) < 0 || fd < 0 ||
		bind(fd, (struct sockaddr *)&t.address, t.len) < 0 || listen(fd, 16) < 0) {
		say(&r, 0, strerror(errno));
		print_result(0, &r);
		return 1;
	}
	probe_connect(self, &r);
	print_result(0, &r);
	return serve(fd);
}

/* ---- all of them ---- */

static const struct {
	const char *name;
	int parts;
	void (*run)(char **part, struct result *r);
} kinds[] = {
	{ "connect", 2, probe_connect },
	{ "name", 2, probe_name },
	{ "resolve", 1, probe_resolve },
	{ "dns", 3, probe_dns },
	{ "datagram", 2, probe_datagram },
};

/* Cuts the text at commas; how many parts there are behind the first. */
static int split(char *text, char *part[PARTS_MAX])
{
	int n = 0;

	while ((text = strchr(text, ',')) && n < PARTS_MAX) {
		*text++ = '\0';
		part[n++] = text;
	}
	return n;
}

static int run_one(int index, char *text)
{
	char *part[PARTS_MAX] = { 0 };
	int parts = split(text, part);
	struct result r = { 0 };

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		if (strcmp(text, kinds[i].name) != 0 || parts != kinds[i].parts)
			continue;
		alarm(DEADLINE_S);
		kinds[i].run(part, &r);
		print_result(index, &r);
		return 0;
	}
	fprintf(stderr, "shithub-probe: %s: unknown probe\n", text);
	return 2;
}

/* What the alarm ended has said nothing. */
static int collect(pid_t *children, int n)
{
	int worst = 0, status;

	for (int i = 0; i < n; i++) {
		struct result r = { .detail = "timeout" };

		if (waitpid(children[i], &status, 0) < 0 || WIFSIGNALED(status))
			print_result(i, &r);
		else if (WEXITSTATUS(status) > worst)
			worst = WEXITSTATUS(status);
	}
	return worst;
}

int main(int argc, char **argv)
{
	pid_t children[PROBES_MAX];
	int n = argc - 1;

	if (n < 1 || n > PROBES_MAX) {
		fprintf(stderr, "shithub-probe: expected 1 to %d probes\n", PROBES_MAX);
		return 2;
	}
	if (n == 1 && !strncmp(argv[1], "listen,", 7))
		return listen_on(argv[1] + 7);
	for (int i = 0; i < n; i++) {
		children[i] = fork();
		if (children[i] < 0)
			return perror("shithub-probe: fork"), 1;
		if (children[i] == 0)
			_exit(run_one(i, argv[1 + i]));
	}
	return collect(children, n);
}
