/* SPDX-License-Identifier: Apache-2.0 */
/* What a consumer's usage line counts of each request, whatever its plan: shared by all workers. */
#include "dataplane/policy/policy_priv.h"

void policy_count(struct usage_line *line, bool over, uint64_t wall_s)
{
	atomic_fetch_add_explicit(over ? &line->refused : &line->admitted, 1, memory_order_relaxed);
	if (atomic_load_explicit(&line->last_seen_s, memory_order_relaxed) != wall_s)
		atomic_store_explicit(&line->last_seen_s, wall_s, memory_order_relaxed);
}
