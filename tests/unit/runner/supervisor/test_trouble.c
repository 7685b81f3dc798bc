/* Who is told that a runner is in trouble, and what: a coordinator that does not know the call is
 * not told again during this trouble, and a text of any bytes arrives as a text. */
#include "runner/supervisor/trouble.h"

#include <stdio.h>

#include "tests/unit/help/http_env.h"

static const struct trouble disk = { .kind = "disk", .text = "full" };
static const struct trouble engine = { .kind = "engine", .text = "silent" };

/* The sender's path goes behind this one's question mark. */
static struct trouble_sender *sender_to(struct env *v, const char *path)
{
	CLEAN_STR char *url = http_env_url(v, path);
	struct trouble_sender *t = trouble_sender_new(v->loop, v->http);

	trouble_sender_set_self(t, url, "token");
	return t;
}

/* Runs the loop until that many requests came and were answered; false: ten seconds passed. */
static bool come(struct env *v, int n)
{
	struct mono end = mono_add(mono_now(), 10 * USEC_PER_SEC);
	const bool never = false;
	struct err e = { 0 };

	while ((http_server_requests(v->tcp) < n || v->http->exchanges) && mono_now().us < end.us) {
		struct mono soon = mono_add(mono_now(), 20 * USEC_PER_MSEC);

		assert_int_equal(loop_wait(v->loop, &never, soon, &e), -1);
		err_clear(&e);
	}
	return http_server_requests(v->tcp) == n;
}

static void an_unknown_call_is_tried_again_at_the_next_trouble(void **state)
{
	struct env *v = *state;
	struct trouble_sender *t = sender_to(v, "/404?");

	trouble_report(t, &disk);
	assert_true(come(v, 1));
	trouble_report(t, &engine); /* no news for one that does not know the call */
	trouble_over(t);
	trouble_report(t, &disk);
	assert_true(come(v, 2));
	trouble_sender_free(t);
}

static void a_refused_report_does_not_end_them(void **state)
{
	struct env *v = *state;
	struct trouble_sender *t = sender_to(v, "/400?");

	trouble_report(t, &disk);
	assert_true(come(v, 1));
	trouble_report(t, &engine);
	assert_true(come(v, 2));
	trouble_sender_free(t);
}

static void bytes_that_are_no_text_arrive_as_one(void **state)
{
	struct env *v = *state;
	struct trouble_sender *t = sender_to(v, "/ok?");
	struct trouble odd = { .kind = "disk", .text = "/srv/\xff\xc3\xa9 is full" };

	trouble_report(t, &odd);
	assert_true(come(v, 1));
	CLEAN_STR char *request = http_server_last(v->tcp);
	assert_non_null(strstr(request, "\"/srv/?\xc3\xa9 is full\""));
	trouble_sender_free(t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		HTTP_TEST(an_unknown_call_is_tried_again_at_the_next_trouble),
		HTTP_TEST(a_refused_report_does_not_end_them),
		HTTP_TEST(bytes_that_are_no_text_arrive_as_one),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
