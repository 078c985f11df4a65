/* SPDX-License-Identifier: Apache-2.0 */
/*
 * record.c with a switch around each function, standing where the gateway's is linked otherwise: so
 * the cost of statistics is measured in one program and one world, in turns.
 */
#include "bench/self/statistics.h"

#define record_exchange counted_exchange
#define record_sent     counted_sent
#define record_answered counted_answered
#define record_inactive counted_inactive
#include "dataplane/proxy/record.c"
#undef record_exchange
#undef record_sent
#undef record_answered
#undef record_inactive

bool self_statistics = true;

void record_exchange(struct proxy *p, struct exchange *ex);
void record_sent(struct proxy *p, struct exchange *ex);
void record_answered(struct proxy *p, const struct exchange *ex);
void record_inactive(struct proxy *p, struct exchange *ex);

void record_exchange(struct proxy *p, struct exchange *ex)
{
	if (self_statistics)
		counted_exchange(p, ex);
}

void record_sent(struct proxy *p, struct exchange *ex)
{
	if (self_statistics)
		counted_sent(p, ex);
}

void record_answered(struct proxy *p, const struct exchange *ex)
{
	if (self_statistics)
		counted_answered(p, ex);
}

void record_inactive(struct proxy *p, struct exchange *ex)
{
	if (self_statistics)
		counted_inactive(p, ex);
}
