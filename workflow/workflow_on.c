/*
 * `on:` in its three forms: one event, a list of events, a map of events with options. An event
 * that is only named counts as a map entry without options.
 */
#include <stddef.h>
#include <stdlib.h>

#include "base/json.h"
#include "base/limits.h"
#include "workflow/cron.h"
#include "workflow/parts.h"

#define PUSH(member) offsetof(struct workflow_push, member)
#define PULL(member) offsetof(struct workflow_pull_request, member)
#define INPUT(member) offsetof(struct workflow_input, member)

static void refuse_both(
	struct reader *r, const struct yaml_node *n, const char *only, const char *ignore)
{
	if (yaml_get(n, only) && yaml_get(n, ignore))
		reader_problem(r, n, "both \"%s\" and \"%s\", expected one of them", only, ignore);
}

static void read_push(struct reader *r, const struct yaml_node *n, void *target)
{
	static const struct reader_field fields[] = {
		{ "branches", read_patterns, PUSH(branches.only) },
		{ "branches-ignore", read_patterns, PUSH(branches.ignore) },
		{ "tags", read_patterns, PUSH(tags.only) },
		{ "tags-ignore", read_patterns, PUSH(tags.ignore) },
		{ "paths", read_patterns, PUSH(paths.only) },
		{ "paths-ignore", read_patterns, PUSH(paths.ignore) },
	};
	struct workflow_push *push = target;

	push->given = true;
	if (yaml_is_null(n) || !reader_map(r, n, fields, ARRAY_LEN(fields), push))
		return;
	refuse_both(r, n, "branches", "branches-ignore");
	refuse_both(r, n, "tags", "tags-ignore");
	refuse_both(r, n, "paths", "paths-ignore");
}

static void read_pull_types(struct reader *r, const struct yaml_node *n, void *target)
{
	struct strv *types = target;

	read_strv(r, n, types);
	strv_each (type, types)
		if (!workflow_pull_action(type))
			reader_problem(r, n,
				"\"%.100s\" is not an activity type, expected one of:%s", type,
				WORKFLOW_PULL_ACTIONS);
}

static void read_pull_request(struct reader *r, const struct yaml_node *n, void *target)
{
	static const struct reader_field fields[] = {
		{ "types", read_pull_types, PULL(types) },
		{ "branches", read_patterns, PULL(branches.only) },
		{ "branches-ignore", read_patterns, PULL(branches.ignore) },
		{ "paths", read_patterns, PULL(paths.only) },
		{ "paths-ignore", read_patterns, PULL(paths.ignore) },
	};
	struct workflow_pull_request *pull = target;

	pull->given = true;
	if (yaml_is_null(n) || !reader_map(r, n, fields, ARRAY_LEN(fields), pull))
		return;
	refuse_both(r, n, "branches", "branches-ignore");
	refuse_both(r, n, "paths", "paths-ignore");
}

static void read_cron(struct reader *r, const struct yaml_node *n, void *target)
{
	struct workflow_cron *cron = target;
	struct err e = { 0 };

	cron->line = n->at.line;
	cron->column = n->at.column;
	read_text(r, n, &cron->fields);
	if (cron->fields && cron_check(cron->fields, &e) < 0)
		reader_problem(r, n, "%s", e.text);
}

/* Called with all of `on`, which holds two members of it. */
static void read_schedule(struct reader *r, const struct yaml_node *n, void *target)
{
	static const struct reader_field fields[] = { { "cron", read_cron, 0 } };
	struct workflow_on *on = target;

	if (!reader_kind(r, n, YAML_LIST, "a list of maps with the key cron"))
		return;
	if (n->count == 0)
		reader_problem(r, n, "empty list, expected at least one map with the key cron");
	on->crons = xcalloc(n->count + 1, sizeof(*on->crons));
	for (size_t i = 0; i < n->count; i++) {
		struct workflow_cron *cron = &on->crons[on->n_crons++];
		size_t mark = reader_push_index(r, i);

		if (reader_map(r, n->items[i], fields, ARRAY_LEN(fields), cron) && !cron->line)
			reader_problem(r, n->items[i], "empty, expected the key cron");
		reader_pop(r, mark);
	}
}

static void read_input_type(struct reader *r, const struct yaml_node *n, void *target)
{
	static const char *const names[] = { [INPUT_STRING] = "string",
		[INPUT_BOOLEAN] = "boolean",
		[INPUT_NUMBER] = "number",
		[INPUT_CHOICE] = "choice" };
	const char *text = reader_text(r, n, "string, boolean, number or choice");

	for (size_t i = 0; text && i < ARRAY_LEN(names); i++)
		if (str_eq(text, names[i])) {
			*(enum workflow_input_type *)target = (enum workflow_input_type)i;
			return;
		}
	if (text)
		reader_problem(
			r, n, "\"%.100s\", expected string, boolean, number or choice", text);
}

