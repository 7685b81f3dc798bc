/*
 * Why a role: nft lists rules only for CAP_NET_ADMIN, and the job process has no capability. So
 * the supervisor starts this short-lived child, which answers on the job's socket with one word or
 * one reason. The check before each job is the one that counts; the announcement at start only
 * tells the operator early.
 */
#include "runner/helper/egress_firewall.h"

#include <sys/capability.h>
#include <sys/socket.h>

#include "base/cli.h"
#include "base/fs.h"
#include "base/log.h"
#include "config/runner_inherit.h"
#include "network/bridge.h"
#include "network/egress.h"
#include "runner/helper/firewall_check.h"
#include "runner/ipc/channel.h"
#include "runner/ipc/role.h"
#include "sandbox/drop.h"

#define REMEDY "run `shithubd-runner network up`"
#define NO_OTHER "no other firewall has proved itself"
#define ANSWER_US (60 * USEC_PER_SEC)

/* ---- job ---- */

struct answer {
	struct buf text;
	bool over;
};

static void on_word(struct loop_source *src, int fd, uint32_t events, void *data)
{
	struct answer *a = data;
	char *room = buf_reserve(&a->text, 256);
	ssize_t n = room ? recv(fd, room, 256, MSG_DONTWAIT) : 0;

	(void)events;
	if (n > 0) {
		buf_commit(&a->text, (size_t)n);
		return;
	}
	a->over = true;
	loop_io_events(src, 0);
}

/* What the role says until it ends. */
static int hear(struct loop *l, int channel, struct answer *a, struct err *e)
{
	CLEAN_FD int sock = channel_start_role(channel, EGRESS_FIREWALL_ROLE, e);
	struct loop_source *source;
	int rc;

	if (sock < 0)
		return -1;
	source = loop_io(l, sock, EPOLLIN, on_word, a);
	rc = loop_wait(l, &a->over, mono_add(mono_now(), ANSWER_US), e);
	loop_source_unref(&source);
	return rc;
}

static int ask(struct loop *l, int channel, bool *ret_foreign, struct err *e)
{
	struct answer a = { .text = BUF_INIT(ERR_TEXT_MAX + 256) };
	int rc = hear(l, channel, &a, e);

	*ret_foreign = rc == 0 && str_eq(buf_cstr(&a.text), EGRESS_FIREWALL_PROVED);
	if (rc == 0 && !*ret_foreign && !str_eq(buf_cstr(&a.text), EGRESS_FIREWALL_STANDS))
		rc = err_set(e, ERR_CONFLICT, "%s",
			a.text.len ? buf_cstr(&a.text) : "its state could not be checked");
	buf_release(&a.text);
	return rc;
}

/* Our firewall knows a bridge; is that the one the engine has under the network's name? */
static int require_bridge(struct engine *g, const struct runner_config *c, struct err *e)
{
	CLEANUP(network_plan_release) struct network_plan plan = { 0 };
	struct bridge_state state;

	if (network_plan_init(&plan, c, e) < 0)
		return -1;
	return bridge_look(g, &plan, &state, e);
}

int egress_firewall_require(
	struct loop *l, struct engine *g, const struct runner_config *c, int channel, struct err *e)
{
	bool foreign = false;

	if (!c->runner.network_allowlist_given ||
		str_eq(engine_network(g, c->engine.network), "none"))
		return 0;
	/* another program's was proved from containers on the network itself */
	if (ask(l, channel, &foreign, e) == 0 && (foreign || require_bridge(g, c, e) == 0))
		return 0;
	CLEAN_STR char *why = xstrdup(e->text);
	return err_set(e, ERR_CONFLICT, "egress firewall is down: %s; " REMEDY, why);
}

/* ---- supervisor ---- */

static int inspect_firewall(struct loop *l, const struct runner_config *c, struct err *e)
{
	CLEANUP(network_plan_release) struct network_plan plan = { 0 };

	if (network_plan_init(&plan, c, e) < 0)
		return -1;
	return egress_inspect(&plan, l, e);
}

static void announce_down(const struct err *why)
{
	if (egress_not_ours(why))
		log_warn("supervisor", "egress_firewall_foreign", F_ERR(why),
			F_STR("effect",
				"no job is claimed until a firewall of another program has proved "
				"itself"),
			F_STR("remedy", REMEDY));
	else
		log_error("supervisor", "egress_firewall_down", F_ERR(why),
			F_STR("effect", "every job fails before its first step"),
			F_STR("remedy", REMEDY));
}

