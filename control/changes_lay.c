/* SPDX-License-Identifier: Apache-2.0 */
/* What changes do: to a configuration before it is compiled, and to the generation that runs. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "control/changes.h"
#include "control/config/roll.h"

static int change_compare(const void *a, const void *b)
{
	const struct change *const *x = a, *const *y = b;

	return memcmp((*x)->digest, (*y)->digest, SNAP_DIGEST_BYTES);
}

static int change_compare_key(const void *key, const void *change)
{
	return memcmp(key, (*(const struct change *const *)change)->digest, SNAP_DIGEST_BYTES);
}

/* Keys that were changed, sorted by digest, so that a million keys of a file are gone through
 * once. */
struct lay_keys {
	const struct change *sorted[CHANGES_MAX];
	bool found[CHANGES_MAX]; /* an added key that the file has, too */
	size_t count;
};

/* @return false when the key is revoked */
static bool lay_key(struct lay_keys *lay, const struct roll *roll, struct roll_key *key)
{
	const struct change **at = bsearch(
		key->digest, lay->sorted, lay->count, sizeof(lay->sorted[0]), change_compare_key);

	if (!at)
		return true;
	if ((*at)->kind == CHANGE_KEY_REVOKE)
		return false;
	lay->found[at - lay->sorted] = true;
	/* A key that the file gives to another consumer stays with that one. */
	if (str_equal(roll->consumers[key->consumer].name, str_of((*at)->of))) {
		key->expires = (*at)->expires;
		key->id = str_of((*at)->name);
	}
	return true;
}

static int lay_added(const struct lay_keys *lay, struct roll *roll)
{
	for (size_t i = 0; i < lay->count; i++) {
		const struct change *c = lay->sorted[i];
		struct roll_key key = { .expires = c->expires,
			.id = str_of(c->name),
			.consumer = names_find(roll->names, str_of(c->of)) };

		if (c->kind != CHANGE_KEY_ADD || lay->found[i] || key.consumer == NAMES_NONE)
			continue;
		memcpy(key.digest, c->digest, sizeof(key.digest));
		if (roll_add_key(roll, &key) == NAMES_NONE)
			return -ENOMEM;
	}
	return 0;
}

static int lay_all_keys(const struct changes *changes, struct roll *roll)
{
	struct lay_keys *lay = calloc(1, sizeof(*lay));
	uint32_t kept = 0;
	int rc;

	if (!lay)
		return -ENOMEM;
	for (uint32_t i = 0; i < changes->count; i++)
		if (changes->list[i].kind != CHANGE_WEIGHT)
			lay->sorted[lay->count++] = &changes->list[i];
	qsort(lay->sorted, lay->count, sizeof(lay->sorted[0]), change_compare);
	for (uint32_t i = 0; lay->count && i < roll->key_count; i++)
		if (lay_key(lay, roll, &roll->keys[i]))
			roll->keys[kept++] = roll->keys[i];
	if (lay->count)
		roll->key_count = kept;
	rc = lay_added(lay, roll);
	free(lay);
	return rc;
}

static void lay_weight(const struct change *c, const struct cfg_backend *backend)
{
	for (uint32_t i = 0; i < backend->endpoints.count; i++) {
		struct cfg_endpoint *e = CFG_ITEM(backend->endpoints, struct cfg_endpoint, i);

		if (str_equal(e->address.text, str_of(c->name)))
			e->weight.number = c->weight;
	}
}

int changes_lay(const struct changes *changes, struct config *config)
{
	const struct cfg_list *backends = &config->root.backends;

	for (uint32_t k = 0; k < changes->count; k++)
		for (uint32_t i = 0; changes->list[k].kind == CHANGE_WEIGHT && i < backends->count;
			i++) {
			const struct cfg_backend *b = CFG_ITEM(*backends, struct cfg_backend, i);

			if (str_equal(b->name.text, str_of(changes->list[k].of)))
				lay_weight(&changes->list[k], b);
		}
	return config->roll ? lay_all_keys(changes, config->roll) : 0;
}

static int delta_key_add(const struct change *c, const struct snapshot *s, struct delta *out,
	char *why, size_t why_bytes)
{
	uint32_t n;
	const struct snap_consumer *list = snap_records(s, SNAP_CONSUMERS, &n);

	out->op = DELTA_KEY_ADD;
	out->expires = c->expires;
	for (out->consumer = 0; out->consumer < n; out->consumer++)
		if (str_equal(snap_str(s, list[out->consumer].name), str_of(c->of)))
			return 0;
	snprintf(why, why_bytes, "no consumer is named '%s'", c->of);
	return -ENOENT;
}

static int delta_weight(const struct change *c, const struct snapshot *s, struct delta *out,
	char *why, size_t why_bytes)
{
	uint32_t n;
	const struct snap_backend *list = snap_records(s, SNAP_BACKENDS, &n);

	out->op = DELTA_ENDPOINT_WEIGHT;
	out->weight = c->weight;
	snprintf(why, why_bytes, "no backend is named '%s'", c->of);
	for (uint32_t i = 0; i < n; i++) {
		if (!str_equal(snap_str(s, list[i].name), str_of(c->of)))
			continue;
		snprintf(why, why_bytes, "backend %s has no endpoint %s", c->of, c->name);
		for (uint32_t k = 0; k < s->endpoints[i].count; k++) {
			out->endpoint = s->endpoints[i].first + k;
			if (str_equal(snap_str(s, SNAP_AT(s, SNAP_ENDPOINTS, snap_endpoint,
							  out->endpoint)
							  ->name),
				    str_of(c->name)))
				return 0;
		}
	}
	return -ENOENT;
}

int change_delta(const struct change *c, const struct snapshot *s, struct delta *out, char *why,
	size_t why_bytes)
{
	*out = (struct delta){ .base_generation = s->generation };
	memcpy(out->digest, c->digest, sizeof(out->digest));
	switch (c->kind) {
	case CHANGE_KEY_ADD:
		return delta_key_add(c, s, out, why, why_bytes);
	case CHANGE_WEIGHT:
		return delta_weight(c, s, out, why, why_bytes);
	default:
		out->op = DELTA_KEY_REMOVE;
		return 0;
	}
}
