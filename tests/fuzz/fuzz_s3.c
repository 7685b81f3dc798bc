/* Answers of an object store, files of keys and places: any bytes. */
#include "coordinator/object/credentials.h"
#include "coordinator/object/s3_answer.h"

static void answer_read(struct slice text)
{
	static char origin[] = "https://h", name[] = "b", region[] = "r";
	const struct bucket b = { .bucket = name, .origin = origin, .region = region };
	const struct s3_refusal r = { .status = 400, .body = text, .method = "GET" };
	struct slice one;

	for (; (one = xml_element(text, "Contents")).ptr; text = xml_after(text, one)) {
		CLEAN_STR char *key = xml_string(one, "Key");
		int64_t size = 0;

		if (xml_int(one, "Size", &size) && size < 0)
			abort();
	}
	if (s3_refusal_error(&r, &b, NULL) != -1)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	CLEANUP(sign_keys_release) struct sign_keys keys = { 0 };
	CLEAN_STR char *text = xstrndup((const char *)data, size);
	struct bucket b = { 0 };

	answer_read((struct slice){ (const char *)data, size });
	IGNORE_RESULT(credentials_parse((const char *)data, size, &keys, NULL), "either will do");
	if (bucket_parse(text, &b, NULL) == 0 && (!b.root || b.root[strlen(b.root) - 1] != '/'))
		abort();
	bucket_release(&b);
	return 0;
}