/* A default may be empty text, unlike other texts. */
static void read_any_text(struct reader *r, const struct yaml_node *n, void *target)
{
	if (yaml_is_null(n))
		return;
	const char *text = reader_text(r, n, "text");
	if (text)
		*(char **)target = xstrdup(text);
}

static void check_input(
	struct reader *r, const struct yaml_node *n, const struct workflow_input *in)
{
	struct err e = { 0 };

	if ((in->type == INPUT_CHOICE) != (in->options.n > 0))
		reader_problem(r, n,
			in->options.n ? "options without type: choice, expected both"
				      : "type choice without options, expected a list");
	else if (in->fallback && *in->fallback && workflow_input_check(in, in->fallback, &e) < 0)
		reader_problem(r, n, "default: %s", e.text);
}

static void read_input(struct reader *r, const struct yaml_node *n, struct workflow_input *in)
{
	static const struct reader_field fields[] = {
		{ "description", read_any_text, INPUT(description) },
		{ "required", read_bool, INPUT(required) },
		{ "default", read_any_text, INPUT(fallback) },
		{ "type", read_input_type, INPUT(type) },
		{ "options", read_strv, INPUT(options) },
		{ "deprecationMessage", NULL, 0, "expected it in the description" },
	};

	if (!is_name(in->name, "-"))
		reader_problem(r, n, "bad name, expected letters, digits, '_' and '-'");
	if (yaml_is_null(n))
		return;
	size_t before = r->n_problems;
	if (reader_map(r, n, fields, ARRAY_LEN(fields), in) && r->n_problems == before)
		check_input(r, n, in);
}

static void read_inputs(struct reader *r, const struct yaml_node *n, void *target)
{
	struct workflow_dispatch *d = target;

	if (yaml_is_null(n) || !reader_kind(r, n, YAML_MAP, "a map of inputs"))
		return;
	d->inputs = xcalloc(n->count + 1, sizeof(*d->inputs));
	for (size_t i = 0; i < n->count; i++) {
		struct workflow_input *in = &d->inputs[d->n_inputs++];
		size_t mark = reader_push(r, n->keys[i]->text);

		in->name = xstrdup(n->keys[i]->text);
		read_input(r, n->items[i], in);
		reader_pop(r, mark);
	}
}

static void read_dispatch(struct reader *r, const struct yaml_node *n, void *target)
{
	static const struct reader_field fields[] = { { "inputs", read_inputs, 0 } };
	struct workflow_dispatch *d = target;

	d->given = true;
	if (!yaml_is_null(n))
		reader_map(r, n, fields, ARRAY_LEN(fields), d);
}

static const struct reader_field events[] = {
	{ "push", read_push, offsetof(struct workflow_on, push) },
	{ "pull_request", read_pull_request, offsetof(struct workflow_on, pull_request) },
	{ "schedule", read_schedule, 0 },
	{ "workflow_dispatch", read_dispatch, offsetof(struct workflow_on, dispatch) },
	/* it would hand a stranger's event the secrets and a token that writes */
	{ "pull_request_target", NULL, 0,
		"expected pull_request: nothing runs with secrets for a pull request that nobody "
		"approved" },
};

/* An event that is only named: as if its options were null. schedule needs its list. */
static void read_event_name(struct reader *r, const struct yaml_node *n, struct workflow_on *on)
{
	static const struct yaml_node nothing = { .kind = YAML_SCALAR, .plain = true, .text = "" };
	const char *text = reader_text(r, n, "the name of an event");

	for (size_t i = 0; text && i < ARRAY_LEN(events); i++)
		if (str_eq(text, events[i].key)) {
			struct yaml_node at = nothing;

			at.at = n->at;
			if (!events[i].fn) {
				reader_problem(
					r, n, "%s is not supported, %s", text, events[i].remedy);
				return;
			}
			events[i].fn(r, &at, (char *)on + events[i].offset);
			return;
		}
	if (text)
		reader_problem(r, n,
			"unknown event \"%.100s\", expected push, pull_request, schedule or "
			"workflow_dispatch",
			text);
}

void read_on(struct reader *r, const struct yaml_node *n, void *target)
{
	struct workflow_on *on = target;

	if (n->kind == YAML_SCALAR) {
		read_event_name(r, n, on);
		return;
	}
	if (n->count == 0)
		reader_problem(r, n, "empty, expected at least one event");
	if (n->kind == YAML_MAP) {
		reader_map(r, n, events, ARRAY_LEN(events), on);
		return;
	}
	for (size_t i = 0; i < n->count; i++) {
		size_t mark = reader_push_index(r, i);

		read_event_name(r, n->items[i], on);
		reader_pop(r, mark);
	}
}

