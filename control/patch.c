/* SPDX-License-Identifier: Apache-2.0 */
/* See patch.h. The ring is the dataplane's or control's: each delta is copied and checked. */
#include "control/patch.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

void patch_free(struct patch *patch)
{
	free(patch->endpoints);
	free(patch->keys);
	*patch = (struct patch){ 0 };
}

static bool patch_is_key(const struct delta *d)
{
	return d->op == DELTA_KEY_ADD || d->op == DELTA_KEY_REMOVE;
}

/* How many deltas there are of this generation. @param keys  whether some are of keys */
static uint32_t patch_count(const struct snapshot *s, const struct delta_ring *ring, bool *keys)
{
	struct delta d;
	uint32_t count = 0;

	*keys = false;
	for (uint64_t i = 0; delta_ring_look(ring, i, &d); i++) {
		if (d.base_generation != s->generation)
			continue;
		*keys |= patch_is_key(&d);
		count++;
	}
	return count;
}

/* The place of a digest among sorted keys, or where it would be. */
static uint32_t patch_key_place(
	const struct snap_key *keys, uint32_t count, const uint8_t *digest, bool *found)
{
	uint32_t low = 0, high = count;

	*found = false;
	while (low < high) {
		const uint32_t middle = low + (high - low) / 2;
		const int order = memcmp(keys[middle].digest, digest, SNAP_DIGEST_BYTES);

		if (order == 0) {
			*found = true;
			return middle;
		}
		if (order < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* @param keys  with room for one more @return how many there are then */
static uint32_t patch_key(struct snap_key *keys, uint32_t count, const struct delta *d)
{
	bool found;
	const uint32_t at = patch_key_place(keys, count, d->digest, &found);

	if (d->op == DELTA_KEY_REMOVE) {
		if (!found)
			return count;
		memmove(&keys[at], &keys[at + 1], (count - at - 1) * sizeof(*keys));
		return count - 1;
	}
	if (!found) {
		memmove(&keys[at + 1], &keys[at], (count - at) * sizeof(*keys));
		keys[at] = (struct snap_key){ .consumer = d->consumer };
		memcpy(keys[at].digest, d->digest, sizeof(keys[at].digest));
		count++;
	}
	keys[at].expires = d->expires;
	return count;
}

static void patch_one(
	const struct snapshot *s, struct patch *patch, uint32_t *key_count, const struct delta *d)
{
	if (patch_is_key(d) && !patch->keys)
		return; /* it came after they were counted */
	switch ((enum delta_op)d->op) {
	case DELTA_KEY_ADD:
		if (d->consumer < s->sections[SNAP_CONSUMERS].count)
			*key_count = patch_key(patch->keys, *key_count, d);
		break;
	case DELTA_KEY_REMOVE:
		*key_count = patch_key(patch->keys, *key_count, d);
		break;
	case DELTA_ENDPOINT_WEIGHT:
		if (d->endpoint < s->sections[SNAP_ENDPOINTS].count)
			patch->endpoints[d->endpoint].weight = d->weight;
		break;
	case DELTA_CONSUMER_PLAN: /* control makes a part instead */
		break;
	}
}

int patch_snapshot(struct snapshot *s, const struct delta_ring *ring, struct patch *out)
{
	bool of_keys;
	const uint32_t more = patch_count(s, ring, &of_keys);
	uint32_t keys = s->sections[SNAP_KEYS].count, endpoints = s->sections[SNAP_ENDPOINTS].count;
	struct delta d;

	*out = (struct patch){ 0 };
	if (more == 0)
		return 0;
	/* Keys may be a million, and are left where they are without a change. */
	if (of_keys)
		out->keys = calloc((size_t)keys + more, sizeof(*out->keys));
	out->endpoints = calloc((size_t)endpoints + 1, sizeof(*out->endpoints));
	if ((of_keys && !out->keys) || !out->endpoints) {
		patch_free(out);
		return -ENOMEM;
	}
	if (of_keys && keys)
		memcpy(out->keys, s->sections[SNAP_KEYS].records, keys * sizeof(*out->keys));
	if (endpoints)
		memcpy(out->endpoints, s->sections[SNAP_ENDPOINTS].records,
			endpoints * sizeof(*out->endpoints));
	/* The ring may grow meanwhile: not more than there is room for is taken. */
	for (uint64_t i = 0, n = 0; n < more && delta_ring_look(ring, i, &d); i++)
		if (d.base_generation == s->generation) {
			patch_one(s, out, &keys, &d);
			n++;
		}
	if (of_keys) {
		s->sections[SNAP_KEYS].records = out->keys;
		s->sections[SNAP_KEYS].count = keys;
	}
	s->sections[SNAP_ENDPOINTS].records = out->endpoints;
	return 0;
}
