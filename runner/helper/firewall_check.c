/*
 * The state directory is the runner's alone, so a file in it is as good as memory, and the role
 * that checks before a job needs no word from the supervisor. The time in it is that of the clock
 * which nobody sets, hence the boot beside it.
 */
#include "runner/helper/firewall_check.h"

#include <errno.h>
#include <inttypes.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/limits.h"
#include "engine/image.h"
#include "network/nft.h"
#include "runner/helper/program.h"
#include "sandbox/step_profile.h"

#define RESOLV_CONF "/etc/resolv.conf"
#define BOOT_ID "/proc/sys/kernel/random/boot_id"

int firewall_check(struct loop *l, struct engine *g, struct network_plan *p,
	const struct firewall_names *names, struct check_report *ret, struct err *e)
{
	const struct runner_config *c = p->config;
	CLEANUP(step_profile_release) struct step_profile profile = { 0 };
	CLEANUP(image_release) struct image image = { 0 };
	CLEAN_STR char *gate = helper_program(c->engine.gate_path, "shithub-gate", e);
	CLEAN_STR char *probe = gate ? helper_program(NULL, "shithub-probe", e) : NULL;
	struct err none = { 0 };

	*ret = (struct check_report){ 0 };
	if (!probe || step_profile_load(c, &profile, e) < 0 ||
		engine_image_inspect(g, c->engine.default_image, &image, e) < 0)
		return -1;
	IGNORE_RESULT(network_plan_upstream(p, RESOLV_CONF, &none),
		"without one, what does not resolve is unproved");
	const struct check_spec s = { .plan = p,
		.probe_path = probe,
		.allowed = names->allowed,
		.refused = names->refused,
		.box = { .loop = l,
			.engine = g,
			.config = c,
			.image = image.id,
			.gate_path = gate,
			.seccomp_json = profile.text } };
	return check_run(&s, ret, e);
}

/* ---- the proof ---- */

static char *proof_path(const struct network_plan *p)
{
	return path_join(p->config->runner.state_dir, "egress-proof");
}

/* What it holds for. */
static int proof_scope(const struct network_plan *p, struct buf *out, struct err *e)
{
	CLEAN_BUF struct buf boot = BUF_INIT(128);
	char digest[NETWORK_DIGEST_MAX];

	if (file_read(BOOT_ID, &boot, e) < 0)
		return -1;
	nft_digest(p, digest);
	buf_addf(out, "%.*s %s %s", (int)strcspn(buf_cstr(&boot), "\n"), buf_cstr(&boot), digest,
		p->network);
	return 0;
}

static int proof_write(const struct network_plan *p, struct err *e)
{
	CLEAN_STR char *path = proof_path(p);
	CLEAN_BUF struct buf text = BUF_INIT(KIB(4));

	buf_addf(&text, "%" PRId64 " ", mono_now().us);
	if (proof_scope(p, &text, e) < 0)
		return -1;
	return file_replace(path, buf_cstr(&text), text.len, 0600, e);
}

static int verdict_error(const struct check_report *r, struct err *e)
{
	return err_set(e, ERR_CONFLICT, "%s", r->rows[0].detail);
}

int firewall_prove(struct loop *l, struct engine *g, struct network_plan *p, struct err *e)
{
	static const struct firewall_names any = { 0 };
	CLEANUP(check_report_release) struct check_report report = { 0 };
	CLEAN_STR char *path = proof_path(p);
	int rc = firewall_check(l, g, p, &any, &report, e);

	if (rc == 0 && check_report_verdict(&report) != CHECK_STANDS)
		rc = verdict_error(&report, e);
	if (rc == 0)
		return proof_write(p, e);
	if (unlink(path) < 0 && errno != ENOENT)
		return err_set_errno(e, errno, "%s", path);
	return -1;
}

bool firewall_proved(const struct network_plan *p)
{
	CLEAN_STR char *path = proof_path(p);
	CLEAN_BUF struct buf text = BUF_INIT(KIB(4)), scope = BUF_INIT(KIB(4));
	struct err none = { 0 };
	int64_t at;

	if (file_read(path, &text, &none) < 0 || proof_scope(p, &scope, &none) < 0)
		return false;
	char *blank = strchr(buf_cstr(&text), ' ');
	if (!blank || !str_eq(blank + 1, buf_cstr(&scope)))
		return false;
	*blank = '\0';
	return parse_i64(text.data, 0, INT64_MAX, &at) && mono_now().us - at >= 0 &&
	       mono_now().us - at < FIREWALL_PROOF_VALID_US;
}
