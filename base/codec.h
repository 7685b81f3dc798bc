/* Text forms of bytes, hashes and randomness (OpenSSL and getrandom behind). */
#ifndef BASE_CODEC_H
#define BASE_CODEC_H

#include "base/buf.h"
#include "base/err.h"

/* RFC 4648 with padding; url: the URL-safe alphabet without padding (JWT). */
int base64_encode(struct buf *out, const void *p, size_t n);
int base64url_encode(struct buf *out, const void *p, size_t n);
/* Strict: padding required (url: refused), no blanks, no stray bits. At most out->max bytes. */
int base64_decode(struct buf *out, const char *text, size_t n, struct err *e) CHECK_RESULT;
int base64url_decode(struct buf *out, const char *text, size_t n, struct err *e) CHECK_RESULT;

void hex_encode(const void *p, size_t n, char *out /* 2n + 1 */);
/* Lower or upper case digits only. Exactly n bytes or -1. */
int hex_decode(const char *text, void *out, size_t n) CHECK_RESULT;
bool is_hex_oid(const char *text); /* 40 lower-case hex digits: a git object id */

/* The labels by which jobs find runners. A list of them is one text on the wire, so a label holds
 * no comma, and no blank where a reader would cut it off. LABEL_RULE is for messages. */
enum { LABEL_MAX = 100 };
#define LABEL_RULE "1 to 100 of A-Z a-z 0-9 _ . - and blanks in between"
bool label_valid(const char *label);

enum { SHA256_LEN = 32, SHA256_HEX_MAX = 65, UUID_TEXT_MAX = 37 };
void sha256(const void *p, size_t n, unsigned char out[SHA256_LEN]);
/* The same over bytes that come in pieces. */
struct sha256_stream;
struct sha256_stream *sha256_begin(void);
void sha256_more(struct sha256_stream *s, const void *p, size_t n);
/* out may be NULL; frees s (NULL fine then). */
void sha256_end(struct sha256_stream *s, unsigned char out[SHA256_LEN]);
void random_bytes(void *p, size_t n); /* aborts if the kernel gives none */
void uuid_v4(char out[UUID_TEXT_MAX]);
uint64_t random_below(uint64_t bound); /* uniform in [0, bound) */

/* Whether a valid character of len bytes would steer its reader or hide in a line: control
 * characters, bidi marks, characters without width, tags. */
bool text_steers(const char *p, size_t len);
/* A copy that any terminal and any JSON reader takes: control and other steering characters (C1,
 * bidi marks, zero-width ones), and in text that is not UTF-8 all bytes above 0x7f, become '?'. */
char *text_printable(const char *text) CHECK_RESULT;
/* The same without loss, for names of files: those characters and bytes that are no UTF-8 as \xNN,
 * \n and \t by name, a backslash doubled. */
void text_escape(struct buf *out, const char *p, size_t n);
char *text_escaped(const char *text) CHECK_RESULT;

/* ---- percent: queries and forms (RFC 3986, and `+` as HTML forms have it) ---- */

/* Appends text as a value of a URL's query: letters, digits and -._~/ stay as they are. */
void percent_encode(struct buf *out, const char *text);
/* Appends a field to a URL's query, which it begins if it is the first. value NULL: none. */
void percent_field(struct buf *url, const char *name, const char *value);
/* Appends what n bytes at p stand for; with plus, a `+` is a blank. False, and anything in out,
 * unless that is UTF-8 without NUL that fits into out. */
bool percent_decode(const char *p, size_t n, bool plus, struct buf *out) CHECK_RESULT;

#endif
