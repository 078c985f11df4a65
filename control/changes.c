/* SPDX-License-Identifier: Apache-2.0 */
/* The list of changes, and their form on disk and in answers. See changes_lay.c for what they
 * do. */
#include "control/changes.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "control/config/units.h"
#include "control/json.h"

static const char *const change_names[CHANGE_KINDS] = {
	[CHANGE_KEY_ADD] = "key add",
	[CHANGE_KEY_REVOKE] = "key revoke",
	[CHANGE_WEIGHT] = "endpoint weight",
	[CHANGE_ENDPOINT_ADD] = "endpoint add",
	[CHANGE_ENDPOINT_REMOVE] = "endpoint remove",
	[CHANGE_CONSUMER_ADD] = "consumer add",
	[CHANGE_CONSUMER_PLAN] = "consumer plan",
	[CHANGE_CONSUMER_REMOVE] = "consumer remove",
};

const char *change_what(enum change_kind kind)
{
	return change_names[kind];
}

enum change_target change_target(enum change_kind kind)
{
	return kind <= CHANGE_KEY_REVOKE        ? CHANGE_OF_KEY
	       : kind <= CHANGE_ENDPOINT_REMOVE ? CHANGE_OF_ENDPOINT
						: CHANGE_OF_CONSUMER;
}

bool change_needs_part(enum change_kind kind)
{
	return kind > CHANGE_WEIGHT;
}

/* However its address is written. */
static bool change_same_endpoint(const struct change *a, const struct change *b)
{
	struct ip_addr x, y;
	uint16_t i, j;

	if (strcmp(a->of, b->of) != 0)
		return false;
	if (ip_port_parse(str_of(a->name), &x, &i) < 0 ||
		ip_port_parse(str_of(b->name), &y, &j) < 0)
		return strcmp(a->name, b->name) == 0;
	return i == j && ip_equal(&x, &y);
}

static bool change_same_target(const struct change *a, const struct change *b)
{
	if (change_target(a->kind) != change_target(b->kind))
		return false;
	switch (change_target(a->kind)) {
	case CHANGE_OF_KEY:
		return memcmp(a->digest, b->digest, sizeof(a->digest)) == 0;
	case CHANGE_OF_ENDPOINT:
		return change_same_endpoint(a, b);
	case CHANGE_OF_CONSUMER:
		break;
	}
	return strcmp(a->of, b->of) == 0;
}

const struct change *changes_find(const struct changes *changes, const struct change *like)
{
	for (uint32_t i = 0; i < changes->count; i++)
		if (change_same_target(&changes->list[i], like))
			return &changes->list[i];
	return NULL;
}

/* Keep the order: the latest is the last. */
static void changes_remove(struct changes *changes, uint32_t i)
{
	changes->count--;
	memmove(&changes->list[i], &changes->list[i + 1],
		(changes->count - i) * sizeof(*changes->list));
}

/* Keys that were added for a consumer. */
static void changes_remove_keys(struct changes *changes, const char *consumer)
{
	for (uint32_t i = changes->count; i-- > 0;)
		if (changes->list[i].kind == CHANGE_KEY_ADD &&
			strcmp(changes->list[i].of, consumer) == 0)
			changes_remove(changes, i);
}

/* What becomes of a change over which another one of the same target is put. */
static void change_follow(const struct change *old, struct change *change)
{
	if (old->kind == CHANGE_ENDPOINT_ADD && change->kind == CHANGE_WEIGHT)
		change->kind = CHANGE_ENDPOINT_ADD;
	if (old->kind == CHANGE_CONSUMER_ADD && change->kind == CHANGE_CONSUMER_PLAN)
		change->kind = CHANGE_CONSUMER_ADD;
	if (change->kind == CHANGE_CONSUMER_ADD)
		change->without_keys = old->without_keys || old->kind == CHANGE_CONSUMER_REMOVE;
}

int changes_put(struct changes *changes, struct change *change)
{
	const struct change *old = changes_find(changes, change);

	if (!changes->list)
		changes->list = calloc(CHANGES_MAX, sizeof(*changes->list));
	if (!changes->list)
		return -ENOMEM;
	if (old) {
		change_follow(old, change);
		changes_remove(changes, (uint32_t)(old - changes->list));
	}
	if (change->kind == CHANGE_CONSUMER_REMOVE)
		changes_remove_keys(changes, change->of);
	if (changes->count == CHANGES_MAX)
		return -ENOSPC;
	change->number = ++changes->last;
	changes->list[changes->count++] = *change;
	return 0;
}

uint32_t changes_forget(struct changes *changes, uint64_t number)
{
	const uint32_t before = changes->count;

	for (uint32_t i = changes->count; i-- > 0;)
		if (number == 0 || changes->list[i].number == number)
			changes_remove(changes, i);
	return before - changes->count;
}

int changes_copy(const struct changes *from, struct changes *out)
{
	*out = (struct changes){ .count = from->count, .last = from->last };
	out->list = calloc(CHANGES_MAX, sizeof(*out->list));
	if (!out->list)
		return -ENOMEM;
	if (from->count)
		memcpy(out->list, from->list, from->count * sizeof(*out->list));
	return 0;
}

void changes_free(struct changes *changes)
{
	free(changes->list);
	*changes = (struct changes){ 0 };
}

