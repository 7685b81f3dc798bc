/*
 * Stores agree on the codes of errors, not on their words, so the codes have lines of ours that say
 * what to do. An answer to HEAD has no body; its status then stands for the likeliest code.
 */
#include "coordinator/object/s3_answer.h"

#include <string.h>

#include "base/limits.h"

enum { STRING_MAX = KIB(1), TAG_MAX = 80 };

/* ---- XML ---- */

static const char *find(struct slice in, const char *what)
{
	return in.len ? memmem(in.ptr, in.len, what, strlen(what)) : NULL;
}

static struct slice from(struct slice text, const char *p)
{
	return (struct slice){ p, text.len - (size_t)(p - text.ptr) };
}

struct slice xml_element(struct slice text, const char *name)
{
	char tag[TAG_MAX];

	snprintf(tag, sizeof(tag), "<%s>", name);
	const char *begin = find(text, tag);
	if (!begin)
		return (struct slice){ 0 };
	struct slice rest = from(text, begin + strlen(tag));
	snprintf(tag, sizeof(tag), "</%s>", name);
	const char *end = find(rest, tag);
	return end ? (struct slice){ rest.ptr, (size_t)(end - rest.ptr) } : (struct slice){ 0 };
}

struct slice xml_after(struct slice text, struct slice element)
{
	return from(text, element.ptr + element.len);
}

/* Bytes that it takes in the text; 0: it is no entity. */
static size_t entity_read(struct slice at, char *ret)
{
	static const struct {
		const char *name;
		char is;
	} all[] = { { "&amp;", '&' }, { "&lt;", '<' }, { "&gt;", '>' }, { "&quot;", '"' },
		{ "&apos;", '\'' }, { "&#34;", '"' }, { "&#39;", '\'' }, { "&#x27;", '\'' } };

	for (size_t i = 0; i < ARRAY_LEN(all); i++) {
		size_t n = strlen(all[i].name);

		if (n <= at.len && memcmp(all[i].name, at.ptr, n) == 0) {
			*ret = all[i].is;
			return n;
		}
	}
	return 0;
}

bool xml_text(struct slice element, struct buf *out)
{
	for (size_t i = 0; i < element.len;) {
		char c = element.ptr[i];
		size_t n = c == '&' ? entity_read(from(element, element.ptr + i), &c) : 1;

		if (element.ptr[i] == '<' || (unsigned char)element.ptr[i] < ' ')
			return false;
		buf_addc(out, c);
		i += n ? n : 1;
	}
	return buf_ok(out);
}

char *xml_string(struct slice text, const char *name)
{
	struct slice found = xml_element(text, name);
	CLEAN_BUF struct buf out = BUF_INIT(STRING_MAX);

	return found.ptr && xml_text(found, &out) ? xstrdup(buf_cstr(&out)) : NULL;
}

bool xml_int(struct slice text, const char *name, int64_t *ret)
{
	CLEAN_STR char *value = xml_string(text, name);

	return value && parse_i64(value, 0, INT64_MAX, ret);
}

/* ---- errors ---- */

enum refusal {
	REFUSED_ELSE,
	REFUSED_OBJECT, /* there is no such object */
	REFUSED_BUCKET,
	REFUSED_ACCESS,
	REFUSED_ID,
	REFUSED_SIGNATURE,
	REFUSED_CLOCK,
	REFUSED_REGION,
	REFUSED_FOR_NOW,
};

static const struct {
	const char *code;
	enum refusal is;
} codes[] = {
	{ "NoSuchKey", REFUSED_OBJECT },
	{ "NoSuchBucket", REFUSED_BUCKET },
	{ "AccessDenied", REFUSED_ACCESS },
	{ "AllAccessDisabled", REFUSED_ACCESS },
	{ "InvalidAccessKeyId", REFUSED_ID },
	{ "InvalidToken", REFUSED_ID },
	{ "ExpiredToken", REFUSED_ID },
	{ "SignatureDoesNotMatch", REFUSED_SIGNATURE },
	{ "RequestTimeTooSkewed", REFUSED_CLOCK },
	{ "PermanentRedirect", REFUSED_REGION },
	{ "TemporaryRedirect", REFUSED_REGION },
	{ "Redirect", REFUSED_REGION },
	{ "AuthorizationHeaderMalformed", REFUSED_REGION },
	{ "SlowDown", REFUSED_FOR_NOW },
	{ "RequestTimeout", REFUSED_FOR_NOW },
	{ "OperationAborted", REFUSED_FOR_NOW },
	/* the bytes were not those that were announced: broken on their way */
	{ "BadDigest", REFUSED_FOR_NOW },
	{ "XAmzContentSHA256Mismatch", REFUSED_FOR_NOW },
	{ "IncompleteBody", REFUSED_FOR_NOW },
};

