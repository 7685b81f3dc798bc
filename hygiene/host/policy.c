/*
 * [hygiene] of the configuration, or a policy that a report printed, as one struct.
 */
#include "hygiene/host/policy.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <strings.h>

#include "base/limits.h"
#include "base/utf8.h"
#include "config/hygiene_check.h"

static const char *const action_names[] = {
	[HYGIENE_PRUNE_DOCKER_CACHE] = "prune_docker_cache",
	[HYGIENE_BOUND_DOCKER_CACHE] = "bound_docker_cache",
	[HYGIENE_PRUNE_DANGLING_IMAGES] = "prune_dangling_images",
	[HYGIENE_REMOVE_STATE_VOLUMES] = "remove_buildkit_state_volumes",
	[HYGIENE_PRUNE_WORKDIR] = "prune_runner_workdir",
	[HYGIENE_RESTART_SERVICE] = "restart_runner_service",
};

const char *hygiene_action_name(enum hygiene_action a)
{
	return a < HYGIENE_ACTIONS ? action_names[a] : "unknown";
}

static struct slice trimmed(const char *s)
{
	size_t n;

	s += strspn(s, " \t");
	for (n = strlen(s); n && strchr(" \t", s[n - 1]);)
		n--;
	return (struct slice){ s, n };
}

bool hygiene_same(const char *a, const char *b)
{
	struct slice x = trimmed(a ? a : ""), y = trimmed(b ? b : "");

	return x.len == y.len && strncasecmp(x.ptr, y.ptr, x.len) == 0;
}

bool hygiene_listed(const struct strv *list, const char *name)
{
	strv_each (item, list)
		if (hygiene_same(item, name))
			return true;
	return false;
}

enum hygiene_action hygiene_action_parse(const char *name)
{
	size_t i = 0;

	while (i < HYGIENE_ACTIONS && !hygiene_same(action_names[i], name))
		i++;
	return (enum hygiene_action)i;
}

bool hygiene_policy_enables(const struct hygiene_policy *p, enum hygiene_action a)
{
	return a < HYGIENE_PRUNE_WORKDIR && hygiene_listed(&p->actions, action_names[a]);
}

static void copy_list(struct strv *to, const struct strv *from)
{
	strv_each (item, from)
		strv_add(to, item);
}

int hygiene_policy_of(struct hygiene_policy *p, const struct runner_config *c, struct err *e)
{
	char host[256] = "";

	*p = (struct hygiene_policy){ 0 };
	if (gethostname(host, sizeof(host) - 1) < 0 || !*host || !utf8_valid(host, strlen(host)))
		return err_set_errno(e, errno ? errno : EINVAL, "the name of this host");
	p->approved_host = xstrdup(host);
	copy_list(&p->warm_builders, &c->hygiene.warm_builders);
	copy_list(&p->state_volumes, &c->hygiene.state_volumes);
	copy_list(&p->actions, &c->hygiene.actions);
	p->minimum_free = (int64_t)c->hygiene.minimum_free;
	p->maximum_reclaimable =
		c->hygiene.maximum_reclaimable ? (int64_t)c->hygiene.maximum_reclaimable : -1;
	p->maximum_workdir = c->hygiene.maximum_workdir ? (int64_t)c->hygiene.maximum_workdir : -1;
	p->allow_orphan_buildkit = c->hygiene.allow_orphan_buildkit;
	p->cache_age_us = c->hygiene.cache_age_us;
	p->cache_keep = (int64_t)c->hygiene.cache_keep;
	return 0;
}

/* ---- JSON ---- */

#define AT(member) offsetof(struct hygiene_policy, member)

static int take_age(const struct json_value *v, void *target, struct err *e)
{
	int64_t us;

	if (v->type != JSON_STRING || duration_parse(v->string, &us, e) < 0 ||
		us < 168 * 3600 * USEC_PER_SEC)
		return err_set(e, ERR_INPUT, "expected a duration of 168h or more");
	*(int64_t *)target = us;
	return 0;
}

