/*
 * `shithubd doctor`: what an operator of the coordinator would check by hand, one row each, in the
 * form of the runner's doctor (hygiene/doctor/doctor.h). It changes nothing. Checks get the facts
 * that all need and find the rest themselves; one that cannot find out says so (unproved).
 */
#ifndef COORDINATOR_DOCTOR_DOCTOR_H
#define COORDINATOR_DOCTOR_DOCTOR_H

#include "base/clock.h"
#include "coordinator/serve/config.h"
#include "coordinator/store/store.h"
#include "hygiene/doctor/row.h"

struct coordinator_facts {
	struct serve_config config;
	struct store *store; /* NULL: no_store says why */
	struct err no_store;
	bool offline, verify_objects;
	const char *ca_file;
	struct wall now;
};

struct coordinator_check {
	const char *name;
	bool needs_store;
	void (*run)(const struct coordinator_facts *f, struct doctor_row *r);
	const char *remedy;
};
extern const struct coordinator_check coordinator_checks[];
extern const size_t coordinator_checks_n;

int coordinator_doctor(int argc, char **argv); /* the verb; an exit code */

#define COORDINATOR_CHECK(name) void name(const struct coordinator_facts *f, struct doctor_row *r)
/* files.c */
COORDINATOR_CHECK(check_data_folder);
COORDINATOR_CHECK(check_root_key);
COORDINATOR_CHECK(check_owners);
COORDINATOR_CHECK(check_disk);
COORDINATOR_CHECK(check_backup);
/* objects.c */
COORDINATOR_CHECK(check_objects);
COORDINATOR_CHECK(check_object_store);
/* rows.c */
COORDINATOR_CHECK(check_schema);
COORDINATOR_CHECK(check_integrity);
COORDINATOR_CHECK(check_foreign_keys);
COORDINATOR_CHECK(check_runners);
COORDINATOR_CHECK(check_pushes);
/* machine.c */
COORDINATOR_CHECK(check_serve);
COORDINATOR_CHECK(check_certificate);
COORDINATOR_CHECK(check_sign_in);
COORDINATOR_CHECK(check_clock);
COORDINATOR_CHECK(check_git);
COORDINATOR_CHECK(check_confinement);
COORDINATOR_CHECK(check_open_files);

#endif