static json_t *change_key_to_json(const struct change *c)
{
	char hex[2 * SNAP_DIGEST_BYTES + 1];
	json_t *out;

	for (unsigned i = 0; i < SNAP_DIGEST_BYTES; i++)
		snprintf(hex + 2 * i, 3, "%02x", c->digest[i]);
	out = json_pack("{s:s, s:s, s:s}", "consumer", c->of, "key", c->name, "sha256", hex);
	if (out && c->kind == CHANGE_KEY_ADD && c->expires)
		json_object_set_new(out, "expires", json_integer((json_int_t)c->expires));
	return out;
}

static json_t *change_endpoint_to_json(const struct change *c)
{
	json_t *out = json_pack("{s:s, s:s}", "backend", c->of, "endpoint", c->name);

	if (out && c->kind != CHANGE_ENDPOINT_REMOVE)
		json_object_set_new(out, "weight", json_integer(c->weight));
	return out;
}

static json_t *change_consumer_to_json(const struct change *c)
{
	json_t *out = json_pack("{s:s}", "consumer", c->of);

	if (out && c->kind != CHANGE_CONSUMER_REMOVE)
		json_object_set_new(out, "plan", json_string(c->name));
	if (out && c->without_keys)
		json_object_set_new(out, "without_keys", json_true());
	return out;
}

static json_t *change_to_json(const struct change *c)
{
	json_t *out = json_pack("{s:I, s:s, s:I}", "number", (json_int_t)c->number, "what",
		change_what(c->kind), "at", (json_int_t)c->at_s);
	json_t *more = NULL;

	switch (change_target(c->kind)) {
	case CHANGE_OF_KEY:
		more = change_key_to_json(c);
		break;
	case CHANGE_OF_ENDPOINT:
		more = change_endpoint_to_json(c);
		break;
	case CHANGE_OF_CONSUMER:
		more = change_consumer_to_json(c);
		break;
	}
	json_object_update(out, more);
	json_decref(more);
	return out;
}

json_t *changes_to_json(const struct changes *changes)
{
	json_t *list = json_array();

	for (uint32_t i = 0; i < changes->count; i++)
		json_array_append_new(list, change_to_json(&changes->list[i]));
	return list;
}

/* A text of at most CHANGE_NAME_BYTES - 1 bytes. */
static bool change_take_text(const json_t *from, const char *key, char *out)
{
	const char *text = json_string_value(json_object_get(from, key));

	if (!text || strlen(text) >= CHANGE_NAME_BYTES)
		return false;
	snprintf(out, CHANGE_NAME_BYTES, "%s", text);
	return true;
}

static bool change_key_from_json(const json_t *from, struct change *c)
{
	const char *hex = json_string_value(json_object_get(from, "sha256"));

	c->expires = (uint64_t)json_integer_value(json_object_get(from, "expires"));
	return change_take_text(from, "consumer", c->of) &&
	       change_take_text(from, "key", c->name) && hex &&
	       unit_hex(str_of(hex), c->digest, sizeof(c->digest)) == 0;
}

static bool change_endpoint_from_json(const json_t *from, struct change *c)
{
	const json_int_t weight = json_integer_value(json_object_get(from, "weight"));

	c->weight = (uint32_t)weight;
	return change_take_text(from, "backend", c->of) &&
	       change_take_text(from, "endpoint", c->name) && weight >= 0 &&
	       weight <= SNAP_WEIGHT_MAX;
}

static bool change_consumer_from_json(const json_t *from, struct change *c)
{
	c->without_keys = json_is_true(json_object_get(from, "without_keys"));
	return change_take_text(from, "consumer", c->of) &&
	       (c->kind == CHANGE_CONSUMER_REMOVE || change_take_text(from, "plan", c->name));
}

static bool change_from_json(const json_t *from, struct change *c)
{
	const char *what = json_string_value(json_object_get(from, "what"));

	*c = (struct change){ .kind = CHANGE_KINDS };
	for (unsigned k = 0; what && k < CHANGE_KINDS; k++)
		if (strcmp(what, change_names[k]) == 0)
			c->kind = k;
	c->at_s = json_integer_value(json_object_get(from, "at"));
	if (c->kind == CHANGE_KINDS)
		return false;
	switch (change_target(c->kind)) {
	case CHANGE_OF_KEY:
		return change_key_from_json(from, c);
	case CHANGE_OF_ENDPOINT:
		return change_endpoint_from_json(from, c);
	case CHANGE_OF_CONSUMER:
		break;
	}
	return change_consumer_from_json(from, c);
}

int changes_from_json(const json_t *list, struct changes *out)
{
	struct change c;
	json_t *item;
	size_t i;

	*out = (struct changes){ 0 };
	if (!json_is_array(list))
		return -EINVAL;
	json_array_foreach((json_t *)list, i, item)
	{
		const uint64_t number =
			(uint64_t)json_integer_value(json_object_get(item, "number"));
		int rc = number > out->last && change_from_json(item, &c) ? 0 : -EINVAL;

		if (rc == 0) {
			out->last = number - 1;
			rc = changes_put(out, &c);
		}
		if (rc) {
			changes_free(out);
			return rc;
		}
	}
	return 0;
}
