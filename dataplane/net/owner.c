/* SPDX-License-Identifier: Apache-2.0 */
/* Workers by four-tuple, see owner.h. The hash is that of Microsoft's RSS specification, by
 * bytes. */
#include "dataplane/net/owner.h"

#include <errno.h>
#include <stdlib.h>

#include <rte_byteorder.h>
#include <rte_hash_crc.h>

#define TUPLE_BYTES 36 /* IPv6: two addresses and two ports */
#define LOCAL_PORTS (UINT16_MAX + 1 - OWNER_PORT_FIRST)

static_assert(PORT_RSS_KEY_BYTES == TUPLE_BYTES + 4, "the last bit has a window of 32 bits");

enum { V4, V6, FAMILIES };

/* Numbers 0 to n-1 sorted by something that they have, ascending within each. */
struct sorted {
	uint16_t number[LOCAL_PORTS];
	uint32_t first[PORT_RETA_MAX + 1]; /* of each class, and one behind the last */
};

struct owner_rss {
	uint32_t word[TUPLE_BYTES][256]; /* what a byte at that place adds to the hash */
	bool hashes[FAMILIES];
	uint32_t mask;
	uint16_t queue[PORT_RETA_MAX]; /* by slot */
	uint32_t largest[FAMILIES];    /* class of local ports */
	struct sorted slots;           /* by queue */
	struct sorted ports[FAMILIES]; /* local ports less OWNER_PORT_FIRST, by slot */
};

static unsigned family_of(const struct ip_addr *addr)
{
	return ip_is_v4(addr) ? V4 : V6;
}

/* The 32 bits of the key that begin at a bit. */
static uint32_t owner_window(const uint8_t *key, unsigned bit)
{
	uint64_t five = 0;

	for (unsigned i = 0; i < 5; i++)
		five = five << 8 | (bit / 8 + i < PORT_RSS_KEY_BYTES ? key[bit / 8 + i] : 0);
	return (uint32_t)(five >> (8 - bit % 8));
}

static void words_make(struct owner_rss *rss, const uint8_t *key)
{
	for (unsigned byte = 0; byte < TUPLE_BYTES; byte++)
		for (unsigned value = 0; value < 256; value++)
			for (unsigned bit = 0; bit < 8; bit++)
				if (value & (0x80u >> bit))
					rss->word[byte][value] ^= owner_window(key, byte * 8 + bit);
}

static uint32_t add_bytes(
	const struct owner_rss *rss, unsigned at, const uint8_t *bytes, unsigned count)
{
	uint32_t hash = 0;

	for (unsigned i = 0; i < count; i++)
		hash ^= rss->word[at + i][bytes[i]];
	return hash;
}

/* The two ports lie behind the addresses: source, then destination. */
static uint32_t add_port(const struct owner_rss *rss, unsigned at, uint16_t port)
{
	return rss->word[at][port >> 8] ^ rss->word[at + 1][port & 0xff];
}

static unsigned local_port_at(unsigned family)
{
	return family == V4 ? 10 : 34;
}

static uint32_t hash_of(const struct owner_rss *rss, const struct net_meta *in, uint16_t dst_port)
{
	unsigned family = family_of(&in->src), at = local_port_at(family);
	unsigned from = family == V4 ? 12 : 0, bytes = 16 - from;

	return add_bytes(rss, 0, in->src.bytes + from, bytes) ^
	       add_bytes(rss, bytes, in->dst.bytes + from, bytes) ^
	       add_port(rss, at - 2, in->src_port) ^ add_port(rss, at, dst_port);
}

/* @param class_of  the class of each number */
static void owner_sort(struct sorted *s, uint32_t count, uint32_t classes, const uint16_t *class_of)
{
	uint32_t next[PORT_RETA_MAX];

	for (uint32_t i = 0; i < count; i++)
		s->first[class_of[i] + 1]++;
	for (uint32_t c = 0; c < classes; c++) {
		s->first[c + 1] += s->first[c];
		next[c] = s->first[c];
	}
	for (uint32_t i = 0; i < count; i++)
		s->number[next[class_of[i]]++] = (uint16_t)i;
}

static uint32_t class_size(const struct sorted *s, uint32_t class)
{
	return s->first[class + 1] - s->first[class];
}

