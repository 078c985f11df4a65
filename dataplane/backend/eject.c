/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Ejected endpoints of a worker, see eject.h. They are in a list without order; its earliest probe is
 * remembered, so that the list is searched only when a probe is due, and a search goes on where the
 * last call of eject_probe() left it.
 */
#include "dataplane/backend/eject.h"

#include "dataplane/backend/balance_priv.h"

/* Take note that a probe is due then. */
static void eject_probe_at(struct balance *balance, uint64_t when_ns)
{
	if (when_ns < balance->probe_ns)
		balance->probe_ns = when_ns;
	if (when_ns < balance->later_ns)
		balance->later_ns = when_ns;
}

static void eject_add(struct balance *balance, uint32_t slot)
{
	struct balance_endpoint *endpoint = &balance->endpoints[slot];

	endpoint->ejected = true;
	endpoint->place = balance->ejected_count;
	balance->ejected[balance->ejected_count++] = slot;
}

/* The last one takes its place. A look that is under way may have passed that: it is to be looked
 * at again. */
void eject_remove(struct balance *balance, uint32_t slot)
{
	struct balance_endpoint *endpoint = &balance->endpoints[slot];
	const uint32_t last = balance->ejected[--balance->ejected_count];

	balance->ejected[endpoint->place] = last;
	balance->endpoints[last].place = endpoint->place;
	eject_probe_at(balance, balance->endpoints[last].until_ns);
	endpoint->ejected = false;
}

bool eject_failed(struct balance *balance, uint32_t number, bool silent, uint64_t now_ns)
{
	struct balance_endpoint *endpoint = balance_endpoint_at(balance, number);
	const uint32_t backend = balance_group_of(balance, number);
	const uint64_t ejection_ns = balance->plan->groups[backend].ejection_ns;

	endpoint->probing = false;
	if (ejection_ns == 0)
		return false;
	endpoint->silent = silent;
	endpoint->until_ns = now_ns + ejection_ns;
	eject_probe_at(balance, endpoint->until_ns);
	if (endpoint->ejected)
		return false;
	endpoint->try_ns = now_ns;
	eject_add(balance, balance_member_at(balance, number)->slot);
	balance_cycle_begin(balance, backend);
	return true;
}

void eject_succeeded(struct balance *balance, uint32_t number)
{
	struct balance_endpoint *endpoint = balance_endpoint_at(balance, number);

	endpoint->probing = false;
	if (!endpoint->ejected)
		return;
	eject_remove(balance, balance_member_at(balance, number)->slot);
	balance_cycle_begin(balance, balance_group_of(balance, number));
}

uint64_t eject_until(const struct balance *balance, uint32_t number)
{
	const struct balance_endpoint *endpoint =
		&balance->endpoints[balance_member_at(balance, number)->slot];

	return endpoint->ejected ? endpoint->until_ns : 0;
}

/* Look on. @return the slot of one that is due, SNAP_NONE at the end */
static uint32_t eject_look(struct balance *balance, uint64_t now_ns)
{
	while (balance->probe_next < balance->ejected_count) {
		const uint32_t slot = balance->ejected[balance->probe_next++];
		struct balance_endpoint *endpoint = &balance->endpoints[slot];

		if (endpoint->probing)
			continue;
		if (endpoint->until_ns <= now_ns) {
			endpoint->probing = true;
			return slot;
		}
		if (endpoint->until_ns < balance->later_ns)
			balance->later_ns = endpoint->until_ns;
	}
	return SNAP_NONE;
}

uint32_t eject_probe(struct balance *balance, uint64_t now_ns)
{
	/* What this look passed may have come to its time since. */
	while (balance->probe_ns <= now_ns) {
		const uint32_t slot = eject_look(balance, now_ns);

		if (slot != SNAP_NONE)
			return slot;
		balance->probe_ns = balance->later_ns;
		balance->later_ns = UINT64_MAX;
		balance->probe_next = 0;
	}
	return SNAP_NONE;
}