static const struct json_field fields[] = {
	{ "approved_host", JSON_TO_STRING, AT(approved_host), JSON_REQUIRED, 1, 255 },
	{ "required_warm_builders", JSON_TO_STRV, AT(warm_builders), 0, 0, 64 },
	{ "state_volumes", JSON_TO_STRV, AT(state_volumes), 0, 0, 64 },
	{ "actions", JSON_TO_STRV, AT(actions), 0, 0, 8 },
	{ "minimum_free_disk_bytes", JSON_TO_INT, AT(minimum_free), JSON_NOT_NULL, 0, INT64_MAX },
	{ "maximum_docker_reclaimable_bytes", JSON_TO_INT, AT(maximum_reclaimable), 0, 0,
		INT64_MAX },
	{ "maximum_runner_workdir_bytes", JSON_TO_INT, AT(maximum_workdir), 0, 0, INT64_MAX },
	{ "allow_orphan_buildkit", JSON_TO_BOOL, AT(allow_orphan_buildkit), JSON_NOT_NULL },
	{ "cache_age", JSON_TO_CUSTOM, AT(cache_age_us), JSON_NOT_NULL, .fn = take_age },
	{ "cache_keep_bytes", JSON_TO_INT, AT(cache_keep), JSON_NOT_NULL, GIB(8), INT64_MAX },
};

static int check_list(
	const struct strv *list, const char *key, const char *(*check)(char **), struct err *e)
{
	for (size_t i = 0; i < list->n; i++) {
		const char *wrong = check(&list->v[i]);

		if (wrong)
			return err_set(e, ERR_INPUT, "%s[%zu]: %s", key, i, wrong);
	}
	return 0;
}

int hygiene_policy_read(struct hygiene_policy *p, const struct json_value *v, struct err *e)
{
	*p = (struct hygiene_policy){ .maximum_reclaimable = -1,
		.maximum_workdir = -1,
		.cache_age_us = 168 * 3600 * USEC_PER_SEC,
		.cache_keep = (int64_t)GIB(8) };
	if (json_decode(v, fields, ARRAY_LEN(fields), p, JSON_STRICT, e) < 0 ||
		check_list(&p->warm_builders, "required_warm_builders", check_builder, e) < 0 ||
		check_list(&p->state_volumes, "state_volumes", check_state_volume, e) < 0 ||
		check_list(&p->actions, "actions", check_hygiene_action, e) < 0)
		return err_wrap(e, "policy");
	return 0;
}

static void write_limit(struct json_writer *w, const char *key, int64_t v)
{
	json_key(w, key);
	if (v < 0)
		json_null(w);
	else
		json_int(w, v);
}

void hygiene_policy_write(const struct hygiene_policy *p, struct json_writer *w)
{
	char age[DURATION_TEXT_MAX];

	json_begin_object(w);
	json_kv_str(w, "approved_host", p->approved_host);
	json_kv_strv(w, "required_warm_builders", &p->warm_builders);
	json_kv_strv(w, "state_volumes", &p->state_volumes);
	json_kv_strv(w, "actions", &p->actions);
	json_kv_int(w, "minimum_free_disk_bytes", p->minimum_free);
	write_limit(w, "maximum_docker_reclaimable_bytes", p->maximum_reclaimable);
	write_limit(w, "maximum_runner_workdir_bytes", p->maximum_workdir);
	json_kv_bool(w, "allow_orphan_buildkit", p->allow_orphan_buildkit);
	json_kv_str(w, "cache_age", duration_format(p->cache_age_us, age));
	json_kv_int(w, "cache_keep_bytes", p->cache_keep);
	json_end_object(w);
}

void hygiene_policy_release(struct hygiene_policy *p)
{
	free(p->approved_host);
	strv_release(&p->warm_builders);
	strv_release(&p->state_volumes);
	strv_release(&p->actions);
	*p = (struct hygiene_policy){ 0 };
}
