/*
 * The lease is renewed ten times before it would end, the leader's ends in a third of it: a leader
 * that dies is followed soon, while what others hold is not taken from them for a short absence.
 *
 * What says whether this serve leads is a time of its own clock, read before the database was
 * asked, so it never believes so for longer than the database does, but while it is stopped.
 */
#include "coordinator/instance/instance.h"

#include <stdatomic.h>
#include <unistd.h>

#include "base/log.h"
#include "base/utf8.h"
#include "coordinator/instance/listener.h"
#include "coordinator/sql/place.h"
#include "coordinator/instance/lease.h"

#define HOST_MAX 256

struct instance {
	struct instance_config config;
	char *place, *name;
	atomic_int_fast64_t id, leads_until_us; /* of the monotonic clock */
	bool led;
	struct loop_source *tick;
	struct listener *listener;
};

int64_t instance_id(const struct instance *i)
{
	return i ? atomic_load(&i->id) : 0;
}

bool instance_leads(const struct instance *i)
{
	return !i || mono_now().us < atomic_load(&i->leads_until_us);
}

bool instance_is_alone(const struct instance *i)
{
	return !i->listener;
}

static int64_t tick_us(const struct instance *i)
{
	return i->config.lease_us / 10;
}

static int64_t lead_us(const struct instance *i)
{
	return i->config.lease_us / 3;
}

/* ---- the lease ---- */

static int instance_register(struct instance *i, struct err *e)
{
	int64_t id = 0;

	if (store_instance_add(i->config.store, i->name, i->config.version, i->config.lease_us,
		    wall_now(), &id, e) < 0)
		return -1;
	atomic_store(&i->id, id);
	return 0;
}

/* 0: what it was is over, so it is another one now. */
static int lease_renew(struct instance *i, struct err *e)
{
	int64_t was = instance_id(i);
	int rc = store_instance_renew(i->config.store, was, i->config.lease_us, e);

	if (rc != 0)
		return rc < 0 ? -1 : 0;
	atomic_store(&i->leads_until_us, 0);
	if (instance_register(i, e) < 0)
		return -1;
	log_warn("serve", "lease_was_over", F_INT("instance", was),
		F_INT("new_instance", instance_id(i)),
		F_STR("effect", "what it had in hand may have been given to others"));
	i->config.anew(i->config.data);
	return 0;
}

static int lead_try(struct instance *i, struct err *e)
{
	struct mono asked = mono_now();
	int rc = store_instance_lead(i->config.store, instance_id(i), lead_us(i), e);

	if (rc < 0)
		return -1;
	atomic_store(&i->leads_until_us, rc > 0 ? mono_add(asked, lead_us(i)).us : 0);
	return 0;
}

/* Not at the start, which may yet fail and then says that alone. */
static void lead_tell(struct instance *i)
{
	bool leads = instance_leads(i);

	if (i->led != leads)
		log_info("serve", leads ? "leads" : "leads_no_more",
			F_INT("instance", instance_id(i)));
	i->led = leads;
}

static void on_tick(struct loop_source *s, void *data)
{
	struct instance *i = data;
	struct err e = { 0 };

	if (lease_renew(i, &e) < 0 || lead_try(i, &e) < 0)
		log_warn(
			"serve", "lease_not_renewed", F_INT("instance", instance_id(i)), F_ERR(&e));
	lead_tell(i);
	loop_timer_set(s, mono_add(mono_now(), tick_us(i)));
}

/* ---- words ---- */

/* "ID WORD": our own come back to us, too. */
static void on_word(void *data, const char *word)
{
	struct instance *i = data;
	char *end = NULL;

	if (word && (strtoll(word, &end, 10) == instance_id(i) || *end != ' '))
		return;
	i->config.heard(i->config.data, word ? end + 1 : NULL);
}

/* ---- life ---- */

static char *name_make(void)
{
	char host[HOST_MAX] = "";

	if (gethostname(host, sizeof(host) - 1) < 0 || !utf8_valid(host, strlen(host)))
		host[0] = '\0';
	return xasprintf("%s:%ld", host, (long)getpid());
}

static void instance_free(struct instance *i)
{
	loop_source_unref(&i->tick);
	free(i->place);
	free(i->name);
	free(i);
}

struct instance *instance_start(const struct instance_config *c, struct err *e)
{
	struct instance *i = xcalloc(1, sizeof(*i));

	i->config = *c;
	i->place = xstrdup(c->place);
	i->name = name_make();
	if (instance_register(i, e) < 0 || lead_try(i, e) < 0)
		goto failed;
	if (!store_place_is_file(i->place)) {
		i->listener = listener_start(i->place, c->loop, on_word, i, e);
		if (!i->listener)
			goto failed;
		i->tick = loop_timer(c->loop, mono_add(mono_now(), tick_us(i)), on_tick, i);
	} else {
		atomic_store(&i->leads_until_us, INT64_MAX);
	}
	return i;
failed:
	instance_free(i);
	return NULL;
}

void instance_stop(struct instance *i)
{
	struct err e = { 0 };

	if (!i)
		return;
	listener_stop(i->listener);
	if (store_instance_end(i->config.store, instance_id(i), &e) < 0)
		log_warn("serve", "instance_not_ended", F_ERR(&e),
			F_STR("effect", "others take over when its lease is over"));
	store_act_as(i->config.store, 0);
	instance_free(i);
}
