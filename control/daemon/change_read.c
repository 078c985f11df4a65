/* SPDX-License-Identifier: Apache-2.0 */
/* What a client asks to be changed: read, and held against what runs and what was changed before. */
#include <stdio.h>
#include <time.h>

#include "control/config/units.h"
#include "control/daemon/daemon.h"

static bool change_name_fits(const char *name)
{
	return name && name[0] && strlen(name) < CHANGE_NAME_BYTES;
}

/* The key that runs with this digest or, without one, with this consumer and id. */
static const struct snap_key *change_running_key(
	const struct snapshot *s, const struct change *like, bool by_digest)
{
	uint32_t n;
	const struct snap_key *keys = snap_records(s, SNAP_KEYS, &n);

	if (by_digest)
		return snap_find_key(s, like->digest);
	for (uint32_t i = 0; i < n; i++)
		if (str_equal(snap_str(s, keys[i].id), str_of(like->name)) &&
			str_equal(snap_str(s, SNAP_AT(s, SNAP_CONSUMERS, snap_consumer,
						      keys[i].consumer)
						      ->name),
				str_of(like->of)))
			return &keys[i];
	return NULL;
}

static bool change_same_key(const struct change *a, const struct change *b, bool by_digest)
{
	if (by_digest)
		return memcmp(a->digest, b->digest, sizeof(a->digest)) == 0;
	return strcmp(a->of, b->of) == 0 && strcmp(a->name, b->name) == 0;
}

/* A key that was added by command, or runs: its consumer, id and digest. @return false when there
 * is none */
static bool change_find_key(const struct daemon *d, const struct snapshot *s,
	const struct change *like, bool by_digest, struct change *out)
{
	const struct snap_key *key;
	struct str id, name;

	for (uint32_t i = 0; i < d->changes.count; i++) {
		*out = d->changes.list[i];
		if (out->kind == CHANGE_KEY_ADD && change_same_key(out, like, by_digest))
			return true;
	}
	key = change_running_key(s, like, by_digest);
	if (!key)
		return false;
	id = snap_str(s, key->id);
	name = snap_str(s, SNAP_AT(s, SNAP_CONSUMERS, snap_consumer, key->consumer)->name);
	*out = (struct change){ 0 };
	snprintf(out->of, sizeof(out->of), "%.*s", (int)name.len, name.data);
	snprintf(out->name, sizeof(out->name), "%.*s", (int)id.len, id.data);
	memcpy(out->digest, key->digest, sizeof(out->digest));
	return true;
}

/* "key add": a key that no consumer has yet, or another expiry of one that the consumer has. */
static const char *change_check_add(const struct daemon *d, const struct snapshot *s,
	const json_t *request, struct change *c, char *why, size_t why_bytes)
{
	const char *hex = json_string_value(json_object_get(request, "sha256"));
	const char *expires = json_string_value(json_object_get(request, "expires"));
	struct change other;
	struct delta delta;

	if (!hex || unit_hex(str_of(hex), c->digest, sizeof(c->digest)) < 0)
		return "sha256 is 64 hexadecimal digits";
	if (expires && unit_date(str_of(expires), &c->expires) < 0)
		return "expires is a date such as 2027-06-30 or 2027-06-30T12:00:00Z";
	if (change_delta(c, s, &delta, why, why_bytes) < 0)
		return why;
	if (change_find_key(d, s, c, true, &other) && strcmp(other.of, c->of) != 0) {
		snprintf(why, why_bytes, "this key is consumer %s's already", other.of);
		return why;
	}
	if (change_find_key(d, s, c, false, &other) &&
		memcmp(other.digest, c->digest, sizeof(c->digest)) != 0) {
		const struct change *last = changes_find(&d->changes, &other);

		if (!last || last->kind != CHANGE_KEY_REVOKE) {
			snprintf(why, why_bytes, "consumer %s has a key '%s' already", c->of,
				c->name);
			return why;
		}
	}
	return NULL;
}

static const char *change_check_revoke(const struct daemon *d, const struct snapshot *s,
	const json_t *request, struct change *c, char *why, size_t why_bytes)
{
	const char *hex = json_string_value(json_object_get(request, "sha256"));
	const struct change *last;
	struct change key;

	if (hex && unit_hex(str_of(hex), c->digest, sizeof(c->digest)) < 0)
		return "sha256 is 64 hexadecimal digits";
	if (!change_find_key(d, s, c, hex != NULL, &key)) {
		if (hex)
			return "no consumer has a key with this sha256";
		snprintf(why, why_bytes, "consumer %s has no key '%s'", c->of, c->name);
		return why;
	}
	last = changes_find(&d->changes, &key);
	if (last && last->kind == CHANGE_KEY_REVOKE)
		return "this key is revoked already";
	memcpy(c->digest, key.digest, sizeof(c->digest));
	snprintf(c->of, sizeof(c->of), "%s", key.of);
	snprintf(c->name, sizeof(c->name), "%s", key.name);
	return NULL;
}

/* A consumer or an endpoint is added or removed, or what it has is changed. */
static const char *change_check_other(const struct snapshot *s, const json_t *request,
	struct change *c, char *why, size_t why_bytes)
{
	const json_t *weight = json_object_get(request, "weight");

	if (c->kind == CHANGE_WEIGHT || c->kind == CHANGE_ENDPOINT_ADD) {
		if (!json_is_integer(weight) || json_integer_value(weight) < 0 ||
			json_integer_value(weight) > SNAP_WEIGHT_MAX)
			return "a weight is 0 to 1000";
		c->weight = (uint32_t)json_integer_value(weight);
	}
	return change_check(c, s, why, why_bytes) < 0 ? why : NULL;
}

const struct snapshot *daemon_change_basis(const struct daemon *d)
{
	if (d->has_ran && (d->attached || !d->changed))
		return &d->ran.snapshot;
	return &d->wanted.snapshot;
}

/* Which names a kind of change has. @return false when one is missing or does not fit */
static bool change_read_names(const json_t *request, struct change *c)
{
	const char *of = json_string_value(json_object_get(request, "of"));
	const char *name = json_string_value(json_object_get(request, "name"));
	const bool alone = c->kind == CHANGE_CONSUMER_REMOVE;

	if (c->kind == CHANGE_KEY_REVOKE && !of)
		return true; /* by its digest */
	if (!change_name_fits(of) || (!alone && !change_name_fits(name)))
		return false;
	snprintf(c->of, sizeof(c->of), "%s", of);
	if (!alone)
		snprintf(c->name, sizeof(c->name), "%s", name);
	return true;
}

const char *daemon_read_change(const struct daemon *d, const json_t *request, struct change *c,
	char *why, size_t why_bytes)
{
	const struct snapshot *s = daemon_change_basis(d);
	const char *what = json_string_value(json_object_get(request, "what"));

	*c = (struct change){ .kind = CHANGE_KINDS, .at_s = time(NULL) };
	for (unsigned k = 0; what && k < CHANGE_KINDS; k++)
		if (strcmp(what, change_what(k)) == 0)
			c->kind = k;
	if (c->kind == CHANGE_KINDS)
		return "unknown change";
	if (!change_read_names(request, c))
		return "a name is 1 to 64 characters";
	if (c->kind == CHANGE_KEY_ADD)
		return change_check_add(d, s, request, c, why, why_bytes);
	if (c->kind == CHANGE_KEY_REVOKE)
		return change_check_revoke(d, s, request, c, why, why_bytes);
	return change_check_other(s, request, c, why, why_bytes);
}
