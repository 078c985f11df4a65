/* SPDX-License-Identifier: Apache-2.0 */
/* Compiles each route of a generation into its plan; runs on the main core, off the packet path. */
#include <stdlib.h>

#include "dataplane/pipeline/pipeline_priv.h"

#define KEYED_STAGES                                                                               \
	(1u << PIPELINE_CREDENTIAL | 1u << PIPELINE_CALLER | 1u << PIPELINE_PLAN |                 \
		1u << PIPELINE_LIMITS)
#define PLAN_CREDENTIALS (sizeof(((struct route_plan *)NULL)->credentials) / sizeof(uint32_t))

static void plan_credentials(
	struct route_plan *plan, const uint32_t *credentials, const struct snap_api *api)
{
	const struct snap_range range = api->credentials;

	plan->credential_count = range.count;
	if (range.count == 0)
		return;
	plan->stages |= KEYED_STAGES;
	plan->credentials[0] = range.first;
	for (uint32_t i = 0; range.count <= PLAN_CREDENTIALS && i < range.count; i++)
		plan->credentials[i] = credentials[range.first + i];
}

static void plan_fill(struct route_plan *plan, const struct pipeline *pipeline, uint32_t route)
{
	const struct snapshot *s = pipeline->snapshot;
	const struct snap_route *from = SNAP_AT(s, SNAP_ROUTES, snap_route, route);
	const struct snap_api *api = SNAP_AT(s, SNAP_APIS, snap_api, from->api);

	*plan = (struct route_plan){
		.body_max = pipeline->body_max,
		.timeout_ms = from->timeout_ms,
		.backend = from->backend,
		.api = from->api,
		.api_slot = api->slot,
		.body_max_own = from->body_max,
		.edit = from->edit,
	};
	if (from->body_max && from->body_max < plan->body_max)
		plan->body_max = from->body_max;
	if (from->websocket)
		plan->stages |= PLAN_WEBSOCKET;
	if (from->retry != SNAP_NONE)
		plan->stages |= PLAN_RETRY;
	if (from->reply != SNAP_NONE)
		plan->stages |= 1u << PIPELINE_REPLY;
	if (from->cors != SNAP_NONE)
		plan->stages |= 1u << PIPELINE_CORS;
	plan_credentials(plan, pipeline->credentials, api);
}

/* What APIs accept is found by slots, once. */
static bool pipeline_credentials(struct pipeline *pipeline)
{
	const struct snapshot *s = pipeline->snapshot;
	const uint32_t count = s->sections[SNAP_API_CREDENTIALS].count;

	pipeline->credentials = calloc((size_t)count + 1, sizeof(*pipeline->credentials));
	for (uint32_t i = 0; pipeline->credentials != NULL && i < count; i++)
		pipeline->credentials[i] =
			snap_named(s, SNAP_CREDENTIAL, SNAP_INDEX_AT(s, SNAP_API_CREDENTIALS, i));
	return pipeline->credentials != NULL;
}

bool pipeline_init(struct pipeline *pipeline)
{
	const uint32_t count = pipeline->snapshot->sections[SNAP_ROUTES].count;

	pipeline->body_max = snap_settings(pipeline->snapshot)->body_bytes_max;
	if (pipeline->body_max == 0)
		pipeline->body_max = UINT64_MAX;
	pipeline->plans = aligned_alloc(64, ((size_t)count + 1) * sizeof(*pipeline->plans));
	if (pipeline->plans == NULL || !pipeline_credentials(pipeline))
		return false;
	for (uint32_t i = 0; i < count; i++)
		plan_fill(&pipeline->plans[i], pipeline, i);
	return true;
}

void pipeline_fini(struct pipeline *pipeline)
{
	free(pipeline->plans);
	free(pipeline->credentials);
	pipeline->plans = NULL;
	pipeline->credentials = NULL;
}

const uint32_t *route_plan_credentials(
	const struct pipeline *pipeline, const struct route_plan *plan)
{
	if (plan->credential_count <= PLAN_CREDENTIALS)
		return plan->credentials;
	return &pipeline->credentials[plan->credentials[0]];
}
