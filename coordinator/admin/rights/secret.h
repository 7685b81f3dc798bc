/* `admin secret …` and `admin variable …`: values from standard input, of the site, an owner, a
 * repository or one of its environments. Each returns an exit code.
 */
#ifndef COORDINATOR_ADMIN_RIGHTS_SECRET_H
#define COORDINATOR_ADMIN_RIGHTS_SECRET_H

int admin_secret_set(int argc, char **argv);
int admin_secret_list(int argc, char **argv); /* names, never values */
int admin_secret_delete(int argc, char **argv);
int admin_variable_set(int argc, char **argv);
int admin_variable_list(int argc, char **argv);
int admin_variable_delete(int argc, char **argv);

#endif
