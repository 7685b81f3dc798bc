/*
 * Asks the coordinator one harmless question (GET /runners/self) and reads its answer and the
 * runner's. A heartbeat would tell more, but it could be answered with a job.
 */
#include "hygiene/doctor/inspect.h"

#include <curl/curl.h>
#include <inttypes.h>

#include "base/limits.h"

#define ASK_US (15 * USEC_PER_SEC)
enum { CERTIFICATE_S = 15 };

/* ---- reading ---- */

static char *copy_of(const struct json_value *v, const char *key)
{
	return xstrdup(json_get_string(v, key));
}

/* Seconds between two of its own times; ours play no part. */
static int64_t age_of(const struct json_value *v, const char *then)
{
	const char *a = json_get_string(v, then), *b = json_get_string(v, "now");
	struct wall from, to;
	struct err none = { 0 };

	if (!a || !b || wall_parse(a, &from, &none) < 0 || wall_parse(b, &to, &none) < 0)
		return 0;
	return to.us - from.us;
}

static void read_queue(const struct json_value *v, struct server_facts *ret)
{
	const struct json_value *list = json_get(v, "queued_matching");

	ret->queued = json_get_int(v, "queued_matching_total", 0);
	ret->oldest_us = age_of(v, "oldest_matching_at");
	ret->free_us = age_of(v, "freed_at");
	if (list && list->type == JSON_ARRAY && list->count)
		ret->oldest_job = json_get_int(list->items[0], "job_id", 0);
}

void doctor_read_self(const char *text, size_t n, struct server_facts *ret)
{
	struct err none = { 0 };
	CLEAN_JSON struct json_doc *doc = json_parse(text, n, NULL, &none);
	const struct json_value *v = doc ? json_root(doc) : NULL, *labels = json_get(v, "labels");

	ret->id = json_get_int(v, "id", 0);
	ret->self = ret->id > 0;
	if (!ret->self)
		return;
	ret->name = copy_of(v, "name");
	ret->capacity = json_get_int(v, "capacity", 0);
	ret->active = json_get_int(v, "active_jobs", 0);
	ret->online = json_get_bool(v, "online", str_eq(json_get_string(v, "status"), "online"));
	ret->draining = json_get_bool(v, "draining", false);
	ret->revoked = json_get_bool(v, "revoked", false);
	if (labels && labels->type == JSON_ARRAY)
		json_array_each (label, labels)
			if (label->type == JSON_STRING)
				strv_add(&ret->labels, label->string);
	read_queue(v, ret);
}

void doctor_read_runner(const struct json_value *v, struct runner_facts *ret)
{
	const struct json_value *beat = json_get(v, "heartbeat"),
				*age = json_get(beat, "age_seconds");

	inspection_done(&ret->inspection);
	ret->state = copy_of(v, "state");
	ret->broken = copy_of(json_get(v, "platform"), "error");
	ret->heartbeat_result = copy_of(beat, "result");
	ret->heartbeat_error = copy_of(beat, "error");
	ret->failures = json_get_int(beat, "failures", 0);
	ret->engine = copy_of(json_get(v, "engine"), "state");
	ret->disk = copy_of(json_get(v, "disk"), "root");
	ret->disk_percent = json_get_int(json_get(v, "disk"), "percent", 0);
	ret->platform = copy_of(json_get(v, "platform"), "error");
	ret->has_heartbeat =
		age && age->type == JSON_NUMBER && age->number >= 0 && age->number < 1e9;
	if (ret->has_heartbeat)
		ret->heartbeat_age_us = (int64_t)(age->number * 1e6);
}

/* ---- asking ---- */

/* A Date has whole seconds, cut: the server's clock stood anywhere in that second, at any time
 * between our request and its answer. Only what lies outside all that is surely a skew. */
static void read_clock(const struct http_result *x, struct wall before, struct wall after,
	struct server_facts *ret)
{
	const char *text = http_header(x, "date");
	time_t date = text ? curl_getdate(text, NULL) : -1;
	int64_t low, high;

	ret->dated = date >= 0;
	if (!ret->dated)
		return;
	low = (int64_t)date * USEC_PER_SEC;
	high = low + USEC_PER_SEC;
	if (low > after.us)
		ret->skew_us = low - after.us;
	else if (high < before.us)
		ret->skew_us = high - before.us;
}

