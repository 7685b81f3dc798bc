/* Members that many answers share, for the caller's open JSON object. */
#ifndef COORDINATOR_VIEW_ROW_JSON_H
#define COORDINATOR_VIEW_ROW_JSON_H

#include "base/clock.h"
#include "base/json.h"
#include "coordinator/store/state.h"

void kv_time(struct json_writer *w, const char *key, struct wall t); /* 0: null */
/* Milliseconds between two times, null while one of them is not known. */
void kv_span(struct json_writer *w, const char *key, struct wall from, struct wall to);
void kv_state(struct json_writer *w, struct state s); /* status, conclusion */
/* A JSON text from the store, as a value. */
int kv_json(struct json_writer *w, const char *key, const char *text, struct err *e) CHECK_RESULT;

#endif
