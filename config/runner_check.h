/*
 * Checks of single texts in the runner's option table. Each returns NULL when the text is fine,
 * else a constant that says what was expected; some normalise *text. Pure.
 */
#ifndef CONFIG_RUNNER_CHECK_H
#define CONFIG_RUNNER_CHECK_H

#include "base/util.h"

const char *check_base_url(char **text);   /* trims trailing slashes */
bool url_is_plain_remote(const char *url); /* http to a host that is not loopback */
const char *check_token(char **text);      /* 64 lower-case hex digits */
const char *check_label(char **text);
const char *check_path(char **text);         /* absolute, no "..", trailing slashes trimmed */
const char *check_own_dir(char **text);      /* the same, not "/" */
const char *check_socket(char **text);       /* path; a leading unix:// is trimmed */
const char *check_host_pattern(char **text); /* name or *.name, made lower case */
const char *check_address(char **text);      /* IPv4 or IPv6 literal */
const char *check_protected(char **text);    /* a folder's name, or run/job */
const char *check_listen(char **text);       /* IP:PORT, [IPv6]:PORT or a socket's path */
const char *check_image(char **text);
const char *check_image_glob(char **text); /* config/image_ref.h */
const char *check_network(char **text);

/* "2", "0.5": 10^-9 CPUs. False when malformed or outside 0.01 to 1024. */
bool parse_cpus(const char *text, int64_t *ret_nano) CHECK_RESULT;
/* "100000-100063": so many ids from *ret_first on. */
bool parse_id_range(const char *text, int64_t *ret_first, int64_t *ret_n) CHECK_RESULT;
/* "65534:65534" or "65534". */
bool parse_user(const char *text, int64_t *ret_uid, int64_t *ret_gid) CHECK_RESULT;

/* Of "127.0.0.1:80" or "[::1]:80"; false when it is not of that form. Port 0 is fine. */
struct listen_address {
	char host[64]; /* without brackets */
	char port[8];
};
bool parse_listen_address(const char *text, struct listen_address *ret) CHECK_RESULT;

#endif
