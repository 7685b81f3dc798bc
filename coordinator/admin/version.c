/*
 * Each library is asked at run time: what counts is the one that is loaded, not the one that was
 * there at the build.
 */
#include "coordinator/admin/version.h"

#include <git2.h>
#include <libpq-fe.h>
#include <microhttpd.h>
#include <openssl/crypto.h>
#include <sqlite3.h>
#include <yaml.h>

#include "base/version/verb.h"

int coordinator_version(int argc, char **argv)
{
	CLEANUP(pairs_release) struct pairs libraries = { 0 };
	int a = 0, b = 0, c = 0;

	git_libgit2_version(&a, &b, &c);
	CLEAN_STR char *git = xasprintf("%d.%d.%d", a, b, c);
	int pq = PQlibVersion();
	CLEAN_STR char *postgres = xasprintf("%d.%d", pq / 10000, pq % 10000);
	pairs_set(&libraries, "sqlite", sqlite3_libversion());
	pairs_set(&libraries, "libpq", postgres);
	pairs_set(&libraries, "libmicrohttpd", MHD_get_version());
	pairs_set(&libraries, "libgit2", git);
	pairs_set(&libraries, "libyaml", yaml_get_version_string());
	pairs_set(&libraries, "openssl", OpenSSL_version(OPENSSL_VERSION_STRING));
	return version_verb(argc, argv, &libraries);
}
