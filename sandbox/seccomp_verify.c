/*
 * The rules against each other, then the compiled filter against what steps need and must not do.
 * The filter is asked and not only the text, because engines skip rules that repeat the default and
 * names that they do not know: what remains is what confines.
 */
#include "sandbox/seccomp_verify.h"

#include <errno.h>
#include <inttypes.h>
#include <linux/seccomp.h>
#include <stdio.h>

#include "base/json.h"
#include "base/limits.h"
#include "sandbox/seccomp.h"
#include "sandbox/seccomp_arch.h"
#include "sandbox/seccomp_eval.h"
#include "sandbox/seccomp_read.h"

/* ---- rules against each other ---- */

static bool allows_without_args(const struct seccomp_read *p, const char *name)
{
	for (size_t i = 0; i < p->n_rules; i++)
		if (p->rules[i].action == SCMP_ACT_ALLOW && p->rules[i].n == 0 &&
			str_eq(p->rules[i].name, name))
			return true;
	return false;
}

static bool allows_somehow(const struct seccomp_read *p, const char *name)
{
	for (size_t i = 0; i < p->n_rules; i++)
		if (p->rules[i].action == SCMP_ACT_ALLOW && str_eq(p->rules[i].name, name))
			return true;
	return false;
}

/* The kernel takes 32 bits of most arguments, the filter sees 64: a denial that compares a whole
 * value, or at anything above, is bypassed by setting a bit that nobody else reads. */
static bool denial_can_be_bypassed(const struct seccomp_read_rule *rule)
{
	for (unsigned i = 0; i < rule->n; i++)
		if (rule->args[i].op != SCMP_CMP_MASKED_EQ || rule->args[i].datum_a > UINT32_MAX)
			return true;
	return false;
}

static void check_rule(const struct seccomp_read *p, const struct seccomp_read_rule *rule,
	struct seccomp_report *report)
{
	bool allow = rule->action == SCMP_ACT_ALLOW;
	char where[48];

	snprintf(where, sizeof(where), "syscalls[%zu]", rule->index);
	if (seccomp_syscall_resolve_name_arch(p->arch->token, rule->name) == __NR_SCMP_ERROR) {
		if (allow)
			strv_addf(&report->notes,
				"%s: \"%.100s\" is not a system call that the library knows: "
				"skipped",
				where, rule->name);
		else
			seccomp_report_add(report, where, "a name that the library knows",
				"\"%.100s\" is not a system call that the library knows: it would "
				"not be "
				"denied",
				rule->name);
	}
	if (rule->n && allows_without_args(p, rule->name))
		seccomp_report_add(report, where, "one of the two rules",
			"\"%.100s\" is %s by arguments and allowed without: this rule is dead",
			rule->name, allow ? "allowed" : "denied");
	else if (rule->n && rule->action == p->fallback && allows_somehow(p, rule->name))
		seccomp_report_add(report, where, "allowed values alone, the rest is denied anyway",
			"\"%.100s\": the rule repeats the default, engines skip it: it is dead",
			rule->name);
	else if (rule->n && !allow && allows_somehow(p, rule->name) && denial_can_be_bypassed(rule))
		seccomp_report_add(report, where,
			"allowed values by SCMP_CMP_EQ, the rest left to the default",
			"\"%.100s\" is denied by whole values: a high bit gets past", rule->name);
	if (rule->n == 0 && !allow && allows_somehow(p, rule->name))
		seccomp_report_add(report, where, "one of the two rules",
			"\"%.100s\" is both allowed and denied", rule->name);
}

static void check_rules(const struct seccomp_read *p, struct seccomp_report *report)
{
	size_t allowed = 0;

	for (size_t i = 0; i < p->n_rules && !report->cut; i++) {
		check_rule(p, &p->rules[i], report);
		allowed += p->rules[i].action == SCMP_ACT_ALLOW;
	}
	if (allowed == 0)
		seccomp_report_add(
			report, "profile", "rules that allow", "\"syscalls\" allows nothing");
}

/* ---- the compiled filter ---- */

static void free_filterp(scmp_filter_ctx *x)
{
	if (*x)
		seccomp_release(*x);
}

/* As the engine's runtime builds it: unknown names skipped, rules that repeat the default too. */
static int compile_filter(const struct seccomp_read *p, struct seccomp_program *ret,
	struct seccomp_report *report, struct err *e)
{
	CLEANUP(free_filterp) scmp_filter_ctx x = seccomp_init(p->fallback);

	if (!x)
		return err_set(e, ERR_INTERNAL, "cannot make a filter");
	if (p->arch->token != seccomp_arch_native() &&
		(seccomp_arch_add(x, p->arch->token) < 0 ||
			seccomp_arch_remove(x, seccomp_arch_native()) < 0))
		return err_set(e, ERR_INTERNAL, "cannot make a filter for %s", p->arch->name);
	for (size_t i = 0; i < p->n_rules; i++) {
		const struct seccomp_read_rule *rule = &p->rules[i];
		int nr = seccomp_syscall_resolve_name(rule->name);
		int rc;

		if (nr == __NR_SCMP_ERROR || rule->action == p->fallback ||
			seccomp_syscall_resolve_name_arch(p->arch->token, rule->name) < 0)
			continue;
		rc = seccomp_rule_add_array(x, rule->action, nr, rule->n, rule->args);
		if (rc < 0 && rc != -EEXIST) {
			char where[48];

			snprintf(where, sizeof(where), "syscalls[%zu]", rule->index);
			seccomp_report_add(report, where, "a rule that can be compiled",
				"\"%.100s\": the library refuses it: %s", rule->name,
				strerror(-rc));
		}
	}
	return seccomp_program_export(x, ret, e);
}

