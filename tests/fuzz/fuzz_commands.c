/* A step's output: events stand between the same bytes however they come in chunks. */
#include "workflow/command/commands.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void collect(void *data, const char *p, size_t n)
{
	buf_add(data, p, n);
}

static void on_command(void *data, const struct command *c)
{
	buf_addf(data, "<%d %zu %zu>%s", c->kind, c->key.len, c->value.len, c->name);
}

static void run(const char *p, size_t n, size_t step, struct buf *out)
{
	CLEANUP(commands_release) struct commands c;

	commands_init(&c, on_command, out);
	for (size_t at = 0; at < n; at += step)
		commands_feed(&c, p + at, step < n - at ? step : n - at, collect, out);
	commands_end(&c, collect, out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	CLEAN_BUF struct buf whole = BUF_INIT(GIB(1)), cut = BUF_INIT(GIB(1));

	run((const char *)data, size, size + 1, &whole);
	run((const char *)data, size, 1 + size % 3, &cut);
	if (whole.len != cut.len || memcmp(buf_cstr(&whole), buf_cstr(&cut), cut.len) != 0)
		BUG("chunks matter");
	return 0;
}
