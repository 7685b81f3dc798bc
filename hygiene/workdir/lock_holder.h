/*
 * Which process holds a lock, and what it may do, by what the kernel says. Reads /proc only: trying
 * the lock could make a runner that starts at that moment give up. Any process.
 */
#ifndef HYGIENE_WORKDIR_LOCK_HOLDER_H
#define HYGIENE_WORKDIR_LOCK_HOLDER_H

#include <sys/types.h>

#include "base/util.h"

/* Who holds an exclusive flock on the file; 0: nobody that can be seen. */
pid_t lock_holder(const char *path);
/* Of a text like /proc/locks, for the file with this device and inode. */
pid_t lock_holder_find(const char *locks, uint64_t dev, uint64_t ino);
/* Has CAP_DAC_OVERRIDE and CAP_FOWNER, so that it can delete what others own. */
bool process_may_delete(pid_t pid);

#endif
