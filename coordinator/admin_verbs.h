/* The admin verbs of runners, tokens, secrets and cancels; main.c has the table. */
#ifndef COORDINATOR_ADMIN_VERBS_H
#define COORDINATOR_ADMIN_VERBS_H

/* admin_runner.c */
int admin_runner_register(int argc, char **argv);
int admin_runner_list(int argc, char **argv);
int admin_runner_queue(int argc, char **argv);
int admin_runner_drain(int argc, char **argv);
int admin_runner_undrain(int argc, char **argv);
int admin_runner_rotate_token(int argc, char **argv);
int admin_runner_revoke(int argc, char **argv);
int admin_runner_cleanup_stale(int argc, char **argv);

/* admin_token.c */
int admin_token_create(int argc, char **argv);
int admin_secret_set(int argc, char **argv);
int admin_variable_set(int argc, char **argv);
int admin_run_cancel(int argc, char **argv);

/* serve.c */
int verb_serve(int argc, char **argv);

#endif