/* Without a list that somebody chose nothing is refused, so it is only said. */
static void announce_open(const struct runner_config *c, const struct err *why)
{
	if (err_is(why, ERR_AUTH))
		log_warn("supervisor", "network_unknown", F_STR("network", c->engine.network),
			F_ERR(why),
			F_STR("effect",
				"this runner may not see whether a firewall stands; if none does, "
				"steps can reach everything that this host reaches"),
			F_STR("remedy", "set runner.network_allowlist, then the runner tests it; "
					"or give the runner CAP_NET_ADMIN"));
	else
		log_warn("supervisor", "network_open", F_STR("network", c->engine.network),
			F_ERR(why),
			F_STR("effect", "steps can reach everything that this host reaches, "
					"including the host"),
			F_STR("remedy", "set runner.network_allowlist and " REMEDY));
}

void egress_firewall_announce(struct loop *l, const struct runner_config *c)
{
	struct err why = { 0 };

	if (str_eq(c->engine.network, "none"))
		return;
	if (inspect_firewall(l, c, &why) == 0)
		log_info("supervisor", "egress_firewall_up", F_STR("network", c->engine.network),
			F_INT("names", (int64_t)c->runner.network_allowlist.n));
	else if (c->runner.network_allowlist_given)
		announce_down(&why);
	else
		announce_open(c, &why);
}

/* ---- role ---- */

/* nft lists for nobody without CAP_NET_ADMIN. Everything else that is read is open to everybody,
 * but for the engine, which a group may use. */
static int drop(struct err *e)
{
	static const int wanted[] = { CAP_NET_ADMIN };
	int have[ARRAY_LEN(wanted)];
	const struct drop_spec spec = { .uid = (uid_t)-1,
		.gid = (gid_t)-1,
		.keep_groups = true,
		.keep_caps = have,
		.n_keep_caps = drop_have(wanted, ARRAY_LEN(wanted), have) };

	if (drop_privileges(&spec, e) < 0)
		return -1;
	return spec.n_keep_caps ? drop_pass_on(have, spec.n_keep_caps, e) : 0;
}

static int prove(struct loop *l, struct network_plan *p, struct err *e)
{
	struct http_config config = { .user_agent = "shithubd-runner/" PROJECT_VERSION };
	const struct runner_config *c = p->config;
	struct http *http = http_new(l, &config, e);
	struct engine *g = http ? engine_open(l, http, c->engine.kind, c->engine.socket, e) : NULL;
	int rc = g ? firewall_prove(l, g, p, e) : -1;

	engine_free(g);
	http_free(http);
	return rc;
}

/* The word for who asked, or NULL with the reason. */
static const char *firewall_word(
	struct loop *l, const struct runner_config *c, bool proving, struct err *e)
{
	CLEANUP(network_plan_release) struct network_plan plan = { 0 };
	struct err why = { 0 };

	if (network_plan_init(&plan, c, e) < 0)
		return NULL;
	if (egress_inspect(&plan, l, &why) == 0)
		return EGRESS_FIREWALL_STANDS;
	if (!egress_not_ours(&why))
		*e = why;
	else if (proving)
		return prove(l, &plan, e) == 0 ? EGRESS_FIREWALL_PROVED : NULL;
	else if (firewall_proved(&plan))
		return EGRESS_FIREWALL_PROVED;
	else
		IGNORE_RESULT(
			err_set(e, why.class, "%s, and " NO_OTHER, why.text), "it is the reason");
	return NULL;
}

int egress_firewall_role_main(int argc, char **argv)
{
	CLEANUP(runner_config_release) struct runner_config config = { 0 };
	CLEANUP(loop_freep) struct loop *l = NULL;
	bool proving = false;
	const struct cli_flag flags[] = { { "prove", CLI_BOOL, &proving, NULL, "test another's" } };
	struct err e = { 0 }, ignored = { 0 };
	const char *word = NULL;
	char **args;
	int n, rc = cli_parse(argc, argv, flags, ARRAY_LEN(flags), NULL, 0, &args, &n);

	if (rc != 0)
		return rc > 0 ? EXIT_OK : EXIT_USAGE;
	if (drop(&e) == 0)
		l = loop_new(&e);
	if (l && runner_config_inherit(&config, &e) == 0)
		word = firewall_word(l, &config, proving, &e);
	if (!word)
		word = e.text;
	return fd_write_all(ROLE_FD_CHANNEL, word, strlen(word), &ignored) < 0 ? EXIT_FINDINGS
									       : EXIT_OK;
}
