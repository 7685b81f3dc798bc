/*
 * `mask --values-file FILE`: copies stdin to stdout with every value of the file masked, as the log
 * of a step is. The file holds values separated by NUL bytes (a last one needs none).
 */
#ifndef RUNNER_VERBS_MASK_H
#define RUNNER_VERBS_MASK_H

int verb_mask(int argc, char **argv);

#endif
