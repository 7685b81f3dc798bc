/*
 * A start runs through configuration, TLS and name lookups once, and each page of code that it
 * touches stays mapped, with fifteen around it: two thirds of what an idle runner takes of memory.
 * Only segments that can be executed and never written are given back: what a relocation changed
 * has no other copy, so data stays. Linux calls the advice destructive for other kinds of memory;
 * for these it only unmaps.
 */
#include "runner/supervisor/resident.h"

#include <link.h>
#include <malloc.h>
#include <stdint.h>
#include <sys/mman.h>

#include "base/util.h"

static void release_segment(uintptr_t from, size_t size)
{
	const uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
	uintptr_t begin = from & ~(page - 1), end = (from + size + page - 1) & ~(page - 1);

	IGNORE_RESULT(madvise((void *)begin, end - begin, MADV_DONTNEED),
		"the pages stay, which costs memory and nothing else");
}

static int on_object(struct dl_phdr_info *object, size_t size UNUSED, void *data UNUSED)
{
	for (size_t i = 0; i < object->dlpi_phnum; i++) {
		const ElfW(Phdr) *p = &object->dlpi_phdr[i];

		if (p->p_type == PT_LOAD && p->p_flags & PF_X && !(p->p_flags & PF_W))
			release_segment(object->dlpi_addr + p->p_vaddr, p->p_memsz);
	}
	return 0;
}

void resident_release(void)
{
	dl_iterate_phdr(on_object, NULL);
	malloc_trim(0);
}
