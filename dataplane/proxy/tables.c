/* SPDX-License-Identifier: Apache-2.0 */
/* Builds and frees the tables of a generation; runs on the main core, off the packet path. */
#include "dataplane/proxy/tables.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool any_tls_listener(const struct snapshot *snapshot)
{
	uint32_t n;
	const struct snap_listener *listeners = snap_records(snapshot, SNAP_LISTENERS, &n);

	for (uint32_t i = 0; i < n; i++)
		if (listeners[i].tls)
			return true;
	return false;
}

static bool build_tls(struct tables *t, const struct tables_config *config,
	const struct secrets *secrets, char *why, size_t why_bytes)
{
	if (!any_tls_listener(&t->snapshot))
		return true;
	for (uint32_t w = 0; w < config->worker_count; w++) {
		struct tls_config tls = { .pool = config->pools[w], .tickets = config->tickets };

		t->worker[w].tls = tls_contexts_create(&tls, &t->snapshot, secrets, why, why_bytes);
		if (!t->worker[w].tls)
			return false;
	}
	return true;
}

static bool build_pipeline(struct tables *t)
{
	t->pipeline = (struct pipeline){
		.snapshot = &t->snapshot,
		.routes = t->routes,
		.policy = t->policy,
		.usage = t->usage,
	};
	return pipeline_init(&t->pipeline);
}

/* What each worker needs for itself. */
static bool build_workers(struct tables *t)
{
	for (uint32_t w = 0; w < t->worker_count; w++) {
		t->worker[w].scratch = policy_scratch_create(t->policy);
		t->worker[w].rounds = balance_rounds_create(t->balance);
		if (!t->worker[w].scratch || !t->worker[w].rounds)
			return false;
	}
	return true;
}

struct tables *tables_create(const struct tables_config *config, struct snapshot *snapshot,
	const struct secrets *secrets, struct tables *previous, char *why, size_t why_bytes)
{
	struct tables *t = calloc(1, sizeof(*t));

	snprintf(why, why_bytes, "out of memory");
	if (!t)
		return NULL;
	t->snapshot = *snapshot;
	t->usage = config->usage;
	t->worker_count = config->worker_count;
	t->routes = route_table_create(&t->snapshot);
	t->balance = balance_plan_create(&t->snapshot, previous ? previous->balance : NULL);
	if (!t->routes || !t->balance || !tables_index_slots(t, previous))
		goto fail;
	t->policy = policy_create(
		&t->snapshot, previous ? previous->policy : NULL, config->compiler, why, why_bytes);
	if (!t->policy || !build_pipeline(t) || !build_tls(t, config, secrets, why, why_bytes))
		goto fail;
	if (!build_workers(t)) {
		snprintf(why, why_bytes, "out of memory for the workers' part");
		goto fail;
	}
	if (previous)
		previous->next = t;
	return t;
fail:
	/* The snapshot stays the caller's. */
	t->snapshot = (struct snapshot){ 0 };
	tables_destroy(t);
	return NULL;
}

void tables_destroy(struct tables *t)
{
	if (!t)
		return;
	for (uint32_t w = 0; w < t->worker_count; w++) {
		if (t->worker[w].tls)
			tls_contexts_destroy(t->worker[w].tls);
		policy_scratch_destroy(t->worker[w].scratch);
		balance_rounds_destroy(t->worker[w].rounds);
	}
	pipeline_fini(&t->pipeline);
	balance_plan_destroy(t->balance);
	if (t->policy)
		policy_destroy(t->policy);
	if (t->routes)
		route_table_destroy(t->routes);
	tables_free_slots(t);
	snapshot_close(&t->snapshot);
	free(t);
}
