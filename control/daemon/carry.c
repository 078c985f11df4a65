/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A usage line belongs to a slot, a word in it to a limit. When a consumer moves from "10000/day"
 * to "10/s", its word may say that the next request is hours ahead; when a slot gets a new
 * consumer, it would inherit what another one used up; when a removed consumer comes back, its
 * limits are where they were. Workers go on meanwhile: words change by
 * compare-and-swap.
 */
#include "control/daemon/carry.h"

#include <errno.h>
#include <stdlib.h>

/* What the previous generation had in a slot. */
struct carried {
	uint32_t consumer, retired; /* indices; SNAP_NONE: none */
};

static void carried_enter(struct carried *table, const struct snapshot *s, uint32_t capacity)
{
	for (uint32_t i = 0; i < s->sections[SNAP_RETIRED].count; i++) {
		uint32_t slot = SNAP_AT(s, SNAP_RETIRED, snap_retired, i)->slot;

		if (slot < capacity)
			table[slot].retired = i;
	}
	for (uint32_t i = 0; i < s->sections[SNAP_CONSUMERS].count; i++) {
		uint32_t slot = SNAP_AT(s, SNAP_CONSUMERS, snap_consumer, i)->slot;

		if (slot < capacity)
			table[slot].consumer = i;
	}
}

/* @return by slot; NULL without memory */
static struct carried *carried_make(const struct snapshot *s, uint32_t capacity)
{
	struct carried *table = calloc((size_t)capacity + 1, sizeof(*table));

	for (uint32_t i = 0; table && i < capacity; i++)
		table[i] = (struct carried){ SNAP_NONE, SNAP_NONE };
	if (table && s)
		carried_enter(table, s, capacity);
	return table;
}

static const struct snap_consumer *consumer_at(const struct snapshot *s, uint32_t i)
{
	return SNAP_AT(s, SNAP_CONSUMERS, snap_consumer, i);
}

enum carried_kind {
	CARRIED_NOTHING, /* the line is new to this name, and no other consumer has it */
	CARRIED_OTHER,   /* another consumer has it until the new generation runs */
	CARRIED_SAME,    /* the same consumer has it */
	CARRIED_BACK,    /* the same consumer had it and was removed */
};

/* @param limits  what the words of the line mean, for the last two */
static enum carried_kind carried_find(const struct snapshot *old, const struct carried *table,
	struct str name, uint32_t slot, struct snap_range *limits)
{
	const struct carried *had = &table[slot];

	if (had->consumer != SNAP_NONE) {
		const struct snap_consumer *was = consumer_at(old, had->consumer);

		*limits = SNAP_AT(old, SNAP_PLANS, snap_plan, was->plan)->limits;
		return str_equal(snap_str(old, was->name), name) ? CARRIED_SAME : CARRIED_OTHER;
	}
	if (had->retired != SNAP_NONE) {
		const struct snap_retired *was =
			SNAP_AT(old, SNAP_RETIRED, snap_retired, had->retired);

		*limits = was->limits;
		return str_equal(snap_str(old, was->name), name) ? CARRIED_BACK : CARRIED_NOTHING;
	}
	return CARRIED_NOTHING;
}

static void clear_counts(struct usage_line *line)
{
	atomic_store_explicit(&line->requests, 0, memory_order_relaxed);
	atomic_store_explicit(&line->limited, 0, memory_order_relaxed);
	atomic_store_explicit(&line->bytes_out, 0, memory_order_relaxed);
}

static void clear_line(struct usage_line *line)
{
	for (unsigned w = 0; w < SNAP_LIMITS_PER_PLAN; w++)
		atomic_store_explicit(&line->limit[w], 0, memory_order_relaxed);
	clear_counts(line);
	atomic_store_explicit(&line->last_seen_s, 0, memory_order_relaxed);
}

void carry_clear_counts(struct usage *usage)
{
	for (uint32_t i = 0; i < usage->capacity; i++)
		if (atomic_load_explicit(&usage->lines[i].requests, memory_order_relaxed))
			clear_counts(&usage->lines[i]);
}