bool workflow_pull_action(const char *name)
{
	CLEAN_STR char *padded = xasprintf(" %s ", name);

	return !strchr(name, ' ') && strstr(WORKFLOW_PULL_ACTIONS " ", padded);
}

bool workflow_pull_wanted(const struct workflow_pull_request *p, const char *action)
{
	static const char *const usual[] = { "opened", "synchronize", "reopened" };

	if (!p->given)
		return false;
	if (p->types.n)
		return strv_contains(&p->types, action);
	for (size_t i = 0; i < ARRAY_LEN(usual); i++)
		if (str_eq(action, usual[i]))
			return true;
	return false;
}

const struct workflow_input *workflow_input_find(const struct workflow *w, const char *name)
{
	for (size_t i = 0; i < w->on.dispatch.n_inputs; i++)
		if (str_eq(w->on.dispatch.inputs[i].name, name))
			return &w->on.dispatch.inputs[i];
	return NULL;
}

static bool is_number(const char *text)
{
	char *end;

	if (strspn(text, "0123456789+-.eE") != strlen(text) || !*text)
		return false;
	strtod(text, &end);
	return *end == '\0';
}

static int bad_choice(const struct workflow_input *in, const char *value, struct err *e)
{
	struct buf known = BUF_INIT(300);

	strv_each (option, &in->options)
		buf_addf(&known, " %s", option);
	err_set(e, ERR_INPUT, "\"%.100s\", expected one of:%s", value, buf_cstr(&known));
	buf_release(&known);
	return -1;
}

const char *workflow_input_value(const struct workflow_input *in, const char *given)
{
	const char *value = given ? given : in->fallback;

	if (str_empty(value) && in->required)
		return NULL;
	if (value)
		return value;
	return in->type == INPUT_BOOLEAN ? "false" : "";
}

int workflow_input_check(const struct workflow_input *in, const char *value, struct err *e)
{
	switch (in->type) {
	case INPUT_BOOLEAN:
		if (!str_eq(value, "true") && !str_eq(value, "false"))
			return err_set(e, ERR_INPUT, "\"%.100s\", expected true or false", value);
		return 0;
	case INPUT_NUMBER:
		if (!is_number(value))
			return err_set(e, ERR_INPUT, "\"%.100s\", expected a number", value);
		return 0;
	case INPUT_CHOICE:
		return strv_contains(&in->options, value) ? 0 : bad_choice(in, value, e);
	default:
		return 0;
	}
}

/* A dispatch form gives texts; in `inputs` they are what the workflow declared. */
static void write_input(struct json_writer *w, const struct workflow_input *in, const char *value)
{
	switch (in->type) {
	case INPUT_BOOLEAN:
		json_bool(w, str_eq(value, "true"));
		return;
	case INPUT_NUMBER: /* nothing counts as 0 */
		json_double(w, strtod(value, NULL));
		return;
	case INPUT_STRING:
	case INPUT_CHOICE:
		json_str(w, value);
		return;
	}
}

char *workflow_inputs_json(const struct workflow *w, const struct pairs *values, struct err *e)
{
	CLEAN_BUF struct buf out = BUF_INIT(LIMIT_CLAIM_BYTES);
	struct json_writer json;

	json_writer_init(&json, &out, false);
	json_begin_object(&json);
	for (size_t i = 0; i < w->on.dispatch.n_inputs; i++) {
		const struct workflow_input *in = &w->on.dispatch.inputs[i];
		const char *value = pairs_get(values, in->name);

		if (!value)
			continue;
		json_key(&json, in->name);
		write_input(&json, in, value);
	}
	json_end_object(&json);
	if (json_writer_finish(&json, e) < 0) {
		err_wrap(e, "inputs");
		return NULL;
	}
	return buf_take(&out);
}

static void input_release(struct workflow_input *in)
{
	free(in->name);
	free(in->description);
	free(in->fallback);
	strv_release(&in->options);
}

void on_release(struct workflow_on *on)
{
	filter_release(&on->push.branches);
	filter_release(&on->push.tags);
	filter_release(&on->push.paths);
	filter_release(&on->pull_request.branches);
	filter_release(&on->pull_request.paths);
	strv_release(&on->pull_request.types);
	for (size_t i = 0; i < on->dispatch.n_inputs; i++)
		input_release(&on->dispatch.inputs[i]);
	free(on->dispatch.inputs);
	for (size_t i = 0; i < on->n_crons; i++)
		free(on->crons[i].fields);
	free(on->crons);
}
