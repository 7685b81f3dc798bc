/*
 * The inspectors of doctor: each fills its part of the facts and never fails as a whole; what could
 * not be seen is a fact too. They block on the loop and change nothing but for a synced file of a
 * moment in the state directory and the container of doctor_inspect_box. Verb process only.
 */
#ifndef HYGIENE_DOCTOR_INSPECT_H
#define HYGIENE_DOCTOR_INSPECT_H

#include "base/json.h"
#include "engine/engine.h"
#include "hygiene/doctor/facts.h"

struct doctor_tools {
	struct loop *loop;
	struct http *http;
	const char *gate_path, *probe_path; /* NULL: not found */
	const char *gate_error, *probe_error;
	const char *unit; /* a unit file to judge; NULL: the one of this machine */
};

/* Files, kernel, limits. The runner's facts come first: its limits are the ones that count. */
void doctor_inspect_host(struct doctor_facts *f, const struct options *o);
void doctor_inspect_unit(struct doctor_facts *f, const struct doctor_tools *t);
/* GET /api/v1/runners/self. Never a heartbeat, which could be answered with a job. */
void doctor_inspect_server(struct doctor_facts *f, const struct doctor_tools *t);
/* *ret_engine is NULL when there is none. */
void doctor_inspect_engine(
	struct doctor_facts *f, const struct doctor_tools *t, struct engine **ret_engine);
/* One container exactly as a step gets it. */
void doctor_inspect_box(struct doctor_facts *f, const struct doctor_tools *t, struct engine *g);
/* The proofs of `network check`. */
void doctor_inspect_egress(struct doctor_facts *f, const struct doctor_tools *t, struct engine *g);

/* Pure, for tests and fuzzing. */
void doctor_read_runner(const struct json_value *status, struct runner_facts *ret);
void doctor_read_self(const char *text, size_t n, struct server_facts *ret);
/* What the script in the container printed. */
void doctor_read_box(const char *text, struct box_facts *ret);
/* A unit file or what `systemctl show` prints; drop-ins are read one after the other. */
void doctor_read_unit(const char *text, struct pairs *ret);

#endif
