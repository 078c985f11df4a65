/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The table of open questions. A question's number is a count above the number of its entry, so
 * that a reply finds its entry at once and one to an earlier question of the same entry is told
 * apart.
 */
#include "dataplane/ask/ask.h"

#include <stdlib.h>
#include <unistd.h>

#define ENTRY_NONE  UINT32_MAX
#define REPLIES_MAX 64 /* taken in one turn */
#define PING_NS     UINT64_C(1000000000)

struct ask_entry {
	uint64_t number; /* 0: free */
	uint64_t cookie;
	uint64_t asked_ns, deadline_ns;
	uint32_t kind;
	uint32_t next; /* of the free ones */
};

struct ask_listener {
	ask_answered_fn answered;
	void *ctx;
};

struct asks {
	struct asks_head head;
	uint32_t control; /* odd: one is connected */
	uint64_t due_ns;  /* no deadline is before it */
	uint64_t count;   /* of questions ever taken */
	uint32_t free;    /* list of entries */
	struct asks_config config;
	uint64_t pinged_ns;
	struct ask_listener listeners[ASK_KIND_COUNT];
	struct ask_entry entries[ASK_RECORDS];
	struct ask_reply reply; /* the copy that answers point into */
};

static void asks_pong(void *ctx, uint64_t cookie, const struct ask_answer *answer);

struct asks *asks_create(const struct asks_config *config)
{
	struct asks *asks = calloc(1, sizeof(*asks));

	if (!asks)
		return NULL;
	asks->config = *config;
	asks->due_ns = UINT64_MAX;
	for (uint32_t i = 0; i < ASK_RECORDS; i++)
		asks->entries[i].next = i + 1 < ASK_RECORDS ? i + 1 : ENTRY_NONE;
	asks_set_upcall(asks, ASK_PING, asks_pong, asks);
	return asks;
}

void asks_destroy(struct asks *asks)
{
	free(asks);
}

void asks_set_upcall(struct asks *asks, enum ask_kind kind, ask_answered_fn answered, void *ctx)
{
	asks->listeners[kind] = (struct ask_listener){ answered, ctx };
}

static void asks_wake_control(const struct asks *asks)
{
	const uint64_t one = 1;

	/* An error means that the eventfd is full: control is to wake up already. */
	ssize_t n = asks->config.bell >= 0 ? write(asks->config.bell, &one, sizeof(one)) : 0;

	(void)n;
}

enum ask_end ask_submit(struct asks *asks, enum ask_kind kind, const void *bytes, uint32_t len,
	uint64_t cookie, uint64_t now_ns, uint64_t *number)
{
	struct stats_worker *counters = asks->config.counters;
	const uint32_t at = asks->free;
	struct ask_question q = { .number = (asks->count + 1) * ASK_RECORDS + at,
		.asked_ns = now_ns,
		.deadline_ns = now_ns + ask_deadline_ms(kind) * UINT64_C(1000000),
		.kind = kind,
		.bytes = len };
	bool wake;

	if (!(asks->control & 1)) {
		counters->asks_no_control++;
		return ASK_NO_CONTROL;
	}
	if (at == ENTRY_NONE || len > ASK_DATA_BYTES ||
		!ask_ring_put(asks->config.ring, &q, bytes, &wake)) {
		counters->asks_full++;
		return ASK_FULL;
	}
	asks->count++;
	asks->free = asks->entries[at].next;
	asks->entries[at] =
		(struct ask_entry){ q.number, cookie, now_ns, q.deadline_ns, kind, ENTRY_NONE };
	asks->head.open++;
	counters->asks++;
	if (q.deadline_ns < asks->due_ns)
		asks->due_ns = q.deadline_ns;
	if (number)
		*number = q.number;
	if (wake)
		asks_wake_control(asks);
	return ASK_ANSWERED;
}

/* The entry of an open question, or NULL. */
static struct ask_entry *ask_find(struct asks *asks, uint64_t number)
{
	struct ask_entry *entry = &asks->entries[number % ASK_RECORDS];

	return number && entry->number == number ? entry : NULL;
}

static void ask_entry_free(struct asks *asks, struct ask_entry *entry)
{
	entry->number = 0;
	entry->next = asks->free;
	asks->free = (uint32_t)(entry - asks->entries);
	asks->head.open--;
}

