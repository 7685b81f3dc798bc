/* `shithubd-runner eval`: one expression against contexts in a JSON file, for people who debug a
 * workflow. Result and error go to stdout as one line of JSON. */
#ifndef RUNNER_VERBS_EVAL_H
#define RUNNER_VERBS_EVAL_H

int verb_eval(int argc, char **argv);
extern const char verb_eval_help[];

#endif