/* @return false when a slot has no local port */
static bool classes_make(struct owner_rss *rss, unsigned family)
{
	uint16_t class_of[LOCAL_PORTS];

	for (uint32_t i = 0; i < LOCAL_PORTS; i++)
		class_of[i] = (uint16_t)(add_port(rss, local_port_at(family),
						 (uint16_t)(OWNER_PORT_FIRST + i)) &
					 rss->mask);
	owner_sort(&rss->ports[family], LOCAL_PORTS, rss->mask + 1, class_of);
	for (uint32_t c = 0; c <= rss->mask; c++) {
		uint32_t size = class_size(&rss->ports[family], c);

		if (size == 0)
			return false;
		rss->largest[family] = RTE_MAX(rss->largest[family], size);
	}
	return true;
}

static bool owner_fill(struct owner_rss *rss, const struct port_rss *from, uint32_t workers)
{
	rss->mask = from->reta_size - 1u;
	rss->hashes[V4] = from->ipv4;
	rss->hashes[V6] = from->ipv6;
	words_make(rss, from->key);
	for (uint32_t i = 0; i < from->reta_size; i++) {
		if (from->reta[i] >= workers)
			return false;
		rss->queue[i] = from->reta[i];
	}
	owner_sort(&rss->slots, from->reta_size, workers, rss->queue);
	for (uint32_t w = 0; w < workers; w++)
		if (class_size(&rss->slots, w) == 0)
			return false;
	return classes_make(rss, V4) && classes_make(rss, V6);
}

struct owner_rss *owner_rss_create(const struct port_rss *from, uint32_t workers)
{
	struct owner_rss *rss;

	/* The low bits of the hash are the slot. */
	if (from->reta_size > PORT_RETA_MAX || !rte_is_power_of_2(from->reta_size) ||
		workers > PORT_RETA_MAX) {
		errno = EINVAL;
		return NULL;
	}
	rss = calloc(1, sizeof(*rss));
	if (!rss || owner_fill(rss, from, workers))
		return rss;
	free(rss);
	errno = EINVAL;
	return NULL;
}

void owner_rss_destroy(struct owner_rss *rss)
{
	free(rss);
}

bool owner_by_rss(const struct owner_rss *rss, const struct ip_addr *addr)
{
	return rss && rss->hashes[family_of(addr)];
}

static uint32_t sum_of(const struct net_meta *in)
{
	return rte_hash_crc(&in->src, sizeof(in->src), in->src_port) & UINT16_MAX;
}

uint32_t owner_of(const struct owner_rss *rss, uint32_t workers, const struct net_meta *in)
{
	if (owner_by_rss(rss, &in->src))
		return rss->queue[hash_of(rss, in, in->dst_port) & rss->mask];
	return (sum_of(in) + in->dst_port) % workers;
}

struct owner_ports owner_ports(const struct owner_rss *rss, uint32_t workers, uint32_t worker,
	const struct net_meta *reply)
{
	struct owner_ports out = { .rss = owner_by_rss(rss, &reply->src) ? rss : NULL };
	uint32_t rest;

	if (out.rss) {
		out.family = family_of(&reply->src);
		out.base = hash_of(rss, reply, 0) & rss->mask;
		out.slots = class_size(&rss->slots, worker);
		out.slot = rss->slots.number + rss->slots.first[worker];
		out.count = out.slots * rss->largest[out.family];
		return out;
	}
	rest = (sum_of(reply) + OWNER_PORT_FIRST) % workers;
	out.step = workers;
	out.first = OWNER_PORT_FIRST + (worker + workers - rest) % workers;
	out.count = out.first <= UINT16_MAX ? (UINT16_MAX - out.first) / workers + 1 : 0;
	return out;
}

uint16_t owner_port(const struct owner_ports *ports, uint32_t i)
{
	const struct sorted *classes;
	uint32_t class;

	if (!ports->rss)
		return (uint16_t)(ports->first + i * ports->step);
	classes = &ports->rss->ports[ports->family];
	class = ports->base ^ ports->slot[i % ports->slots];
	i = i / ports->slots % class_size(classes, class);
	return (uint16_t)(OWNER_PORT_FIRST + classes->number[classes->first[class] + i]);
}
