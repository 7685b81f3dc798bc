/* `shithubd-runner disk quota`: what only root can do for the project quotas of workspaces. */
#ifndef RUNNER_VERBS_DISK_QUOTA_H
#define RUNNER_VERBS_DISK_QUOTA_H

extern const char verb_disk_quota_help[];
int verb_disk_quota(int argc, char **argv);

#endif
