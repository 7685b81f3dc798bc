/* Leases, the leader and the words between serves, on a PostgreSQL database. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "coordinator/instance/instance.h"
#include "coordinator/queue/claim.h"
#include "coordinator/sql/sql.h"
#include "coordinator/instance/lease.h"
#include "tests/unit/help/postgres_help.h"

#define HOUR (3600 * USEC_PER_SEC)
#define must_err(call)                                     \
	do {                                               \
		if ((call) != 0)                           \
			fail_msg("%s: %s", #call, e.text); \
	} while (0)

struct serves {
	char *place;
	struct store *a, *b;
	int64_t id_a, id_b;
};

static struct store *open_one(const char *place)
{
	struct err e = { 0 };
	struct store *s = store_open(place, &e);

	if (!s)
		fail_msg("%s", e.text);
	return s;
}

static void serves_open(struct serves *p)
{
	struct err e = { 0 };

	p->place = postgres_place_make();
	p->a = open_one(p->place);
	p->b = open_one(p->place);
	must_err(store_instance_add(p->a, "a", "1", HOUR, wall_now(), &p->id_a, &e));
	must_err(store_instance_add(p->b, "b", "1", HOUR, wall_now(), &p->id_b, &e));
}

static void serves_close(struct serves *p)
{
	store_free(p->a);
	store_free(p->b);
	postgres_place_drop(p->place);
	free(p->place);
}

static void set_until(struct store *s, const char *sql, int64_t id)
{
	struct err e = { 0 };

	must_err(sql_run(s, &e, sql, "i", id));
	assert_int_equal(1, sql_changes(s));
}

static void lease_end(struct store *s, int64_t id)
{
	set_until(s, "UPDATE instances SET until = 0 WHERE id = ?", id);
}

static void a_lease_that_is_over_is_never_renewed(void **state UNUSED)
{
	struct serves p = { 0 };
	struct err e = { 0 };
	CLEANUP(instance_list_release) struct instance_list l = { 0 };

	serves_open(&p);
	assert_int_equal(1, store_instance_renew(p.a, p.id_a, HOUR, &e));
	must_err(store_instance_check(p.a, &e));
	lease_end(p.b, p.id_a);
	assert_int_equal(0, store_instance_renew(p.a, p.id_a, HOUR, &e));
	assert_int_equal(-1, store_instance_check(p.a, &e));
	assert_int_equal(ERR_TIMEOUT, e.class);
	err_clear(&e);
	assert_int_equal(-1, store_claim_made(p.a, 1, "jti", &e));
	err_clear(&e);
	must_err(store_instance_list(p.b, &l, &e));
	assert_int_equal(2, l.n);
	assert_false(l.v[0].live);
	assert_true(l.v[1].live);
	must_err(store_instances_prune(p.b, HOUR, &e));
	instance_list_release(&l);
	must_err(store_instance_list(p.b, &l, &e));
	assert_int_equal(1, l.n);
	serves_close(&p);
}

/* Whoever holds the write lock for long must not end the leases of everybody. */
static void a_lease_is_renewed_under_anothers_lock(void **state UNUSED)
{
	struct serves p = { 0 };
	struct err e = { 0 };
	struct store_tx tx = { 0 };

	serves_open(&p);
	must_err(store_begin(p.b, &tx, &e));
	store_patience(p.a, 0);
	assert_int_equal(1, store_instance_renew(p.a, p.id_a, HOUR, &e));
	assert_int_equal(1, store_instance_lead(p.a, p.id_a, HOUR, &e));
	store_rollback(&tx);
	serves_close(&p);
}

static void one_leads(void **state UNUSED)
{
	struct serves p = { 0 };
	struct err e = { 0 };

	serves_open(&p);
	assert_int_equal(1, store_instance_lead(p.a, p.id_a, HOUR, &e));
	assert_int_equal(1, store_instance_lead(p.a, p.id_a, HOUR, &e));
	assert_int_equal(0, store_instance_lead(p.b, p.id_b, HOUR, &e));
	/* its time is over, though it lives */
	set_until(p.a, "UPDATE leader SET until = 0 WHERE instance = ?", p.id_a);
	assert_int_equal(1, store_instance_lead(p.b, p.id_b, HOUR, &e));
	assert_int_equal(0, store_instance_lead(p.a, p.id_a, HOUR, &e));
	/* one that is gone leads no more, and never again */
	lease_end(p.a, p.id_b);
	assert_int_equal(1, store_instance_lead(p.a, p.id_a, HOUR, &e));
	must_err(store_instance_end(p.a, p.id_a, &e));
	assert_int_equal(0, store_instance_lead(p.b, p.id_b, HOUR, &e));
	serves_close(&p);
}

/* ---- with a loop ---- */

