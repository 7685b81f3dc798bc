/*
 * `config check`: resolves the configuration exactly as `run` would and prints every value with
 * where it comes from. Secrets are shown as ***. Exit 0 when valid, 2 when not.
 */
#ifndef RUNNER_VERB_CONFIG_H
#define RUNNER_VERB_CONFIG_H

int verb_config_check(int argc, char **argv);

#endif
