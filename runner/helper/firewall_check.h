/*
 * The test of network/check.h with what a runner's steps get: profile, image and gate of the
 * configuration. And the proof: what that test said of a firewall that is not ours, kept in
 * <state_dir>/egress-proof for a few minutes, so that not each job has to wait for it. A proof
 * holds for one boot, one network and one allowlist.
 */
#ifndef RUNNER_HELPER_FIREWALL_CHECK_H
#define RUNNER_HELPER_FIREWALL_CHECK_H

#include "engine/engine.h"
#include "network/check.h"

#define FIREWALL_PROOF_EVERY_US (4 * 60 * USEC_PER_SEC)
#define FIREWALL_PROOF_VALID_US (10 * 60 * USEC_PER_SEC)

struct firewall_names {
	const char *allowed, *refused; /* NULL: check_run's own choice */
};
/* Fills the plan's upstream where the host names one. -1: nothing could be proved. */
int firewall_check(struct loop *l, struct engine *g, struct network_plan *p,
	const struct firewall_names *names, struct check_report *ret, struct err *e) CHECK_RESULT;

/* Tests, and writes or removes the proof. -1: none, with the reason. */
int firewall_prove(
	struct loop *l, struct engine *g, struct network_plan *p, struct err *e) CHECK_RESULT;
/* Is there a proof that still holds? */
bool firewall_proved(const struct network_plan *p);

#endif
