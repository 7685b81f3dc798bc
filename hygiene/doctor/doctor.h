/*
 * doctor: everything that an operator would check by hand, one row each. A check is a pure function
 * of facts (doctor/facts.h); the table in doctor.c says what each needs and what cures it. Nothing
 * is changed anywhere, no job is claimed.
 *
 * Call order: the inspectors of doctor/inspect.h, then doctor_judge, doctor_write_… and
 * doctor_exit.
 */
#ifndef HYGIENE_DOCTOR_DOCTOR_H
#define HYGIENE_DOCTOR_DOCTOR_H

#include "base/exits.h"
#include "base/json.h"
#include "hygiene/doctor/facts.h"
#include "hygiene/doctor/row.h"

enum doctor_needs {
	DOCTOR_CONFIG = 1, /* a configuration that loads */
	DOCTOR_NET = 2,    /* not with --offline */
	DOCTOR_SERVER = 4, /* an answer of the coordinator */
	DOCTOR_SELF = 8,   /* what it says of this runner */
	DOCTOR_ENGINE = 16,
	DOCTOR_BOX = 32, /* the container that ran */
};
struct doctor_check {
	const char *name;
	unsigned needs;
	void (*run)(const struct doctor_facts *f, struct doctor_row *r);
	const char *remedy; /* one line, shown unless it passes */
};
extern const struct doctor_check doctor_checks[];
extern const size_t doctor_checks_n;

struct doctor_report {
	struct doctor_row *rows; /* doctor_checks_n */
	size_t n, count[DOCTOR_VERDICTS];
	bool unproved;
};
/* secret (NULL fine) is replaced by *** in every text; control characters by '?'. */
void doctor_judge(const struct doctor_facts *f, const char *secret, struct doctor_report *ret);
void doctor_report_release(struct doctor_report *r);
/* 1 any failure, else 5 something unproved, else 0. */
enum exit_code doctor_exit(const struct doctor_report *r);
/* {"exit","unproved","pass","skip","warn","fail","checks":[{"name","verdict","unproved","detail",
 * "remedy"}…]}; remedy null when none is needed. */
int doctor_write_json(const struct doctor_report *r, struct buf *out, struct err *e) CHECK_RESULT;
void doctor_write_text(const struct doctor_report *r, bool color, struct buf *out);

/* The checks, by what they judge: doctor/checks.c, doctor/server_checks.c, doctor/box_checks.c. */
#define DOCTOR_CHECK(name) void name(const struct doctor_facts *f, struct doctor_row *r)
DOCTOR_CHECK(doctor_configuration);
DOCTOR_CHECK(doctor_token_kept);
DOCTOR_CHECK(doctor_server);
DOCTOR_CHECK(doctor_tls);
DOCTOR_CHECK(doctor_clock);
DOCTOR_CHECK(doctor_token_accepted);
DOCTOR_CHECK(doctor_registration);
DOCTOR_CHECK(doctor_deaf);
DOCTOR_CHECK(doctor_runner);
DOCTOR_CHECK(doctor_engine);
DOCTOR_CHECK(doctor_engine_confinement);
DOCTOR_CHECK(doctor_image);
DOCTOR_CHECK(doctor_gate);
DOCTOR_CHECK(doctor_network);
DOCTOR_CHECK(doctor_egress_firewall);
DOCTOR_CHECK(doctor_orphans);
DOCTOR_CHECK(doctor_instances);
DOCTOR_CHECK(doctor_seccomp);
DOCTOR_CHECK(doctor_landlock);
DOCTOR_CHECK(doctor_capabilities);
DOCTOR_CHECK(doctor_step_user);
DOCTOR_CHECK(doctor_cgroup);
DOCTOR_CHECK(doctor_kernel);
DOCTOR_CHECK(doctor_limits);
DOCTOR_CHECK(doctor_workspace);
DOCTOR_CHECK(doctor_workspace_limit);
DOCTOR_CHECK(doctor_disk);
DOCTOR_CHECK(doctor_state);
DOCTOR_CHECK(doctor_leftovers);
DOCTOR_CHECK(doctor_unit);
DOCTOR_CHECK(doctor_box);
DOCTOR_CHECK(doctor_box_user);
DOCTOR_CHECK(doctor_box_files);
DOCTOR_CHECK(doctor_box_limits);
#undef DOCTOR_CHECK

#endif
