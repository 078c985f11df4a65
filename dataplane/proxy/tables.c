/* SPDX-License-Identifier: Apache-2.0 */
/* Builds and frees the tables of a generation; runs on the main core, off the packet path. */
#include "dataplane/proxy/tables.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool any_tls(const struct snapshot *snapshot)
{
	uint32_t n;
	const struct snap_listener *listeners = snap_records(snapshot, SNAP_LISTENERS, &n);

	for (uint32_t i = 0; i < n; i++)
		if (listeners[i].tls)
			return true;
	return snapshot->sections[SNAP_PEERS].count > 0;
}

/* Listeners, certificates and keys are those of the generation before. */
static bool tls_stays(
	const struct tables *t, const struct tables *previous, const struct secrets *secrets)
{
	return tables_share(t, previous, 1u << SNAP_KIND_GATEWAY) &&
	       tls_contexts_match(previous->worker[0].tls, secrets);
}

static bool build_tls(struct tables *t, const struct tables_config *config,
	const struct secrets *secrets, struct tables *previous, char *why, size_t why_bytes)
{
	bool shared;

	if (!any_tls(&t->snapshot))
		return true;
	shared = tls_stays(t, previous, secrets);
	for (uint32_t w = 0; w < config->worker_count; w++) {
		struct tls_config tls = { .pool = config->pools[w], .tickets = config->tickets };

		t->worker[w].tls =
			shared ? tls_contexts_hold(previous->worker[w].tls)
			       : tls_contexts_create(&tls, &t->snapshot, secrets, why, why_bytes);
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

static bool build_budgets(struct tables *t, struct budget *budget, const struct tables *previous)
{
	t->budget = budget;
	if (budget)
		t->budget_slots = budget_plan_create(
			budget, &t->snapshot, previous ? previous->budget_slots : NULL);
	return !budget || t->budget_slots;
}

/* What each worker needs for itself. */
static bool build_workers(struct tables *t)
{
	for (uint32_t w = 0; w < t->worker_count; w++) {
		t->worker[w].scratch = t->callers->scratch[w];
		t->worker[w].rounds = balance_rounds_create(t->balance);
		if (!t->worker[w].rounds)
			return false;
	}
	return true;
}

static void routing_release(struct tables_routing *routing)
{
	if (!routing || --routing->shares > 0)
		return;
	if (routing->routes)
		route_table_destroy(routing->routes);
	snapshot_close(&routing->view);
	free(routing);
}

static bool build_routing(struct tables *t, struct tables *previous)
{
	const unsigned kinds = 1u << SNAP_KIND_GATEWAY | 1u << SNAP_KIND_ROUTING;
	struct tables_routing *routing;

	if (tables_share(t, previous, kinds)) {
		t->routing = previous->routing;
		t->routing->shares++;
	} else {
		routing = t->routing = calloc(1, sizeof(*routing));
		if (!routing)
			return false;
		routing->shares = 1;
		if (snapshot_view(&t->snapshot, kinds, &routing->view) == 0)
			routing->routes = route_table_create(&routing->view);
	}
	t->routes = t->routing->routes;
	return t->routes != NULL;
}

static void callers_release(struct tables_callers *callers)
{
	if (!callers || --callers->shares > 0)
		return;
	for (uint32_t w = 0; w < callers->worker_count; w++)
		policy_scratch_destroy(callers->scratch[w]);
	if (callers->policy)
		policy_destroy(callers->policy);
	snapshot_close(&callers->view);
	free(callers);
}

static bool callers_make(struct tables_callers *callers, const struct tables *t,
	struct tables *previous, const struct pattern_compiler *compiler, char *why,
	size_t why_bytes)
{
	const unsigned kinds = 1u << SNAP_KIND_CALLERS;

	if (snapshot_view(&t->snapshot, kinds, &callers->view))
		return false;
	callers->policy = policy_create(
		&callers->view, previous ? previous->policy : NULL, compiler, why, why_bytes);
	if (!callers->policy)
		return false;
	for (uint32_t w = 0; w < callers->worker_count; w++) {
		callers->scratch[w] = policy_scratch_create(callers->policy);
		if (!callers->scratch[w]) {
			snprintf(why, why_bytes, "out of memory for the workers' part");
			return false;
		}
	}
	return true;
}

/* A table of keys that deltas changed says more than its part: policy_create() compares it. */
static bool build_callers(struct tables *t, struct tables *previous,
	const struct pattern_compiler *compiler, char *why, size_t why_bytes)
{
	const unsigned kinds = 1u << SNAP_KIND_CALLERS;

	if (tables_share(t, previous, kinds) && !policy_changed(previous->policy)) {
		t->callers = previous->callers;
		t->callers->shares++;
	} else {
		t->callers = calloc(1, sizeof(*t->callers));
		if (!t->callers)
			return false;
		t->callers->shares = 1;
		t->callers->worker_count = t->worker_count;
		if (!callers_make(t->callers, t, previous, compiler, why, why_bytes))
			return false;
	}
	t->policy = t->callers->policy;
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
	t->balance = balance_plan_create(&t->snapshot, previous ? previous->balance : NULL);
	if (!t->balance || !build_routing(t, previous) || !tables_index_slots(t, previous) ||
		!build_budgets(t, config->budget, previous))
		goto fail;
	if (!build_callers(t, previous, config->compiler, why, why_bytes) || !build_pipeline(t) ||
		!build_tls(t, config, secrets, previous, why, why_bytes))
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
		balance_rounds_destroy(t->worker[w].rounds);
	}
	pipeline_fini(&t->pipeline);
	balance_plan_destroy(t->balance);
	budget_plan_destroy(t->budget_slots);
	callers_release(t->callers);
	routing_release(t->routing);
	tables_free_slots(t);
	snapshot_close(&t->snapshot);
	free(t);
}
