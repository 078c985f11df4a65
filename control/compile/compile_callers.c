/* SPDX-License-Identifier: Apache-2.0 */
/* Credentials, plans, consumers and keys as snapshot records. */
#include <stdlib.h>

#include "control/compile/compile_priv.h"
#include "control/config/roll.h"

#define NS_PER_S UINT64_C(1000000000)

static void add_credential(struct compile *c, uint32_t i, struct slots *slots)
{
	const struct cfg_credential *k = CFG_ITEM(c->root->credentials, struct cfg_credential, i);
	const struct shape *shape = &c->patterns.shapes[i];
	struct snap_text places[] = {
		[CFG_IN_HEADER] = compile_lower(c, SNAP_KIND_CALLERS, k->header.text),
		[CFG_IN_QUERY] = compile_text(c, SNAP_KIND_CALLERS, k->parameter.text),
		[CFG_IN_COOKIE] = compile_text(c, SNAP_KIND_CALLERS, k->cookie.text),
		[CFG_IN_AUTHORIZATION] = compile_lower(c, SNAP_KIND_CALLERS, k->scheme.text),
	};
	static const uint32_t wheres[] = { SNAP_IN_HEADER, SNAP_IN_QUERY, SNAP_IN_COOKIE,
		SNAP_IN_AUTHORIZATION };
	struct snap_credential record = {
		.field = places[k->in.number],
		.pattern = compile_text(c, SNAP_KIND_CALLERS, k->pattern.text),
		.shape_prefixes = compile_text(
			c, SNAP_KIND_CALLERS, (struct str){ shape->prefixes, shape->prefixes_len }),
		.where = wheres[k->in.number],
		.pattern_id = i,
		.shape_class = shape->class,
		.shape_length = shape->length,
		.slot = slots_take(slots, (struct slot_name){ k->name.text }),
	};

	compile_rows(c, SNAP_KIND_CALLERS, &schema_credential, k, &record);
	snapshot_builder_add(c->builder, SNAP_CREDENTIALS, &record);
}

void compile_credentials(struct compile *c)
{
	const struct cfg_list *list = &c->root->credentials;
	struct slots *slots = compile_slots(c, SNAP_CREDENTIALS, SNAP_CREDENTIAL_SLOTS);

	for (uint32_t i = 0; i < list->count && slots; i++)
		slots_want(slots,
			(struct slot_name){ CFG_ITEM(*list, struct cfg_credential, i)->name.text });
	for (uint32_t i = 0; i < list->count && slots; i++)
		add_credential(c, i, slots);
	slots_free(slots);
}

/* APIs that a plan names: one version, or all versions of a name. */
static struct snap_range add_plan_apis(struct compile *c, const struct cfg_plan *plan)
{
	struct snap_range range = { snapshot_builder_count(c->builder, SNAP_PLAN_APIS), 0 };
	const struct cfg_list *apis = &c->root->apis;
	uint32_t slot;

	for (uint32_t i = 0; i < apis->count; i++) {
		const struct cfg_api *api = CFG_ITEM(*apis, struct cfg_api, i);

		for (uint32_t j = 0; j < plan->apis.count; j++) {
			const struct cfg_value *name = CFG_ITEM(plan->apis, struct cfg_value, j);

			if (name->number != i && !str_equal(name->text, api->name.text))
				continue;
			slot = compile_slot_of(c, SNAP_APIS, i);
			snapshot_builder_add(c->builder, SNAP_PLAN_APIS, &slot);
			range.count++;
			break;
		}
	}
	return range;
}

/* The name of a limit in header fields: as configured, or by its kind, and by its window where a
 * plan has several of a kind. */
static struct snap_text limit_name(struct compile *c, const struct cfg_plan *plan, uint32_t index)
{
	const struct cfg_limit *l = CFG_ITEM(plan->limits, struct cfg_limit, index);
	const struct cfg_value *value = l->rate.set ? &l->rate : &l->quota;
	unsigned same = 0;
	char name[64];

