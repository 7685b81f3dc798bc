/*
 * Manual pages and completions must not be a second list of verbs and flags that ages, so the
 * programs themselves say what they take.
 */
#include "base/cli_describe.h"

#include <stdio.h>

#include "base/json.h"
#include "base/limits.h"

static const char *const kinds[] = {
	[CLI_STRING] = "string",
	[CLI_INT] = "integer",
	[CLI_BOOL] = "boolean",
	[CLI_STRV] = "string",
	[CLI_CHOICE] = "choice",
};

static void print(struct json_writer *w, const struct buf *out)
{
	struct err e = { 0 };

	if (json_writer_finish(w, &e) < 0)
		BUG("help as JSON: %s", e.text);
	printf("%s\n", buf_cstr(out));
}

/* ---- verbs ---- */

static void write_verbs(struct json_writer *w, const struct cli_verb *verbs)
{
	json_begin_array(w);
	for (const struct cli_verb *v = verbs; v->name; v++) {
		if (v->hidden)
			continue;
		json_begin_object(w);
		json_kv_str(w, "name", v->name);
		json_kv_str(w, "summary", v->summary);
		json_kv_str(w, "usage", v->usage);
		json_kv_str(w, "help", v->help);
		json_kv_bool(w, "runs", v->run != NULL);
		json_key(w, "verbs");
		if (v->sub)
			write_verbs(w, v->sub);
		else
			json_null(w);
		json_end_object(w);
	}
	json_end_array(w);
}

void cli_describe_verbs(const char *path, const struct cli_verb *verbs)
{
	CLEAN_BUF struct buf out = BUF_INIT(MIB(1));
	struct json_writer w;

	json_writer_init(&w, &out, true);
	json_begin_object(&w);
	json_kv_str(&w, "path", path);
	json_key(&w, "verbs");
	write_verbs(&w, verbs);
	json_end_object(&w);
	print(&w, &out);
}

/* ---- flags ---- */

static void write_flag(struct json_writer *w, const struct cli_flag *f)
{
	json_begin_object(w);
	json_kv_str(w, "name", f->name);
	json_kv_str(w, "kind", kinds[f->kind]);
	json_kv_str(w, "value", f->meta);
	json_key(w, "words");
	json_begin_array(w);
	for (size_t i = 0; f->words && f->words[i]; i++)
		json_str(w, f->words[i]);
	json_end_array(w);
	json_kv_str(w, "help", f->help);
	json_kv_bool(w, "required", f->required);
	json_kv_bool(w, "repeatable", f->kind == CLI_STRV);
	json_kv_bool(w, "positional", f->positional);
	json_end_object(w);
}

void cli_describe_flags(const char *path, const char *help, const struct cli_flag *flags, size_t n)
{
	CLEAN_BUF struct buf out = BUF_INIT(MIB(1));
	struct json_writer w;

	json_writer_init(&w, &out, true);
	json_begin_object(&w);
	json_kv_str(&w, "path", path);
	json_kv_str(&w, "help", help);
	json_key(&w, "flags");
	json_begin_array(&w);
	for (size_t i = 0; i < n; i++)
		write_flag(&w, &flags[i]);
	json_end_array(&w);
	json_end_object(&w);
	print(&w, &out);
}
