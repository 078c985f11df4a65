/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Routes whose paths have segments that stand for any one, "/v1/orders/{id}". In the index such a path
 * is "/v1/orders/{", and the places of its "{" are its shape. For each shape that a set of paths has,
 * a request's path is hashed as if it had "{" there, and looked up: the cost follows the number
 * of shapes, not of routes. Sets without templates do not come here.
 */
#include <stdlib.h>

#include "dataplane/route/route_priv.h"

#define SEGMENT_ANY UINT64_C(0x7b7d7b7d7b7d7b7d) /* hashed in place of the segment */

static uint64_t shape_bit(uint32_t segment)
{
	return UINT64_C(1) << (SNAP_PATH_SEGMENTS - 1 - segment);
}

uint32_t route_segment_end(struct str path, uint32_t at)
{
	const char *slash = memchr(path.data + at + 1, '/', path.len - at - 1);

	return slash ? (uint32_t)(slash - path.data) : path.len;
}

static bool segment_is_any(struct str path, uint32_t at)
{
	return at + 1 < path.len && path.data[at + 1] == '{';
}

struct path_shape path_shape_of(struct str path, enum snap_path_kind kind)
{
	struct path_shape shape = { .prefix = kind == SNAP_PATH_TEMPLATE_PREFIX };

	for (uint32_t at = 0; at < path.len && shape.segments < SNAP_PATH_SEGMENTS;
		at = route_segment_end(path, at)) {
		if (segment_is_any(path, at))
			shape.any |= shape_bit(shape.segments);
		shape.segments++;
	}
	return shape;
}

uint32_t route_template_key(struct str path, char *out)
{
	uint32_t len = 0, at = 0, end;

	for (; at < path.len; at = end) {
		end = route_segment_end(path, at);
		if (segment_is_any(path, at)) {
			memcpy(out + len, "/{", 2);
			len += 2;
		} else {
			memcpy(out + len, path.data + at, end - at);
			len += end - at;
		}
	}
	return len;
}

/* Longer before shorter; with as many segments the one whose first segments are literal. */
static int shape_compare(const void *a, const void *b)
{
	const struct path_shape *x = a, *y = b;

	if (x->prefix != y->prefix)
		return x->prefix ? 1 : -1;
	if (x->segments != y->segments)
		return x->segments > y->segments ? -1 : 1;
	return (x->any > y->any) - (x->any < y->any);
}

uint32_t path_shapes_sort(struct path_shape *shapes, uint32_t count)
{
	uint32_t kept = 0;

	qsort(shapes, count, sizeof(*shapes), shape_compare);
	for (uint32_t i = 0; i < count; i++)
		if (kept == 0 || shape_compare(&shapes[kept - 1], &shapes[i]) != 0)
			shapes[kept++] = shapes[i];
	return kept;
}

/* The path's hash up to the end of the shape's last segment, which *len becomes. An empty segment is
 * no value. @return false where it has one in place of a "{" */
static bool shape_hash(
	const struct path_shape *shape, struct str path, uint64_t *hash, uint32_t *len)
{
	uint32_t at = 0;

	*hash = INDEX_SEED;
	for (uint32_t i = 0; i < shape->segments; i++) {
		if (!(shape->any & shape_bit(i))) {
			*hash = path_hash_segment(*hash, path, &at);
			continue;
		}
		*hash = index_mix(*hash, SEGMENT_ANY);
		*len = route_segment_end(path, at);
		if (*len == at + 1)
			return false;
		at = *len;
	}
	*len = at;
	return true;
}

uint64_t path_template_hash(const struct path_shape *shape, struct str key)
{
	uint64_t hash;
	uint32_t len;

	shape_hash(shape, key, &hash, &len);
	return hash;
}

static bool template_matches(struct str key, struct str path)
{
	uint32_t k = 0, at = 0;

	while (k < key.len && at < path.len) {
		const uint32_t key_end = route_segment_end(key, k),
			       end = route_segment_end(path, at);

		if (!segment_is_any(key, k) &&
			(key_end - k != end - at ||
				memcmp(key.data + k, path.data + at, end - at) != 0))
			return false;
		k = key_end;
		at = end;
	}
	return k == key.len && at == path.len;
}

static const struct index_node *shape_find(const struct route_table *table,
	const struct path_set *set, const struct path_shape *shape, struct str path)
{
	const struct route_index *index = &table->paths;
	const uint32_t scope = path_scope_id(
		set->id, shape->prefix ? SNAP_PATH_TEMPLATE_PREFIX : SNAP_PATH_TEMPLATE);
	uint64_t hash;

	if (!shape_hash(shape, path, &hash, &path.len))
		return NULL;
	hash = index_scoped(hash, scope);
	for (uint32_t i = (uint32_t)hash & index->mask;; i = (i + 1) & index->mask) {
		const struct index_slot slot = index->slots[i];
		const struct index_node *node;

		if (slot.node == 0)
			return NULL;
		node = &index->nodes[slot.node - 1];
		if (slot.tag == (uint32_t)(hash >> 32) && node->scope == scope &&
			template_matches((struct str){ index_text(node), node->len }, path))
			return node;
	}
}

static uint32_t path_segments(struct str path)
{
	uint32_t count = 0;

	for (uint32_t at = 0; at < path.len; at = route_segment_end(path, at))
		count++;
	return count;
}

const struct index_node *path_find_template(const struct route_table *table,
	const struct path_set *set, struct str path, const struct index_node *literal)
{
	const uint32_t segments = path_segments(path);
	uint32_t before = 0; /* segments of a literal prefix */

	if (literal && literal->scope == path_scope_id(set->id, SNAP_PATH_EXACT))
		return literal;
	if (literal)
		before = path_segments((struct str){ index_text(literal), literal->len });
	for (uint32_t i = 0; i < set->shape_count; i++) {
		const struct path_shape *shape = &set->shapes[i];
		const struct index_node *node;

		if (shape->prefix ? shape->segments > segments : shape->segments != segments)
			continue;
		if (shape->prefix && literal && shape->segments <= before)
			break;
		node = shape_find(table, set, shape, path);
		if (node)
			return node;
	}
	return literal;
}
