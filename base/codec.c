/*
 * Text forms of bytes, hashes and randomness. The decoders are strict, so that two texts never
 * decode to the same bytes: a digest or a token compares as text. A failing random source or digest
 * is a BUG: nobody can go on with a guessable token.
 */
#include "base/codec.h"

#include <errno.h>
#include <openssl/evp.h>
#include <openssl/sha.h>
#include <sys/random.h>

#include "base/utf8.h"

static const char plain_alphabet[65] =
	"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
static const char url_alphabet[65] =
	"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/* ---- base64, sixteen digits at once ---- */

/* Where the processor can move bytes in a register. Four groups of three bytes stand in four words
 * of it, a group as one number, so that its four digits are shifts of it. What a digit's value adds
 * to a letter differs in five ranges, and comparing all sixteen with the ranges' borders is cheaper
 * than a table. */
enum { BLOCK_DIGITS = 16, BLOCK_BYTES = 12 };
typedef unsigned char block __attribute__((vector_size(16)));
typedef uint32_t words __attribute__((vector_size(16)));

#if defined(__x86_64__)
#define MOVES_BYTES __attribute__((target("ssse3")))
static bool moves_bytes(void)
{
	return __builtin_cpu_supports("ssse3");
}
#elif defined(__aarch64__) && __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define MOVES_BYTES
static bool moves_bytes(void)
{
	return true;
}
#else
#define MOVES_BYTES
static bool moves_bytes(void)
{
	return false;
}
#endif

/* 0xff where a byte of v is at least / at most / exactly this. */
#define FROM(v, c) ((block)((v) >= (unsigned char)(c)))
#define UP_TO(v, c) ((block)((v) <= (unsigned char)(c)))
#define IS(v, c) ((block)((v) == (unsigned char)(c)))

/* What is added to a digit's value, as the difference from the range below. */
#define STEP(from, to, values) ((unsigned char)((to) - (from) - (values)))

/* Bytes of in that were written to `to` as digits: whole blocks, none where the processor cannot.
 */
MOVES_BYTES static size_t encode_blocks(const unsigned char *in, size_t n, char *to)
{
	size_t at = 0;

	if (!moves_bytes())
		return 0;
	for (; at + sizeof(block) <= n; at += BLOCK_BYTES, to += BLOCK_DIGITS) {
		block v;

		memcpy(&v, in + at, sizeof(v));
		words w = (words)__builtin_shufflevector(
			v, v, 2, 1, 0, 15, 5, 4, 3, 15, 8, 7, 6, 15, 11, 10, 9, 15);
		v = (block)((w >> 18 & 0x3f) | (w >> 4 & 0x3f00) | (w << 10 & 0x3f0000) |
			    (w << 24 & 0x3f000000));
		v += 'A' + (FROM(v, 26) & STEP('A', 'a', 26)) + (FROM(v, 52) & STEP('a', '0', 26)) +
		     (FROM(v, 62) & STEP('0', '+', 10)) + (FROM(v, 63) & STEP('+', '/', 1));
		memcpy(to, &v, sizeof(v));
	}
	return at;
}

/* Digits of in that were written to `to` as bytes: whole blocks, up to the one with a byte that is
 * no digit. */
MOVES_BYTES static size_t decode_blocks(const unsigned char *in, size_t n, unsigned char *to)
{
	size_t at = 0;

	if (!moves_bytes())
		return 0;
	/* a block writes four bytes more than it has, so one stays behind it */
	for (; at + 2 * sizeof(block) <= n; at += BLOCK_DIGITS, to += BLOCK_BYTES) {
		block v;

		memcpy(&v, in + at, sizeof(v));
		block upper = FROM(v, 'A') & UP_TO(v, 'Z'), lower = FROM(v, 'a') & UP_TO(v, 'z');
		block number = FROM(v, '0') & UP_TO(v, '9'), plus = IS(v, '+'), slash = IS(v, '/');
		block digit = upper | lower | number | plus | slash;
		uint64_t half[2];

		memcpy(half, &digit, sizeof(half));
		if ((half[0] & half[1]) != UINT64_MAX)
			break;
		v += (upper & (unsigned char)(0 - 'A')) | (lower & (unsigned char)(26 - 'a')) |
		     (number & (unsigned char)(52 - '0')) | (plus & (unsigned char)(62 - '+')) |
		     (slash & (unsigned char)(63 - '/'));
		words w = (words)v;
		w = w << 18 | (w << 4 & 0x3f000) | (w >> 10 & 0xfc0) | w >> 24;
		v = (block)w;
		v = __builtin_shufflevector(
			v, v, 2, 1, 0, 6, 5, 4, 10, 9, 8, 14, 13, 12, 3, 7, 11, 15);
		memcpy(to, &v, sizeof(v));
	}
	return at;
}

