/*
 * The role between serve and git: a process that gives up what git does not need for one request,
 * and becomes git.
 *
 *   shithubd git-child [--write] [--hooks DIR] --repo DIR -- ARGUMENT…     stdin, stdout, stderr:
 * git's
 *
 * What git is handed comes from the network. It can read and execute the system's programs and the
 * operator's hooks, read its repository (with --write also change it), and reach nothing else below
 * serve's data folder or of the host; it opens no TCP connection, and its memory, CPU time and
 * files are limited. Hooks in the repository itself never run. Without Landlock (Linux 5.13) only
 * the limits hold.
 */
#ifndef COORDINATOR_GIT_CHILD_H
#define COORDINATOR_GIT_CHILD_H

#define GIT_CHILD_VERB "git-child"

int git_child_main(int argc, char **argv);

#endif
