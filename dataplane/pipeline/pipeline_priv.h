/* SPDX-License-Identifier: Apache-2.0 */
/* What the stages share. */
#ifndef SLUICE_DATAPLANE_PIPELINE_PIPELINE_PRIV_H
#define SLUICE_DATAPLANE_PIPELINE_PIPELINE_PRIV_H

#include "dataplane/pipeline/hooks.h"

/* A stage. @param mask  the requests that go through it, at least one */
#define PIPELINE_STAGE(NAME, name, text) void stage_##name(struct burst *b, uint32_t mask);
#include "dataplane/pipeline/stage.def"
#undef PIPELINE_STAGE

/** The API's credentials in the order in which it names them: plan->credential_count indices. */
const uint32_t *route_plan_credentials(
	const struct pipeline *pipeline, const struct route_plan *plan);

#endif