/* ---- base64 ---- */

static int encode(struct buf *out, const void *p, size_t n, const char *alphabet, bool pad)
{
	const unsigned char *in = p;
	size_t full = n / 3, rest = n % 3, chars;
	char *to;

	if (!size_mul(full + 1, 4, &chars) || !(to = buf_reserve(out, chars)))
		return -1;
	chars = full * 4;
	if (alphabet == plain_alphabet) {
		size_t done = encode_blocks(in, n, to);

		in += done;
		to += done / 3 * 4;
		full -= done / 3;
	}
	for (; full; full--, in += 3, to += 4) {
		uint32_t v = (uint32_t)in[0] << 16 | (uint32_t)in[1] << 8 | in[2];

		to[0] = alphabet[v >> 18];
		to[1] = alphabet[v >> 12 & 63];
		to[2] = alphabet[v >> 6 & 63];
		to[3] = alphabet[v & 63];
	}
	if (rest) {
		uint32_t v = (uint32_t)in[0] << 16 | (rest == 2 ? (uint32_t)in[1] << 8 : 0);

		to[0] = alphabet[v >> 18];
		to[1] = alphabet[v >> 12 & 63];
		to[2] = rest == 2 ? alphabet[v >> 6 & 63] : '=';
		to[3] = '=';
		chars += pad ? 4 : rest + 1;
	}
	buf_commit(out, chars);
	return 0;
}

int base64_encode(struct buf *out, const void *p, size_t n)
{
	return encode(out, p, n, plain_alphabet, true);
}

int base64url_encode(struct buf *out, const void *p, size_t n)
{
	return encode(out, p, n, url_alphabet, false);
}

enum { NOT_A_DIGIT = 64 };

static void invert(const char *alphabet, unsigned char table[256])
{
	memset(table, NOT_A_DIGIT, 256);
	for (unsigned char i = 0; i < 64; i++)
		table[(unsigned char)alphabet[i]] = i;
}

/* The first position that is no digit, or n. */
static size_t decode_digits(
	const unsigned char *in, size_t n, const unsigned char table[256], unsigned char *to)
{
	uint32_t v = 0;

	for (size_t i = 0; i < n; i++) {
		unsigned char digit = table[in[i]];

		if (digit == NOT_A_DIGIT)
			return i;
		v = v << 6 | digit;
		if (i % 4 == 3) {
			*to++ = (unsigned char)(v >> 16);
			*to++ = (unsigned char)(v >> 8);
			*to++ = (unsigned char)v;
			v = 0;
		}
	}
	if (n % 4 == 2) {
		*to++ = (unsigned char)(v >> 4);
	} else if (n % 4 == 3) {
		*to++ = (unsigned char)(v >> 10);
		*to++ = (unsigned char)(v >> 2);
	}
	return n;
}

/* Two texts must not decode to the same bytes: bits behind the last byte are zero. */
static bool stray_bits(const unsigned char *in, size_t n, const unsigned char table[256])
{
	if (n % 4 == 2)
		return table[in[n - 1]] & 15;
	return n % 4 == 3 && (table[in[n - 1]] & 3);
}

