/* SPDX-License-Identifier: Apache-2.0 */
/* The wheel of deadlines, see deadline.h. */
#include "dataplane/proxy/deadline.h"

#include <stddef.h>

void deadline_wheel_init(struct deadline_wheel *wheel, uint64_t now_ns)
{
	wheel->tick = now_ns / DEADLINE_TICK_NS;
	for (unsigned i = 0; i < DEADLINE_SLOTS; i++)
		LIST_INIT(&wheel->slots[i]);
}

static void enqueue(struct deadline_wheel *wheel, struct deadline *d)
{
	uint64_t tick = d->when_ns / DEADLINE_TICK_NS + 1;

	/* Beyond one turn it waits in the farthest slot and is moved on from there. */
	if (tick <= wheel->tick)
		tick = wheel->tick + 1;
	if (tick > wheel->tick + DEADLINE_SLOTS - 1)
		tick = wheel->tick + DEADLINE_SLOTS - 1;
	d->slot_ns = tick * DEADLINE_TICK_NS;
	d->queued = true;
	LIST_INSERT_HEAD(&wheel->slots[tick % DEADLINE_SLOTS], d, entry);
}

void deadline_remove(struct deadline *d)
{
	if (d->queued)
		LIST_REMOVE(d, entry);
	d->queued = false;
	d->when_ns = 0;
}

void deadline_set(struct deadline_wheel *wheel, struct deadline *d, uint64_t when_ns)
{
	d->when_ns = when_ns;
	if (d->queued && d->slot_ns <= when_ns + DEADLINE_TICK_NS)
		return;
	if (d->queued)
		LIST_REMOVE(d, entry);
	enqueue(wheel, d);
}

void deadline_run(struct deadline_wheel *wheel, uint64_t now_ns,
	void (*due)(void *ctx, struct deadline *d), void *ctx)
{
	uint64_t now_tick = now_ns / DEADLINE_TICK_NS;

	/* A jump of more than a turn visits every slot once. */
	if (now_tick > wheel->tick + DEADLINE_SLOTS)
		wheel->tick = now_tick - DEADLINE_SLOTS;
	while (wheel->tick < now_tick) {
		struct deadline_list *slot = &wheel->slots[++wheel->tick % DEADLINE_SLOTS];
		struct deadline_list work = *slot;
		struct deadline *d;

		LIST_INIT(slot);
		if (work.lh_first)
			work.lh_first->entry.le_prev = &work.lh_first;
		while ((d = LIST_FIRST(&work))) {
			LIST_REMOVE(d, entry);
			d->queued = false;
			if (d->when_ns == 0)
				continue;
			if (d->when_ns > now_ns) {
				enqueue(wheel, d);
				continue;
			}
			d->when_ns = 0;
			due(ctx, d);
		}
	}
}