	if (l->name.set)
		return compile_text(c, SNAP_KIND_CALLERS, l->name.text);
	for (uint32_t i = 0; i < plan->limits.count; i++) {
		const struct cfg_limit *other = CFG_ITEM(plan->limits, struct cfg_limit, i);

		same += other->rate.set == l->rate.set && !other->name.set;
	}
	if (same < 2)
		return compile_text(c, SNAP_KIND_CALLERS, l->rate.set ? STR("rate") : STR("quota"));
	snprintf(name, sizeof(name), "%s-%us", l->rate.set ? "rate" : "quota",
		(unsigned)value->window_s);
	return compile_text(c, SNAP_KIND_CALLERS, str_of(name));
}

static void fill_rate(const struct cfg_limit *l, struct snap_limit *out)
{
	/* Rounded up: rather a billionth too slow than above the rate. */
	out->kind = SNAP_LIMIT_RATE;
	out->window_s = l->rate.window_s;
	out->amount = l->rate.number;
	out->interval_ns = (out->window_s * NS_PER_S + out->amount - 1) / out->amount;
	out->burst = l->burst.valid ? l->burst.number : out->amount / out->window_s;
	if (out->burst == 0)
		out->burst = 1;
	out->burst_ns = out->interval_ns * out->burst;
}

/*
 * Rates take the words of a usage line from the first on, quotas from the last: a consumer that
 * moves to another plan seldom finds a word of the other kind, which would have to begin anew.
 */
static struct snap_range add_limits(struct compile *c, const struct cfg_plan *plan)
{
	struct snap_range range = { snapshot_builder_count(c->builder, SNAP_LIMITS),
		plan->limits.count };
	uint32_t rate_word = 0, quota_word = SNAP_LIMITS_PER_PLAN - 1;

	for (uint32_t i = 0; i < plan->limits.count; i++) {
		const struct cfg_limit *l = CFG_ITEM(plan->limits, struct cfg_limit, i);
		struct snap_limit record = { .name = limit_name(c, plan, i) };

		if (l->rate.set) {
			fill_rate(l, &record);
			record.word = rate_word++;
		} else {
			record.kind = SNAP_LIMIT_QUOTA;
			record.window_s = l->quota.window_s;
			record.amount = l->quota.number;
			record.word = quota_word--;
		}
		snapshot_builder_add(c->builder, SNAP_LIMITS, &record);
	}
	return range;
}

static void compile_plans(struct compile *c)
{
	const struct cfg_list *list = &c->root->plans;
	struct slots *slots = compile_slots(c, SNAP_PLANS, SNAP_PLAN_SLOTS);

	for (uint32_t i = 0; i < list->count && slots; i++)
		slots_want(slots,
			(struct slot_name){ CFG_ITEM(*list, struct cfg_plan, i)->name.text });
	for (uint32_t i = 0; i < list->count && slots; i++) {
		const struct cfg_plan *plan = CFG_ITEM(*list, struct cfg_plan, i);
		struct snap_plan record = {
			.apis = add_plan_apis(c, plan),
			.limits = add_limits(c, plan),
			.slot = slots_take(slots, (struct slot_name){ plan->name.text }),
		};

		compile_rows(c, SNAP_KIND_CALLERS, &schema_plan, plan, &record);
		if (record.slot == SNAP_NONE)
			mistake_add(c->mistakes, plan->place.at, "there are more than %u plans",
				SNAP_PLAN_SLOTS);
		snapshot_builder_add(c->builder, SNAP_PLANS, &record);
	}
	slots_free(slots);
}

/* Limits of the previous generation that are kept for consumers that are gone, equal ones once. */
struct old_limits {
	const struct snapshot *previous;
	struct snap_range *copies; /* by the first index of the old range */
	struct snap_range *kept;   /* old ranges that were copied */
	uint32_t kept_count;
};

static bool same_limits(const struct snapshot *s, struct snap_range x, struct snap_range y)
{
	for (uint32_t i = 0; i < x.count; i++) {
		const struct snap_limit *l = SNAP_AT(s, SNAP_LIMITS, snap_limit, x.first + i);
		const struct snap_limit *m = SNAP_AT(s, SNAP_LIMITS, snap_limit, y.first + i);

		if (l->kind != m->kind || l->word != m->word || l->window_s != m->window_s ||
			l->interval_ns != m->interval_ns || l->burst_ns != m->burst_ns)
			return false;
	}
	return true;
}

static struct snap_range keep_limits(
	struct compile *c, struct old_limits *old, struct snap_range range)
{
	struct snap_range *copy = &old->copies[range.first];

