/*
 * For clang-tidy only (-include, unit tests): an assertion of cmocka that does not hold never comes
 * back, which its declarations do not say. Without it every assert_non_null(p) opens a path in
 * which p is NULL behind it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
void _fail(const char *file, const int line) __attribute__((noreturn));
#include <cmocka.h>

#undef assert_true
#undef assert_false
#undef assert_null
#undef assert_non_null
#undef assert_int_equal
#undef assert_int_not_equal
#define analyzed_assert(holds) ((holds) ? (void)0 : _fail(__FILE__, __LINE__))
#define assert_true(c) analyzed_assert(c)
#define assert_false(c) analyzed_assert(!(c))
#define assert_null(p) analyzed_assert(!(p))
#define assert_non_null(p) analyzed_assert(p)
#define assert_int_equal(a, b) \
	analyzed_assert(cast_to_largest_integral_type(a) == cast_to_largest_integral_type(b))
#define assert_int_not_equal(a, b) \
	analyzed_assert(cast_to_largest_integral_type(a) != cast_to_largest_integral_type(b))
