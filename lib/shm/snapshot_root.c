/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From one part of each kind to a snapshot. What is in a part was checked with it; here is what
 * parts say of each other: slots that name records of another part, and slots that the gateway's
 * settings reserve. Its cost grows with the references between parts and with what they name, but
 * neither with keys nor with consumers.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/shm/snapshot_priv.h"

/* Where slots are that other parts name. */
static const struct {
	enum snap_section_id section;
	uint32_t record_bytes, slot_offset;
} nameds[SNAP_NAMED] = {
#define NAMED(section, type)                                                                       \
	{                                                                                          \
		section, sizeof(struct type), offsetof(struct type, slot)                          \
	}
	[SNAP_LISTENER] = NAMED(SNAP_LISTENERS, snap_listener),
	[SNAP_CREDENTIAL] = NAMED(SNAP_CREDENTIALS, snap_credential),
	[SNAP_API] = NAMED(SNAP_APIS, snap_api),
	[SNAP_BACKEND] = NAMED(SNAP_BACKENDS, snap_backend),
	[SNAP_PEER] = NAMED(SNAP_PEERS, snap_peer),
#undef NAMED
};

static uint32_t named_slot(const struct snapshot *s, enum snap_named what, uint32_t index)
{
	const char *records = s->sections[nameds[what].section].records;
	uint32_t slot;

	memcpy(&slot,
		records + (size_t)index * nameds[what].record_bytes + nameds[what].slot_offset,
		sizeof(slot));
	return slot;
}

/* Index the slots, each of which may be there once. */
static bool named_index(struct snap_check *c, struct snapshot *s, enum snap_named what)
{
	const uint32_t records = s->sections[nameds[what].section].count;
	uint32_t end = 0, *index;

	c->section = nameds[what].section;
	for (uint32_t i = 0; i < records; i++)
		if (named_slot(s, what, i) >= end)
			end = named_slot(s, what, i) + 1;
	index = malloc(((size_t)end + 1) * sizeof(*index));
	if (!index)
		return snap_refuse(c, "out of memory");
	memset(index, 0xff, ((size_t)end + 1) * sizeof(*index)); /* SNAP_NONE */
	s->named[what].index = index;
	s->named[what].count = end;
	for (c->record = 0; c->record < records; c->record++) {
		const uint32_t slot = named_slot(s, what, c->record);

		if (index[slot] != SNAP_NONE)
			return snap_refuse(c, "slot: %u is that of record %u", slot, index[slot]);
		index[slot] = c->record;
	}
	c->record = SNAP_NONE;
	return true;
}

static bool named_check(
	struct snap_check *c, const char *field, enum snap_named what, uint32_t slot)
{
	if (snap_named(c->snapshot, what, slot) == SNAP_NONE)
		return snap_refuse(c, "%s: slot %u, which section %s does not have", field, slot,
			snap_section_name(nameds[what].section));
	return true;
}

/* A list of slots. */
static bool list_check(
	struct snap_check *c, enum snap_section_id id, const char *field, enum snap_named what)
{
	c->section = id;
	for (c->record = 0; c->record < c->snapshot->sections[id].count; c->record++)
		if (!named_check(c, field, what, SNAP_INDEX_AT(c->snapshot, id, c->record)))
			return false;
	return true;
}

/* A backend without its TLS would be spoken to in clear text. */
static bool peers_check(struct snap_check *c)
{
	const uint32_t backends = c->snapshot->sections[SNAP_BACKENDS].count;

	c->section = SNAP_BACKENDS;
	for (c->record = 0; c->record < backends; c->record++) {
		const struct snap_backend *b =
			SNAP_AT(c->snapshot, SNAP_BACKENDS, snap_backend, c->record);

		if (b->tls && !named_check(c, "tls", SNAP_PEER, b->slot))
			return false;
	}
	return true;
}

/* Endpoints to their backends. */
static bool endpoints_check(struct snap_check *c, struct snapshot *s)
{
	const uint32_t backends = s->sections[SNAP_BACKENDS].count;
	struct snap_range *range;

	c->section = SNAP_ENDPOINTS;
	s->endpoints = calloc((size_t)backends + 1, sizeof(*s->endpoints));
	if (!s->endpoints)
		return snap_refuse(c, "out of memory");
	for (c->record = 0; c->record < s->sections[SNAP_ENDPOINTS].count; c->record++) {
		const struct snap_endpoint *e =
			SNAP_AT(s, SNAP_ENDPOINTS, snap_endpoint, c->record);

		if (!named_check(c, "backend", SNAP_BACKEND, e->backend))
			return false;
		range = &s->endpoints[snap_named(s, SNAP_BACKEND, e->backend)];
		if (range->count == 0)
			range->first = c->record;
		else if (range->first + range->count != c->record)
			return snap_refuse(
				c, "backend: its other endpoints are not beside this one");
		range->count++;
	}
	return true;
}

/* The slots of a section lie below what the settings reserve. @param end  of the part's slots */
static bool capacity_check(struct snap_check *c, enum snap_section_id id, size_t slot_offset,
	uint32_t end, uint32_t capacity)
{
	const char *records = c->snapshot->sections[id].records;

	if (end <= capacity)
		return true;
	c->section = id;
	for (c->record = 0; c->record < c->snapshot->sections[id].count; c->record++) {
		uint32_t slot;

		memcpy(&slot,
			records + (size_t)c->record * snap_section_infos[id].record_bytes +
				slot_offset,
			sizeof(slot));
		if (slot >= capacity)
			return snap_refuse(
				c, "slot: %u, beyond the %u reserved in settings", slot, capacity);
	}
	return true;
}

