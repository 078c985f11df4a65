/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Runs the stages over a burst. A stage that no request of the burst wants costs one test of a
 * mask; where all want the same stages, as most do, finding out costs no look at a request.
 */
#include "dataplane/pipeline/pipeline_priv.h"

/* The requests that go on and whose route has the stage. */
static uint32_t burst_wanting(const struct burst *b, enum pipeline_stage stage)
{
	const uint32_t bit = UINT32_C(1) << stage;
	uint32_t mask = 0;

	if (b->all & bit)
		return b->next;
	for (uint32_t left = b->next; left;) {
		const uint32_t i = burst_first(&left);

		if (b->decisions[i].plan->stages & bit)
			mask |= UINT32_C(1) << i;
	}
	return mask;
}

static inline void stage_run(
	struct burst *b, enum pipeline_stage stage, void (*run)(struct burst *b, uint32_t mask))
{
	uint32_t mask;

	if (!(b->any & UINT32_C(1) << stage))
		return;
	mask = burst_wanting(b, stage);
	if (mask)
		run(b, mask);
}

/* A request that was asked for once does not wait again. */
static __attribute__((noinline)) void hooks_run(struct burst *b)
{
	uint32_t mask = b->next;

	for (uint32_t left = mask; left;) {
		const uint32_t i = burst_first(&left);

		if (b->decisions[i].asked == DECISION_UNANSWERED)
			mask &= ~(UINT32_C(1) << i);
	}
	if (mask)
		b->hooks->request(b->hooks->ctx, b, mask);
	for (uint32_t left = b->wait; left;) {
		const uint32_t i = burst_first(&left);

		if (b->decisions[i].asked == DECISION_NOT_ASKED)
			continue;
		b->wait &= ~(UINT32_C(1) << i);
		b->decisions[i].verdict = b->hooks->otherwise;
		b->next |= (uint32_t)(b->hooks->otherwise == REASON_PROXIED) << i;
	}
}

void pipeline_begin(struct burst *b)
{
	/* Before their routes are known all requests want just that. */
	b->any = b->all = UINT32_C(1) << PIPELINE_ROUTE;
}

void pipeline_run(struct burst *b)
{
	pipeline_begin(b);
#define PIPELINE_STAGE(NAME, name, text) stage_run(b, PIPELINE_##NAME, stage_##name);
#include "dataplane/pipeline/stage.def"
#undef PIPELINE_STAGE
	if (b->any & UINT32_C(1) << PIPELINE_CALLER)
		policy_burst_end(b->scratch);
	if (__builtin_expect(b->hooks != NULL, 0))
		hooks_run(b);
}

void pipeline_step(struct burst *b, enum pipeline_stage stage)
{
	static void (*const runs[])(struct burst * b, uint32_t mask) = {
#define PIPELINE_STAGE(NAME, name, text) [PIPELINE_##NAME] = stage_##name,
#include "dataplane/pipeline/stage.def"
#undef PIPELINE_STAGE
	};

	stage_run(b, stage, runs[stage]);
}
