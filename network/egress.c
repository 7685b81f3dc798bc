/*
 * What `up` wrote down is what `check` compares with: the table as the kernel listed it then. So
 * a rule that somebody adds, removes or reorders is noticed without understanding rules.
 */
#include "network/egress.h"

#include <errno.h>
#include <sys/stat.h>

#include "base/fs.h"
#include "base/limits.h"
#include "network/bridge.h"
#include "network/nft.h"
#include "network/resolver.h"

#define TABLE_FILE "table.nft"

/* ---- inspecting ---- */

/* Is the listing that of a table with this plan's digest? */
static bool has_digest(const struct network_plan *p, const struct buf *listing)
{
	char digest[NETWORK_DIGEST_MAX];

	nft_digest(p, digest);
	CLEAN_STR char *comment = xasprintf("comment \"shithubd-runner %s\"", digest);
	return strstr(buf_cstr(listing), comment) != NULL;
}

/* The kernel's table must be the one that `up` saw there, rule by rule. */
static int inspect_firewall(const struct network_plan *p, struct loop *l, struct err *e)
{
	CLEAN_BUF struct buf now = BUF_INIT(MIB(1)), then = BUF_INIT(MIB(1));
	CLEAN_STR char *path = network_plan_file(p, TABLE_FILE);
	struct err why = { 0 };

	if (network_plan_require_resolver(p, e) < 0)
		return -1;
	if (nft_list(p, l, &now, e) < 0) {
		if (err_is(e, ERR_NOT_FOUND))
			err_set(e, ERR_NOT_FOUND, "nftables has no table %s", p->table);
		return -1;
	}
	if (!has_digest(p, &now))
		return err_set(
			e, ERR_CONFLICT, "table %s was made for another configuration", p->table);
	if (file_read(path, &then, &why) < 0)
		return err_set(e, ERR_CONFLICT, "cannot tell how table %s was made: %s", p->table,
			why.text);
	if (now.len != then.len || memcmp(buf_cstr(&now), buf_cstr(&then), now.len) != 0)
		return err_set(
			e, ERR_CONFLICT, "table %s was changed by another program", p->table);
	return 0;
}

bool egress_not_ours(const struct err *e)
{
	static const enum err_class classes[] = { ERR_NOT_FOUND, ERR_AUTH, ERR_IO, ERR_INPUT };

	for (size_t i = 0; i < ARRAY_LEN(classes); i++)
		if (e->class == classes[i])
			return true;
	return false;
}

int egress_inspect(const struct network_plan *p, struct loop *l, struct err *e)
{
	bool supervised;

	if (inspect_firewall(p, l, e) < 0 || bridge_filter_check(e) < 0)
		return -1;
	if (!resolver_running(p, &supervised))
		return err_set(e, ERR_CONFLICT, "the resolver on %s does not run", p->gateway);
	return 0;
}

/* ---- up ---- */

static int make_folder(const struct network_plan *p, struct err *e)
{
	if (dir_ensure_parents(p->dir, 0755, e) < 0)
		return -1;
	/* mkdir's mode passes through the umask; the supervisor must be able to read */
	return chmod(p->dir, 0755) < 0 ? err_set_errno(e, errno, "%s", p->dir) : 0;
}

static int up_firewall(
	const struct network_plan *p, struct loop *l, enum egress_change *ret, struct err *e)
{
	CLEAN_BUF struct buf listing = BUF_INIT(MIB(1));
	CLEAN_STR char *path = network_plan_file(p, TABLE_FILE);
	struct err ignored = { 0 };

	if (inspect_firewall(p, l, &ignored) == 0)
		return 0;
	*ret = EGRESS_CHANGED;
	if (nft_apply(p, l, e) < 0 || nft_list(p, l, &listing, e) < 0)
		return -1;
	return file_replace(path, buf_cstr(&listing), listing.len, 0644, e);
}

static int up_network(
	const struct network_plan *p, struct engine *g, enum egress_change *ret, struct err *e)
{
	struct bridge_state state;

	if (bridge_look(g, p, &state, e) < 0)
		return -1;
	if (state.exists) {
		*ret = state.ours ? EGRESS_KEPT : EGRESS_FOREIGN;
		return bridge_filter_enable(e);
	}
	*ret = EGRESS_CHANGED;
	if (bridge_create(g, p, e) < 0)
		return -1;
	return bridge_filter_enable(e);
}

static int up_resolver(const struct network_plan *p, struct loop *l, bool start,
	enum egress_change *ret, struct err *e)
{
	bool supervised = false, current = resolver_conf_current(p);
	bool running = resolver_running(p, &supervised);

