/* admin webhook set, list, deliveries, test, delete; admin repo badge-token. */
#ifndef COORDINATOR_ADMIN_WEBHOOK_H
#define COORDINATOR_ADMIN_WEBHOOK_H

int admin_webhook_set(int argc, char **argv);
int admin_webhook_list(int argc, char **argv);
int admin_webhook_deliveries(int argc, char **argv);
int admin_webhook_test(int argc, char **argv);
int admin_webhook_delete(int argc, char **argv);
int admin_repo_badge_token(int argc, char **argv);

#endif
