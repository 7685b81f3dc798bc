/*
 * The probe starts a container, which is too slow to repeat for every job, so its answer is kept in
 * a file with the question it answers: another engine, socket or gate asks again. A file that
 * cannot be read or written only costs a probe.
 */
#include "runner/context/step_io.h"

#include "base/fs.h"
#include "base/limits.h"
#include "base/log.h"

/* What the answer depends on, as one line; another engine or socket asks again. */
static char *question(const struct box_job_spec *spec)
{
	return xasprintf("%s %s %s", engine_socket(spec->engine), engine_info(spec->engine)->server,
		spec->gate_path);
}

static bool remembered(const char *path, const char *key, enum step_io *ret)
{
	CLEAN_BUF struct buf text = BUF_INIT(KIB(8));
	struct err ignored = { 0 };
	const char *answer;

	if (file_read(path, &text, &ignored) < 0)
		return false;
	answer = strchr(buf_cstr(&text), '\n');
	if (!answer || strncmp(text.data, key, strlen(key)) != 0 ||
		text.data + strlen(key) != answer)
		return false;
	if (str_eq(answer, "\ngate\n"))
		*ret = STEP_IO_GATE;
	else if (str_eq(answer, "\nattach\n"))
		*ret = STEP_IO_ATTACH;
	else
		return false;
	return true;
}

static void remember(const char *path, const char *key, enum step_io io)
{
	CLEAN_STR char *text = xasprintf("%s\n%s\n", key, io == STEP_IO_GATE ? "gate" : "attach");
	struct err e = { 0 };

	if (file_replace(path, text, strlen(text), 0600, &e) < 0)
		log_warn("job", "step_io_not_remembered", F_ERR(&e));
}

int step_io_resolve(
	const struct box_job_spec *spec, const char *state_dir, enum step_io *ret, struct err *e)
{
	CLEAN_STR char *path = path_join(state_dir, "step_io"), *key = question(spec);

	if (spec->config->engine.step_io != STEP_IO_AUTO) {
		*ret = spec->config->engine.step_io;
		return 0;
	}
	if (remembered(path, key, ret))
		return 0;
	if (step_io_probe(spec, ret, e) < 0)
		return -1;
	log_info("job", "step_io", F_STR("path", *ret == STEP_IO_GATE ? "gate" : "attach"));
	remember(path, key, *ret);
	return 0;
}
