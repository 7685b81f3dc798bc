/*
 * The wire between the runner and the gate (PID 1 of a step container): framed messages over one
 * unix stream socket. See docs/GATE.md.
 *
 * The gate is its own static program, so this header uses libc only and repeats the caps it needs.
 * Everything is little-endian. A frame is 8 bytes {u32 type, u32 length} and `length` bytes.
 * Decoders are pure: 0, or -1 for anything that is not exactly a valid message; either side ends
 * the connection then, and with it the container.
 *
 *   runner → gate   RUN (with one SCM_RIGHTS descriptor), SIGNAL
 *   gate → runner   STARTED or FAILED, then EXIT, then EMPTY if EXIT said that something is left
 */
#ifndef ENGINE_GATE_GATE_PROTO_H
#define ENGINE_GATE_GATE_PROTO_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define GATE_KIB(n) ((size_t)(n) << 10)
#define GATE_MIB(n) ((size_t)(n) << 20)
#define GATE_MESSAGE_MAX GATE_MIB(4) /* = LIMIT_GATE_MESSAGE of base/limits.h */
#define GATE_ANSWER_MAX GATE_KIB(4)  /* anything the gate sends */
#define GATE_ARGV_MAX 1024
#define GATE_ENV_MAX 8192
#define GATE_SIGNAL_MAX 64

/* Paths inside the container. */
#define GATE_BINARY "/shithub/gate"
#define GATE_CONTROL "/shithub/ctl"
#define GATE_SOCKET_NAME "s"
#define GATE_SOCKET GATE_CONTROL "/" GATE_SOCKET_NAME
#define GATE_SCRIPT_ROOT "/tmp/_shithub"

/* Modes of the binary (argv[1]). */
#define GATE_MODE_SERVE "serve" /* SOCKET: connect and take messages */
#define GATE_MODE_EXEC "exec"   /* DIR ARGV...: one command, no socket (the attach way) */
#define GATE_MODE_HOLD "hold"   /* keeps a namespace alive until SIGTERM */
#define GATE_MODE_HELLO "hello" /* prints GATE_HELLO: the payload of the start-up probe */
#define GATE_HELLO "shithub-gate 1\n"

/* "exec": the only thing the gate says itself, on its stderr, which no process of the step holds:
 * the memory limit killed something. Not every engine can tell afterwards. */
#define GATE_OOM_WORDS "shithub-gate: oom\n"

/* Exit codes of the gate itself when it could not do its work; shown in error texts. */
enum gate_exit {
	GATE_EXIT_OK = 0,        /* the runner closed the connection */
	GATE_EXIT_CONNECT = 120, /* no way to the socket */
	GATE_EXIT_PROTO = 121,   /* malformed or untimely message */
	GATE_EXIT_USAGE = 122,   /* bad arguments, or not process 1 */
	GATE_EXIT_SYSTEM = 123,  /* the kernel refused something basic */
	GATE_EXIT_CANNOT = 126,  /* of a step: command found, cannot be executed */
	GATE_EXIT_ABSENT = 127,  /* of a step: command or working directory not found */
};

enum gate_type {
	GATE_RUN = 1,
	GATE_SIGNAL = 2,
	GATE_STARTED = 16,
	GATE_FAILED = 17,
	GATE_EXIT = 18,
	GATE_EMPTY = 19,
};

enum { GATE_HEADER_LEN = 8, GATE_RUN_HEAD_LEN = 16, GATE_SIGNAL_LEN = 4, GATE_EXIT_LEN = 12 };

struct gate_header {
	uint32_t type, length;
};

static inline void gate_put32(unsigned char *p, uint32_t v)
{
	for (int i = 0; i < 4; i++)
		p[i] = (unsigned char)(v >> (8 * i));
}

