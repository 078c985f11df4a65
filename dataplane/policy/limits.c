/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A plan's limits: all of them or none. They are taken in turn; the first refusal gives back what
 * was taken and only looks at the rest, so that the answer can name the limit that keeps the caller
 * waiting longest and nobody comes back too early.
 */
#include <inttypes.h>
#include <stdio.h>

#include "dataplane/policy/gcra.h"
#include "dataplane/policy/policy_priv.h"
#include "dataplane/policy/quota.h"

#define SECOND_NS UINT64_C(1000000000)

/* One limit's answer, whatever its kind. */
struct answer {
	bool allowed;
	uint64_t remaining;
	uint64_t reset_s;
	uint64_t retry_s; /* when refused */
};

enum ask { ASK_TAKE, ASK_TAKE_SOFT, ASK_LOOK };

struct moment {
	uint64_t now_ns, wall_s;
};

static uint64_t seconds_up(uint64_t ns)
{
	return ns / SECOND_NS + (ns % SECOND_NS != 0);
}

static uint32_t lease_index(const struct usage_line *line)
{
	return (uint32_t)((uintptr_t)line / sizeof(*line)) % POLICY_LEASES;
}

void policy_expect(struct policy_scratch *scratch, const struct usage_line *line)
{
	uint32_t index = lease_index(line);
	struct policy_lease *lease = &scratch->leases[index];

	if (lease->line == line) {
		lease->expected++;
	} else if (lease->line == NULL) { /* else the place is another's: this one does without */
		lease->line = line;
		lease->expected = 1;
		scratch->used[scratch->used_count++] = (uint8_t)index;
	}
}

void policy_burst_end(struct policy_scratch *scratch)
{
	for (uint32_t i = 0; i < scratch->used_count; i++) {
		struct policy_lease *lease = &scratch->leases[scratch->used[i]];

		if (lease->left)
			gcra_refund(lease->word, lease->interval_ns * lease->left);
		*lease = (struct policy_lease){ 0 };
	}
	scratch->used_count = 0;
}

/* @return the consumer's lease with a request left in it, or NULL */
static struct policy_lease *lease_of(struct policy_scratch *scratch, const struct usage_line *line,
	_Atomic uint64_t *word, const struct plan_limit *limit, uint64_t now_ns)
{
	struct policy_lease *lease = &scratch->leases[lease_index(line)];

	if (lease->line != line || lease->expected < 2)
		return NULL;
	if (lease->word == NULL) {
		lease->left = gcra_lease(word, limit->interval_ns, limit->burst_ns, now_ns,
			lease->expected, &lease->own);
		lease->word = word;
		lease->interval_ns = limit->interval_ns;
		lease->now_ns = now_ns;
	}
	return lease->left && lease->word == word && lease->now_ns == now_ns ? lease : NULL;
}

/* Take from the consumer's rate, by way of a lease where more requests of the burst are
 * expected. */
static void rate_take(struct policy_scratch *scratch, const struct plan_limit *limit,
	struct usage_line *line, uint64_t now_ns, struct gcra_result *out)
{
	_Atomic uint64_t *word = &line->limit[limit->word];
	struct policy_lease *lease = lease_of(scratch, line, word, limit, now_ns);

	if (lease) {
		lease->left--;
		gcra_take_leased(&lease->own, limit->interval_ns, limit->burst_ns, now_ns, out);
	} else {
		gcra_take(word, limit->interval_ns, limit->burst_ns, now_ns, out);
	}
}

static struct answer limit_ask(struct policy_scratch *scratch, const struct plan_limit *limit,
	struct usage_line *line, struct moment at, enum ask ask)
{
	_Atomic uint64_t *word = &line->limit[limit->word];
	struct answer answer;

	if (limit->kind == SNAP_LIMIT_RATE) {
		struct gcra_result rate;

		if (ask == ASK_LOOK)
			gcra_look(word, limit->interval_ns, limit->burst_ns, at.now_ns, &rate);
		else
			rate_take(scratch, limit, line, at.now_ns, &rate);
		answer = (struct answer){ rate.allowed, rate.remaining, seconds_up(rate.reset_ns),
			seconds_up(rate.retry_ns) };
	} else {
		struct quota_result quota;

		if (ask == ASK_LOOK)
			quota_look(word, limit->amount, limit->window_s, at.wall_s, &quota);
		else
			quota_take(word, limit->amount, limit->window_s, at.wall_s,
				ask == ASK_TAKE_SOFT, &quota);
		answer = (struct answer){ quota.allowed, quota.remaining, quota.reset_s,
			quota.reset_s };
	}
	if (answer.retry_s == 0)
		answer.retry_s = 1;
	return answer;
}

static void limit_refund(const struct plan_limit *limit, struct usage_line *line, struct moment at)
{
	if (limit->kind == SNAP_LIMIT_RATE)
		gcra_refund(&line->limit[limit->word], limit->interval_ns);
	else
		quota_refund(&line->limit[limit->word], limit->window_s, at.wall_s);
}

/* Is @p a nearer to its end than what the verdict holds so far? A refusal is nearest, and among
 * those the longest wait. */
