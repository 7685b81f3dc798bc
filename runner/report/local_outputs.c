/*
 * The file outlives the job's own folder, which goes with the job. It is the only thing that a job
 * process hands to `exec` beside its conclusion.
 */
#include "runner/report/local_outputs.h"

#include <inttypes.h>

#include "base/fs.h"
#include "base/json.h"
#include "base/limits.h"

#define FILE_MAX MIB(16) /* what the job process may have written, with room */

static char *path_of(const char *state_dir, int64_t job)
{
	return xasprintf("%s/outputs-%" PRId64 ".json", state_dir, job);
}

int local_outputs_keep(const char *state_dir, int64_t job, const char *body, struct err *e)
{
	CLEAN_STR char *path = path_of(state_dir, job);

	return file_replace(path, body, strlen(body), 0600, e);
}

static int read_outputs(const char *path, struct pairs *ret, struct err *e)
{
	CLEAN_BUF struct buf text = BUF_INIT(FILE_MAX);
	CLEAN_JSON struct json_doc *doc = NULL;
	const struct json_value *outputs;

	if (file_read(path, &text, e) < 0) {
		if (!err_is(e, ERR_NOT_FOUND))
			return -1;
		err_clear(e);
		return 0;
	}
	doc = json_parse(buf_cstr(&text), text.len, NULL, e);
	outputs = doc ? json_get(json_root(doc), "outputs") : NULL;
	if (!doc)
		return err_wrap(e, "%s", path);
	if (!outputs || outputs->type != JSON_OBJECT)
		return err_set(e, ERR_PROTO, "%s: expected an object \"outputs\"", path);
	json_array_each (output, outputs)
		if (output->type == JSON_STRING)
			pairs_set(ret, output->key, output->string);
	return 0;
}

int local_outputs_take(const char *state_dir, int64_t job, struct pairs *ret, struct err *e)
{
	CLEAN_STR char *path = path_of(state_dir, job);
	int rc = read_outputs(path, ret, e);

	unlink(path);
	return rc;
}
