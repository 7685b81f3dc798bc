/* `shithubd serve`: the coordinator itself, one process per data folder. */
#ifndef COORDINATOR_SERVE_SERVE_H
#define COORDINATOR_SERVE_SERVE_H

int verb_serve(int argc, char **argv); /* an exit code */

#endif
