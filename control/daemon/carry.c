/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A usage line belongs to a slot, a word in it to a limit. When a consumer moves from "10000/day"
 * to "10/s", its word may say that the next request is hours ahead; when a slot gets a new
 * consumer, it would inherit what somebody else used up. Workers go on meanwhile: words change by
 * compare-and-swap.
 */
#include "control/daemon/carry.h"

#include <errno.h>
#include <stdlib.h>

/* Index of the consumer of each slot, or SNAP_NONE. */
static uint32_t *consumers_by_slot(const struct snapshot *s, uint32_t capacity)
{
	uint32_t *table = malloc(((size_t)capacity + 1) * sizeof(*table));

	for (uint32_t i = 0; table && i < capacity; i++)
		table[i] = SNAP_NONE;
	for (uint32_t i = 0; table && s && i < s->sections[SNAP_CONSUMERS].count; i++) {
		uint32_t slot = SNAP_AT(s, SNAP_CONSUMERS, snap_consumer, i)->slot;

		if (slot < capacity)
			table[slot] = i;
	}
	return table;
}

static const struct snap_consumer *consumer_at(const struct snapshot *s, uint32_t i)
{
	return SNAP_AT(s, SNAP_CONSUMERS, snap_consumer, i);
}

/* The consumer that had the slot before, when it is the same one; else SNAP_NONE. */
static uint32_t same_consumer(const struct snapshot *old, const uint32_t *by_slot,
	const struct snapshot *now, const struct snap_consumer *consumer)
{
	uint32_t i = by_slot[consumer->slot];

	if (i == SNAP_NONE ||
		!str_equal(snap_str(old, consumer_at(old, i)->name), snap_str(now, consumer->name)))
		return SNAP_NONE;
	return i;
}

static void clear_line(struct usage_line *line)
{
	for (unsigned w = 0; w < SNAP_LIMITS_PER_PLAN; w++)
		atomic_store_explicit(&line->limit[w], 0, memory_order_relaxed);
	atomic_store_explicit(&line->admitted, 0, memory_order_relaxed);
	atomic_store_explicit(&line->refused, 0, memory_order_relaxed);
	atomic_store_explicit(&line->bytes_out, 0, memory_order_relaxed);
	atomic_store_explicit(&line->last_seen_s, 0, memory_order_relaxed);
}

int64_t carry_clear_lines(
	const struct snapshot *old, const struct snapshot *now, struct usage *usage, bool taken)
{
	uint32_t *by_slot = consumers_by_slot(old, usage->capacity);
	int64_t cleared = 0;

	if (!by_slot)
		return -ENOMEM;
	for (uint32_t i = 0; i < now->sections[SNAP_CONSUMERS].count; i++) {
		const struct snap_consumer *consumer = consumer_at(now, i);

		if (consumer->slot >= usage->capacity ||
			taken != (by_slot[consumer->slot] != SNAP_NONE) ||
			same_consumer(old, by_slot, now, consumer) != SNAP_NONE)
			continue;
		clear_line(&usage->lines[consumer->slot]);
		cleared++;
	}
	free(by_slot);
	return cleared;
}

/* The limit of a plan that has word @p w, or NULL. */
static const struct snap_limit *limit_of_word(const struct snapshot *s, uint32_t plan, uint32_t w)
{
	const struct snap_plan *p = SNAP_AT(s, SNAP_PLANS, snap_plan, plan);

	for (uint32_t i = 0; i < p->limits.count; i++) {
		const struct snap_limit *l =
			SNAP_AT(s, SNAP_LIMITS, snap_limit, p->limits.first + i);

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
	uint32_t *by_slot = consumers_by_slot(old, usage->capacity);
	int64_t changed = 0;

	if (!by_slot)
		return -ENOMEM;
	for (uint32_t i = 0; i < now->sections[SNAP_CONSUMERS].count; i++) {
		const struct snap_consumer *consumer = consumer_at(now, i);
		uint32_t before = SNAP_NONE;

		if (consumer->slot < usage->capacity)
			before = same_consumer(old, by_slot, now, consumer);
		if (before == SNAP_NONE)
			continue;

		uint32_t old_plan = consumer_at(old, before)->plan;

		for (uint32_t w = 0; w < SNAP_LIMITS_PER_PLAN; w++)
			changed += carry_word(limit_of_word(old, old_plan, w),
				limit_of_word(now, consumer->plan, w),
				&usage->lines[consumer->slot].limit[w], now_ns);
	}
	free(by_slot);
	return changed;
}
