/* `admin hygiene history`: what runners reported about the hygiene of their hosts. An exit code. */
#ifndef COORDINATOR_ADMIN_HYGIENE_H
#define COORDINATOR_ADMIN_HYGIENE_H

int admin_hygiene_history(int argc, char **argv);

#endif
