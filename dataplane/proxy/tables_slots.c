/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the slots of a generation mean. Counters, connections and requests under way hold slots; a
 * slot that means something else in the next generation has to be taken from all of them first
 * (retire.c). What a slot means: a listener is its address and port, so that it may be renamed; an
 * API is its name and version, an endpoint its backend's name, its own and its address, a consumer
 * its name.
 */
#include <stdlib.h>
#include <string.h>

#include "dataplane/proxy/tables.h"

struct slot_type {
	enum snap_section_id section;
	size_t record_bytes, slot_offset;
	unsigned meaning; /* the kinds that say what a slot means */
	bool (*same)(
		const struct snapshot *a, const void *x, const struct snapshot *b, const void *y);
};

static bool listener_same(
	const struct snapshot *a, const void *x, const struct snapshot *b, const void *y)
{
	const struct snap_listener *l = x, *m = y;

	return l->tcp_port == m->tcp_port && ip_equal(&l->addr, &m->addr);
}

static bool api_same(
	const struct snapshot *a, const void *x, const struct snapshot *b, const void *y)
{
	const struct snap_api *l = x, *m = y;

	return snapshot_same_text(a, l->name, b, m->name) &&
	       snapshot_same_text(a, l->version, b, m->version);
}

static bool endpoint_same(
	const struct snapshot *a, const void *x, const struct snapshot *b, const void *y)
{
	const struct snap_endpoint *l = x, *m = y;

	return l->tcp_port == m->tcp_port && ip_equal(&l->addr, &m->addr) &&
	       snapshot_same_text(a, l->name, b, m->name) &&
	       snapshot_same_text(a, snap_backend_of(a, l)->name, b, snap_backend_of(b, m)->name);
}

static bool consumer_same(
	const struct snapshot *a, const void *x, const struct snapshot *b, const void *y)
{
	return snapshot_same_text(a, ((const struct snap_consumer *)x)->name, b,
		((const struct snap_consumer *)y)->name);
}

#define SLOT_TYPE(section, type, meaning, same)                                                    \
	{                                                                                          \
		section, sizeof(struct type), offsetof(struct type, slot), meaning, same           \
	}

static const struct slot_type slot_types[SLOT_KINDS] = {
	[SLOT_LISTENER] =
		SLOT_TYPE(SNAP_LISTENERS, snap_listener, 1u << SNAP_KIND_GATEWAY, listener_same),
	[SLOT_API] = SLOT_TYPE(SNAP_APIS, snap_api, 1u << SNAP_KIND_ROUTING, api_same),
	[SLOT_ENDPOINT] = SLOT_TYPE(SNAP_ENDPOINTS, snap_endpoint,
		1u << SNAP_KIND_ENDPOINTS | 1u << SNAP_KIND_ROUTING, endpoint_same),
	[SLOT_CONSUMER] =
		SLOT_TYPE(SNAP_CONSUMERS, snap_consumer, 1u << SNAP_KIND_CALLERS, consumer_same),
};

static const void *slot_record(const struct tables *t, enum slot_kind kind, uint32_t index)
{
	const struct slot_type *type = &slot_types[kind];

	return (const char *)t->snapshot.sections[type->section].records +
	       index * type->record_bytes;
}

static bool slots_index(struct tables *t, enum slot_kind kind)
{
	const struct slot_type *type = &slot_types[kind];
	size_t bytes = ((size_t)t->slots[kind] + 1) * sizeof(uint32_t);
	struct tables_slots *slots = malloc(sizeof(*slots) + bytes);

	if (!slots)
		return false;
	slots->shares = 1;
	slots->count = t->slots[kind];
	memset(slots->index, 0xff, bytes); /* SNAP_NONE */
	t->indices[kind] = slots;
	t->by_slot[kind] = slots->index;
	for (uint32_t i = 0; i < t->snapshot.sections[type->section].count; i++) {
		uint32_t slot;

		memcpy(&slot, (const char *)slot_record(t, kind, i) + type->slot_offset,
			sizeof(slot));
		slots->index[slot] = i;
	}
	return true;
}

