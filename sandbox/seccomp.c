/*
 * One table, two products. The engine's JSON lists only this machine's architecture: with i386 or
 * x32 beside it every argument rule would have a second, differently numbered door (measured:
 * int 0x80 socketcall opens families that the 64-bit rule denies). Other architectures' calls kill.
 */
#include <errno.h>

#include "base/json.h"
#include "sandbox/seccomp.h"
#include "sandbox/seccomp_arch.h"
#include "sandbox/seccomp_table.h"
#include "sandbox/seccomp_verify.h"

static bool known(uint32_t arch, const char *name)
{
	return seccomp_syscall_resolve_name_arch(arch, name) >= 0;
}

/*
 * The complement of a set of 32-bit values as disjoint masked-equality rules: walk every value from
 * its top bit down; wherever no listed value continues on the other side of a bit, that whole side
 * is allowed. The upper 32 bits are left out of the masks because the kernel ignores them.
 */
static bool any_with_prefix(const struct seccomp_except *x, uint32_t mask, uint32_t prefix)
{
	for (size_t i = 0; i < x->n_values; i++)
		if ((x->values[i] & mask) == prefix)
			return true;
	return false;
}

static int emit_except(const struct seccomp_except *x, uint32_t mask, uint32_t prefix, int bit,
	seccomp_emit_fn emit, void *data)
{
	if (!any_with_prefix(x, mask, prefix)) {
		struct scmp_arg_cmp arg = SCMP_CMP64(x->arg, SCMP_CMP_MASKED_EQ, mask, prefix);

		return emit(data, x->name, SCMP_ACT_ALLOW, 1, &arg);
	}
	if (bit < 0)
		return 0;
	uint32_t one = UINT32_C(1) << bit;
	if (emit_except(x, mask | one, prefix, bit - 1, emit, data) < 0)
		return -1;
	return emit_except(x, mask | one, prefix | one, bit - 1, emit, data);
}

int seccomp_table_each(uint32_t arch, unsigned sets, seccomp_emit_fn emit, void *data)
{
	for (size_t i = 0; i < seccomp_groups_len; i++) {
		const struct seccomp_group *g = &seccomp_groups[i];

		for (const char *const *n = g->names; (g->sets & sets) && *n; n++)
			if (known(arch, *n) && emit(data, *n, g->action, 0, NULL) < 0)
				return -1;
	}
	for (size_t i = 0; i < seccomp_rules_len; i++) {
		const struct seccomp_rule *r = &seccomp_rules[i];

		if ((r->sets & sets) && known(arch, r->name) &&
			emit(data, r->name, r->action, r->n_args, r->args) < 0)
			return -1;
	}
	for (size_t i = 0; i < seccomp_excepts_len; i++) {
		const struct seccomp_except *x = &seccomp_excepts[i];

		if ((x->sets & sets) && emit_except(x, 0, 0, 31, emit, data) < 0)
			return -1;
	}
	return 0;
}

/* Unconditional allows share one entry: the engine parses and stores the profile per container. */
static int emit_plain(void *data, const char *name, uint32_t action, unsigned n_args,
	const struct scmp_arg_cmp *args)
{
	(void)args;
	if (action == SCMP_ACT_ALLOW && n_args == 0)
		json_str(data, name);
	return 0;
}

static void emit_arg(struct json_writer *w, const struct scmp_arg_cmp *a)
{
	json_begin_object(w);
	json_kv_int(w, "index", a->arg);
	json_kv_int(w, "value", (int64_t)a->datum_a);
	if (a->op == SCMP_CMP_MASKED_EQ)
		json_kv_int(w, "valueTwo", (int64_t)a->datum_b);
	json_kv_str(w, "op", a->op == SCMP_CMP_EQ ? "SCMP_CMP_EQ" : "SCMP_CMP_MASKED_EQ");
	json_end_object(w);
}