static const char *answer_text(uint32_t answer, char out[32])
{
	uint32_t action = answer & SECCOMP_RET_ACTION_FULL;

	if (action == SECCOMP_RET_ALLOW)
		return "is allowed";
	if (action != SECCOMP_RET_ERRNO)
		return "kills";
	snprintf(out, 32, "is answered errno %u", answer & SECCOMP_RET_DATA);
	return out;
}

static void probe_filter(const struct seccomp_program *program, const struct seccomp_read *p,
	const struct seccomp_probe *q, struct seccomp_report *report)
{
	static const char *const expected[] = { [PROBE_ALLOW] = "allowed",
		[PROBE_DENY] = "denied",
		[PROBE_ENOSYS] = "errno 38 (ENOSYS)" };
	uint64_t args[6] = { q->args[0], q->args[1], q->args[2] };
	int nr = seccomp_syscall_resolve_name_arch(p->arch->token, q->name);
	uint32_t answer;
	bool good;
	char text[32];

	if (nr < 0)
		return;
	report->probes++;
	answer = seccomp_program_run(program, p->arch->audit, nr, args);
	if (q->want == PROBE_ENOSYS)
		good = answer == (SECCOMP_RET_ERRNO | ENOSYS);
	else
		good = (answer == SECCOMP_RET_ALLOW) == (q->want == PROBE_ALLOW);
	if (!good)
		seccomp_report_add(report, "compiled filter", expected[q->want],
			"%s(%#" PRIx64 ", %#" PRIx64 ", %#" PRIx64 ") %s (%s)", q->name, args[0],
			args[1], args[2], answer_text(answer, text), q->why);
	if (!good && q->tolerated)
		seccomp_report_tolerate(report, q->name);
}

/* Numbers of another architecture, and x32's that share ours with a bit set. */
static void probe_foreign(const struct seccomp_program *program, const struct seccomp_read *p,
	struct seccomp_report *report)
{
	uint64_t args[6] = { 0 };
	bool open = false;

	for (int nr = 0; nr < 512; nr++) {
		open |= seccomp_program_run(program, p->arch->foreign, nr, args) ==
			SECCOMP_RET_ALLOW;
		open |= p->arch->token == SCMP_ARCH_X86_64 &&
			seccomp_program_run(program, p->arch->audit, nr | 0x40000000, args) ==
				SECCOMP_RET_ALLOW;
	}
	report->probes++;
	if (open)
		seccomp_report_add(report, "compiled filter", "denied",
			"32-bit calls are allowed (their numbers mean other calls)");
}

void seccomp_profile_verify(const char *text, size_t n, struct seccomp_report *ret)
{
	struct err e = { 0 };
	CLEAN_JSON struct json_doc *doc = json_parse(text, n, NULL, &e);
	CLEANUP(seccomp_read_release) struct seccomp_read p = { 0 };
	struct seccomp_program *program;

	*ret = (struct seccomp_report){ 0 };
	if (!doc) {
		seccomp_report_add(ret, "profile", "one JSON object", "%s", e.text);
		return;
	}
	seccomp_read(json_root(doc), &p, ret);
	if (!p.readable)
		return;
	ret->arch = p.arch->token;
	check_rules(&p, ret);
	program = xmalloc(sizeof(*program));
	if (compile_filter(&p, program, ret, &e) < 0) {
		strv_addf(&ret->notes, "compiled filter: not checked: %s", e.text);
	} else {
		for (size_t i = 0; i < seccomp_probes_len; i++)
			probe_filter(program, &p, &seccomp_probes[i], ret);
		probe_foreign(program, &p, ret);
	}
	free(program);
}

/* The first finding that no profile may have; there is one unless the report is usable. */
static const struct seccomp_finding *first_grave(const struct seccomp_report *report)
{
	size_t i = 0;

	while (i + 1 < report->n && report->findings[i].tolerated)
		i++;
	return &report->findings[i];
}

static char *joined(const struct strv *names)
{
	struct buf out = BUF_INIT(KIB(4));

	strv_each (name, names)
		buf_addf(&out, "%s%s", name_i ? ", " : "", name);
	return buf_take(&out);
}

int seccomp_profile_check(const char *text, size_t n, char **ret_beyond, struct err *e)
{
	CLEANUP(seccomp_report_release) struct seccomp_report report = { 0 };
	const struct seccomp_finding *f;

	seccomp_profile_verify(text, n, &report);
	if (report.n > report.tolerated || report.cut) {
		f = first_grave(&report);
		return err_set(e, ERR_INPUT, "seccomp profile: %s: %s, expected %s (%zu finding%s)",
			f->where, f->what, f->expected, report.n, report.n == 1 ? "" : "s");
	}
	if (report.probes == 0)
		return err_set(e, ERR_INPUT, "seccomp profile: %s",
			report.notes.n ? report.notes.v[0] : "could not be compiled");
	if (report.arch != seccomp_arch_native())
		return err_set(e, ERR_INPUT, "seccomp profile: it is for %s, not for this machine",
			seccomp_arch_by_token(report.arch)->name);
	*ret_beyond = report.n ? joined(&report.beyond) : NULL;
	return 0;
}
