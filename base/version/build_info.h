/* Which source this program was built from. Constants of the build; no clock, so that the same
 * source gives the same bytes. */
#ifndef BASE_VERSION_BUILD_INFO_H
#define BASE_VERSION_BUILD_INFO_H

extern const char build_version[]; /* "0.1.0" */
extern const char
	build_commit[]; /* 40 hex digits, "-dirty" behind them for a changed tree; "unknown" */
extern const char build_date[]; /* RFC 3339: SOURCE_DATE_EPOCH, else the commit's; "unknown" */
/* "0.1.0+COMMIT", what a runner says of itself; the version alone without a commit. */
extern const char build_full_version[];

#endif
