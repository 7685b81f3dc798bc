#include "coordinator/admin.h"

#include <stdio.h>

#include "base/fs.h"
#include "coordinator/claim.h"

enum { REPO_TEXT_MAX = 256 };

int admin_open(struct admin *a, const char *data_dir, struct err *e)
{
	a->data_dir = xstrdup(data_dir ? data_dir : COORDINATOR_DATA_DIR);
	if (dir_ensure_parents(a->data_dir, 0700, e))
		return err_wrap(e, "data folder");
	CLEAN_STR char *path = path_join(a->data_dir, "shithubd.db");
	a->store = store_open(path, e);
	return a->store ? 0 : -1;
}

void admin_close(struct admin *a)
{
	store_free(a->store);
	free(a->data_dir);
	*a = (struct admin){ 0 };
}

void admin_wake(const struct admin *a)
{
	wake_send(a->data_dir);
}

char *admin_public_url(const struct admin *a)
{
	CLEAN_STR char *path = path_join(a->data_dir, "public_url");
	CLEAN_BUF struct buf text = BUF_INIT(4096);
	if (file_read(path, &text, NULL))
		return NULL;
	return xstrndup(buf_cstr(&text), strcspn(buf_cstr(&text), "\n"));
}

int admin_output(const char *text, bool *ret_json)
{
	*ret_json = str_eq(text, "json");
	if (!text || *ret_json || str_eq(text, "text"))
		return 0;
	cli_fail(EXIT_USAGE, "--output %s: expected text or json", text);
	return -1;
}

int admin_fail(const struct err *e)
{
	static const enum exit_code codes[] = {
		[ERR_INPUT] = EXIT_USAGE,
		[ERR_LIMIT] = EXIT_USAGE,
		[ERR_AUTH] = EXIT_REFUSED,
		[ERR_CONFLICT] = EXIT_REFUSED,
	};
	int code = (size_t)e->class < ARRAY_LEN(codes) ? (int)codes[e->class] : EXIT_OK;
	return cli_fail(code ? code : EXIT_FINDINGS, "%s", e->text);
}

int admin_print_json(struct json_writer *w, struct buf *out)
{
	struct err e = { 0 };
	if (json_writer_finish(w, &e))
		return admin_fail(&e);
	if (fwrite(buf_cstr(out), 1, out->len, stdout) != out->len || putchar('\n') == EOF ||
		fflush(stdout))
		return cli_fail(EXIT_FINDINGS, "standard output: write failed");
	return EXIT_OK;
}

int admin_repo_find(struct admin *a, const char *full_name, struct repo_row *ret, struct err *e)
{
	const char *slash = strchr(full_name, '/');
	if (!slash || slash == full_name || !slash[1] || strchr(slash + 1, '/') ||
		strlen(full_name) > REPO_TEXT_MAX)
		return err_set(
			e, ERR_INPUT, "repository \"%.100s\", expected OWNER/NAME", full_name);
	CLEAN_STR char *owner = xstrndup(full_name, (size_t)(slash - full_name));
	return store_repo_find(a->store, owner, slash + 1, ret, e);
}
