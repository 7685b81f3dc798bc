/*
 * Testing the egress firewall from inside: two containers as steps get them, one tries to get out,
 * the other is its neighbour. Every rule is one row with a verdict:
 *
 *   stands    what must be open was open; what must be closed was closed and, where a packet must
 *             have met a rule, that rule counted it: an address that nobody answers is no proof
 *   fails     the opposite was seen
 *   unproved  it could not be told, with the reason
 *
 * A firewall of another program has no counters of ours. There a closed way stands if it is open
 * for the host itself, and the firewall's own row says whether the whole counts.
 */
#ifndef NETWORK_CHECK_H
#define NETWORK_CHECK_H

#include "network/check_box.h"
#include "network/plan.h"

enum check_verdict { CHECK_STANDS, CHECK_FAILS, CHECK_UNPROVED };
const char *check_verdict_name(enum check_verdict v);

struct check_row {
	const char *name; /* "allowed name", "host port", … */
	char *what;       /* "github.com:443" */
	enum check_verdict verdict;
	char *detail;
	/* how it is found out */
	char *probe;         /* argument of the probe program, NULL: not by probing */
	const char *counter; /* of the table; NULL: being closed is proof enough */
	bool want_open;
	bool listens;       /* the other end is ours and listens */
	bool wants_control; /* foreign: closed, and only the host can tell whether that proves */
};
struct check_report {
	struct check_row *rows; /* the first one is the firewall's own */
	size_t n;
	bool foreign; /* no firewall of ours: judged without its counters */
};

struct check_spec {
	const struct network_plan *plan; /* with upstream */
	struct check_box_spec box;       /* instance, dir and program are filled in here */
	const char *probe_path;
	const char *allowed; /* NULL: the first exact name of the allowlist */
	const char *refused; /* NULL: one of our own that the allowlist does not cover */
};
/* One at a time for a state directory (<state_dir>/check, check.lock). -1: nothing could be proved.
 */
int check_run(const struct check_spec *s, struct check_report *ret, struct err *e) CHECK_RESULT;
void check_report_release(struct check_report *r);
/* Of the whole: the worst row's; of a foreign firewall that of its own row. */
enum check_verdict check_report_verdict(const struct check_report *r);

/* Pure, for tests: the rows' verdicts from what the probe printed and how often each counter moved
 * (name → decimal). Rows without a probe keep theirs. */
void check_judge(struct check_report *r, const char *output, const struct pairs *moved);
/* After that, of a foreign report: what the host has to try, what came of it, and what the
 * firewall's own row says then. */
void check_control_probes(const struct check_report *r, struct strv *ret);
void check_control(struct check_report *r, const char *output);
void check_foreign(struct check_report *r);

#endif
