/*
 * engine.step_io = auto: does a descriptor cross into a container of this engine? It is tried and
 * not inferred: the socket may lead to an engine in a virtual machine, where the file exists on
 * both sides and no descriptor passes.
 */
#include "engine/step_box_private.h"

#include "base/limits.h"

/* A gate that has not called by then never will; a start takes a tenth of a second. */
#define PROBE_READY_US (15 * USEC_PER_SEC)
#define PROBE_RUN_US (5 * USEC_PER_SEC)

struct probe {
	struct buf output;
	struct step_result result;
	bool done;
};

static void on_output(void *data, const char *p, size_t n)
{
	buf_add(&((struct probe *)data)->output, p, n);
}

static void on_exit_status(void *data, const struct step_result *r)
{
	struct probe *p = data;

	p->result = *r;
	p->done = true;
}

/* 0 and *ret_crossed, or -1 when the container could not be made for another reason. */
static int probe_run(struct box_job *j, struct step_box *b, bool *ret_crossed, struct err *e)
{
	CLEANUP(strv_release) struct strv argv = { 0 };
	struct probe p = { .output = BUF_INIT(KIB(4)) };
	struct step_launch l = { .argv = &argv,
		.working_dir = "/",
		.on_output = on_output,
		.on_exit = on_exit_status,
		.data = &p };
	int rc;

	strv_add(&argv, GATE_BINARY);
	strv_add(&argv, GATE_MODE_HELLO);
	rc = step_box_launch(b, &l, e);
	if (rc < 0) {
		/* no connection, or one that a container on another kernel could not make */
		*ret_crossed = false;
		return e && (err_is(e, ERR_PROTO) || err_is(e, ERR_TIMEOUT)) ? 0 : -1;
	}
	rc = loop_wait(j->loop, &p.done, mono_add(mono_now(), PROBE_RUN_US), NULL);
	*ret_crossed = rc == 0 && p.result.end == STEP_EXITED && p.result.code == 0 &&
		       slice_eq(buf_slice(&p.output), GATE_HELLO);
	step_box_free(b); /* p is on this stack: no callback after this */
	buf_release(&p.output);
	return 0;
}

int step_io_probe(const struct box_job_spec *spec, enum step_io *ret, struct err *e)
{
	struct runner_config config = *spec->config; /* borrowed content */
	struct box_job_spec own = *spec;
	struct err why = { 0 };
	struct box_job *j;
	bool crossed = false;
	int rc;

	config.engine.network = (char *)"none";
	config.engine.step_io = STEP_IO_GATE;
	config.engine.isolation = ISOLATION_STEP;
	own.config = &config;
	j = box_job_open(&own, e);
	if (!j)
		return err_wrap(e, "step_io probe");
	j->ready_us = PROBE_READY_US;
	rc = probe_run(j, step_box_prepare(j, "probe"), &crossed, &why);
	box_job_close(j);
	if (rc < 0) {
		if (e)
			*e = why;
		return err_wrap(e, "step_io probe");
	}
	*ret = crossed ? STEP_IO_GATE : STEP_IO_ATTACH;
	return 0;
}
