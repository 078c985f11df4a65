/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The hash index under hosts and paths: built once, then only read. A slot is 8 bytes and a node
 * one cache line with the text in it, so that a hit among 50,000 routes costs two lines and no
 * pointer chase.
 */
#ifndef SLUICE_DATAPLANE_ROUTE_ROUTE_INDEX_H
#define SLUICE_DATAPLANE_ROUTE_ROUTE_INDEX_H

#include <assert.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "lib/base/str.h"

#define INDEX_INLINE_BYTES 32
#define INDEX_NONE         UINT32_MAX

struct index_node {
	uint32_t scope; /* the same text in another scope is another key */
	uint32_t len;
	char text[INDEX_INLINE_BYTES]; /* where longer: a pointer to it */
	union {
		struct {
			uint32_t route, api, backend;
			uint32_t methods; /* 0: all */
			uint32_t allowed; /* of all routes in the chain */
			uint32_t next;    /* node of another route with this path, or INDEX_NONE */
		} path;
		struct {
			uint32_t set;
			uint32_t first, last; /* while building: list of APIs */
		} host;
		uint32_t value;
	};
};
static_assert(sizeof(struct index_node) == 64, "one line");

struct index_slot {
	uint32_t tag;
	uint32_t node; /* number + 1; 0: empty */
};

struct route_index {
	struct index_slot *slots;
	struct index_node *nodes;
	uint32_t mask;
	uint32_t count, capacity; /* nodes */
};

/** @param capacity  most nodes that will be added  @return false when out of memory */
bool index_init(struct route_index *index, uint64_t capacity);
void index_free(struct route_index *index);

/**
 * Take a node that no slot leads to (to be chained). @p text must live as long as the index.
 * @return the node with its key set and its payload zero; the capacity is the caller's promise
 */
struct index_node *index_new_node(struct route_index *index, uint32_t scope, struct str text);

/** The same, and let index_find() find it. The key must not be there yet. */
struct index_node *index_add(
	struct route_index *index, uint64_t hash, uint32_t scope, struct str text);

#define INDEX_SEED UINT64_C(0x9e3779b97f4a7c15)

/** Mix one word in. The tables' keys are the operator's, so a fast hash will do: what a client sends can
 *  at worst meet a key's slot and fail the comparison. */
static inline uint64_t index_mix(uint64_t hash, uint64_t word)
{
	hash = (hash ^ word) * UINT64_C(0xff51afd7ed558ccd);
	return hash ^ (hash >> 32);
}

/** The first @p n bytes (at most 8) as a little-endian word; reads nothing beyond them. */
static inline uint64_t index_word(const char *p, size_t n)
{
	uint64_t word = 0;
	uint32_t low, high;

	if (n >= 8) {
		memcpy(&word, p, 8);
	} else if (n >= 4) {
		memcpy(&low, p, 4);
		memcpy(&high, p + n - 4, 4);
		word = low | (uint64_t)high << (8 * (n - 4));
	} else if (n > 0) {
		word = (uint8_t)p[0] | (uint64_t)(uint8_t)p[n / 2] << (8 * (n / 2)) |
		       (uint64_t)(uint8_t)p[n - 1] << (8 * (n - 1));
	}
	return word;
}

static inline uint64_t index_hash(uint64_t hash, struct str text)
{
	uint32_t i = 0;

	for (; i + 8 <= text.len; i += 8)
		hash = index_mix(hash, index_word(text.data + i, 8));
	/* A shift, written so that clang's analyzer, which takes "<<" here for overflow, is
	 * content. */
	return index_mix(
		hash, index_word(text.data + i, text.len - i) ^ text.len * (UINT64_C(1) << 56));
}

/** Make a hash depend on the scope; what index_add() and index_find() take. */
static inline uint64_t index_scoped(uint64_t hash, uint32_t scope)
{
	return index_mix(hash, scope);
}

static inline const char *index_text(const struct index_node *node)
{
	const char *text;

	if (node->len <= INDEX_INLINE_BYTES)
		return node->text;
	memcpy(&text, node->text, sizeof(text));
	return text;
}

static inline struct index_node *index_find(
	const struct route_index *index, uint64_t hash, uint32_t scope, struct str text)
{
	const uint32_t tag = (uint32_t)(hash >> 32);

	for (uint32_t i = (uint32_t)hash & index->mask;; i = (i + 1) & index->mask) {
		const struct index_slot slot = index->slots[i];
		struct index_node *node;

		if (slot.node == 0)
			return NULL;
		if (slot.tag != tag)
			continue;
		node = &index->nodes[slot.node - 1];
		if (node->scope == scope && node->len == text.len &&
			memcmp(index_text(node), text.data, text.len) == 0)
			return node;
	}
}

/* Which lengths of text occur: asked before a look-up, so that only those that can hit are made.
 * Lengths from 255 on share a bit. */
struct length_set {
	uint64_t bits[4];
};

static inline void length_set_add(struct length_set *set, uint32_t len)
{
	len = len < 255 ? len : 255;
	set->bits[len / 64] |= UINT64_C(1) << (len % 64);
}

static inline bool length_set_has(const struct length_set *set, uint32_t len)
{
	len = len < 255 ? len : 255;
	return set->bits[len / 64] >> (len % 64) & 1;
}

#endif