static bool capacities_check(struct snap_check *c)
{
	const struct snap_settings *settings = snap_settings(c->snapshot);
	struct snapshot_part *const *parts = c->snapshot->parts;
	const uint32_t callers = parts[SNAP_KIND_CALLERS]->slots_end;

	return capacity_check(c, SNAP_APIS, offsetof(struct snap_api, slot),
		       parts[SNAP_KIND_ROUTING]->slots_end, settings->api_capacity) &&
	       capacity_check(c, SNAP_ENDPOINTS, offsetof(struct snap_endpoint, slot),
		       parts[SNAP_KIND_ENDPOINTS]->slots_end, settings->endpoint_capacity) &&
	       capacity_check(c, SNAP_CONSUMERS, offsetof(struct snap_consumer, slot), callers,
		       settings->consumer_capacity) &&
	       capacity_check(c, SNAP_RETIRED, offsetof(struct snap_retired, slot), callers,
		       settings->consumer_capacity);
}

static bool root_check(struct snap_check *c, struct snapshot *s)
{
	for (unsigned what = 0; what < SNAP_NAMED; what++)
		if (!named_index(c, s, what))
			return false;
	return capacities_check(c) &&
	       list_check(c, SNAP_API_LISTENERS, "listener", SNAP_LISTENER) &&
	       list_check(c, SNAP_API_CREDENTIALS, "credential", SNAP_CREDENTIAL) &&
	       list_check(c, SNAP_PLAN_APIS, "api", SNAP_API) && endpoints_check(c, s) &&
	       peers_check(c);
}

int snapshot_open(struct snapshot_part *const parts[SNAP_KINDS], uint64_t generation,
	struct snapshot *out, char *why, size_t why_bytes)
{
	struct snapshot s = { .generation = generation };
	struct snap_check c = {
		.snapshot = &s, .record = SNAP_NONE, .why = why, .why_bytes = why_bytes
	};

	*out = (struct snapshot){ 0 };
	for (unsigned kind = 0; kind < SNAP_KINDS; kind++)
		s.parts[kind] = snapshot_part_hold(parts[kind]);
	for (unsigned id = 0; id < SNAP_SECTION_COUNT; id++)
		s.sections[id] = parts[snap_section_infos[id].kind]->sections[id];
	if (!root_check(&c, &s)) {
		snapshot_close(&s);
		return -EBADMSG;
	}
	*out = s;
	return 0;
}

/* The part of a kind that a segment is, or else the one of @p previous. */
static int part_open(struct segment *segment, enum snap_kind kind, const struct snapshot *previous,
	struct snapshot_part **out, char *why, size_t why_bytes)
{
	int err;

	if (segment->fd < 0 && previous) {
		*out = snapshot_part_hold(previous->parts[kind]);
		return 0;
	}
	err = snapshot_part_open(segment, out, why, why_bytes);
	if (err || (*out)->kind == kind)
		return err;
	snprintf(why, why_bytes, "section strings: a segment of kind %s instead of %s",
		snap_kind_name((*out)->kind), snap_kind_name(kind));
	return -EBADMSG;
}

int snapshot_open_segments(struct segment segments[SNAP_KINDS], const struct snapshot *previous,
	uint64_t generation, struct snapshot *out, char *why, size_t why_bytes)
{
	struct snapshot_part *parts[SNAP_KINDS] = { 0 };
	int err = 0;

	*out = (struct snapshot){ 0 };
	for (unsigned kind = 0; kind < SNAP_KINDS && !err; kind++)
		err = part_open(&segments[kind], kind, previous, &parts[kind], why, why_bytes);
	if (!err)
		err = snapshot_open(parts, generation, out, why, why_bytes);
	for (unsigned kind = 0; kind < SNAP_KINDS; kind++) {
		snapshot_part_release(parts[kind]);
		segment_close(&segments[kind]);
	}
	return err;
}

void snapshot_close(struct snapshot *snapshot)
{
	for (unsigned kind = 0; kind < SNAP_KINDS; kind++)
		snapshot_part_release(snapshot->parts[kind]);
	for (unsigned what = 0; what < SNAP_NAMED; what++)
		free(snapshot->named[what].index);
	free(snapshot->endpoints);
	*snapshot = (struct snapshot){ 0 };
}

/* @return false without memory */
static bool named_copy(const struct snapshot *from, enum snap_named what, struct snapshot *out)
{
	const size_t bytes = ((size_t)from->named[what].count + 1) * sizeof(uint32_t);

	out->named[what].index = malloc(bytes);
	if (!out->named[what].index)
		return false;
	memcpy(out->named[what].index, from->named[what].index, bytes);
	out->named[what].count = from->named[what].count;
	return true;
}

int snapshot_view(const struct snapshot *from, unsigned kinds, struct snapshot *out)
{
	struct snapshot s = { .generation = from->generation };
	bool made = true;

	*out = (struct snapshot){ 0 };
	for (unsigned kind = 0; kind < SNAP_KINDS; kind++)
		if (kinds >> kind & 1)
			s.parts[kind] = snapshot_part_hold(from->parts[kind]);
	for (unsigned id = 0; id < SNAP_SECTION_COUNT; id++)
		if (kinds >> snap_section_infos[id].kind & 1)
			s.sections[id] = from->sections[id];
	for (unsigned what = 0; what < SNAP_NAMED && made; what++)
		if (kinds >> snap_section_infos[nameds[what].section].kind & 1)
			made = named_copy(from, what, &s);
	if (!made) {
		snapshot_close(&s);
		return -ENOMEM;
	}
	*out = s;
	return 0;
}

bool snapshot_shares(const struct snapshot *a, const struct snapshot *b, unsigned kinds)
{
	for (unsigned kind = 0; kind < SNAP_KINDS; kind++)
		if (kinds >> kind & 1 && a->parts[kind] != b->parts[kind])
			return false;
	return true;
}