	if (running && current)
		return 0;
	*ret = EGRESS_CHANGED;
	if (running && supervised && start)
		return err_set(e, ERR_CONFLICT,
			"a service runs the resolver with an old configuration: restart it "
			"(systemctl restart shithubd-runner-resolver)");
	/* stopped first: what runs never differs from what is written */
	if (start && resolver_stop(p, e) < 0)
		return -1;
	if (!current && resolver_write_conf(p, e) < 0)
		return -1;
	return start ? resolver_start(p, l, e) : 0;
}

int egress_up(const struct network_plan *p, struct loop *l, struct engine *g, bool with_resolver,
	struct egress_report *ret, struct err *e)
{
	CLEAN_FD int lock = -1;
	CLEAN_STR char *path = network_plan_file(p, "lock");
	struct bridge_state state;

	*ret = (struct egress_report){ 0 };
	/* a network that cannot be guarded is told before anything is changed */
	if (network_plan_require_resolver(p, e) < 0 || bridge_look(g, p, &state, e) < 0 ||
		make_folder(p, e) < 0)
		return -1;
	lock = lock_file(path, e);
	if (lock < 0)
		return err_wrap(e, "another network up or down is at work");
	if (up_firewall(p, l, &ret->firewall, e) < 0 || up_network(p, g, &ret->network, e) < 0)
		return -1;
	return up_resolver(p, l, with_resolver, &ret->resolver, e);
}

/* ---- down ---- */

static int down_files(const struct network_plan *p, struct err *e)
{
	static const char *const names[] = { TABLE_FILE, "dnsmasq.conf", "dnsmasq.pid",
		"dnsmasq.log" };

	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		CLEAN_STR char *path = network_plan_file(p, names[i]);

		if (unlink(path) < 0 && errno != ENOENT)
			return err_set_errno(e, errno, "%s", path);
	}
	return 0;
}

static int down_resolver(const struct network_plan *p, enum egress_change *ret, struct err *e)
{
	bool supervised = false;

	*ret = resolver_running(p, &supervised) ? EGRESS_CHANGED : EGRESS_ABSENT;
	if (*ret == EGRESS_CHANGED && supervised)
		return err_set(e, ERR_CONFLICT,
			"the resolver is run by a service: stop that first (systemctl stop "
			"shithubd-runner-resolver)");
	return resolver_stop(p, e);
}

static int down_network(const struct network_plan *p, struct engine *g,
	const struct bridge_state *state, enum egress_change *ret, struct err *e)
{
	*ret = !state->exists ? EGRESS_ABSENT : state->ours ? EGRESS_CHANGED : EGRESS_FOREIGN;
	return *ret == EGRESS_CHANGED ? bridge_remove(g, p, e) : 0;
}

static int down_firewall(
	const struct network_plan *p, struct loop *l, enum egress_change *ret, struct err *e)
{
	CLEAN_BUF struct buf listing = BUF_INIT(MIB(1));
	struct err why = { 0 };

	if (nft_list(p, l, &listing, &why) < 0 && err_is(&why, ERR_NOT_FOUND)) {
		*ret = EGRESS_ABSENT;
		return 0;
	}
	*ret = EGRESS_CHANGED;
	return nft_remove(p, l, e);
}

int egress_down(const struct network_plan *p, struct loop *l, struct engine *g,
	struct egress_report *ret, struct err *e)
{
	CLEAN_FD int lock = -1;
	CLEAN_STR char *path = network_plan_file(p, "lock");
	struct bridge_state state;
	struct err why = { 0 };

	*ret = (struct egress_report){ 0 };
	if (bridge_look(g, p, &state, &why) < 0 && !err_is(&why, ERR_CONFLICT)) {
		*e = why;
		return -1;
	}
	if (why.class == ERR_CONFLICT)
		state.ours = false; /* not as we would have made it: somebody else's by now */
	if (state.containers)
		return err_set(e, ERR_CONFLICT,
			"%zu containers use network %s and would have unrestricted "
			"egress; stop the runner first",
			state.containers, p->network);
	if (make_folder(p, e) < 0)
		return -1;
	lock = lock_file(path, e);
	if (lock < 0)
		return err_wrap(e, "another network up or down is at work");
	if (down_resolver(p, &ret->resolver, e) < 0 ||
		down_network(p, g, &state, &ret->network, e) < 0 ||
		down_firewall(p, l, &ret->firewall, e) < 0)
		return -1;
	return down_files(p, e);
}
