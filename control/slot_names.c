/* SPDX-License-Identifier: Apache-2.0 */
/* Tables from slots to records. Slots are below the capacities that snapshot_open() held them to.
 * */
#include "control/slot_names.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "control/changes.h"

static uint32_t *make_table(uint32_t capacity)
{
	uint32_t *table = malloc(((size_t)capacity + 1) * sizeof(*table));

	for (uint32_t i = 0; table && i < capacity; i++)
		table[i] = SNAP_NONE;
	return table;
}

int slot_names_make(const struct snapshot *s, struct slot_names *out)
{
	const struct snap_settings *settings = snap_settings(s);

	*out = (struct slot_names){ .snapshot = s };
	out->listeners = make_table(settings->listener_capacity);
	out->apis = make_table(settings->api_capacity);
	out->endpoints = make_table(settings->endpoint_capacity);
	out->consumers = make_table(settings->consumer_capacity);
	if (!out->listeners || !out->apis || !out->endpoints || !out->consumers) {
		slot_names_free(out);
		return -ENOMEM;
	}
	for (uint32_t i = 0; i < s->sections[SNAP_LISTENERS].count; i++)
		out->listeners[SNAP_AT(s, SNAP_LISTENERS, snap_listener, i)->slot] = i;
	for (uint32_t i = 0; i < s->sections[SNAP_APIS].count; i++)
		out->apis[SNAP_AT(s, SNAP_APIS, snap_api, i)->slot] = i;
	for (uint32_t i = 0; i < s->sections[SNAP_ENDPOINTS].count; i++)
		out->endpoints[SNAP_AT(s, SNAP_ENDPOINTS, snap_endpoint, i)->slot] = i;
	for (uint32_t i = 0; i < s->sections[SNAP_CONSUMERS].count; i++)
		out->consumers[SNAP_AT(s, SNAP_CONSUMERS, snap_consumer, i)->slot] = i;
	return 0;
}

void slot_names_free(struct slot_names *names)
{
	free(names->listeners);
	free(names->apis);
	free(names->endpoints);
	free(names->consumers);
	*names = (struct slot_names){ 0 };
}

/* The record of a slot, or SNAP_NONE. */
static uint32_t slot_names_find(const uint32_t *table, uint32_t capacity, uint32_t slot)
{
	return table && slot < capacity ? table[slot] : SNAP_NONE;
}

struct str slot_listener(const struct slot_names *n, uint32_t slot)
{
	if (!n->snapshot)
		return STR("");
	uint32_t i =
		slot_names_find(n->listeners, snap_settings(n->snapshot)->listener_capacity, slot);

	if (i == SNAP_NONE)
		return STR("");
	return snap_str(n->snapshot, SNAP_AT(n->snapshot, SNAP_LISTENERS, snap_listener, i)->name);
}

static const struct snap_api *api_of(const struct slot_names *n, uint32_t slot)
{
	if (!n->snapshot)
		return NULL;
	uint32_t i = slot_names_find(n->apis, snap_settings(n->snapshot)->api_capacity, slot);

	return i == SNAP_NONE ? NULL : SNAP_AT(n->snapshot, SNAP_APIS, snap_api, i);
}

struct str slot_api(const struct slot_names *n, uint32_t slot)
{
	const struct snap_api *api = api_of(n, slot);

	return api ? snap_str(n->snapshot, api->name) : STR("");
}

struct str slot_api_version(const struct slot_names *n, uint32_t slot)
{
	const struct snap_api *api = api_of(n, slot);

	return api ? snap_str(n->snapshot, api->version) : STR("");
}

static const struct snap_endpoint *endpoint_of(const struct slot_names *n, uint32_t slot)
{
	if (!n->snapshot)
		return NULL;
	uint32_t i =
		slot_names_find(n->endpoints, snap_settings(n->snapshot)->endpoint_capacity, slot);

	return i == SNAP_NONE ? NULL : SNAP_AT(n->snapshot, SNAP_ENDPOINTS, snap_endpoint, i);
}

struct str slot_endpoint(const struct slot_names *n, uint32_t slot)
{
	const struct snap_endpoint *e = endpoint_of(n, slot);

	return e ? snap_str(n->snapshot, e->name) : STR("");
}

struct str slot_backend_of_endpoint(const struct slot_names *n, uint32_t slot)
{
	const struct snap_endpoint *e = endpoint_of(n, slot);

	if (!e)
		return STR("");
	return snap_str(n->snapshot, snap_backend_of(n->snapshot, e)->name);
}

struct str slot_consumer(const struct slot_names *n, uint32_t slot)
{
	if (!n->snapshot)
		return STR("");
	uint32_t i =
		slot_names_find(n->consumers, snap_settings(n->snapshot)->consumer_capacity, slot);

	if (i == SNAP_NONE)
		return STR("");
	return snap_str(n->snapshot, SNAP_AT(n->snapshot, SNAP_CONSUMERS, snap_consumer, i)->name);
}

static const struct snap_key *slot_key(const struct slot_names *n, uint64_t prefix)
{
	uint32_t low = 0, high = n->snapshot ? n->snapshot->sections[SNAP_KEYS].count : 0;

	if (prefix == 0)
		return NULL;
	/* They are sorted by digest. */
	while (low < high) {
		uint32_t middle = low + (high - low) / 2;
		const struct snap_key *key = SNAP_AT(n->snapshot, SNAP_KEYS, snap_key, middle);
		int order = memcmp(key->digest, &prefix, sizeof(prefix));

		if (order == 0)
			return key;
		if (order < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return NULL;
}

struct str slot_key_id(const struct slot_names *n, uint64_t prefix)
{
	const struct snap_key *key = slot_key(n, prefix);

	if (key)
		return snap_str(n->snapshot, key->id);
	for (uint32_t i = 0; prefix && n->changes && i < n->changes->count; i++) {
		const struct change *c = &n->changes->list[i];

		if (change_target(c->kind) == CHANGE_OF_KEY &&
			memcmp(c->digest, &prefix, sizeof(prefix)) == 0)
			return str_of(c->name);
	}
	return STR("");
}
