/* SPDX-License-Identifier: Apache-2.0 */
/*
 * record.c and backend/outcome.c with a switch around what is counted for a request, standing where
 * the gateway's are linked otherwise: so the cost of statistics is measured in one program and one
 * world, in turns.
 */
#include "bench/self/statistics.h"

#define record_exchange  counted_exchange
#define outcome_ended    counted_ended
#define outcome_sent     counted_sent
#define outcome_response counted_response
#include "dataplane/backend/outcome.c"
#include "dataplane/proxy/record.c"
#undef record_exchange
#undef outcome_ended
#undef outcome_sent
#undef outcome_response

bool self_statistics = true;

void record_exchange(struct proxy *p, struct exchange *ex);
void outcome_sent(struct backends *b, uint32_t slot, bool reused);
void outcome_response(struct backends *b, uint32_t slot, unsigned status, uint64_t latency_ns);
void outcome_ended(struct backends *b, uint32_t slot, enum outcome outcome);

void record_exchange(struct proxy *p, struct exchange *ex)
{
	if (self_statistics)
		counted_exchange(p, ex);
}

void outcome_sent(struct backends *b, uint32_t slot, bool reused)
{
	if (self_statistics)
		counted_sent(b, slot, reused);
}

void outcome_response(struct backends *b, uint32_t slot, unsigned status, uint64_t latency_ns)
{
	if (self_statistics)
		counted_response(b, slot, status, latency_ns);
}

void outcome_ended(struct backends *b, uint32_t slot, enum outcome outcome)
{
	if (self_statistics)
		counted_ended(b, slot, outcome);
}
