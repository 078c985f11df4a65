/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a running dataplane cannot change, compared between two snapshots: control names the settings that
 * differ before it hands a snapshot over, the dataplane refuses one that differs all the same. Both were
 * validated by snapshot_open().
 */
#include <string.h>

#include "lib/shm/snapshot.h"

bool snapshot_same_text(
	const struct snapshot *a, struct snap_text x, const struct snapshot *b, struct snap_text y)
{
	return str_equal(snap_str(a, x), snap_str(b, y));
}

bool snapshot_same_addresses(const struct snapshot *a, struct snap_range x,
	const struct snapshot *b, struct snap_range y, enum snap_section_id id)
{
	if (x.count != y.count)
		return false;
	return x.count == 0 ||
	       memcmp(SNAP_AT(a, id, snap_address, x.first), SNAP_AT(b, id, snap_address, y.first),
		       x.count * sizeof(struct snap_address)) == 0;
}

bool snapshot_same_ways(const struct snapshot *a, struct snap_range x, const struct snapshot *b,
	struct snap_range y)
{
	if (x.count != y.count)
		return false;
	for (uint32_t i = 0; i < x.count; i++) {
		const struct snap_way *v = SNAP_AT(a, SNAP_WAYS, snap_way, x.first + i);
		const struct snap_way *w = SNAP_AT(b, SNAP_WAYS, snap_way, y.first + i);

		if (!ip_equal(&v->to, &w->to) || v->prefix_len != w->prefix_len ||
			!snapshot_same_addresses(a, v->gateways, b, w->gateways, SNAP_GATEWAYS))
			return false;
	}
	return true;
}

static bool same_records(
	const struct snapshot *a, const struct snapshot *b, enum snap_section_id id, size_t bytes)
{
	uint32_t count = a->sections[id].count;

	return b->sections[id].count == count &&
	       (count == 0 || memcmp(a->sections[id].records, b->sections[id].records,
				      count * bytes) == 0);
}

bool snapshot_same_kernels(const struct snapshot *a, const struct snapshot *b)
{
	if (a->sections[SNAP_KERNELS].count != b->sections[SNAP_KERNELS].count ||
		!same_records(a, b, SNAP_KERNEL_ADDRESSES, sizeof(struct snap_address)) ||
		!same_records(a, b, SNAP_KERNEL_PORTS, sizeof(uint32_t)))
		return false;
	for (uint32_t i = 0; i < a->sections[SNAP_KERNELS].count; i++) {
		struct snap_kernel x = *SNAP_AT(a, SNAP_KERNELS, snap_kernel, i);
		struct snap_kernel y = *SNAP_AT(b, SNAP_KERNELS, snap_kernel, i);

		if (!snapshot_same_text(a, x.interface, b, y.interface))
			return false;
		/* Texts lie elsewhere in each snapshot. */
		x.interface = y.interface;
		if (memcmp(&x, &y, sizeof(x)) != 0)
			return false;
	}
	return true;
}
