/* A reference from a workflow, and the same bytes as a glob: the normal form parses to itself. */
#include "config/image_ref.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	CLEAN_STR char *text = xmemdup0(data, size);
	CLEAN_IMAGE_REF struct image_ref r = { 0 }, again = { 0 };
	struct err e = { 0 };

	if (image_ref_parse(text, &r, &e) < 0)
		return 0;
	CLEAN_STR char *normal = image_ref_text(&r);
	if (strlen(normal) > 512) /* completed, it is longer than a reference may be */
		return 0;
	if (image_ref_parse(normal, &again, &e) < 0)
		abort();
	CLEAN_STR char *twice = image_ref_text(&again);
	if (!str_eq(normal, twice))
		abort();
	image_glob_match(text, &r);
	return 0;
}
