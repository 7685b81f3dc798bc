#ifndef COORDINATOR_MOVE_VERB_H
#define COORDINATOR_MOVE_VERB_H

int verb_store_copy(int argc, char **argv); /* an exit code */

#endif
