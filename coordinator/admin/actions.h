/* `admin actions parse FILE…`: checks workflow files without a repository. */
#ifndef COORDINATOR_ADMIN_ACTIONS_H
#define COORDINATOR_ADMIN_ACTIONS_H

/* 0: all fine, 1: problems (one line each on stderr), 2: usage or unreadable file. */
int admin_actions_parse(int argc, char **argv);

#endif
