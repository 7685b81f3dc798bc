/* A folder of a test program's own below /tmp, gone with everything in it at the end. */
#ifndef TESTS_UNIT_HELP_TEMP_DIR_H
#define TESTS_UNIT_HELP_TEMP_DIR_H

/* template: "/tmp/<name>-XXXXXX", becomes the folder's path. Both 0, or -1 for cmocka's group
 * functions. */
int temp_dir_make(char *template);
int temp_dir_drop(const char *path);

#endif
