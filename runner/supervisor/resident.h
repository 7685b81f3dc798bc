/*
 * Memory that a long-lived process needed to get going and does not need to wait. For an idle
 * moment of a process with one thread.
 */
#ifndef RUNNER_SUPERVISOR_RESIDENT_H
#define RUNNER_SUPERVISOR_RESIDENT_H

/* Gives back the code pages of the program and of its libraries, which come back from the page
 * cache one by one as they are called, and the free ends of the heap. */
void resident_release(void);

#endif