	if (range.count == 0 || copy->count)
		return range.count ? *copy : range;
	for (uint32_t k = 0; k < old->kept_count && copy->count == 0; k++)
		if (old->kept[k].count == range.count &&
			same_limits(old->previous, old->kept[k], range))
			*copy = old->copies[old->kept[k].first];
	if (copy->count)
		return *copy;
	old->kept[old->kept_count++] = range;
	*copy = (struct snap_range){ snapshot_builder_count(c->builder, SNAP_LIMITS), range.count };
	for (uint32_t i = range.first; i < range.first + range.count; i++) {
		struct snap_limit record = *SNAP_AT(old->previous, SNAP_LIMITS, snap_limit, i);

		record.name = (struct snap_text){ 0 };
		snapshot_builder_add(c->builder, SNAP_LIMITS, &record);
	}
	return *copy;
}

static void add_retired(struct compile *c, struct old_limits *old, const struct slots *slots,
	struct str name, struct snap_range limits, uint32_t slot)
{
	struct snap_retired record = { .slot = slot };

	if (!slots_rests(slots, slot))
		return;
	record.name = compile_text(c, SNAP_KIND_CALLERS, name);
	record.limits = keep_limits(c, old, limits);
	snapshot_builder_add(c->builder, SNAP_RETIRED, &record);
}

/* Consumers that are gone keep their limits for as long as their slots are not needed. */
static void compile_retired(struct compile *c, const struct slots *slots)
{
	const struct snapshot *s = c->input->previous;
	struct old_limits old = { .previous = s };

	if (!s)
		return;
	old.copies = calloc((size_t)s->sections[SNAP_LIMITS].count + 1, sizeof(*old.copies));
	old.kept = calloc((size_t)s->sections[SNAP_LIMITS].count + 1, sizeof(*old.kept));
	if (!old.copies || !old.kept) {
		mistake_add(c->mistakes, c->root->place.at, "out of memory");
		goto out;
	}
	for (uint32_t i = 0; i < s->sections[SNAP_RETIRED].count; i++) {
		const struct snap_retired *r = SNAP_AT(s, SNAP_RETIRED, snap_retired, i);

		add_retired(c, &old, slots, snap_str(s, r->name), r->limits, r->slot);
	}
	for (uint32_t i = 0; i < s->sections[SNAP_CONSUMERS].count; i++) {
		const struct snap_consumer *k = SNAP_AT(s, SNAP_CONSUMERS, snap_consumer, i);

		add_retired(c, &old, slots, snap_str(s, k->name),
			SNAP_AT(s, SNAP_PLANS, snap_plan, k->plan)->limits, k->slot);
	}
out:
	free(old.copies);
	free(old.kept);
}

static void compile_consumers(struct compile *c)
{
	const struct roll *roll = c->input->config->roll;
	struct slots *slots = compile_slots(c, SNAP_CONSUMERS, c->settings.consumer_capacity);

	for (uint32_t i = 0; i < roll->consumer_count && slots; i++)
		slots_want(slots, (struct slot_name){ roll->consumers[i].name });
	for (uint32_t i = 0; i < roll->consumer_count && slots; i++) {
		const struct roll_consumer *consumer = &roll->consumers[i];
		struct snap_consumer record = {
			.name = compile_text(c, SNAP_KIND_CALLERS, consumer->name),
			.plan = consumer->plan,
			.slot = slots_take(slots, (struct slot_name){ consumer->name }),
		};

		/* More consumers than capacity were refused with the settings. */
		snapshot_builder_add(c->builder, SNAP_CONSUMERS, &record);
	}
	if (slots)
		compile_retired(c, slots);
	slots_free(slots);
	for (uint32_t i = 0; i < roll->key_count; i++) {
		const struct roll_key *key = &roll->keys[i];
		struct snap_key record = { .expires = key->expires,
			.consumer = key->consumer,
			.id = compile_text(c, SNAP_KIND_CALLERS, key->id) };

		memcpy(record.digest, key->digest, sizeof(record.digest));
		snapshot_builder_add(c->builder, SNAP_KEYS, &record);
	}
}

void compile_callers(struct compile *c)
{
	compile_plans(c);
	compile_consumers(c);
}
