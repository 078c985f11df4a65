/* SPDX-License-Identifier: Apache-2.0 */
/* Copies of statistics, see history.h. The worker counts on meanwhile: each number is right by
 * itself. */
#include "lib/shm/history.h"

#include <string.h>

int history_create(uint32_t worker_index, const struct stats_shape *shape, uint64_t boot_id,
	struct history *out)
{
	int rc = 0;

	*out = (struct history){ 0 };
	for (unsigned i = 0; i < HISTORY_COPIES; i++)
		out->copies[i].segment.fd = -1;
	for (unsigned i = 0; i < HISTORY_COPIES && rc == 0; i++)
		rc = stats_create(worker_index, shape, boot_id, &out->copies[i]);
	return rc;
}

void history_close(struct history *h)
{
	for (unsigned i = 0; i < HISTORY_COPIES; i++)
		stats_close(&h->copies[i]);
}

static void history_copy_slots(
	struct stats *to, const struct stats *from, const struct snapshot *snapshot)
{
	const struct stats_shape *shape = &from->shape;

	for (uint32_t i = 0; i < snapshot->sections[SNAP_LISTENERS].count; i++) {
		uint32_t slot = SNAP_AT(snapshot, SNAP_LISTENERS, snap_listener, i)->slot;

		if (slot < shape->listeners)
			to->listener[slot] = from->listener[slot];
	}
	for (uint32_t i = 0; i < snapshot->sections[SNAP_APIS].count; i++) {
		uint32_t slot = SNAP_AT(snapshot, SNAP_APIS, snap_api, i)->slot;

		if (slot < shape->apis)
			to->api[slot] = from->api[slot];
	}
	for (uint32_t i = 0; i < snapshot->sections[SNAP_ENDPOINTS].count; i++) {
		uint32_t slot = SNAP_AT(snapshot, SNAP_ENDPOINTS, snap_endpoint, i)->slot;

		if (slot < shape->endpoints)
			to->endpoint[slot] = from->endpoint[slot];
	}
}

void history_take(struct history *h, const struct stats *live, const struct snapshot *snapshot,
	uint64_t now_s)
{
	struct stats *to = &h->copies[h->oldest];

	if (now_s - h->taken_s < HISTORY_PERIOD_S)
		return;
	h->taken_s = now_s;
	h->oldest = (h->oldest + 1) % HISTORY_COPIES;
	*to->worker = *live->worker;
	*to->tcp = *live->tcp;
	memcpy(to->drop, live->drop, DROP_COUNT * sizeof(*to->drop));
	memcpy(to->reason, live->reason, REASON_COUNT * sizeof(*to->reason));
	memcpy(to->stage_cycles, live->stage_cycles, STAGE_COUNT * sizeof(*to->stage_cycles));
	for (uint32_t i = 0; i < live->shape.ports; i++)
		to->port[i] = live->port[i];
	history_copy_slots(to, live, snapshot);
}

struct stats *history_oldest(struct history *h)
{
	return &h->copies[h->oldest];
}
