/* Private to tar_*.c: one header block, ustar's fields in their places. */
#ifndef ARTIFACT_TAR_HEADER_H
#define ARTIFACT_TAR_HEADER_H

#include "artifact/tar.h"

struct tar_header {
	char name[100];
	char mode[8];
	char uid[8];
	char gid[8];
	char size[12];
	char mtime[12];
	char checksum[8];
	char type;
	char link[100];
	char magic[6]; /* "ustar\0"; GNU's is "ustar " */
	char version[2];
	char uname[32];
	char gname[32];
	char major[8];
	char minor[8];
	char prefix[155];
	char unused[12];
};
_Static_assert(sizeof(struct tar_header) == TAR_BLOCK, "a header is one block");

/* Sum of all bytes with the checksum field taken as blanks. */
unsigned tar_checksum(const struct tar_header *h);

#endif
