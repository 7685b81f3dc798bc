/* Version wishes, version files and what an image prints about its interpreters. */
#include "runner/step/python_version.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const names[] = { ".python-version", ".tool-versions",
		"pyproject.toml" };
	CLEAN_STR char *text = xmemdup0(data, size);
	struct python_list list = { 0 };
	struct python_wish wish = { 0 };

	if (python_wish_parse(text, &wish, NULL) == 0 && wish.n == 0)
		abort();
	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		free(python_wish_of_file(names[i], (const char *)data, size, NULL));
	python_list_parse((const char *)data, size, &list);
	const struct python *p = python_choose(&list, &wish, true, NULL);
	if (p && p->path[0] != '/')
		abort();
	python_list_release(&list);
	return 0;
}
