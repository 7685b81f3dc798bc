/* What an engine says of itself, and observations and policies that came in files. */
#include "hygiene/host/report.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct json_limits lim = { .bytes = 1 << 20 };
	struct err e = { 0 };
	CLEAN_JSON struct json_doc *doc = json_parse((const char *)data, size, &lim, &e);
	const struct json_value *v = doc ? json_root(doc) : NULL;
	CLEANUP(host_observation_release) struct host_observation o = { 0 };
	CLEANUP(hygiene_policy_release) struct hygiene_policy p = { 0 };
	CLEANUP(host_report_release) struct host_report r = { 0 };
	CLEANUP(inventory_release) struct inventory inv = { 0 };
	struct inventory_source from = { v, json_get(v, "images"), json_get(v, "containers"), v,
		"/srv/engine", true, &p.warm_builders };

	if (!v)
		return 0;
	bool rules = hygiene_policy_read(&p, v, &e) == 0;
	bool seen = host_observation_read(&o, v, &e) == 0;
	if (seen)
		host_report_make(&r, &o, &p);
	if (inventory_read(&inv, &from, &e) == 0 && inventory_reclaimable(&inv) < 0 && rules)
		__builtin_trap(); /* the sum of a Docker is known */
	return 0;
}
