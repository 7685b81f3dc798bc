/*
 * `config check`: resolves the configuration exactly as `run` would and prints every value with
 * where it comes from. Secrets are shown as ***. Exit 0 when valid, 2 when not.
 * `config keys`: lists what a configuration may hold (config/option_list.h).
 */
#ifndef RUNNER_VERBS_CONFIG_H
#define RUNNER_VERBS_CONFIG_H

int verb_config_check(int argc, char **argv);
int verb_config_keys(int argc, char **argv);

#endif
