/*
 * The calls of libcurl that this program makes. Each prototype is checked against the library's own
 * header. Options travel by their kind, as the library itself reads them.
 */
#include "base/late/late.h"

#include <curl/curl.h>
#include <stdarg.h>

/* The header's macros of these names check types where they are called, and hide the functions. */
#undef curl_easy_getinfo
#undef curl_easy_setopt
#undef curl_multi_setopt

LATE_NOTE(LATE_CURL, "http");
struct late_library late_curl = { LATE_CURL, "libcurl", NULL };
#define LATE_LIBRARY late_curl
#define CURL_CALL LATE_CALL

/* It takes each * for a product. */
/* clang-format off */
CURL_CALL(void, curl_easy_cleanup, (CURL *c), (c))
CURL_CALL(CURL *, curl_easy_init, (void), ())
CURL_CALL(CURLcode, curl_easy_perform, (CURL *c), (c))
CURL_CALL(const char *, curl_easy_strerror, (CURLcode code), (code))
CURL_CALL(void, curl_free, (void *p), (p))
CURL_CALL(time_t, curl_getdate, (const char *p, const time_t *unused), (p, unused))
CURL_CALL(void, curl_global_cleanup, (void), ())
CURL_CALL(CURLcode, curl_global_init, (long f), (f))
CURL_CALL(CURLMcode, curl_multi_add_handle, (CURLM *m, CURL *c), (m, c))
CURL_CALL(CURLMcode, curl_multi_cleanup, (CURLM *m), (m))
CURL_CALL(CURLMsg *, curl_multi_info_read, (CURLM *m, int *n), (m, n))
CURL_CALL(CURLM *, curl_multi_init, (void), ())
CURL_CALL(CURLMcode, curl_multi_remove_handle, (CURLM *m, CURL *c), (m, c))
CURL_CALL(CURLMcode, curl_multi_socket_action, (CURLM *m, curl_socket_t s, int what, int *n),
	(m, s, what, n))
CURL_CALL(const char *, curl_multi_strerror, (CURLMcode code), (code))
CURL_CALL(struct curl_slist *, curl_slist_append, (struct curl_slist *list, const char *data),
	(list, data))
CURL_CALL(void, curl_slist_free_all, (struct curl_slist *list), (list))
CURL_CALL(CURLU *, curl_url, (void), ())
CURL_CALL(void, curl_url_cleanup, (CURLU *u), (u))
CURL_CALL(CURLUcode, curl_url_get, (CURLU *u, CURLUPart what, char **part, unsigned int f),
	(u, what, part, f))
CURL_CALL(CURLUcode, curl_url_set, (CURLU *u, CURLUPart what, const char *part, unsigned int f),
	(u, what, part, f))
CURL_CALL(const char *, curl_url_strerror, (CURLUcode code), (code))
CURL_CALL(curl_version_info_data *, curl_version_info, (CURLversion code), (code))
/* clang-format on */

/* The value of an option, wherever its kind puts it. */
#define FORWARD(fn, handle, option, last)                                                      \
	((option) / 10000 == CURLOPTTYPE_LONG / 10000 ? fn(handle, option, va_arg(last, long)) \
		: (option) / 10000 == CURLOPTTYPE_OFF_T / 10000                                \
			? fn(handle, option, va_arg(last, curl_off_t))                         \
			: fn(handle, option, va_arg(last, void *)))

CURLcode curl_easy_setopt(CURL *c, CURLoption option, ...)
{
	va_list last;

	va_start(last, option);
	CURLcode rc = FORWARD(LATE_FUNCTION(curl_easy_setopt), c, option, last);
	va_end(last);
	return rc;
}

CURLMcode curl_multi_setopt(CURLM *m, CURLMoption option, ...)
{
	va_list last;

	va_start(last, option);
	CURLMcode rc = FORWARD(LATE_FUNCTION(curl_multi_setopt), m, option, last);
	va_end(last);
	return rc;
}

CURLcode curl_easy_getinfo(CURL *c, CURLINFO info, ...)
{
	va_list last;

	va_start(last, info);
	CURLcode rc = LATE_FUNCTION(curl_easy_getinfo)(c, info, va_arg(last, void *));
	va_end(last);
	return rc;
}
