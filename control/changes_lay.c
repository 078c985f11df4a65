/* SPDX-License-Identifier: Apache-2.0 */
/* What changes do to a configuration before it is compiled. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "control/changes.h"
#include "control/config/roll.h"
#include "control/config/schema.h"

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
		if (change_target(changes->list[i].kind) == CHANGE_OF_KEY)
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

/* What is taken of a consumer of the file. */
enum lay_drop { LAY_KEEP, LAY_DROP_KEYS, LAY_DROP };

/* Room for the consumers of the file and those to come, or NULL. */
static uint8_t *lay_drops(const struct changes *changes, const struct roll *roll)
{
	return calloc((size_t)roll->consumer_count + changes->count + 1, 1);
}

static uint32_t lay_plan(const struct config *config, const char *name)
{
	const struct cfg_list *plans = &config->root.plans;

	for (uint32_t i = 0; i < plans->count; i++)
		if (str_equal(CFG_ITEM(*plans, struct cfg_plan, i)->name.text, str_of(name)))
			return i;
	return NAMES_NONE;
}

/* @return false without memory */
static bool lay_consumer(const struct change *c, struct config *config, uint8_t *drops)
{
	struct roll *roll = config->roll;
	const struct roll_consumer added = {
		.name = str_of(c->of), .plan = lay_plan(config, c->name), .file = config->path
	};
	const uint32_t i = names_find(roll->names, added.name);

	if (c->kind == CHANGE_CONSUMER_REMOVE) {
		if (i != NAMES_NONE)
			drops[i] = LAY_DROP;
		return true;
	}
	if (i != NAMES_NONE && c->without_keys)
		drops[i] = LAY_DROP_KEYS;
	if (added.plan == NAMES_NONE)
		return true; /* it rests until a file has the plan */
	if (i != NAMES_NONE)
		roll->consumers[i].plan = added.plan;
	else if (c->kind == CHANGE_CONSUMER_ADD)
		return roll_add_consumer(roll, &added) != NAMES_NONE;
	return true;
}

/* Leave out the keys of consumers that are dropped, and then these. */
static int lay_drop(struct roll *roll, const uint8_t *drops)
{
	uint32_t *index = calloc((size_t)roll->consumer_count + 1, sizeof(*index));
	struct names *names = names_new(roll->consumer_count);
	uint32_t consumers = 0, keys = 0;
	bool room = index && names;

	for (uint32_t i = 0; room && i < roll->consumer_count; i++) {
		if (drops[i] == LAY_DROP)
			continue;
		index[i] = consumers;
		roll->consumers[consumers] = roll->consumers[i];
		room = names_add(names, roll->consumers[i].name, consumers) == consumers;
		consumers++;
	}
	for (uint32_t i = 0; room && i < roll->key_count; i++) {
		struct roll_key key = roll->keys[i];

		if (drops[key.consumer] != LAY_KEEP)
			continue;
		key.consumer = index[key.consumer];
		roll->keys[keys++] = key;
	}
	free(index);
	if (!room) {
		names_free(names);
		return -ENOMEM;
	}
	names_free(roll->names);
	roll->names = names;
	roll->consumer_count = consumers;
	roll->key_count = keys;
	return 0;
}

static int lay_consumers(const struct changes *changes, struct config *config)
{
	uint8_t *drops = lay_drops(changes, config->roll);
	bool drop = false;
	int rc = drops ? 0 : -ENOMEM;

	for (uint32_t i = 0; i < changes->count && rc == 0; i++)
		if (change_target(changes->list[i].kind) == CHANGE_OF_CONSUMER &&
			!lay_consumer(&changes->list[i], config, drops))
			rc = -ENOMEM;
	for (uint32_t i = 0; rc == 0 && i < config->roll->consumer_count; i++)
		drop |= drops[i] != LAY_KEEP;
	if (rc == 0 && drop)
		rc = lay_drop(config->roll, drops);
	free(drops);
	return rc;
}

static const struct cfg_endpoint *lay_find(
	const struct cfg_backend *backend, const struct cfg_value *address, uint32_t *index)
{
	for (*index = 0; *index < backend->endpoints.count; ++*index) {
		const struct cfg_endpoint *e =
			CFG_ITEM(backend->endpoints, struct cfg_endpoint, *index);

		if (e->address.port == address->port && ip_equal(&e->address.addr, &address->addr))
			return e;
	}
	return NULL;
}

static int lay_endpoint_add(const struct change *c, struct config *config,
	struct cfg_backend *backend, const struct cfg_value *address)
{
	struct cfg_list *list = &backend->endpoints;
	struct cfg_endpoint *items;

	if (config_endpoint_fault(config, &address->addr))
		return 0; /* it rests until a file has a network for it */
	items = config_alloc(config, ((size_t)list->count + 1) * sizeof(*items));
	if (!items)
		return -ENOMEM;
	memcpy(items, list->items, list->count * sizeof(*items));
	config_group_defaults(&schema_endpoint, backend->place.at, &items[list->count]);
	items[list->count].address = *address;
	items[list->count].weight.number = c->weight;
	list->items = items;
	list->count++;
	return 0;
}

/* One that is the last stays, and gets no request. */
static void lay_endpoint_remove(struct cfg_backend *backend, uint32_t index)
{
	struct cfg_endpoint *items = backend->endpoints.items;

	if (backend->endpoints.count == 1) {
		items[0].weight.number = 0;
		return;
	}
	backend->endpoints.count--;
	memmove(&items[index], &items[index + 1],
		(backend->endpoints.count - index) * sizeof(*items));
}

static int lay_endpoint(const struct change *c, struct config *config, struct cfg_backend *backend)
{
	const struct schema_field *field = schema_field(&schema_endpoint, STR("address"));
	struct cfg_value address = {
		.at = backend->place.at, .text = str_of(c->name), .set = true, .valid = true
	};
	struct cfg_endpoint *e;
	uint32_t i;

	if (schema_parse(field, address.text, &address) < 0)
		return 0;
	e = (struct cfg_endpoint *)lay_find(backend, &address, &i);
	if (!e)
		return c->kind == CHANGE_ENDPOINT_ADD
			       ? lay_endpoint_add(c, config, backend, &address)
			       : 0;
	if (c->kind == CHANGE_ENDPOINT_REMOVE)
		lay_endpoint_remove(backend, i);
	else
		e->weight.number = c->weight;
	return 0;
}

static int lay_in_backend(const struct change *c, struct config *config)
{
	const struct cfg_list *backends = &config->root.backends;

	for (uint32_t i = 0; i < backends->count; i++) {
		struct cfg_backend *b = CFG_ITEM(*backends, struct cfg_backend, i);

		if (str_equal(b->name.text, str_of(c->of)))
			return lay_endpoint(c, config, b);
	}
	return 0;
}

/* Removals come last, when it is known what else there is. */
static int lay_endpoints(const struct changes *changes, struct config *config, bool removals)
{
	int rc = 0;

	for (uint32_t i = 0; i < changes->count && rc == 0; i++) {
		const struct change *c = &changes->list[i];

		if (change_target(c->kind) == CHANGE_OF_ENDPOINT &&
			(c->kind == CHANGE_ENDPOINT_REMOVE) == removals)
			rc = lay_in_backend(c, config);
	}
	return rc;
}

int changes_lay(const struct changes *changes, struct config *config)
{
	int rc = lay_endpoints(changes, config, false);

	if (rc == 0)
		rc = lay_endpoints(changes, config, true);
	if (rc == 0 && config->roll)
		rc = lay_consumers(changes, config);
	return rc == 0 && config->roll ? lay_all_keys(changes, config->roll) : rc;
}
