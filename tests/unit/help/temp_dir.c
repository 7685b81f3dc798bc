/* Created per program, so that test programs may run side by side. */
#include "tests/unit/help/temp_dir.h"

#include "base/fs.h"

int temp_dir_make(char *template)
{
	return mkdtemp(template) ? 0 : -1;
}

int temp_dir_drop(const char *path)
{
	struct err e = { 0 };
	CLEAN_FD int tmp = dir_open("/tmp", &e);
	uint64_t left = 0;

	return tmp < 0 ? -1 : tree_remove(tmp, path + strlen("/tmp/"), &left, &e);
}
