/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The bucket as a clock: the word says when the bucket would be full again, so time refills it
 * without anybody's doing, and one compare-and-swap is the whole update. All sums saturate, as the
 * word may hold anything after a plan changed.
 */
#include "dataplane/policy/gcra.h"

#define FOREIGN_SLACK_NS UINT64_C(1000000000) /* more than clocks of one machine ever differ */

static uint64_t add_saturating(uint64_t a, uint64_t b)
{
	return a + b < a ? UINT64_MAX : a + b;
}

/* A word's value without what no user of it could have set; see gcra_take(). */
static uint64_t gcra_kept(uint64_t value, uint64_t burst_ns, uint64_t now_ns)
{
	const uint64_t full = add_saturating(now_ns, burst_ns);
	const uint64_t foreign = add_saturating(full, add_saturating(burst_ns, FOREIGN_SLACK_NS));

	return value > foreign ? full : value;
}

/* Judge one request on the word's value. @return the value after it: the same where nothing
 * changes */
static uint64_t gcra_step(uint64_t value, uint64_t interval_ns, uint64_t burst_ns, uint64_t now_ns,
	struct gcra_result *out)
{
	const uint64_t full = add_saturating(now_ns, burst_ns);
	const uint64_t kept = gcra_kept(value, burst_ns, now_ns);
	const uint64_t base = kept > now_ns ? kept : now_ns;
	const uint64_t next = add_saturating(base, interval_ns);

	if (next > full) {
		out->allowed = false;
		out->remaining = 0;
		out->reset_ns = base - now_ns;
		out->retry_ns = next - full;
		return kept;
	}
	out->allowed = true;
	out->remaining = (full - next) / interval_ns;
	out->reset_ns = next - now_ns;
	out->retry_ns = 0;
	return next;
}

static void gcra_sane(uint64_t *interval_ns, uint64_t *burst_ns)
{
	if (*interval_ns == 0)
		*interval_ns = 1;
	if (*burst_ns < *interval_ns)
		*burst_ns = *interval_ns;
}

void gcra_take(_Atomic uint64_t *word, uint64_t interval_ns, uint64_t burst_ns, uint64_t now_ns,
	struct gcra_result *out)
{
	uint64_t value = atomic_load_explicit(word, memory_order_relaxed), next;

	gcra_sane(&interval_ns, &burst_ns);
	do {
		next = gcra_step(value, interval_ns, burst_ns, now_ns, out);
	} while (next != value && !atomic_compare_exchange_weak_explicit(word, &value, next,
					  memory_order_relaxed, memory_order_relaxed));
}

uint32_t gcra_lease(_Atomic uint64_t *word, uint64_t interval_ns, uint64_t burst_ns,
	uint64_t now_ns, uint32_t wanted, uint64_t *from)
{
	uint64_t value = atomic_load_explicit(word, memory_order_relaxed), fit;

	gcra_sane(&interval_ns, &burst_ns);
	do {
		const uint64_t full = add_saturating(now_ns, burst_ns);
		const uint64_t kept = gcra_kept(value, burst_ns, now_ns);

		*from = kept > now_ns ? kept : now_ns;
		fit = *from < full ? (full - *from) / interval_ns : 0;
		fit = fit < wanted ? fit : wanted;
	} while (fit > 0 &&
		 !atomic_compare_exchange_weak_explicit(word, &value, *from + fit * interval_ns,
			 memory_order_relaxed, memory_order_relaxed));
	return (uint32_t)fit;
}

void gcra_take_leased(uint64_t *word, uint64_t interval_ns, uint64_t burst_ns, uint64_t now_ns,
	struct gcra_result *out)
{
	gcra_sane(&interval_ns, &burst_ns);
	*word = gcra_step(*word, interval_ns, burst_ns, now_ns, out);
}

void gcra_look(const _Atomic uint64_t *word, uint64_t interval_ns, uint64_t burst_ns,
	uint64_t now_ns, struct gcra_result *out)
{
	gcra_sane(&interval_ns, &burst_ns);
	gcra_step(atomic_load_explicit(word, memory_order_relaxed), interval_ns, burst_ns, now_ns,
		out);
}

void gcra_refund(_Atomic uint64_t *word, uint64_t interval_ns)
{
	uint64_t value = atomic_load_explicit(word, memory_order_relaxed);

	if (interval_ns == 0)
		interval_ns = 1;
	while (!atomic_compare_exchange_weak_explicit(word, &value,
		value > interval_ns ? value - interval_ns : 0, memory_order_relaxed,
		memory_order_relaxed))
		;
}
