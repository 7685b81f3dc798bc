/* Who may apply, schedule and list. Reads the user database and the state directory's owner. */
#ifndef HYGIENE_HOST_USER_H
#define HYGIENE_HOST_USER_H

#include "config/runner_config.h"

/* hygiene.user, else the owner of state_dir, is who we are: ERR_AUTH. */
int host_user_check(const struct runner_config *c, struct err *e) CHECK_RESULT;

#endif
