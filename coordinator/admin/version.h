/* `shithubd version`. Exit codes. */
#ifndef COORDINATOR_ADMIN_VERSION_H
#define COORDINATOR_ADMIN_VERSION_H

int coordinator_version(int argc, char **argv);

#endif
