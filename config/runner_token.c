/*
 * The file is opened once and judged by its descriptor, so that what was checked is what is read.
 */
#include "config/runner_token.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/fs.h"
#include "base/limits.h"
#include "config/runner_check.h"

/* systemd hands a unit its credentials below a folder that only this unit reaches. */
static bool is_credential(const char *path, char *const *environ)
{
	const char *folder = environment_get(environ, "CREDENTIALS_DIRECTORY");
	size_t n = folder ? strlen(folder) : 0;

	return n && *folder == '/' && strncmp(path, folder, n) == 0 && path[n] == '/';
}

/* Since systemd 254 a credential is root's, 0440, and an access list lets the unit's user read it;
 * the mode shows the list's mask in place of the group. */
static int check_token_mode(const char *path, mode_t mode, bool credential, struct err *e)
{
	mode_t refused = credential ? 037 : 077;

	if (mode & refused)
		return err_set(e, ERR_INPUT,
			"%s: group or others may use it (mode %04o), expected 0600: chmod 0600 %s",
			path, (unsigned)(mode & 07777), path);
	return 0;
}

/* A unit that names a credential which nobody gives it starts without the file. */
static int token_file_error(const char *path, struct err *e)
{
	int error = errno;

	if (error == ENOENT && str_starts(path, "/run/credentials/"))
		return err_set(e, ERR_NOT_FOUND,
			"%s: the unit was given no such credential; add "
			"LoadCredential=%s:/etc/shithubd-runner/token to it and put the token into "
			"that file",
			path, strrchr(path, '/') + 1);
	return err_set_errno(e, error, "%s", path);
}

/* The token in runner.token_file, or NULL with an error. */
static char *read_token(const char *path, char *const *environ, struct err *e)
{
	CLEANUP(buf_release_wipe) struct buf text = BUF_INIT_SECRET(LIMIT_TOKEN);
	CLEAN_FD int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0) {
		IGNORE_RESULT(token_file_error(path, e), "it is the error");
		return NULL;
	}
	if (!S_ISREG(st.st_mode)) {
		err_set(e, ERR_INPUT, "%s: not a regular file, expected a file with the token",
			path);
		return NULL;
	}
	if (check_token_mode(path, st.st_mode, is_credential(path, environ), e) < 0 ||
		fd_read_all(fd, &text, e) < 0)
		return NULL;
	while (text.len && strchr(" \t\r\n", text.data[text.len - 1]))
		text.data[--text.len] = '\0';
	CLEAN_SECRET char *token = xstrndup(buf_cstr(&text), text.len);
	const char *wrong = check_token(&token);
	if (wrong || strlen(token) != text.len) {
		err_set(e, ERR_INPUT, "%s: content is not a token (not shown), %s", path,
			wrong ? wrong : "expected text");
		return NULL;
	}
	return TAKE(token);
}

/* Where nothing else names a token, systemd's credential `token` is it. The unit brings a blank one
 * when the administrator made no file for it. */
static void use_credential(struct options *o, char *const *environ)
{
	const char *folder = environment_get(environ, "CREDENTIALS_DIRECTORY");
	struct option_value *file = options_value(o, "runner", "token_file");
	struct stat st;

	if (!folder || file->text || options_value(o, "runner", "token")->text)
		return;
	CLEAN_STR char *path = path_join(folder, "token");
	if (stat(path, &st) < 0 || st.st_size <= (off_t)strlen("\n"))
		return;
	file->text = TAKE(path);
	file->origin = ORIGIN_ENV;
	file->source = xstrdup("CREDENTIALS_DIRECTORY");
}

/* runner.token and runner.token_file are two ways to give one thing: the stronger source wins. */
void runner_token_resolve(struct options *o, char *const *environ)
{
	struct option_value *token = options_value(o, "runner", "token");
	const struct option_value *file = options_value(o, "runner", "token_file");
	struct err e = { 0 };

	use_credential(o, environ);
	if (!file->text || (token->text && token->origin > file->origin))
		return;
	if (token->text && token->origin == file->origin) {
		options_problem(o, "runner.token", file->source,
			"both token and token_file are set, expected one of them");
		return;
	}
	char *text = read_token(file->text, environ, &e);
	if (!text) {
		options_problem(o, "runner.token_file", file->source, "%s", e.text);
		return;
	}
	wipe_free(token->text);
	free(token->source);
	token->text = text;
	token->origin = file->origin;
	token->source = xstrdup(file->source);
}
