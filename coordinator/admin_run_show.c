#include "coordinator/admin_run_show.h"

#include <stdio.h>

#include "base/limits.h"

int run_view_json(const struct run_view *v)
{
	CLEAN_BUF struct buf out = BUF_INIT(MIB(64));
	struct json_writer w;

	json_writer_init(&w, &out, true);
	run_view_write(&w, v);
	return admin_print_json(&w, &out);
}

/* ---- text ---- */

/* Names come out of workflow files: nothing in them may steer the terminal. */
static void print_clean(const char *s, size_t n)
{
	for (size_t i = 0; i < n; i++)
		putchar((unsigned char)s[i] < 0x20 || s[i] == 0x7f ? '?' : s[i]);
}

static void print_state(struct state s)
{
	const char *conclusion = conclusion_text(s.conclusion);

	printf("%s%s%s", status_text(s.status), conclusion ? "/" : "",
		conclusion ? conclusion : "");
}

static void print_span(struct wall from, struct wall to)
{
	if (from.us && to.us)
		printf("  %.3f s", (double)(to.us - from.us) / (double)USEC_PER_SEC);
}

void run_print_line(const struct run_row *r)
{
	char created[WALL_TEXT_MAX];

	printf("%lld\t#%lld\t", (long long)r->id, (long long)r->run_index);
	print_state(r->state);
	printf("\t%s\t%s\t%.10s\t%s\t%s\n", r->event, r->head_ref, r->head_sha, r->workflow_file,
		wall_format(r->created_at, created));
}

/* First line of the script stands in for a missing name. */
static void print_step_name(const struct step_row *s)
{
	const char *text = s->name ? s->name : s->uses ? s->uses : s->run ? s->run : "";

	print_clean(text, strcspn(text, "\r\n"));
}

static void print_job(const struct run_view *v, size_t i)
{
	const struct job_row *j = &v->jobs.v[i];

	printf("job %lld ", (long long)j->id);
	print_clean(j->name, strlen(j->name));
	printf("  ");
	print_state(j->state);
	print_span(j->started_at, j->completed_at);
	if (v->runners[i])
		printf("  on %s", v->runners[i]);
	printf("\n");
	if (j->state.status == STATUS_QUEUED && j->ready) {
		printf("  Waiting for runner with labels:");
		strv_each (label, &j->runs_on)
			printf("%s %s", label_i ? "," : "", label);
		printf("\n");
	}
	for (size_t k = 0; k < v->steps[i].n; k++) {
		const struct step_row *s = &v->steps[i].v[k];
		printf("  step %lld ", (long long)s->index);
		print_step_name(s);
		printf("  ");
		print_state(s->state);
		print_span(s->started_at, s->completed_at);
		printf("  %lld bytes of log\n", (long long)s->log_bytes);
	}
}

int run_view_text(const struct run_view *v)
{
	const struct run_row *r = &v->run;

	printf("run %lld (#%lld of %s)  ", (long long)r->id, (long long)r->run_index, v->repo);
	print_state(r->state);
	print_span(r->started_at, r->completed_at);
	printf("\nworkflow ");
	print_clean(r->workflow_name, strlen(r->workflow_name));
	printf(" (%s)\n", r->workflow_file);
	printf("Triggered via %s on %s at %s", r->event, r->head_ref, r->head_sha);
	printf("%s%s\n", r->actor ? " by " : "", r->actor ? r->actor : "");
	if (r->problems)
		printf("problems of the workflow file:\n%s", r->problems);
	for (size_t i = 0; i < v->jobs.n; i++)
		print_job(v, i);
	return EXIT_OK;
}
