/*
 * Which shells an image has shows only inside a container of it, so the gate chooses: it takes the
 * first of the names that the step's PATH has. An image may have either one alone.
 */
#include "runner/step/shell.h"

#include "base/buf.h"
#include "base/limits.h"

static const char *const by_default[] = { "bash|sh", "-e", "{0}", NULL };
static const char *const bash[] = { "bash", "--noprofile", "--norc", "-e", "-o", "pipefail", "{0}",
	NULL };
static const char *const sh[] = { "sh", "-e", "{0}", NULL };
static const char *const python[] = { "python3", "{0}", NULL };

static const struct {
	const char *name;
	const char *const *argv;
	const char *file;
} shells[] = {
	{ "", by_default, "step.sh" },
	{ "bash", bash, "step.sh" },
	{ "sh", sh, "step.sh" },
	{ "python", python, "step.py" },
};

/* ---- words ---- */

struct words {
	const char *start, *p;
	struct strv list;
};

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

/* p behind an opening quote: to behind the one that closes it. */
static int read_quoted(struct words *w, char quote, struct buf *word, struct err *e)
{
	size_t column = (size_t)(w->p - w->start);

	for (; *w->p && *w->p != quote; w->p++) {
		if (quote == '"' && *w->p == '\\' && w->p[1] && strchr("\"\\$`", w->p[1]))
			w->p++;
		buf_addc(word, *w->p);
	}
	if (!*w->p)
		return err_set(e, ERR_INPUT,
			"shell: %s: the %c of column %zu is not closed, expected another one",
			w->start, quote, column);
	w->p++;
	return 0;
}

static int read_word(struct words *w, struct err *e)
{
	CLEAN_BUF struct buf word = BUF_INIT(LIMIT_GATE_MESSAGE);

	while (*w->p && !is_blank(*w->p)) {
		char c = *w->p++;

		if (c == '\'' || c == '"') {
			if (read_quoted(w, c, &word, e) < 0)
				return -1;
			continue;
		}
		if (c == '\\' && *w->p)
			c = *w->p++;
		buf_addc(&word, c);
	}
	strv_add_take(&w->list, xstrdup(buf_cstr(&word)));
	return 0;
}

static int read_words(struct words *w, struct err *e)
{
	for (;;) {
		while (is_blank(*w->p))
			w->p++;
		if (!*w->p)
			return 0;
		if (read_word(w, e) < 0)
			return -1;
	}
}

/* ---- all of it ---- */

static int read_template(const char *shell, struct strv *ret, struct err *e)
{
	struct words w = { .start = shell, .p = shell };

	if (read_words(&w, e) < 0) {
		strv_release(&w.list);
		return -1;
	}
	strv_release(ret);
	*ret = w.list;
	return 0;
}

int shell_read(const char *shell, struct strv *ret, const char **ret_file, struct err *e)
{
	if (!shell)
		shell = "";
	for (size_t i = 0; i < ARRAY_LEN(shells); i++) {
		if (!str_eq(shell, shells[i].name))
			continue;
		for (const char *const *arg = shells[i].argv; *arg; arg++)
			strv_add(ret, *arg);
		*ret_file = shells[i].file;
		return 0;
	}
	if (!strstr(shell, "{0}"))
		return err_set(e, ERR_INPUT,
			"shell: \"%s\" is unknown, expected bash, sh, python or a command line "
			"with {0}",
			shell);
	if (read_template(shell, ret, e) < 0)
		return -1;
	*ret_file = "step";
	return 0;
}
