#include "runner/network_wall.h"

#include <sys/capability.h>
#include <sys/socket.h>

#include "base/cli.h"
#include "base/fs.h"
#include "base/log.h"
#include "config/runner_inherit.h"
#include "network/bridge.h"
#include "network/wall.h"
#include "runner/channel.h"
#include "runner/role.h"
#include "sandbox/drop.h"

#define STANDS "stands"
#define REMEDY "run `shithubd-runner network up`"
#define ANSWER_US (60 * USEC_PER_SEC)

/* --- job ------------------------------------------------------------------------------------- */

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
	CLEAN_FD int sock = channel_start_role(channel, NETWORK_WALL_ROLE, e);
	struct loop_source *source;
	int rc;

	if (sock < 0)
		return -1;
	source = loop_io(l, sock, EPOLLIN, on_word, a);
	rc = loop_wait(l, &a->over, mono_add(mono_now(), ANSWER_US), e);
	loop_source_free(source);
	return rc;
}

static int ask(struct loop *l, int channel, struct err *e)
{
	struct answer a = { .text = BUF_INIT(ERR_TEXT_MAX + 256) };
	int rc = hear(l, channel, &a, e);

	if (rc == 0 && !str_eq(buf_cstr(&a.text), STANDS))
		rc = err_set(e, ERR_CONFLICT, "%s",
			a.text.len ? buf_cstr(&a.text) : "nobody could look at it");
	buf_release(&a.text);
	return rc;
}

/* The firewall knows a bridge; is that the one the engine has under the network's name? */
static int require_bridge(struct engine *g, const struct runner_config *c, struct err *e)
{
	CLEANUP(network_plan_release) struct network_plan plan = { 0 };
	struct bridge_state state;

	if (network_plan_init(&plan, c, e) < 0)
		return -1;
	return bridge_look(g, &plan, &state, e);
}

int network_wall_require(
	struct loop *l, struct engine *g, const struct runner_config *c, int channel, struct err *e)
{
	if (!c->runner.network_allowlist.n || str_eq(engine_network(g, c->engine.network), "none"))
		return 0;
	if (ask(l, channel, e) == 0 && require_bridge(g, c, e) == 0)
		return 0;
	CLEAN_STR char *why = xstrdup(e->text);
	return err_set(e, ERR_CONFLICT, "network wall is down: %s; " REMEDY, why);
}

/* --- supervisor ------------------------------------------------------------------------------ */

static int look(struct loop *l, const struct runner_config *c, struct err *e)
{
	CLEANUP(network_plan_release) struct network_plan plan = { 0 };

	if (network_plan_init(&plan, c, e) < 0)
		return -1;
	return wall_look(&plan, l, e);
}

void network_wall_tell(struct loop *l, const struct runner_config *c)
{
	struct err why = { 0 };

	if (str_eq(c->engine.network, "none"))
		return;
	if (look(l, c, &why) == 0)
		log_info("supervisor", "network_wall_stands", F_STR("network", c->engine.network),
			F_INT("names", (int64_t)c->runner.network_allowlist.n));
	else if (c->runner.network_allowlist.n)
		log_error("supervisor", "network_wall_down", F_ERR(&why),
			F_STR("effect", "every job fails before its first step"),
			F_STR("remedy", REMEDY));
	else
		log_warn("supervisor", "network_open", F_STR("network", c->engine.network),
			F_ERR(&why),
			F_STR("effect", "steps may reach whatever this host reaches, the host too"),
			F_STR("remedy", "set runner.network_allowlist and " REMEDY));
}

/* --- role ------------------------------------------------------------------------------------ */

/* nft lists for nobody without CAP_NET_ADMIN; the rest that is looked at is open to everybody. */
static int drop(struct err *e)
{
	static const int wanted[] = { CAP_NET_ADMIN };
	int have[ARRAY_LEN(wanted)];
	const struct drop_spec spec = { .uid = (uid_t)-1,
		.gid = (gid_t)-1,
		.keep_caps = have,
		.n_keep_caps = drop_have(wanted, ARRAY_LEN(wanted), have) };

	if (drop_privileges(&spec, e) < 0)
		return -1;
	return spec.n_keep_caps ? drop_pass_on(have, spec.n_keep_caps, e) : 0;
}

int network_wall_role_main(int argc, char **argv)
{
	CLEANUP(runner_config_release) struct runner_config config = { 0 };
	CLEANUP(loop_freep) struct loop *l = NULL;
	struct err e = { 0 }, ignored = { 0 };
	const char *word = STANDS;
	char **args;
	int n, rc = cli_parse(argc, argv, NULL, 0, NULL, 0, &args, &n);

	if (rc != 0)
		return rc > 0 ? EXIT_OK : EXIT_USAGE;
	if (drop(&e) == 0)
		l = loop_new(&e);
	if (!l || runner_config_inherit(&config, &e) < 0 || look(l, &config, &e) < 0)
		word = e.text;
	return fd_write_all(ROLE_FD_CHANNEL, word, strlen(word), &ignored) < 0 ? EXIT_FINDINGS
									       : EXIT_OK;
}
