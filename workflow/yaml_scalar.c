/*
 * What kind of value a scalar is, by YAML's core schema. Only a matrix asks, whose values keep
 * their kind, and a tag, which must fit what it stands before. Everywhere else a scalar is the text
 * that its author wrote.
 */
#include <errno.h>
#include <math.h>

#include "workflow/yaml_tree.h"

static bool is_one_of(const char *text, const char *const words[3])
{
	for (size_t i = 0; i < 3; i++)
		if (str_eq(text, words[i]))
			return true;
	return false;
}

/* .inf and .nan stay text, as JSON has none. */
static bool read_number(const char *text, double *ret)
{
	char *end;

	if (str_starts(text, "0x") || str_starts(text, "0o")) {
		int base = text[1] == 'x' ? 16 : 8;
		unsigned long long n;

		errno = 0;
		n = strtoull(text + 2, &end, base);
		*ret = (double)n;
		return text[2] != '-' && text[2] != '+' && end != text + 2 && !*end && errno == 0;
	}
	if (strspn(text, "0123456789+-.eE") != strlen(text) || !strpbrk(text, "0123456789"))
		return false;
	*ret = strtod(text, &end);
	return end != text && !*end && isfinite(*ret);
}

struct yaml_value yaml_value(const struct yaml_node *n)
{
	static const char *const yes[] = { "true", "True", "TRUE" };
	static const char *const no[] = { "false", "False", "FALSE" };
	struct yaml_value v = { .type = YAML_TEXT };

	if (yaml_is_null(n))
		v.type = YAML_NULL;
	else if (n->plain && (is_one_of(n->text, yes) || is_one_of(n->text, no)))
		v = (struct yaml_value){ YAML_BOOLEAN, is_one_of(n->text, yes), 0 };
	else if (n->plain && read_number(n->text, &v.number))
		v.type = YAML_NUMBER;
	return v;
}

static bool is_whole(const struct yaml_value *v)
{
	return v->type == YAML_NUMBER && v->number == floor(v->number);
}

bool yaml_fits_tag(const struct yaml_node *n, const char *tag)
{
	struct yaml_value v = yaml_value(n);

	if (str_eq(tag, "int"))
		return is_whole(&v) && !strpbrk(n->text, ".");
	return str_eq(tag, "null")   ? v.type == YAML_NULL
	       : str_eq(tag, "bool") ? v.type == YAML_BOOLEAN
				     : v.type == YAML_NUMBER;
}
