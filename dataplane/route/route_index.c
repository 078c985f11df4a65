/* SPDX-License-Identifier: Apache-2.0 */
/* Building the hash index: open addressing with linear probing, at most half full. */
#include <stdlib.h>

#include "dataplane/route/route_index.h"

bool index_init(struct route_index *index, uint64_t capacity)
{
	uint64_t slots = 16;

	*index = (struct route_index){ 0 };
	if (capacity > UINT32_MAX / 4)
		return false;
	while (slots < 2 * capacity)
		slots *= 2;
	index->mask = (uint32_t)(slots - 1);
	index->capacity = (uint32_t)capacity;
	index->slots = calloc(slots, sizeof(*index->slots));
	index->nodes = aligned_alloc(64, (capacity + 1) * sizeof(*index->nodes));
	if (index->slots != NULL && index->nodes != NULL)
		return true;
	index_free(index);
	return false;
}

void index_free(struct route_index *index)
{
	free(index->slots);
	free(index->nodes);
	*index = (struct route_index){ 0 };
}

struct index_node *index_new_node(struct route_index *index, uint32_t scope, struct str text)
{
	struct index_node *node = &index->nodes[index->count++];

	*node = (struct index_node){ .scope = scope, .len = text.len };
	if (text.len > INDEX_INLINE_BYTES)
		memcpy(node->text, &text.data, sizeof(text.data));
	else if (text.len > 0)
		memcpy(node->text, text.data, text.len);
	return node;
}

struct index_node *index_add(
	struct route_index *index, uint64_t hash, uint32_t scope, struct str text)
{
	struct index_node *node = index_new_node(index, scope, text);
	uint32_t i = (uint32_t)hash & index->mask;

	while (index->slots[i].node != 0)
		i = (i + 1) & index->mask;
	index->slots[i] = (struct index_slot){ (uint32_t)(hash >> 32), index->count };
	return node;
}
