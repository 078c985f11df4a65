/* SPDX-License-Identifier: Apache-2.0 */
/* A stage that asks by chance and is answered by chance, see asker.h. */
#include "tests/sim/proxy/asker.h"

#define WAIT_MS 400
#define DEAD_MS 300

static void asker_request(void *ctx, struct burst *b, uint32_t mask)
{
	struct sim *s = ctx;

	while (mask) {
		const uint32_t i = burst_first(&mask);
		const struct decision *d = &b->decisions[i];

		if (d->asked == DECISION_NOT_ASKED && sim_chance(s, s->o.asks))
			burst_wait(b, i);
		else if (d->asked == DECISION_ANSWERED && d->answer % 16 == 0)
			burst_reset(b, i, REASON_OVERLOADED);
	}
}

static void asker_put(struct sim *s, uint64_t ticket)
{
	struct sim_asker *a = &s->gateway.asker;

	if (a->count < SIM_ANSWERS)
		a->answers[a->count++] = (struct sim_answer){
			s->now_ns + sim_pick(s, 2 * WAIT_MS) * UINT64_C(1000000), ticket
		};
}

static bool asker_ask(void *ctx, const struct decision *d, uint64_t ticket)
{
	struct sim *s = ctx;
	struct sim_asker *a = &s->gateway.asker;

	if (s->now_ns < a->dead_until_ns)
		return false;
	if (sim_chance(s, 30)) { /* it dies, and with it what it was asked */
		a->dead_until_ns = s->now_ns + sim_pick(s, DEAD_MS) * UINT64_C(1000000);
		a->count = 0;
		return true;
	}
	if (sim_chance(s, 100))
		return true; /* never answered */
	asker_put(s, ticket);
	if (sim_chance(s, 200))
		asker_put(s, ticket);
	return true;
}

static bool asker_answer(void *ctx, uint64_t *ticket, uint64_t *answer)
{
	struct sim *s = ctx;
	struct sim_asker *a = &s->gateway.asker;

	for (uint32_t i = 0; i < a->count; i++) {
		if (a->answers[i].at_ns > s->now_ns)
			continue;
		*ticket = a->answers[i].ticket;
		*answer = sim_random(&s->rng);
		a->answers[i] = a->answers[--a->count];
		return true;
	}
	return false;
}

static void asker_end(void *ctx, enum reason why)
{
	struct sim *s = ctx;

	s->gateway.asker.ended++;
}

void asker_init(struct sim *s, struct proxy_config *config)
{
	if (!s->o.asks)
		return;
	s->gateway.asker.hooks = (struct pipeline_hooks){ .ctx = s,
		.wait_ms = WAIT_MS,
		.otherwise = s->o.seed % 2 ? REASON_OVERLOADED : REASON_PROXIED,
		.request = asker_request,
		.ask = asker_ask,
		.answer = asker_answer,
		.end = asker_end };
	config->hooks = &s->gateway.asker.hooks;
	config->wait_limit = s->o.seed % 3 ? 64 : 2;
}

uint64_t asker_next(const struct sim *s)
{
	const struct sim_asker *a = &s->gateway.asker;
	uint64_t next = UINT64_MAX;

	for (uint32_t i = 0; i < a->count; i++)
		next = RTE_MIN(next, a->answers[i].at_ns);
	return next;
}
