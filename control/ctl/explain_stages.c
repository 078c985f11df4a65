/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The stages of the workers over one request. They take from a copy of the consumer's limits, and
 * after each stage that the request goes through, explain_NAME() tells what it decided.
 */
#include <stdlib.h>
#include <time.h>

#include "control/ctl/explain.h"
#include "dataplane/pipeline/hooks.h"

/* The pipeline of one explanation. */
struct explain_stages {
	struct pipeline pipeline;
	struct usage usage; /* a copy: only the caller's line is filled */
	struct burst burst;
	char *head_bytes; /* EXPLAIN_HEAD_BYTES: the request with its key */
	struct http1_head head;
};

/* @return false after it said why */
static bool stages_open(struct explain *e, struct explain_stages *x)
{
	char why[200] = "out of memory";
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	x->usage.capacity = snap_settings(e->s)->consumer_capacity;
	x->usage.lines = calloc((size_t)x->usage.capacity + 1, sizeof(*x->usage.lines));
	x->head_bytes = malloc(EXPLAIN_HEAD_BYTES);
	x->pipeline = (struct pipeline){ .snapshot = e->s,
		.routes = route_table_create(e->s),
		.policy = policy_create(e->s, NULL, NULL, why, sizeof(why)),
		.usage = &x->usage };
	x->burst = (struct burst){ .pipeline = &x->pipeline,
		.now_ns = (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec,
		.wall_s = (uint64_t)time(NULL),
		.decisions = &e->decision,
		.next = 1 };
	if (x->pipeline.policy)
		x->burst.scratch = policy_scratch_create(x->pipeline.policy);
	if (x->usage.lines && x->head_bytes && x->pipeline.routes && x->burst.scratch &&
		pipeline_init(&x->pipeline))
		return true;
	explain_step(e, "tables", "they cannot be made here: %s", why);
	return false;
}

static void stages_close(struct explain_stages *x)
{
	pipeline_fini(&x->pipeline);
	policy_scratch_destroy(x->burst.scratch);
	policy_destroy((struct policy *)x->pipeline.policy);
	route_table_destroy((struct route_table *)x->pipeline.routes);
	free(x->usage.lines);
	free(x->head_bytes);
}

/* With --key the key is tried in the place of each credential that the API accepts: it belongs where
 * it is recognised. */
static void stages_try_key(struct explain *e, struct explain_stages *x)
{
	struct decision *d = &e->decision;
	const struct http_head *without = d->head;
	const struct snap_api *api = SNAP_AT(e->s, SNAP_APIS, snap_api, d->plan->api);

	for (uint32_t i = 0; i < api->credentials.count; i++) {
		const uint32_t credential = snap_named(e->s, SNAP_CREDENTIAL,
			SNAP_INDEX_AT(e->s, SNAP_API_CREDENTIALS, api->credentials.first + i));
		const enum reason reason = explain_head(
			e->ctl, e->s, &e->request, credential, x->head_bytes, &x->head);

		x->burst.next = 1;
		d->verdict = REASON_PROXIED;
		d->head = &x->head.message;
		if (reason == REASON_PROXIED)
			pipeline_step(&x->burst, PIPELINE_CREDENTIAL);
		else
			burst_reply(&x->burst, 0, reason);
		if (d->verdict == REASON_PROXIED)
			return;
	}
	d->head = without;
}

/* What is taken from it is not taken from anybody. */
static void stages_copy_limits(const struct explain *e, struct explain_stages *x)
{
	const struct usage *from = e->source->usage;
	const uint32_t slot = e->decision.caller.slot;

	for (unsigned i = 0; from && slot < from->capacity && i < SNAP_LIMITS_PER_PLAN; i++)
		atomic_store_explicit(&x->usage.lines[slot].limit[i],
			atomic_load_explicit(&from->lines[slot].limit[i], memory_order_relaxed),
			memory_order_relaxed);
}

static void stages_step(struct explain *e, struct explain_stages *x, enum pipeline_stage stage)
{
	if (e->ctl->only && stage == PIPELINE_CREDENTIAL)
		return;
	if (e->ctl->only && stage == PIPELINE_CALLER) {
		if (!explain_take_consumer(e))
			burst_reply(&x->burst, 0, REASON_KEY_UNKNOWN);
	} else if (e->ctl->key && stage == PIPELINE_CREDENTIAL) {
		stages_try_key(e, x);
	} else {
		pipeline_step(&x->burst, stage);
	}
	if (stage == PIPELINE_CALLER && x->burst.next)
		stages_copy_limits(e, x);
}

static void stages_walk(struct explain *e, struct explain_stages *x)
{
	static void (*const tell[])(struct explain * e) = {
#define PIPELINE_STAGE(NAME, name, text) [PIPELINE_##NAME] = explain_##name,
#include "dataplane/pipeline/stage.def"
#undef PIPELINE_STAGE
	};

	pipeline_begin(&x->burst);
	for (unsigned stage = 0; stage < PIPELINE_STAGES && x->burst.next; stage++) {
		if (!(x->burst.any & 1u << stage))
			continue;
		stages_step(e, x, stage);
		tell[stage](e);
	}
	policy_burst_end(x->burst.scratch);
}

static struct explain_stages stages;

void explain_stages(struct explain *e, const struct http_head *head)
{
	stages = (struct explain_stages){ 0 };
	e->decision = (struct decision){
		.head = head, .listener = e->listener, .verdict = REASON_OVERLOADED
	};
	if (!stages_open(e, &stages))
		return;
	stages_walk(e, &stages);
	if (e->decision.verdict == REASON_PROXIED && decision_is_the_last_hop(&e->decision)) {
		e->decision.verdict = REASON_MAX_FORWARDS;
		explain_step(e, "request", "its Max-Forwards ends here");
	}
}

void explain_stages_end(void)
{
	stages_close(&stages);
}