static bool is_nearer(const struct answer *a, const struct policy_limit_verdict *verdict)
{
	if (verdict->limit == SNAP_NONE)
		return true;
	if (a->allowed == verdict->over) /* one of the two refuses */
		return !a->allowed;
	if (verdict->over)
		return a->retry_s > verdict->retry_after_s;
	return a->remaining < verdict->remaining ||
	       (a->remaining == verdict->remaining && a->reset_s > verdict->reset_s);
}

/* A century and more is as good as what is longer. */
static uint32_t limit_seconds(uint64_t s)
{
	return s < UINT32_MAX ? (uint32_t)s : UINT32_MAX;
}

static void verdict_consider(struct policy_limit_verdict *verdict, const struct plan_limit *limit,
	const struct answer *answer)
{
	if (!is_nearer(answer, verdict))
		return;
	verdict->limit = limit->index;
	verdict->remaining = answer->remaining;
	verdict->reset_s = limit_seconds(answer->reset_s);
	if (answer->allowed)
		return;
	verdict->over = true;
	verdict->retry_after_s = limit_seconds(answer->retry_s);
	verdict->reason =
		limit->kind == SNAP_LIMIT_RATE ? REASON_RATE_LIMITED : REASON_QUOTA_EXCEEDED;
}

void policy_take(const struct policy *policy, struct policy_scratch *scratch, uint32_t number,
	struct usage_line *line, uint64_t now_ns, uint64_t wall_s, struct policy_limit_verdict *out)
{
	const struct moment at = { now_ns, wall_s };
	const struct plan *plan;
	enum ask ask;

	*out = (struct policy_limit_verdict){ .allowed = true, .limit = SNAP_NONE };
	if (number >= policy->plan_count) {
		/* A plan of the next generation, seen by a worker that is still on this one. */
		*out = (struct policy_limit_verdict){ .over = true,
			.reason = REASON_RATE_LIMITED,
			.limit = SNAP_NONE,
			.retry_after_s = 1 };
		return;
	}
	plan = &policy->plans[number];
	ask = plan->soft ? ASK_TAKE_SOFT : ASK_TAKE;
	for (uint32_t i = 0; i < plan->limit_count; i++) {
		struct answer answer = limit_ask(scratch, &plan->limits[i], line, at, ask);

		verdict_consider(out, &plan->limits[i], &answer);
		if (answer.allowed || ask != ASK_TAKE)
			continue;
		out->allowed = false;
		ask = ASK_LOOK;
		for (uint32_t taken = 0; taken < i; taken++)
			limit_refund(&plan->limits[taken], line, at);
	}
}

void plan_init(struct plan *plan, const struct snapshot *s, uint32_t index)
{
	const struct snap_plan *from = SNAP_AT(s, SNAP_PLANS, snap_plan, index);

	*plan = (struct plan){ .limit_count = from->limits.count, .soft = from->soft != 0 };
	for (uint32_t i = 0; i < from->limits.count; i++) {
		const uint32_t number = from->limits.first + i;
		const struct snap_limit *limit = SNAP_AT(s, SNAP_LIMITS, snap_limit, number);

		plan->limits[i] = (struct plan_limit){
			.kind = limit->kind,
			.word = limit->word,
			.index = number,
			.interval_ns = limit->interval_ns,
			.burst_ns = limit->burst_ns,
			.window_s = limit->window_s,
			.amount = limit->amount,
		};
	}
}

/* A name may double when it is quoted; then `, "";q=;w=` and two numbers. */
size_t plan_header_bytes_max(const struct snapshot *s, uint32_t index)
{
	const struct snap_plan *plan = SNAP_AT(s, SNAP_PLANS, snap_plan, index);
	size_t bytes = 0;

	for (uint32_t i = 0; i < plan->limits.count; i++)
		bytes += 2 * SNAP_AT(s, SNAP_LIMITS, snap_limit, plan->limits.first + i)
					 ->name.length +
			 64;
	return bytes;
}

uint32_t plan_header_write(const struct snapshot *s, uint32_t index, char *out, size_t room)
{
	const struct snap_plan *plan = SNAP_AT(s, SNAP_PLANS, snap_plan, index);
	const char *end = out + room;
	char *at = out;

	for (uint32_t i = 0; i < plan->limits.count; i++) {
		const struct snap_limit *limit =
			SNAP_AT(s, SNAP_LIMITS, snap_limit, plan->limits.first + i);
		const struct str name = snap_str(s, limit->name);

		if (i > 0) {
			*at++ = ',';
			*at++ = ' ';
		}
		*at++ = '"';
		for (uint32_t c = 0; c < name.len; c++) {
			/* RFC 9651 §3.3.3 */
			if (name.data[c] == '"' || name.data[c] == '\\')
				*at++ = '\\';
			*at++ = name.data[c];
		}
		at += snprintf(at, (size_t)(end - at), "\";q=%" PRIu64 ";w=%" PRIu64, limit->amount,
			limit->window_s);
	}
	return (uint32_t)(at - out);
}