/* The slots mean what they meant: nothing is looked at, as there may be a million consumers. */
static bool slots_stay(struct tables *t, const struct tables *previous, enum slot_kind kind)
{
	if (!tables_share(t, previous, slot_types[kind].meaning) ||
		previous->indices[kind]->count != t->slots[kind])
		return false;
	t->indices[kind] = previous->indices[kind];
	t->indices[kind]->shares++;
	t->by_slot[kind] = t->indices[kind]->index;
	return true;
}

/* Whether the record that has the slot in @p previous is none of @p t, with that slot. */
static bool slot_ends(
	const struct tables *t, const struct tables *previous, enum slot_kind kind, uint32_t slot)
{
	uint32_t was = previous->by_slot[kind][slot];
	uint32_t is = slot < t->slots[kind] ? t->by_slot[kind][slot] : SNAP_NONE;

	return was != SNAP_NONE &&
	       (is == SNAP_NONE ||
		       !slot_types[kind].same(&previous->snapshot, slot_record(previous, kind, was),
			       &t->snapshot, slot_record(t, kind, is)));
}

/* No slot yet. @return false without memory */
static bool ended_begin(struct tables_ended *ended, uint32_t slots)
{
	ended->bits = calloc(slots / 64 + 1, sizeof(*ended->bits));
	ended->bit_count = ended->bits ? slots : 0;
	return ended->bits != NULL;
}

static void ended_add(struct tables_ended *ended, uint32_t slot)
{
	ended->bits[slot / 64] |= UINT64_C(1) << slot % 64;
}

/* List what was added. @return false without memory */
static bool ended_finish(struct tables_ended *ended)
{
	uint32_t count = 0;

	for (uint32_t i = 0; i <= ended->bit_count / 64; i++)
		count += (uint32_t)__builtin_popcountll(ended->bits[i]);
	ended->slots = malloc((count + 1) * sizeof(*ended->slots));
	if (!ended->slots)
		return false;
	for (uint32_t slot = 0; ended->count < count; slot++)
		if (tables_ended_has(ended, slot))
			ended->slots[ended->count++] = slot;
	return true;
}

static void ended_free(struct tables_ended *ended)
{
	free(ended->slots);
	free(ended->bits);
}

/* Each record is compared once. */
static bool slots_compare(struct tables *t, const struct tables *previous, enum slot_kind kind)
{
	struct tables_ended *ended = &t->ended[kind];

	if (!ended_begin(ended, previous->slots[kind]))
		return false;
	for (uint32_t slot = 0; slot < previous->slots[kind]; slot++)
		if (slot_ends(t, previous, kind, slot))
			ended_add(ended, slot);
	return ended_finish(ended);
}

/* The TLS of a backend; NULL: none, or there is no such backend. */
static const struct snap_peer *peer_of(const struct snapshot *s, uint32_t backend)
{
	const uint32_t i = snap_named(s, SNAP_PEER, backend);

	return i == SNAP_NONE ? NULL : SNAP_AT(s, SNAP_PEERS, snap_peer, i);
}

static bool peer_same_cert(
	const struct snapshot *a, uint32_t x, const struct snapshot *b, uint32_t y)
{
	if (x == SNAP_NONE || y == SNAP_NONE)
		return x == y;
	return memcmp(SNAP_AT(a, SNAP_CERTS, snap_cert, x)->fingerprint,
		       SNAP_AT(b, SNAP_CERTS, snap_cert, y)->fingerprint,
		       sizeof(((struct snap_cert *)NULL)->fingerprint)) == 0;
}

/* Whether connections to the backend's endpoints are made as they were. */
static bool peer_same(const struct snapshot *a, const struct snapshot *b, uint32_t backend)
{
	const struct snap_peer *x = peer_of(a, backend), *y = peer_of(b, backend);

	if (!x || !y)
		return x == y;
	return snapshot_same_text(a, x->ca, b, y->ca) &&
	       snapshot_same_text(a, x->server_name, b, y->server_name) &&
	       peer_same_cert(a, x->cert, b, y->cert);
}