static int emit_special(void *data, const char *name, uint32_t action, unsigned n_args,
	const struct scmp_arg_cmp *args)
{
	struct json_writer *w = data;
	bool allow = action == SCMP_ACT_ALLOW;

	if (allow && n_args == 0)
		return 0;
	json_begin_object(w);
	json_key(w, "names");
	json_begin_array(w);
	json_str(w, name);
	json_end_array(w);
	json_kv_str(w, "action", allow ? "SCMP_ACT_ALLOW" : "SCMP_ACT_ERRNO");
	if (!allow)
		json_kv_int(w, "errnoRet", action & 0xffff);
	if (n_args) {
		json_key(w, "args");
		json_begin_array(w);
		for (unsigned i = 0; i < n_args; i++)
			emit_arg(w, &args[i]);
		json_end_array(w);
	}
	json_end_object(w);
	return 0;
}

static int write_syscalls(struct json_writer *w, uint32_t arch)
{
	json_begin_array(w);
	json_begin_object(w);
	json_key(w, "names");
	json_begin_array(w);
	if (seccomp_table_each(arch, SC_STEP, emit_plain, w) < 0)
		return -1;
	json_end_array(w);
	json_kv_str(w, "action", "SCMP_ACT_ALLOW");
	json_end_object(w);
	if (seccomp_table_each(arch, SC_STEP, emit_special, w) < 0)
		return -1;
	json_end_array(w);
	return 0;
}

int seccomp_profile_json(uint32_t token, struct buf *out, struct err *e)
{
	const struct seccomp_arch *arch =
		seccomp_arch_by_token(token == SCMP_ARCH_NATIVE ? seccomp_arch_native() : token);
	struct json_writer w;

	if (!arch)
		return err_set(
			e, ERR_INPUT, "seccomp profile: only x86_64 and aarch64 are supported");
	json_writer_init(&w, out, false);
	json_begin_object(&w);
	json_kv_str(&w, "defaultAction", "SCMP_ACT_ERRNO");
	json_key(&w, "architectures");
	json_begin_array(&w);
	json_str(&w, arch->name);
	json_end_array(&w);
	json_key(&w, "syscalls");
	int written = write_syscalls(&w, arch->token);
	json_end_object(&w);
	if (json_writer_finish(&w, e) < 0)
		return err_wrap(e, "seccomp profile");
	return written < 0 ? err_set(e, ERR_INTERNAL, "seccomp profile: table") : 0;
}

static int emit_rule(void *data, const char *name, uint32_t action, unsigned n_args,
	const struct scmp_arg_cmp *args)
{
	return seccomp_rule_add_array(
		       data, action, seccomp_syscall_resolve_name(name), n_args, args) < 0
		       ? -1
		       : 0;
}

static void free_filterp(scmp_filter_ctx *x)
{
	if (*x)
		seccomp_release(*x);
}

/* Calls of a foreign architecture kill by libseccomp's default. */
int seccomp_load_child(enum seccomp_child which, struct err *e)
{
	static const unsigned sets[] = { [SECCOMP_CHECKOUT_NET] = SC_NET,
		[SECCOMP_CHECKOUT_TREE] = SC_TREE,
		[SECCOMP_ARTIFACT_PACK] = SC_READ,
		[SECCOMP_ARTIFACT_UNPACK] = SC_TREE,
		[SECCOMP_WATCH] = SC_LOOK };
	unsigned set = sets[which];
	CLEANUP(free_filterp) scmp_filter_ctx x = seccomp_init(SCMP_ACT_ERRNO(ENOSYS));

	if (!x || seccomp_attr_set(x, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS) < 0 ||
		seccomp_table_each(SCMP_ARCH_NATIVE, set, emit_rule, x) < 0)
		return err_set(e, ERR_INTERNAL, "seccomp: cannot build the filter");
	int rc = seccomp_load(x);
	return rc < 0 ? err_set_errno(e, -rc, "seccomp: load the filter") : 0;
}