/* n digits without padding */
static int decode(struct buf *out, const char *text, size_t n, const char *alphabet, struct err *e)
{
	const unsigned char *in = (const unsigned char *)text;
	size_t bytes = n / 4 * 3 + (n % 4 ? n % 4 - 1 : 0), bad, done = 0;
	unsigned char table[256];
	char *to;

	if (n % 4 == 1)
		return err_set(e, ERR_INPUT, "base64: %zu digits cannot be whole bytes", n);
	to = buf_reserve(out, bytes);
	if (!to)
		return err_set(e, ERR_LIMIT, "base64: more than %zu bytes", out->max);
	if (alphabet == plain_alphabet)
		done = decode_blocks(in, n, (unsigned char *)to);
	invert(alphabet, table);
	bad = done + decode_digits(in + done, n - done, table, (unsigned char *)to + done / 4 * 3);
	if (bad < n)
		return err_set(
			e, ERR_INPUT, "base64: character %zu is not of its alphabet", bad + 1);
	if (stray_bits(in, n, table))
		return err_set(e, ERR_INPUT, "base64: stray bits in the last digit");
	buf_commit(out, bytes);
	return 0;
}

int base64_decode(struct buf *out, const char *text, size_t n, struct err *e)
{
	if (n % 4)
		return err_set(e, ERR_INPUT, "base64: length %zu is not a multiple of 4", n);
	for (int i = 0; i < 2 && n && text[n - 1] == '='; i++)
		n--;
	return decode(out, text, n, plain_alphabet, e);
}

int base64url_decode(struct buf *out, const char *text, size_t n, struct err *e)
{
	return decode(out, text, n, url_alphabet, e);
}

void hex_encode(const void *p, size_t n, char *out)
{
	static const char alphabet[] = "0123456789abcdef";
	const unsigned char *in = p;

	for (size_t i = 0; i < n; i++) {
		*out++ = alphabet[in[i] >> 4];
		*out++ = alphabet[in[i] & 15];
	}
	*out = '\0';
}

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

int hex_decode(const char *text, void *out, size_t n)
{
	unsigned char *to = out;

	if (strnlen(text, 2 * n + 1) != 2 * n)
		return -1;
	for (size_t i = 0; i < 2 * n; i++)
		if (hex_digit(text[i]) < 0)
			return -1;
	for (size_t i = 0; i < n; i++) {
		unsigned high = (unsigned)hex_digit(text[2 * i]);
		unsigned low = (unsigned)hex_digit(text[2 * i + 1]);

		to[i] = (unsigned char)(high << 4 | low);
	}
	return 0;
}

bool is_hex_oid(const char *text)
{
	return text && strspn(text, "0123456789abcdef") == 40 && text[40] == '\0';
}

