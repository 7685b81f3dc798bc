/*
 * Each library is asked at run time: what counts is the one that is loaded, not the one that was
 * there at the build.
 */
#include "runner/verbs/version.h"

#include <curl/curl.h>
#include <git2.h>
#include <openssl/crypto.h>
#include <seccomp.h>
#include <yajl/yajl_version.h>
#include <yaml.h>
#include <zlib.h>

#include "base/version/verb.h"

static void add_numbers(struct pairs *p, const char *name, int a, int b, int c)
{
	CLEAN_STR char *text = xasprintf("%d.%d.%d", a, b, c);

	pairs_set(p, name, text);
}

int verb_version(int argc, char **argv)
{
	CLEANUP(pairs_release) struct pairs libraries = { 0 };
	const struct scmp_version *seccomp = seccomp_version();
	int a = 0, b = 0, c = 0, json = yajl_version();

	pairs_set(&libraries, "libcurl", curl_version_info(CURLVERSION_NOW)->version);
	git_libgit2_version(&a, &b, &c);
	add_numbers(&libraries, "libgit2", a, b, c);
	if (seccomp)
		add_numbers(&libraries, "libseccomp", (int)seccomp->major, (int)seccomp->minor,
			(int)seccomp->micro);
	add_numbers(&libraries, "yajl", json / 10000, json / 100 % 100, json % 100);
	pairs_set(&libraries, "libyaml", yaml_get_version_string());
	pairs_set(&libraries, "openssl", OpenSSL_version(OPENSSL_VERSION_STRING));
	pairs_set(&libraries, "zlib", zlibVersion());
	return version_verb(argc, argv, &libraries);
}
