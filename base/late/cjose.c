/* The calls of libcjose that this program makes, as curl.c has those of libcurl. */
#include "base/late/late.h"

#include <cjose/jwk.h>
#include <cjose/jws.h>

LATE_NOTE(LATE_CJOSE, "signatures");
struct late_library late_cjose = { LATE_CJOSE, "libcjose", NULL };
#define LATE_LIBRARY late_cjose
#define CJOSE_CALL LATE_CALL

/* It takes each * for a product. */
/* clang-format off */
CJOSE_CALL(size_t, cjose_jwk_get_keysize, (const cjose_jwk_t *k, cjose_err *e), (k, e))
CJOSE_CALL(cjose_jwk_t *, cjose_jwk_import, (const char *json, size_t n, cjose_err *e), (json, n, e))
CJOSE_CALL(bool, cjose_jwk_release, (cjose_jwk_t *k), (k))
CJOSE_CALL(cjose_jws_t *, cjose_jws_import, (const char *text, size_t n, cjose_err *e), (text, n, e))
CJOSE_CALL(void, cjose_jws_release, (cjose_jws_t *j), (j))
CJOSE_CALL(bool, cjose_jws_verify, (cjose_jws_t *j, const cjose_jwk_t *k, cjose_err *e), (j, k, e))
/* clang-format on */