/* Endpoints whose backend has other TLS settings. Each backend is compared once: authorities may be
 * long. */
static bool peers_compare(struct tables *t, const struct tables *previous)
{
	const struct snapshot *was = &previous->snapshot, *is = &t->snapshot;
	uint32_t backends, endpoints;
	const struct snap_backend *backend = snap_records(is, SNAP_BACKENDS, &backends);
	const struct snap_endpoint *endpoint = snap_records(is, SNAP_ENDPOINTS, &endpoints);

	if (tables_share(t, previous, 1u << SNAP_KIND_GATEWAY) ||
		was->sections[SNAP_PEERS].count + is->sections[SNAP_PEERS].count == 0)
		return true;
	if (!ended_begin(&t->reconnect, t->slots[SLOT_ENDPOINT]))
		return false;
	for (uint32_t b = 0; b < backends; b++) {
		const struct snap_range range = is->endpoints[b];

		if (peer_same(was, is, backend[b].slot))
			continue;
		for (uint32_t i = range.first; i < range.first + range.count; i++)
			ended_add(&t->reconnect, endpoint[i].slot);
	}
	return ended_finish(&t->reconnect);
}

/* The listener of @p other that has the slot and the address of @p l; NULL: none. */
static const struct snap_listener *listener_in(
	const struct tables *other, const struct snap_listener *l)
{
	uint32_t i = tables_listener(other, l->slot);
	const struct snap_listener *m;

	if (i == SNAP_NONE)
		return NULL;
	m = SNAP_AT(&other->snapshot, SNAP_LISTENERS, snap_listener, i);
	return listener_same(&other->snapshot, l, &other->snapshot, m) ? m : NULL;
}

static bool listeners_compare(struct tables *t, const struct tables *previous)
{
	struct tables_listening *listening = &t->listening;
	uint32_t was_count, is_count;
	const struct snap_listener *was, *is, *then;

	was = snap_records(&previous->snapshot, SNAP_LISTENERS, &was_count);
	is = snap_records(&t->snapshot, SNAP_LISTENERS, &is_count);
	listening->closed = malloc((was_count + 1) * sizeof(uint32_t));
	listening->opened = malloc((is_count + 1) * sizeof(uint32_t));
	listening->backlog = malloc((is_count + 1) * sizeof(uint32_t));
	if (!listening->closed || !listening->opened || !listening->backlog)
		return false;
	for (uint32_t i = 0; i < was_count; i++)
		if (!listener_in(t, &was[i]))
			listening->closed[listening->closed_count++] = i;
	for (uint32_t i = 0; i < is_count; i++) {
		then = listener_in(previous, &is[i]);
		if (!then) {
			listening->opened[listening->opened_count++] = i;
			continue;
		}
		if (then->backlog != is[i].backlog)
			listening->backlog[listening->backlog_count++] = i;
		listening->tls_changed |= then->tls != is[i].tls;
	}
	return true;
}

bool tables_index_slots(struct tables *t, const struct tables *previous)
{
	const struct snap_settings *settings = snap_settings(&t->snapshot);

	t->slots[SLOT_LISTENER] = settings->listener_capacity;
	t->slots[SLOT_API] = settings->api_capacity;
	t->slots[SLOT_ENDPOINT] = settings->endpoint_capacity;
	t->slots[SLOT_CONSUMER] = settings->consumer_capacity;
	for (unsigned kind = 0; kind < SLOT_KINDS; kind++) {
		if (slots_stay(t, previous, kind))
			continue;
		if (!slots_index(t, kind))
			return false;
		if (previous && !slots_compare(t, previous, kind))
			return false;
	}
	return !previous || (listeners_compare(t, previous) && peers_compare(t, previous));
}

void tables_free_slots(struct tables *t)
{
	for (unsigned kind = 0; kind < SLOT_KINDS; kind++) {
		if (t->indices[kind] && --t->indices[kind]->shares == 0)
			free(t->indices[kind]);
		ended_free(&t->ended[kind]);
	}
	ended_free(&t->reconnect);
	free(t->listening.closed);
	free(t->listening.opened);
	free(t->listening.backlog);
}