static bool is_page(const char *content_type)
{
	return content_type && str_starts(content_type, "text/html");
}

static void read_answer(const struct http_result *x, struct server_facts *ret)
{
	struct err why = { 0 };

	if (x->outcome != HTTP_DONE) {
		(void)http_result_error(x, &why);
		inspection_failed(&ret->inspection, why.text);
		return;
	}
	inspection_done(&ret->inspection);
	ret->status = x->status;
	ret->rtt_us = x->total_us;
	if (x->status == 200) {
		doctor_read_self(buf_cstr(&x->body), x->body.len, ret);
	} else {
		(void)http_result_error(x, &why);
		ret->words = xstrdup(why.text);
		ret->page = is_page(http_header(x, "content-type"));
	}
}

static void ask_coordinator(const struct runner_config *c, struct http *h, struct server_facts *ret)
{
	CLEAN_STR char *url = xasprintf("%s/api/v1/runners/self", c->server.base_url);
	struct http_request q = {
		.method = "GET", .url = url, .bearer = c->runner.token, .timeout_us = ASK_US
	};
	struct wall before = wall_now();
	struct err e = { 0 };
	CLEAN_EXCHANGE struct http_exchange *x = http_start(h, &q, NULL, NULL, &e);

	if (!x) {
		inspection_failed(&ret->inspection, e.text);
		return;
	}
	read_answer(http_wait(x), ret);
	if (ret->inspection.state == INSPECTION_DONE)
		read_clock(http_result(x), before, wall_now(), ret);
}

/* ---- certificates ---- */

/* "Expire date:2026-11-20 10:00:00 GMT" of each certificate; libcurl with another TLS library may
 * have another form, which curl_getdate refuses or takes. */
static void read_certificates(const struct curl_certinfo *info, struct server_facts *ret)
{
	static const char lead[] = "Expire date:";
	int64_t now = wall_now().us, first = INT64_MAX;

	for (int i = 0; info && i < info->num_of_certs; i++)
		for (const struct curl_slist *s = info->certinfo[i]; s; s = s->next) {
			time_t end = str_starts(s->data, lead)
					     ? curl_getdate(s->data + sizeof(lead) - 1, NULL)
					     : -1;

			if (end >= 0 && (int64_t)end * USEC_PER_SEC < first)
				first = (int64_t)end * USEC_PER_SEC;
		}
	if (first == INT64_MAX) {
		inspection_failed(&ret->certificates, "the TLS library does not report it");
		return;
	}
	inspection_done(&ret->certificates);
	ret->certificate_left_us = first - now;
}

/* The runner's own client does not keep certificates, so one more handshake looks at them. */
static void inspect_certificates(const struct runner_config *c, struct server_facts *ret)
{
	CURL *curl = curl_easy_init();
	struct curl_certinfo *info = NULL;
	int rc;

	if (!curl) {
		inspection_failed(&ret->certificates, "libcurl could not be started");
		return;
	}
	curl_easy_setopt(curl, CURLOPT_URL, c->server.base_url);
	curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "https");
	curl_easy_setopt(curl, CURLOPT_NOBODY, 1L);
	curl_easy_setopt(curl, CURLOPT_CERTINFO, 1L);
	curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(curl, CURLOPT_TIMEOUT, (long)CERTIFICATE_S);
	if (c->server.ca_file)
		curl_easy_setopt(curl, CURLOPT_CAINFO, c->server.ca_file);
	rc = curl_easy_perform(curl);
	if (rc == CURLE_OK)
		rc = curl_easy_getinfo(curl, CURLINFO_CERTINFO, &info);
	if (rc == CURLE_OK)
		read_certificates(info, ret);
	else
		inspection_failed(&ret->certificates, curl_easy_strerror((CURLcode)rc));
	curl_easy_cleanup(curl);
}

void doctor_inspect_server(struct doctor_facts *f, const struct doctor_tools *t)
{
	if (f->offline || !f->config || !f->config->server.base_url)
		return;
	ask_coordinator(f->config, t->http, &f->server);
	if (f->server.inspection.state == INSPECTION_DONE &&
		str_starts(f->config->server.base_url, "https://"))
		inspect_certificates(f->config, &f->server);
}
