/*
 * Names come from workflow files, so from whoever can push: none of them may steer a terminal.
 */
#include "base/terminal/style.h"

#include <sys/ioctl.h>

#include "base/codec.h"
#include "base/utf8.h"

enum { NAME_SHOWN = 120 };

bool terminal_color(int fd)
{
	const char *term = getenv("TERM");

	return isatty(fd) && str_empty(getenv("NO_COLOR")) && !(term && str_eq(term, "dumb"));
}

struct terminal_style terminal_style(int fd, enum cli_color color)
{
	struct terminal_style style = {
		.color = color == COLOR_AUTO ? terminal_color(fd) : color == COLOR_ALWAYS,
	};
	struct winsize size = { 0 };

	if (isatty(fd) && ioctl(fd, TIOCGWINSZ, &size) == 0) {
		style.width = size.ws_col;
		style.height = size.ws_row;
	}
	return style;
}

#define RED "\033[31m"
#define GREEN "\033[32m"
#define YELLOW "\033[33m"
#define CYAN "\033[36m"
#define DIM "\033[2m"

const char *terminal_word_color(const char *word)
{
	static const struct {
		const char *word, *color;
	} words[] = {
		{ "success", GREEN },
		{ "completed", GREEN },
		{ "online", GREEN },
		{ "idle", GREEN },
		{ "active", GREEN },
		{ "ok", GREEN },
		{ "failure", RED },
		{ "failed", RED },
		{ "timed_out", RED },
		{ "offline", RED },
		{ "revoked", RED },
		{ "expired", RED },
		{ "deaf", RED },
		{ "error", RED },
		{ "cancelled", YELLOW },
		{ "draining", YELLOW },
		{ "waiting", YELLOW },
		{ "warning", YELLOW },
		{ "running", CYAN },
		{ "busy", CYAN },
		{ "queued", DIM },
		{ "pending", DIM },
		{ "skipped", DIM },
		{ "PASS", GREEN },
		{ "FAIL", RED },
		{ "WARN", YELLOW },
		{ "SKIP", DIM },
	};

	for (size_t i = 0; i < ARRAY_LEN(words); i++)
		if (str_eq(word, words[i].word))
			return words[i].color;
	return NULL;
}

struct terminal_mark terminal_mark(const char *conclusion)
{
	static const struct {
		const char *conclusion;
		struct terminal_mark mark;
	} marks[] = {
		{ "success", { "✓", GREEN } },
		{ "skipped", { "○", DIM } },
		{ "cancelled", { "⊘", YELLOW } },
	};

	for (size_t i = 0; i < ARRAY_LEN(marks); i++)
		if (str_eq(conclusion, marks[i].conclusion))
			return marks[i].mark;
	return (struct terminal_mark){ "✗", RED };
}

char *terminal_shown(const char *prefix, const char *text)
{
	size_t n;

	text += strspn(text, " \t\r\n");
	n = strcspn(text, "\r\n");
	bool cut = text[n] && text[n + strspn(text + n, " \t\r\n")];
	if (n > NAME_SHOWN) {
		n = utf8_whole_prefix(text, NAME_SHOWN);
		cut = true;
	}
	CLEAN_STR char *line = xmemdup0(text, n);
	CLEAN_STR char *safe = text_printable(line);

	return xasprintf("%s%s%s", prefix, safe, cut ? " …" : "");
}

char *terminal_step_name(const char *name, const char *run, const char *uses)
{
	if (!str_empty(name))
		return terminal_shown("", name);
	return terminal_shown("Run ", str_empty(run) ? (uses ? uses : "") : run);
}
