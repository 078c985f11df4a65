/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The rings of questions and replies: two Lamport queues in one segment. Both sides map all of it
 * writable; an index that only its owner needs is kept in the owner's own memory, so that the other
 * side can stop the ring, but cannot move it back or make it overrun.
 */
#include "lib/shm/ask.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "lib/shm/ring.h"
#include "lib/shm/shm_priv.h"

static const struct ring_kind ask_kind = {
	SEGMENT_ASK,
	sizeof(struct ask_ring_header),
	sizeof(struct ask_question),
	2 * ASK_RECORDS,
};
static_assert((sizeof(struct segment_header) + sizeof(struct ask_ring_header)) % SHM_ALIGN == 0,
	"records begin on a line");

static const struct {
	const char *name;
	uint32_t deadline_ms;
	enum ask_verdict fallback;
} ask_kinds[ASK_KIND_COUNT] = {
#define ASK(NAME, name, deadline_ms, fallback, text) { #name, deadline_ms, ASK_##fallback },
#include "lib/shm/ask.def"
#undef ASK
};

const char *ask_name(enum ask_kind kind)
{
	return (unsigned)kind < ASK_KIND_COUNT ? ask_kinds[kind].name : "unknown";
}

uint32_t ask_deadline_ms(enum ask_kind kind)
{
	return ask_kinds[kind].deadline_ms;
}

enum ask_verdict ask_fallback(enum ask_kind kind)
{
	return ask_kinds[kind].fallback;
}

static struct ask_ring ask_ring_of(const struct ring_map *map)
{
	const uint32_t each = (map->mask + 1) / 2;
	struct ask_question *records = map->records;

	return (struct ask_ring){
		.segment = map->segment,
		.life = ((const struct segment_header *)map->segment.base)->boot_id,
		.header = map->header,
		.questions = records,
		.replies = (struct ask_reply *)(void *)(records + each),
		.mask = each - 1,
	};
}

int ask_ring_create(uint32_t worker, uint32_t records, uint64_t boot_id, struct ask_ring *out)
{
	struct ring_map map;
	char name[32];
	int err;

	*out = (struct ask_ring){ .segment = segment_none() };
	if (records > ASK_RECORDS)
		return -EINVAL;
	snprintf(name, sizeof(name), "sluice-ask-%u", worker);
	err = ring_create(&ask_kind, name, 2 * records, boot_id, &map);
	if (!err)
		*out = ask_ring_of(&map);
	return err;
}

int ask_ring_open(int fd, struct ask_ring *out)
{
	struct ring_map map;
	struct ask_ring ring;
	uint64_t other;
	int err = ring_open(&ask_kind, fd, &map);

	*out = (struct ask_ring){ .segment = segment_none() };
	if (err)
		return err;
	if (map.mask == 0) {
		map.segment.fd = -1; /* stays the caller's */
		segment_close(&map.segment);
		return -EBADMSG;
	}
	ring = ask_ring_of(&map);
	/* What the control before left behind; where it makes no sense the rings begin empty. */
	other = atomic_load_explicit(&ring.header->asked, memory_order_acquire);
	ring.got = atomic_load_explicit(&ring.header->taken, memory_order_relaxed);
	if (other - ring.got > (uint64_t)ring.mask + 1)
		ring.got = other;
	atomic_store_explicit(&ring.header->taken, ring.got, memory_order_release);
	ring.room_seen = atomic_load_explicit(&ring.header->read, memory_order_acquire);
	ring.put = atomic_load_explicit(&ring.header->replied, memory_order_relaxed);
	if (ring.put - ring.room_seen > (uint64_t)ring.mask + 1)
		ring.put = ring.room_seen;
	*out = ring;
	return 0;
}

void ask_ring_close(struct ask_ring *ring)
{
	segment_close(&ring->segment);
	*ring = (struct ask_ring){ .segment = segment_none() };
}

