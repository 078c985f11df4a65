/* SPDX-License-Identifier: Apache-2.0 */
/* The checks of the records of callers. */
#include <string.h>

#include "lib/shm/snapshot_prove_priv.h"

#define YEAR_S UINT64_C(31622400)

static bool check_shape(struct snap_check *c, const struct snap_credential *k)
{
	struct str prefixes;

	if (!snap_prove_bytes(c, "shape_prefixes", k->shape_prefixes, 0) ||
		!snap_prove_between(
			c, "shape_class", k->shape_class, 0, 2 * SNAP_CLASS_HEX_LOWER - 1) ||
		!snap_prove_between(c, "shape_length", k->shape_length, 0, 65535))
		return false;
	if (k->shape_class & SNAP_CLASS_HEX_LOWER && k->shape_class != SNAP_CLASS_HEX_LOWER)
		return snap_refuse(c, "shape_class: hexadecimal stands alone");
	prefixes = snap_str(c->snapshot, k->shape_prefixes);
	if (prefixes.len && prefixes.data[prefixes.len - 1] != '\n')
		return snap_refuse(c, "shape_prefixes: the last one has no end");
	return true;
}

static bool check_credential(struct snap_check *c, const void *record)
{
	const struct snap_credential *k = record;

	if (!snap_prove_between(c, "where", k->where, 0, SNAP_IN_AUTHORIZATION))
		return false;
	if (k->where == SNAP_IN_HEADER || k->where == SNAP_IN_AUTHORIZATION) {
		if (!snap_prove_lower(c, "field", k->field, 1))
			return false;
	} else if (!snap_prove_text(c, "field", k->field, 1)) {
		return false;
	}
	return snap_prove_rows(c, snap_rows_credential, record) &&
	       snap_prove_slot(c, k->slot, SNAP_CREDENTIAL_SLOTS) &&
	       snap_prove_bytes(c, "pattern", k->pattern, 0) && check_shape(c, k);
}

/* The limits of one usage line: each has a word of its own. */
static bool check_words(struct snap_check *c, struct snap_range limits)
{
	unsigned words = 0, word;

	if (!snap_prove_range(c, "limits", limits, SNAP_LIMITS) ||
		!snap_prove_between(c, "number of limits", limits.count, 0, SNAP_LIMITS_PER_PLAN))
		return false;
	for (uint32_t i = limits.first; i < limits.first + limits.count; i++) {
		word = SNAP_AT(c->snapshot, SNAP_LIMITS, snap_limit, i)->word;
		if (word >= SNAP_LIMITS_PER_PLAN || words & 1u << word)
			return snap_refuse(
				c, "limits: limit %u takes a word that is none or another's", i);
		words |= 1u << word;
	}
	return true;
}

static bool check_plan(struct snap_check *c, const void *record)
{
	const struct snap_plan *p = record;

	return snap_prove_rows(c, snap_rows_plan, record) &&
	       snap_prove_range(c, "apis", p->apis, SNAP_PLAN_APIS) && check_words(c, p->limits) &&
	       snap_prove_between(c, "slot", p->slot, 0, SNAP_PLAN_SLOTS - 1);
}

static bool check_limit(struct snap_check *c, const void *record)
{
	const struct snap_limit *l = record;
	const uint64_t year_ns = YEAR_S * 1000000000;

	if (!snap_prove_text(c, "name", l->name, 0) ||
		!snap_prove_between(c, "kind", l->kind, 0, SNAP_LIMIT_QUOTA) ||
		!snap_prove_between(c, "word", l->word, 0, SNAP_LIMITS_PER_PLAN - 1) ||
		!snap_prove_between(c, "window_s", l->window_s, 1, YEAR_S) ||
		!snap_prove_between(c, "amount", l->amount, 0, (UINT64_C(1) << 40) - 1))
		return false;
	/* A theoretical arrival time plus a burst stays far from the end of 64 bits. */
	return l->kind != SNAP_LIMIT_RATE ||
	       (snap_prove_between(c, "interval_ns", l->interval_ns, 1, year_ns) &&
		       snap_prove_between(c, "burst_ns", l->burst_ns, 1, UINT64_C(1) << 60) &&
		       snap_prove_between(c, "burst", l->burst, 1, UINT64_C(1) << 40));
}

static bool check_consumer(struct snap_check *c, const void *record)
{
	const struct snap_consumer *k = record;

	return snap_prove_text(c, "name", k->name, 0) &&
	       snap_prove_index(c, "plan", k->plan, SNAP_PLANS) &&
	       snap_prove_slot(c, k->slot, SNAP_CONSUMER_CAPACITY_MAX);
}

static bool check_retired(struct snap_check *c, const void *record)
{
	const struct snap_retired *k = record;

	return snap_prove_text(c, "name", k->name, 0) && check_words(c, k->limits) &&
	       snap_prove_slot(c, k->slot, SNAP_CONSUMER_CAPACITY_MAX);
}

static bool check_key(struct snap_check *c, const void *record)
{
	const struct snap_key *k = record;

	if (c->record > 0 && memcmp(k[-1].digest, k->digest, SNAP_DIGEST_BYTES) >= 0)
		return snap_refuse(c, "digest: not above the one before it");
	return snap_prove_index(c, "consumer", k->consumer, SNAP_CONSUMERS) &&
	       snap_prove_text(c, "id", k->id, 0);
}

const snap_record_check snap_checks_callers[SNAP_SECTION_COUNT] = {
	[SNAP_CREDENTIALS] = check_credential,
	[SNAP_PLANS] = check_plan,
	[SNAP_LIMITS] = check_limit,
	[SNAP_CONSUMERS] = check_consumer,
	[SNAP_KEYS] = check_key,
	[SNAP_RETIRED] = check_retired,
};