void ask_cancel(struct asks *asks, uint64_t number)
{
	struct ask_entry *entry = ask_find(asks, number);

	if (entry)
		ask_entry_free(asks, entry);
}

/* The entry is free before the upcall, which may ask again. */
static void ask_finish(
	struct asks *asks, struct ask_entry *entry, struct ask_answer *answer, uint64_t now_ns)
{
	const struct ask_listener *listener = &asks->listeners[entry->kind];
	const uint64_t cookie = entry->cookie;

	if (answer->end != ASK_ANSWERED)
		answer->allowed = ask_fallback(entry->kind) == ASK_ALLOW;
	answer->took_ns = now_ns - entry->asked_ns;
	ask_entry_free(asks, entry);
	if (listener->answered)
		listener->answered(listener->ctx, cookie, answer);
}

static void asks_take_replies(struct asks *asks, uint64_t now_ns)
{
	struct stats_worker *counters = asks->config.counters;
	struct ask_reply *reply = &asks->reply;
	struct ask_entry *entry;
	int got;

	for (unsigned n = 0; n < REPLIES_MAX; n++) {
		got = ask_ring_reply_take(asks->config.ring, reply);
		if (got == 0)
			return;
		entry = got > 0 ? ask_find(asks, reply->number) : NULL;
		/* One that is late may be read in the turn that ends the question. */
		if (!entry || now_ns >= entry->deadline_ns) {
			counters->asks_stray++;
			continue;
		}
		counters->asks_answered++;
		ask_finish(asks, entry,
			&(struct ask_answer){ .end = ASK_ANSWERED,
				.allowed = reply->verdict == ASK_ALLOW,
				.bytes = reply->bytes,
				.data = reply->data },
			now_ns);
	}
}

/* End the open questions whose deadline is not after @p until_ns. */
static void asks_end_until(struct asks *asks, uint64_t until_ns, enum ask_end end, uint64_t now_ns)
{
	struct stats_worker *counters = asks->config.counters;
	const uint64_t last = asks->count; /* what upcalls submit is not meant */

	asks->due_ns = UINT64_MAX;
	for (uint32_t i = 0; i < ASK_RECORDS; i++) {
		struct ask_entry *entry = &asks->entries[i];

		if (!entry->number || entry->number / ASK_RECORDS > last)
			continue;
		if (entry->deadline_ns <= until_ns) {
			if (end == ASK_LATE)
				counters->asks_late++;
			else
				counters->asks_no_control++;
			ask_finish(asks, entry, &(struct ask_answer){ .end = end }, now_ns);
		} else if (entry->deadline_ns < asks->due_ns) {
			asks->due_ns = entry->deadline_ns;
		}
	}
}

void asks_turn(struct asks *asks, uint64_t now_ns)
{
	asks_take_replies(asks, now_ns);
	if (now_ns >= asks->due_ns)
		asks_end_until(asks, now_ns, ASK_LATE, now_ns);
}

void asks_follow_control(struct asks *asks, uint32_t control, uint64_t now_ns)
{
	if (control == asks->control)
		return;
	asks->control = control;
	asks->config.counters->control_connected = control & 1;
	asks->config.counters->control_answered_ns = now_ns;
	asks->config.counters->control_rtt_us = 0;
	if (control & 1)
		asks->pinged_ns = 0;
	asks_end_until(asks, UINT64_MAX, ASK_NO_CONTROL, now_ns);
}

void asks_ping(struct asks *asks, uint64_t now_ns)
{
	if (!(asks->control & 1) || now_ns - asks->pinged_ns < PING_NS)
		return;
	asks->pinged_ns = now_ns;
	(void)ask_submit(asks, ASK_PING, NULL, 0, now_ns, now_ns, NULL);
}

static void asks_pong(void *ctx, uint64_t cookie, const struct ask_answer *answer)
{
	const struct asks *asks = ctx;

	if (answer->end != ASK_ANSWERED)
		return;
	asks->config.counters->control_rtt_us = answer->took_ns / 1000;
	asks->config.counters->control_answered_ns = cookie + answer->took_ns;
}
