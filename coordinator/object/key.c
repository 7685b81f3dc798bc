/* Names of artifacts are checked where they come in; this holds for whatever else makes a key. */
#include "coordinator/object/key.h"

#include <string.h>

#define PART "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-"
enum { PART_MAX = 255, KEY_MAX = 1024, SHOWN_MAX = 200 };

static bool part_is_ours(const char *part, size_t n)
{
	bool dots = n <= 2 && strspn(part, ".") >= n;

	return n && n <= PART_MAX && !dots && strspn(part, PART) == n;
}

bool key_is_ours(const char *key)
{
	if (!str_starts(key, KEY_ROOT) || strlen(key) > KEY_MAX)
		return false;
	for (const char *part = key; part; part = strchr(part, '/')) {
		part += *part == '/';
		if (!part_is_ours(part, strcspn(part, "/")))
			return false;
	}
	return true;
}

int key_check(const char *key, struct err *e)
{
	size_t shown = strspn(key, PART "/");

	if (key_is_ours(key))
		return 0;
	return err_set(e, ERR_INPUT,
		"\"%.*s%s\" is no key of ours: expected " KEY_ROOT
		" and names of A-Z a-z 0-9 . _ - with a slash between them",
		(int)(shown < SHOWN_MAX ? shown : SHOWN_MAX), key,
		shown < strlen(key) || shown > SHOWN_MAX ? "..." : "");
}