bool label_valid(const char *label)
{
	static const char allowed[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
				      "0123456789_.- ";
	size_t n = strlen(label);

	return n >= 1 && n <= LABEL_MAX && strspn(label, allowed) == n && label[0] != ' ' &&
	       label[n - 1] != ' ';
}

void sha256(const void *p, size_t n, unsigned char out[SHA256_LEN])
{
	if (!SHA256(p, n, out))
		BUG("SHA-256 failed");
}

/* EVP's context under a name of ours. */
struct sha256_stream *sha256_begin(void)
{
	EVP_MD_CTX *x = EVP_MD_CTX_new();

	if (!x || EVP_DigestInit_ex(x, EVP_sha256(), NULL) != 1)
		BUG("SHA-256 failed");
	return (struct sha256_stream *)x;
}

void sha256_more(struct sha256_stream *s, const void *p, size_t n)
{
	if (EVP_DigestUpdate((EVP_MD_CTX *)s, p, n) != 1)
		BUG("SHA-256 failed");
}

void sha256_end(struct sha256_stream *s, unsigned char out[SHA256_LEN])
{
	if (out && EVP_DigestFinal_ex((EVP_MD_CTX *)s, out, NULL) != 1)
		BUG("SHA-256 failed");
	EVP_MD_CTX_free((EVP_MD_CTX *)s);
}

void random_bytes(void *p, size_t n)
{
	for (unsigned char *to = p; n;) {
		ssize_t got = getrandom(to, n, 0);

		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			BUG("the kernel gives no random bytes");
		to += got;
		n -= (size_t)got;
	}
}

void uuid_v4(char out[UUID_TEXT_MAX])
{
	unsigned char raw[16];
	char hex[33];

	random_bytes(raw, sizeof(raw));
	raw[6] = (unsigned char)((raw[6] & 0x0f) | 0x40);
	raw[8] = (unsigned char)((raw[8] & 0x3f) | 0x80);
	hex_encode(raw, sizeof(raw), hex);
	for (const char *from = hex; *from; from++) {
		*out++ = *from;
		size_t done = (size_t)(from - hex) + 1;
		if (done == 8 || done == 12 || done == 16 || done == 20)
			*out++ = '-';
	}
	*out = '\0';
}

uint64_t random_below(uint64_t bound)
{
	uint64_t v, unfair;

	if (bound == 0)
		BUG("random number below 0");
	unfair = -bound % bound; /* 2^64 mod bound: values below would make low results likelier */
	do {
		random_bytes(&v, sizeof(v));
	} while (v < unfair);
	return v % bound;
}

bool text_steers(const char *p, size_t len)
{
	const unsigned char *c = (const unsigned char *)p;

	if (len == 1) /* nothing behind it may be read */
		return c[0] < 0x20 || c[0] == 0x7f;
	if (len == 4) /* tags, U+E0000 to U+E007F */
		return c[0] == 0xf3 && c[1] == 0xa0 && c[2] <= 0x81;
	uint32_t u = len == 2 ? (c[0] & 0x1fU) << 6 | (c[1] & 0x3fU)
			      : (c[0] & 0xfU) << 12 | (c[1] & 0x3fU) << 6 | (c[2] & 0x3fU);
	return u < 0xa0 || u == 0x61c || u == 0x180e || (u >= 0x200b && u <= 0x200f) ||
	       (u >= 0x2028 && u <= 0x202e) || (u >= 0x2060 && u <= 0x206f) || u == 0xfeff;
}

char *text_printable(const char *text)
{
	char *copy = xstrdup(text), *to = copy;
	size_t n = strlen(copy);
	bool utf8 = utf8_valid(copy, n);

	for (const char *p = copy, *end = copy + n; p < end;) {
		size_t len = utf8 ? utf8_char(p, (size_t)(end - p)) : 1;

		if (text_steers(p, len) || (!utf8 && (unsigned char)*p >= 0x80)) {
			*to++ = '?';
		} else {
			memmove(to, p, len);
			to += len;
		}
		p += len;
	}
	*to = '\0';
	return copy;
}

void text_escape(struct buf *out, const char *text, size_t n)
{
	for (const char *p = text, *end = text + n; p < end;) {
		size_t len = utf8_char(p, (size_t)(end - p));

		if (len == 0 || text_steers(p, len)) {
			const char *name = *p == '\n' ? "\\n" : *p == '\t' ? "\\t" : NULL;

			for (size_t i = 0; i < (len ? len : 1) && !name; i++)
				buf_addf(out, "\\x%02x", (unsigned char)p[i]);
			buf_adds(out, name ? name : "");
		} else {
			buf_adds(out, *p == '\\' ? "\\" : "");
			buf_add(out, p, len);
		}
		p += len ? len : 1;
	}
}

char *text_escaped(const char *text)
{
	struct buf out = BUF_INIT(SIZE_MAX / 2);

	text_escape(&out, text, strlen(text));
	return buf_take(&out);
}

/* ---- percent ---- */

void percent_encode(struct buf *out, const char *text)
{
	static const char kept[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~/";

	for (; *text; text++) {
		if (strchr(kept, *text))
			buf_addc(out, *text);
		else
			buf_addf(out, "%%%02X", (unsigned char)*text);
	}
}

void percent_field(struct buf *url, const char *name, const char *value)
{
	if (!value)
		return;
	buf_addf(url, "%c%s=", strchr(buf_cstr(url), '?') ? '&' : '?', name);
	percent_encode(url, value);
}

static bool decode_byte(const char *p, size_t n, char *ret)
{
	if (n < 3)
		return false;
	const char digits[] = { p[1], p[2], '\0' };
	return hex_decode(digits, ret, 1) == 0;
}

bool percent_decode(const char *p, size_t n, bool plus, struct buf *out)
{
	size_t begin = out->len;

	for (size_t i = 0; i < n; i++) {
		char c = plus && p[i] == '+' ? ' ' : p[i];

		if (c == '%') {
			if (!decode_byte(p + i, n - i, &c))
				return false;
			i += 2;
		}
		if (!c || buf_addc(out, c) < 0)
			return false;
	}
	return utf8_valid(buf_cstr(out) + begin, out->len - begin);
}
