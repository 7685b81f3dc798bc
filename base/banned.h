/*
 * Functions nobody here may call: they cannot be told how large their output is, they keep hidden
 * state, or they run a shell. Include order does not matter: system headers declare them before.
 */
#ifndef BASE_BANNED_H
#define BASE_BANNED_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <alloca.h>

#undef alloca
#pragma GCC poison strcpy strcat strncpy strncat sprintf vsprintf gets strtok strtok_r
#pragma GCC poison atoi atol atoll atof system popen alloca mktemp tmpnam

#endif
