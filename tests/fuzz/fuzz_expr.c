/* Contexts in JSON, NUL, a text with expressions: whatever of it is an expression keeps its flags.
 */
#include "workflow/expr/render.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *json = (const char *)data, *nul = memchr(json, '\0', size);
	size_t n = nul ? (size_t)(nul - json) : 0, rest = nul ? size - n - 1 : size;
	CLEAN_STR char *text = xmemdup0(json + size - rest, rest);
	CLEAN_EXPR_ARENA struct expr_arena *a = expr_arena_new(), *b = expr_arena_new();
	CLEAN_RENDER_INPUTS struct render_inputs in = { 0 };
	CLEAN_BUF struct buf script = BUF_INIT(1 << 20), plain = BUF_INIT(1 << 20);
	CLEAN_JSON struct json_doc *doc = json_parse(json, n, NULL, NULL);
	struct expr_context c = { .root = expr_object(a), .status = EXPR_SUCCESS };
	struct expr_value v;
	unsigned flags = 0;
	bool yes;

	if (doc && json_root(doc)->type == JSON_OBJECT)
		c.root = expr_from_json(a, json_root(doc), 0);
	expr_root_finish(a, &c.root);
	IGNORE_RESULT(render_condition(text, &c, &yes, NULL), "any result will do");
	IGNORE_RESULT(render_value(text, rest, &c, b, &v, NULL), "any result will do");
	if (render_script(text, rest, &c, &in, &script, NULL) == 0 &&
		render_text(text, rest, &c, &plain, &flags, NULL) == 0 && !flags != !in.env.n)
		BUG("%zu bindings, flags %u", in.env.n, flags);
	return 0;
}
