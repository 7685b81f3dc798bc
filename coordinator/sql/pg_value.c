/*
 * Of NUMERIC, which sum() of integers gives, there is a reader because each sum would need a cast
 * otherwise that SQLite does not need: digits of base 10000, the first of them weighing 10000 to
 * the power of `weight`.
 */
#include "coordinator/sql/pg_value.h"

#include <endian.h>

/* From the server's pg_type.dat; they never change. */
enum {
	PG_BOOL = 16,
	PG_BYTEA = 17,
	PG_NAME = 19,
	PG_INT8 = 20,
	PG_INT2 = 21,
	PG_INT4 = 23,
	PG_TEXT = 25,
	PG_UNKNOWN = 705,
	PG_VARCHAR = 1043,
	PG_NUMERIC = 1700,
};

Oid pg_type_of(char type)
{
	switch (type) {
	case 'i':
	case 'y':
	case 'w':
		return PG_INT8;
	case 't':
	case 'v':
	case 'p':
		return PG_TEXT;
	case 'b':
		return PG_BYTEA;
	default:
		BUG("bind type '%c'", type);
	}
}

bool pg_type_is_number(Oid type)
{
	return type == PG_BOOL || type == PG_INT2 || type == PG_INT4 || type == PG_INT8 ||
	       type == PG_NUMERIC;
}

enum value_kind pg_type_kind(Oid type)
{
	if (type == PG_BYTEA)
		return VALUE_BYTES;
	return pg_type_is_number(type) ? VALUE_INT : VALUE_TEXT;
}

bool pg_type_known(Oid type)
{
	return pg_type_is_number(type) || type == PG_TEXT || type == PG_BYTEA || type == PG_NAME ||
	       type == PG_UNKNOWN || type == PG_VARCHAR;
}

static uint16_t short_at(const char *p)
{
	uint16_t n;

	memcpy(&n, p, sizeof(n));
	return be16toh(n);
}

/* Four of 16 bits: how many digits, weight, sign, digits to show behind the point; then digits. */
static int numeric(const char *p, size_t len, int64_t *ret)
{
	enum { HEAD = 8, NEGATIVE = 0x4000, BASE = 10000 };
	int64_t n = 0;

	if (len < HEAD)
		return -1;
	int digits = short_at(p), weight = (int16_t)short_at(p + 2), sign = short_at(p + 4);
	if ((sign && sign != NEGATIVE) || digits > weight + 1 || len < HEAD + 2 * (size_t)digits)
		return digits == 0 && sign == 0 ? (*ret = 0) : -1;
	for (int i = 0; i <= weight; i++) {
		int64_t digit = i < digits ? short_at(p + HEAD + (size_t)i * 2) : 0;

		if (__builtin_mul_overflow(n, BASE, &n) ||
			__builtin_add_overflow(n, sign ? -digit : digit, &n))
			return -1;
	}
	*ret = n;
	return 0;
}

int pg_number(Oid type, const char *p, size_t len, int64_t *ret)
{
	uint64_t n = 0;

	if (!pg_type_is_number(type) || len == 0)
		return -1;
	if (type == PG_NUMERIC)
		return numeric(p, len, ret);
	if (len > sizeof(n))
		return -1;
	if (type != PG_BOOL && (signed char)*p < 0)
		n = UINT64_MAX; /* the sign goes on to the left */
	for (size_t i = 0; i < len; i++)
		n = n << 8 | (unsigned char)p[i];
	*ret = (int64_t)n;
	return 0;
}
