/* TOML text: any bytes give a tree or an error with a place. */
#include "config/toml.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static size_t walk(const struct toml_value *v)
{
	size_t n = 1;

	if (v->line == 0 || v->column == 0)
		BUG("value without a place");
	if (v->type == TOML_ARRAY || v->type == TOML_TABLE) {
		for (size_t i = 0; i < v->count; i++)
			n += walk(v->items[i]);
	}
	return n;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct toml_error e = { 0 };
	CLEAN_TOML struct toml_doc *d = toml_parse((const char *)data, size, &e);

	if (d ? walk(toml_root(d)) == 0 : !e.line || !e.column || !*e.reason)
		BUG("neither a tree nor an error");
	return 0;
}