static enum refusal refusal_of_status(long status)
{
	return status == 404                    ? REFUSED_OBJECT
	       : status == 403                  ? REFUSED_ACCESS
	       : status / 100 == 3              ? REFUSED_REGION
	       : status == 429 || status >= 500 ? REFUSED_FOR_NOW
						: REFUSED_ELSE;
}

static enum refusal refusal_of(const struct s3_refusal *r, const char *code)
{
	for (size_t i = 0; code && i < ARRAY_LEN(codes); i++)
		if (str_eq(codes[i].code, code))
			return codes[i].is;
	return code && r->status == 404 ? REFUSED_ELSE : refusal_of_status(r->status);
}

static int clock_error(const struct s3_refusal *r, struct err *e)
{
	char ours[WALL_TEXT_MAX];

	return err_set(e, ERR_IO,
		"RequestTimeTooSkewed: this machine's clock says %s, the store's %s; set the one "
		"that is wrong (timedatectl; NTP)",
		wall_format(r->now, ours), r->date ? r->date : "something else");
}

static int region_error(const struct s3_refusal *r, const struct bucket *p, struct err *e)
{
	CLEAN_STR char *told = xml_string(r->body, "Region");
	CLEAN_STR char *endpoint = xml_string(r->body, "Endpoint");
	const char *region = r->region ? r->region : told;

	return err_set(e, ERR_IO,
		"bucket \"%s\" is not in region %s of %s%s%s%s%s; correct region= or endpoint= in "
		"objects",
		p->bucket, p->region, p->origin, region ? ", but in " : "", region ? region : "",
		endpoint ? ", at " : "", endpoint ? endpoint : "");
}

static int else_error(
	const struct s3_refusal *r, const char *code, enum err_class class, struct err *e)
{
	CLEAN_STR char *words = xml_string(r->body, "Message");

	return err_set(e, class, "%s: HTTP %ld%s%s%s%.200s", r->method, r->status, code ? " " : "",
		code ? code : "", words ? ": " : "", words ? words : "");
}

int s3_refusal_error(const struct s3_refusal *r, const struct bucket *p, struct err *e)
{
	CLEAN_STR char *code = xml_string(r->body, "Code");

	switch (refusal_of(r, code)) {
	case REFUSED_OBJECT:
		return err_set(e, ERR_NOT_FOUND, "there is no such object");
	case REFUSED_BUCKET:
		return err_set(e, ERR_IO,
			"there is no bucket \"%s\" at %s; make it, or correct objects", p->bucket,
			p->origin);
	case REFUSED_ACCESS:
		return err_set(e, ERR_IO,
			"AccessDenied: the keys may not %s in bucket \"%s\"; they need GetObject, "
			"PutObject, DeleteObject, AbortMultipartUpload, ListBucket and "
			"ListBucketMultipartUploads",
			r->method, p->bucket);
	case REFUSED_ID:
		return err_set(e, ERR_IO,
			"%s: %s does not know the access key ID; correct the keys "
			"(objects.credentials_file)",
			code, p->origin);
	case REFUSED_SIGNATURE:
		return err_set(e, ERR_IO,
			"SignatureDoesNotMatch: the secret access key is not that of the ID "
			"(objects.credentials_file), or a proxy changes requests on their way");
	case REFUSED_CLOCK:
		return clock_error(r, e);
	case REFUSED_REGION:
		return region_error(r, p, e);
	case REFUSED_FOR_NOW:
		return else_error(r, code, ERR_TIMEOUT, e);
	case REFUSED_ELSE:
		break;
	}
	return else_error(r, code, ERR_IO, e);
}
