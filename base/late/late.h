/*
 * Large libraries that most of our processes never call: libcurl, libgit2 and libpq bring forty
 * others, and the dynamic linker spends 4 of the 6 ms that one of our processes takes to start on
 * them. They are loaded at the first call. curl.c and its neighbours define the functions that we
 * call under their own names, so callers include the libraries' headers and know nothing of this.
 *
 * The version is the one we were compiled with: LATE_CURL and its like are the file names (soname)
 * that the linker would have written into the program. A program that cannot load a library ends as
 * it would have at its start, with 127 and the reason; late_load says so earlier, and is for a
 * process that is about to lose its view of the files (Landlock, another root).
 */
#ifndef BASE_LATE_LATE_H
#define BASE_LATE_LATE_H

#include <stdatomic.h>
#include <stdint.h>

#include "base/err.h"

struct late_library {
	const char *file;   /* what dlopen takes */
	const char *name;   /* for messages */
	_Atomic(void *) at; /* NULL: not loaded yet */
};
extern struct late_library late_curl, late_git2, late_pq, late_cjose;

/* Loads it, if that was not done yet. Any thread. */
int late_load(struct late_library *l, struct err *e) CHECK_RESULT;

/* The address of a function, never NULL. */
void *late_find(struct late_library *l, const char *name);

/* Tells packagers what the program will load: the linker writes no such line (dlopen metadata of
 * systemd's ELF notes). Read by deploy/debian/late.py. */
#define LATE_NOTE(file_, what_)                                            \
	LATE_NOTE_TEXT("[{\"soname\":[\"" file_ "\"],\"feature\":\"" what_ \
		       "\",\"priority\":\"required\"}]")
#define LATE_NOTE_TEXT(text_)                                                         \
	static const struct {                                                         \
		uint32_t name_size, text_size, type;                                  \
		char name[4], text[(sizeof(text_) + 3) / 4 * 4];                      \
	} late_note __attribute__((used, aligned(4), section(".note.dlopen"))) = { 4, \
		sizeof(text_), 0x407c0c0a, "FDO", text_ }

/* For curl.c and its neighbours: the function of this name in LATE_LIBRARY, found once. Two threads
 * may find it at the same time and find the same. */
#define LATE_FUNCTION(name_)                                      \
	({                                                        \
		static _Atomic(void *) found;                     \
                                                                  \
		if (!found)                                       \
			found = late_find(&LATE_LIBRARY, #name_); \
		(__typeof__(&name_))found;                        \
	})
#define LATE_CALL(ret_, name_, params_, args_)     \
	ret_ name_ params_                         \
	{                                          \
		return LATE_FUNCTION(name_) args_; \
	}

#endif