/* Is there room for one more record? An index of the other side that makes no sense is a full ring. */
static bool ask_ring_room(struct ask_ring *ring, const _Atomic uint64_t *other)
{
	if (ring->put - ring->room_seen > ring->mask)
		ring->room_seen = atomic_load_explicit(other, memory_order_acquire);
	return ring->put - ring->room_seen <= ring->mask;
}

/* Where the next record is. @return 1, 0 when there is none, -EPROTO after which there is none */
static int ask_ring_next(
	struct ask_ring *ring, const _Atomic uint64_t *other, _Atomic uint64_t *own)
{
	const uint64_t end = atomic_load_explicit(other, memory_order_acquire);

	if (end == ring->got)
		return 0;
	if (end - ring->got <= (uint64_t)ring->mask + 1)
		return 1;
	ring->got = end;
	atomic_store_explicit(own, end, memory_order_release);
	return -EPROTO;
}

bool ask_ring_put(
	struct ask_ring *ring, const struct ask_question *head, const void *data, bool *wake)
{
	struct ask_ring_header *header = ring->header;
	struct ask_question *q = &ring->questions[ring->put & ring->mask];

	*wake = false;
	if (!ask_ring_room(ring, &header->taken))
		return false;
	memcpy(q, head, offsetof(struct ask_question, data));
	if (head->bytes)
		memcpy(q->data, data, head->bytes);
	q->sequence = ++ring->put;
	/* In one order with ask_ring_sleep(): either control sees the question, or we that it sleeps. */
	atomic_store_explicit(&header->asked, ring->put, memory_order_seq_cst);
	if (atomic_load_explicit(&header->sleeps, memory_order_seq_cst))
		*wake = atomic_exchange_explicit(&header->sleeps, 0, memory_order_acq_rel) != 0;
	return true;
}

int ask_ring_take(struct ask_ring *ring, struct ask_question *out)
{
	struct ask_ring_header *header = ring->header;
	const struct ask_question *q = &ring->questions[ring->got & ring->mask];
	int rc = ask_ring_next(ring, &header->asked, &header->taken);

	if (rc <= 0)
		return rc;
	memcpy(out, q, offsetof(struct ask_question, data));
	rc = out->sequence == ++ring->got && out->bytes <= ASK_DATA_BYTES ? 1 : -EPROTO;
	if (rc > 0)
		memcpy(out->data, q->data, out->bytes);
	atomic_store_explicit(&header->taken, ring->got, memory_order_release);
	return rc;
}

bool ask_ring_reply(struct ask_ring *ring, const struct ask_reply *head, const void *data)
{
	struct ask_reply *r = &ring->replies[ring->put & ring->mask];

	if (!ask_ring_room(ring, &ring->header->read))
		return false;
	memcpy(r, head, offsetof(struct ask_reply, data));
	if (head->bytes)
		memcpy(r->data, data, head->bytes);
	r->sequence = ++ring->put;
	atomic_store_explicit(&ring->header->replied, ring->put, memory_order_release);
	return true;
}

int ask_ring_reply_take(struct ask_ring *ring, struct ask_reply *out)
{
	struct ask_ring_header *header = ring->header;
	const struct ask_reply *r = &ring->replies[ring->got & ring->mask];
	int rc = ask_ring_next(ring, &header->replied, &header->read);

	if (rc <= 0)
		return rc;
	memcpy(out, r, offsetof(struct ask_reply, data));
	rc = out->sequence == ++ring->got && out->life == ring->life &&
			     out->bytes <= ASK_DATA_BYTES &&
			     (out->verdict == ASK_ALLOW || out->verdict == ASK_REFUSE)
		     ? 1
		     : -EPROTO;
	if (rc > 0)
		memcpy(out->data, r->data, out->bytes);
	atomic_store_explicit(&header->read, ring->got, memory_order_release);
	return rc;
}

bool ask_ring_sleep(struct ask_ring *ring)
{
	atomic_store_explicit(&ring->header->sleeps, 1, memory_order_seq_cst);
	return atomic_load_explicit(&ring->header->asked, memory_order_seq_cst) == ring->got;
}
