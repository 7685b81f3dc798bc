/* `admin run watch`: a run as it changes, until it is over. */
#ifndef COORDINATOR_ADMIN_RUN_WATCH_H
#define COORDINATOR_ADMIN_RUN_WATCH_H

int admin_run_watch(int argc, char **argv);

#endif