struct heard {
	struct loop *loop;
	struct store *store;
	struct instance *instance;
	char word[STORE_WORD_MAX];
	int words, missed, anew;
	bool met;
};

static void on_word(void *data, const char *word)
{
	struct heard *h = data;

	h->words += word != NULL;
	h->missed += word == NULL;
	if (word)
		snprintf(h->word, sizeof(h->word), "%s", word);
	h->met = true;
}

static void on_anew(void *data)
{
	struct heard *h = data;

	h->anew++;
	h->met = true;
}

static void begin(struct heard *h, struct serves *p, int64_t lease_us)
{
	struct err e = { 0 };

	*h = (struct heard){ .loop = loop_new(&e), .store = p->a };
	h->instance = instance_start(&(struct instance_config){ .store = p->a,
					     .loop = h->loop,
					     .place = p->place,
					     .version = "1",
					     .lease_us = lease_us,
					     .heard = on_word,
					     .anew = on_anew,
					     .data = h },
		&e);
	if (!h->instance)
		fail_msg("%s", e.text);
}

static void await(struct heard *h)
{
	struct err e = { 0 };

	h->met = false;
	must_err(loop_wait(h->loop, &h->met, mono_add(mono_now(), 20 * USEC_PER_SEC), &e));
}

static void end(struct heard *h)
{
	instance_stop(h->instance);
	loop_free(h->loop);
}

static void a_word_comes_when_what_was_before_it_is_committed(void **state UNUSED)
{
	struct serves p = { 0 };
	struct heard h;
	struct err e = { 0 };
	CLEAN_TX struct store_tx tx = { 0 };

	serves_open(&p);
	begin(&h, &p, HOUR);
	await(&h); /* it listens: what was said before may be missed */
	assert_int_equal(1, h.missed);
	must_err(store_begin(p.b, &tx, &e));
	must_err(store_tell(p.b, "later", &e));
	must_err(store_tell(p.a, "of my own", &e)); /* which comes first, and is not heard */
	store_rollback(&tx);
	must_err(store_tell(p.b, "wake", &e));
	await(&h);
	assert_string_equal("wake", h.word);
	assert_int_equal(1, h.words);
	end(&h);
	serves_close(&p);
}

static void connections_cut(struct serves *p)
{
	struct err e = { 0 };
	int64_t n = 0;

	assert_int_equal(1, sql_int(p->b, &n, &e,
				    "SELECT count(pg_terminate_backend(pid, 10000)) FROM"
				    " pg_stat_activity WHERE query = 'LISTEN \"shithubd_' ||"
				    " hashtextextended('shithubd ' || current_schema(), 0) || '\"'",
				    ""));
	assert_int_equal(1, n);
}

static void a_lost_connection_is_made_anew(void **state UNUSED)
{
	struct serves p = { 0 };
	struct heard h;
	struct err e = { 0 };

	serves_open(&p);
	begin(&h, &p, HOUR);
	await(&h);
	connections_cut(&p);
	await(&h);
	assert_int_equal(2, h.missed);
	must_err(store_tell(p.b, "wake", &e));
	await(&h);
	assert_int_equal(1, h.words);
	end(&h);
	serves_close(&p);
}

/* Another schema of the same database. */
static void a_word_stays_in_its_schema(void **state UNUSED)
{
	struct serves p = { 0 }, q = { 0 };
	struct heard h;
	struct err e = { 0 };

	serves_open(&p);
	serves_open(&q);
	begin(&h, &p, HOUR);
	await(&h);
	must_err(store_tell(q.b, "there", &e));
	must_err(store_tell(p.b, "here", &e));
	await(&h);
	assert_string_equal("here", h.word);
	assert_int_equal(1, h.words);
	end(&h);
	serves_close(&q);
	serves_close(&p);
}

static void who_was_gone_comes_back_as_another(void **state UNUSED)
{
	struct serves p = { 0 };
	struct heard h;

	serves_open(&p);
	begin(&h, &p, 3 * USEC_PER_SEC);
	int64_t was = instance_id(h.instance);
	assert_true(instance_leads(h.instance));
	lease_end(p.b, was);
	while (!h.anew)
		await(&h);
	assert_true(instance_id(h.instance) > was);
	assert_int_equal(instance_id(h.instance), p.a->instance);
	end(&h);
	serves_close(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_lease_that_is_over_is_never_renewed),
		cmocka_unit_test(a_lease_is_renewed_under_anothers_lock),
		cmocka_unit_test(one_leads),
		cmocka_unit_test(a_word_comes_when_what_was_before_it_is_committed),
		cmocka_unit_test(a_lost_connection_is_made_anew),
		cmocka_unit_test(a_word_stays_in_its_schema),
		cmocka_unit_test(who_was_gone_comes_back_as_another),
	};

	return cmocka_run_group_tests_name("instance", tests, NULL, NULL);
}