/* Consumers, their slots and their limits are the same. */
static bool carry_nothing(const struct snapshot *old, const struct snapshot *now)
{
	return old && snapshot_shares(old, now, 1u << SNAP_KIND_CALLERS);
}

int64_t carry_clear_lines(
	const struct snapshot *old, const struct snapshot *now, struct usage *usage, bool taken)
{
	struct carried *table;
	struct snap_range limits;
	int64_t cleared = 0;

	if (carry_nothing(old, now))
		return 0;
	table = carried_make(old, usage->capacity);
	if (!table)
		return -ENOMEM;
	for (uint32_t i = 0; i < now->sections[SNAP_CONSUMERS].count; i++) {
		const struct snap_consumer *consumer = consumer_at(now, i);
		enum carried_kind kind;

		if (consumer->slot >= usage->capacity)
			continue;
		kind = carried_find(
			old, table, snap_str(now, consumer->name), consumer->slot, &limits);
		if (kind == (taken ? CARRIED_OTHER : CARRIED_NOTHING)) {
			clear_line(&usage->lines[consumer->slot]);
			cleared++;
		} else if (kind == CARRIED_BACK && !taken) {
			clear_counts(&usage->lines[consumer->slot]);
		}
	}
	free(table);
	return cleared;
}

/* The limit that has word @p w, or NULL. */
static const struct snap_limit *limit_of_word(
	const struct snapshot *s, struct snap_range limits, uint32_t w)
{
	for (uint32_t i = 0; i < limits.count; i++) {
		const struct snap_limit *l = SNAP_AT(s, SNAP_LIMITS, snap_limit, limits.first + i);

		if (l->word == w)
			return l;
	}
	return NULL;
}

/* Lower a rate's theoretical arrival time to one burst from now. @return 1 when it was beyond */
static int lower_word(_Atomic uint64_t *word, uint64_t latest)
{
	uint64_t seen = atomic_load_explicit(word, memory_order_relaxed);

	while (seen > latest)
		if (atomic_compare_exchange_weak_explicit(
			    word, &seen, latest, memory_order_relaxed, memory_order_relaxed))
			return 1;
	return 0;
}

static int carry_word(const struct snap_limit *was, const struct snap_limit *is,
	_Atomic uint64_t *word, uint64_t now_ns)
{
	if (!is)
		return 0;
	if (was && was->kind == is->kind && is->kind == SNAP_LIMIT_RATE) {
		if (was->interval_ns == is->interval_ns && was->burst_ns == is->burst_ns)
			return 0;
		return lower_word(word, now_ns + is->burst_ns);
	}
	if (was && was->kind == is->kind && was->window_s == is->window_s)
		return 0;
	return atomic_exchange_explicit(word, 0, memory_order_relaxed) != 0;
}

int64_t carry_words(const struct snapshot *old, const struct snapshot *now, struct usage *usage,
	uint64_t now_ns)
{
	struct carried *table;
	int64_t changed = 0;

	if (carry_nothing(old, now))
		return 0;
	table = carried_make(old, usage->capacity);
	if (!table)
		return -ENOMEM;
	for (uint32_t i = 0; i < now->sections[SNAP_CONSUMERS].count; i++) {
		const struct snap_consumer *consumer = consumer_at(now, i);
		struct snap_range was = { 0 };

		if (consumer->slot >= usage->capacity ||
			carried_find(old, table, snap_str(now, consumer->name), consumer->slot,
				&was) < CARRIED_SAME)
			continue;

		struct snap_range is = SNAP_AT(now, SNAP_PLANS, snap_plan, consumer->plan)->limits;

		for (uint32_t w = 0; w < SNAP_LIMITS_PER_PLAN; w++)
			changed += carry_word(limit_of_word(old, was, w), limit_of_word(now, is, w),
				&usage->lines[consumer->slot].limit[w], now_ns);
	}
	free(table);
	return changed;
}
