/* Checks of the texts in [hygiene]; as those of config/runner_check.h. Pure. */
#ifndef CONFIG_HYGIENE_CHECK_H
#define CONFIG_HYGIENE_CHECK_H

#include "base/util.h"

const char *check_builder(char **text);        /* an image reference or a builder's name */
const char *check_state_volume(char **text);   /* buildx_buildkit_<name>_state */
const char *check_hygiene_action(char **text); /* one that may be enabled */
const char *check_user_name(char **text);      /* a user's name or number */

/* A volume in which BuildKit keeps a builder's state. */
bool is_state_volume(const char *name);

#endif