static inline uint32_t gate_get32(const unsigned char *p)
{
	return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

static inline void gate_header_encode(unsigned char out[GATE_HEADER_LEN], uint32_t type, size_t len)
{
	gate_put32(out, type);
	gate_put32(out + 4, (uint32_t)len);
}

/* max: the cap of this direction. */
static inline int gate_header_decode(
	const unsigned char in[GATE_HEADER_LEN], size_t max, struct gate_header *ret)
{
	struct gate_header h = { gate_get32(in), gate_get32(in + 4) };

	if (h.length > max)
		return -1;
	*ret = h;
	return 0;
}

/*
 * RUN: u32 argc, u32 envc, u32 script length, u32 flags (0), then argc + envc NUL-terminated
 * strings, the working directory and the script's path (both absolute, NUL-terminated; an empty
 * path: no script), then the script's bytes. Pointers borrow from the message.
 */
struct gate_run {
	uint32_t argc, envc;
	const char *argv, *env; /* argc and envc strings one after the other: gate_text_next */
	const char *cwd, *script_path;
	const unsigned char *script;
	size_t script_len;
};

static inline const char *gate_text_next(const char *s)
{
	return s + strlen(s) + 1;
}

/* The string at *pos of the message, or NULL if it does not end inside it. */
static inline const char *gate_take_text(const unsigned char *p, size_t n, size_t *pos)
{
	const unsigned char *end = *pos < n ? memchr(p + *pos, 0, n - *pos) : NULL;
	const char *text = (const char *)p + *pos;

	if (!end)
		return NULL;
	*pos = (size_t)(end - p) + 1;
	return text;
}

static inline int gate_take_texts(
	const unsigned char *p, size_t n, size_t *pos, uint32_t count, const char **ret)
{
	*ret = (const char *)p + *pos;
	for (uint32_t i = 0; i < count; i++) {
		if (!gate_take_text(p, n, pos))
			return -1;
	}
	return 0;
}

/* GATE_SCRIPT_ROOT/<folder>/<file>, both plain names. */
static inline int gate_script_path_ok(const char *path)
{
	size_t root = sizeof(GATE_SCRIPT_ROOT) - 1;
	const char *folder, *slash;

	if (strncmp(path, GATE_SCRIPT_ROOT "/", root + 1) != 0 || strlen(path) > 255)
		return 0;
	folder = path + root + 1;
	slash = strchr(folder, '/');
	return slash && folder[0] != '.' && slash != folder && slash[1] && slash[1] != '.' &&
	       !strchr(slash + 1, '/');
}

static inline int gate_run_decode(const unsigned char *p, size_t n, struct gate_run *ret)
{
	struct gate_run r = { 0 };
	size_t pos = GATE_RUN_HEAD_LEN;

	if (n < GATE_RUN_HEAD_LEN || n > GATE_MESSAGE_MAX)
		return -1;
	r.argc = gate_get32(p);
	r.envc = gate_get32(p + 4);
	r.script_len = gate_get32(p + 8);
	if (r.argc < 1 || r.argc > GATE_ARGV_MAX || r.envc > GATE_ENV_MAX || gate_get32(p + 12))
		return -1;
	if (gate_take_texts(p, n, &pos, r.argc, &r.argv) < 0 || !*r.argv)
		return -1;
	if (gate_take_texts(p, n, &pos, r.envc, &r.env) < 0)
		return -1;
	r.cwd = gate_take_text(p, n, &pos);
	r.script_path = r.cwd ? gate_take_text(p, n, &pos) : NULL;
	if (!r.script_path || r.cwd[0] != '/' || n - pos != r.script_len)
		return -1;
	if (*r.script_path ? !gate_script_path_ok(r.script_path) : r.script_len > 0)
		return -1;
	r.script = p + pos;
	*ret = r;
	return 0;
}

/* SIGNAL: u32 number. */
static inline int gate_signal_decode(const unsigned char *p, size_t n, int *ret)
{
	uint32_t sig = n == GATE_SIGNAL_LEN ? gate_get32(p) : 0;

	if (sig < 1 || sig > GATE_SIGNAL_MAX)
		return -1;
	*ret = (int)sig;
	return 0;
}

/* EXIT: u32 wait status, u32 processes the memory limit killed while the step ran, u32 1 when other
 * processes than the gate are left, else 0. */
struct gate_exit_status {
	int status;
	uint32_t oom_kills;
	int left;
};

static inline int gate_exit_decode(const unsigned char *p, size_t n, struct gate_exit_status *ret)
{
	if (n != GATE_EXIT_LEN || gate_get32(p) > 0xffff || gate_get32(p + 8) > 1)
		return -1;
	ret->status = (int)gate_get32(p);
	ret->oom_kills = gate_get32(p + 4);
	ret->left = gate_get32(p + 8) == 1;
	return 0;
}

/* FAILED: u32 errno, then one line of text without a NUL. */
struct gate_failure {
	int errnum;
	const char *text;
	size_t text_len;
};

static inline int gate_failed_decode(const unsigned char *p, size_t n, struct gate_failure *ret)
{
	if (n < 4 || n > GATE_ANSWER_MAX || gate_get32(p) > 0xfff || memchr(p + 4, 0, n - 4))
		return -1;
	*ret = (struct gate_failure){ (int)gate_get32(p), (const char *)p + 4, n - 4 };
	return 0;
}

#endif
