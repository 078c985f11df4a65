/* SPDX-License-Identifier: Apache-2.0 */
/* The bits that workers share, and when one of them changes; see health.h. */
#include "dataplane/backend/health.h"

bool health_is_down(const struct health *health, uint32_t slot)
{
	return atomic_load_explicit(&health->down[slot / 64], memory_order_relaxed) >> slot % 64 &
	       1;
}

void health_set(struct health *health, uint32_t slot, bool down)
{
	const uint64_t bit = UINT64_C(1) << slot % 64;

	if (health_is_down(health, slot) == down)
		return;
	if (down)
		atomic_fetch_or_explicit(&health->down[slot / 64], bit, memory_order_relaxed);
	else
		atomic_fetch_and_explicit(&health->down[slot / 64], ~bit, memory_order_relaxed);
	/* A worker that sees the number sees the bit. */
	atomic_fetch_add_explicit(&health->changes, 1, memory_order_release);
}

bool health_run_add(struct health_run *run, bool passed, uint32_t rise, uint32_t fall)
{
	if (passed) {
		run->failed = 0;
		run->passed += run->passed < rise;
	} else {
		run->passed = 0;
		run->failed += run->failed < fall;
	}
	if (run->down ? run->passed < rise : run->failed < fall)
		return false;
	run->down = !run->down;
	return true;
}
