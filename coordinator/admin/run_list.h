/* `admin run list`. */
#ifndef COORDINATOR_ADMIN_RUN_LIST_H
#define COORDINATOR_ADMIN_RUN_LIST_H

int admin_run_list(int argc, char **argv);

#endif
