/* SPDX-License-Identifier: Apache-2.0 */
/* Draws scenarios: the ordinary is most frequent, and trouble comes in few kinds at a time. */
#include "tests/sim/proxy/scenario.h"

#include "tests/sim/proxy/sim.h"

const struct seeds_param scenario_params[] = {
#define PARAM(name, plain, text) { #name, text, offsetof(struct scenario, name), plain },
#include "tests/sim/proxy/scenario.def"
#undef PARAM
};
const size_t scenario_param_count = sizeof(scenario_params) / sizeof(scenario_params[0]);

static uint64_t range(uint64_t *rng, uint64_t low, uint64_t high)
{
	return low + sim_random(rng) % (high - low + 1);
}

static bool one_in(uint64_t *rng, uint64_t n)
{
	return sim_random(rng) % n == 0;
}

static uint64_t pick(uint64_t *rng, const uint64_t *of, size_t n)
{
	return of[sim_random(rng) % n];
}
#define PICK(rng, ...)                                                                             \
	pick(rng, (const uint64_t[]){ __VA_ARGS__ },                                               \
		sizeof((const uint64_t[]){ __VA_ARGS__ }) / sizeof(uint64_t))

static void draw_load(struct scenario *o, uint64_t *rng)
{
	o->clients = PICK(rng, 1, 1, 2, 3, 5, 12);
	o->requests = PICK(rng, 1, 2, 4, 8);
	o->depth = PICK(rng, 1, 1, 2, 6);
	o->body = PICK(rng, 0, 10, 500, 3000, 20000);
	if (one_in(rng, 10))
		o->body = 150000;
	if (one_in(rng, 3))
		o->upload = PICK(rng, 10, 500, 3000, 20000);
	if (o->clients > 3 && o->body > 20000)
		o->body = 20000;
	o->chunk = PICK(rng, 1, 20, 300, 2000, 2000, 8000);
	/* What would only take long and tell nothing. */
	while (o->clients * o->requests * (o->body + o->upload) / o->chunk > 20000)
		o->chunk *= 4;
	if (one_in(rng, 6))
		o->tls = PICK(rng, 300, 1000);
}

static void draw_network(struct scenario *o, uint64_t *rng)
{
	o->delay_us = PICK(rng, 0, 20, 50, 1000);
	o->quantum_us = PICK(rng, 1, 20, 200);
	o->mtu = PICK(rng, 1500, 1500, 1500, 576);
	if (one_in(rng, 4))
		o->jitter_us = PICK(rng, 100, 3000);
	if (one_in(rng, 8))
		o->lose = range(rng, 1, 30);
	o->linear = one_in(rng, 5);
}

static void draw_pace(struct scenario *o, uint64_t *rng)
{
	if (one_in(rng, 3)) {
		o->pause = PICK(rng, 50, 300, 900);
		o->pause_ms = PICK(rng, 1, 20, 300);
	}
	while (o->requests * (o->body + o->upload) / o->chunk * o->pause * o->pause_ms > 60000000)
		o->pause_ms /= 2;
	if (one_in(rng, 4)) {
		o->read_pause = PICK(rng, 50, 500);
		o->read_pause_ms = PICK(rng, 1, 100, 1500);
	}
}

static void chance_draw(uint64_t *value, uint64_t *rng, uint64_t one_in_n)
{
	if (one_in(rng, one_in_n))
		*value = PICK(rng, 50, 200, 500);
}

static void draw_kinds(struct scenario *o, uint64_t *rng)
{
	chance_draw(&o->other_methods, rng, 3);
	chance_draw(&o->chunked, rng, 3);
	chance_draw(&o->no_body, rng, 4);
	chance_draw(&o->until_close, rng, 5);
	chance_draw(&o->http10, rng, 5);
	chance_draw(&o->close, rng, 5);
	chance_draw(&o->interim, rng, 6);
	chance_draw(&o->expect, rng, 5);
	chance_draw(&o->early, rng, 4);
	chance_draw(&o->long_head, rng, 5);
	chance_draw(&o->keyed, rng, 4);
	chance_draw(&o->unknown, rng, 8);
}

static void draw_trouble(struct scenario *o, uint64_t *rng)
{
	if (!o->lose)
		chance_draw(&o->extra, rng, 4);
	chance_draw(&o->idle_close, rng, 5);
	chance_draw(&o->cut, rng, 5);
	chance_draw(&o->stall, rng, 8);
	chance_draw(&o->broken, rng, 8);
	chance_draw(&o->client_cut, rng, 6);
	chance_draw(&o->client_leave, rng, 6);
	chance_draw(&o->deaf, rng, 10);
	chance_draw(&o->refused, rng, 6);
	chance_draw(&o->silent, rng, 10);
}

static void draw_gateway(struct scenario *o, uint64_t *rng)
{
	if (one_in(rng, 4))
		o->applies = range(rng, 1, 6);
	o->drain = one_in(rng, 8);
	if (one_in(rng, 3))
		o->buffer = PICK(rng, 2000, 8000, 20000);
	if (one_in(rng, 4))
		o->peer_buffer = PICK(rng, 2000, 8000);
	o->pool = PICK(rng, 0, 0, 1, 2);
	if (one_in(rng, 12))
		o->hog = PICK(rng, 1, 10);
	if (one_in(rng, 8))
		o->client_limit = range(rng, 1, 8);
	if (one_in(rng, 8))
		o->exchange_limit = range(rng, 1, 8);
	if (one_in(rng, 8))
		o->upstream_limit = range(rng, 1, 8);
}

void scenario_draw(struct scenario *o, uint64_t seed)
{
	uint64_t rng = seed * 2 + 1;

	o->seed = seed;
	for (size_t i = 0; i < scenario_param_count; i++)
		*(uint64_t *)(void *)((char *)o + scenario_params[i].offset) =
			scenario_params[i].plain;
	draw_load(o, &rng);
	draw_network(o, &rng);
	draw_pace(o, &rng);
	draw_kinds(o, &rng);
	draw_trouble(o, &rng);
	draw_gateway(o, &rng);
	/* A segment that is lost, or late, comes again as if it had been sent after the next
	 * request. */
	if (o->extra) {
		o->pool = o->hog = o->jitter_us = 0;
		/* They wait in the gateway's TCP while a client has no room. */
		if (one_in(&rng, 2)) {
			o->extra = 1000;
			o->buffer = 8000;
			o->read_pause = 500;
			o->read_pause_ms = PICK(&rng, 20, 1500);
			o->body = 20000;
			o->chunk = RTE_MAX(o->chunk, UINT64_C(4000));
			o->depth = RTE_MAX(o->depth, UINT64_C(2));
			o->other_methods = 300;
		}
	}
	chance_draw(&o->asks, &rng, 5);
	chance_draw(&o->retried, &rng, 3);
}
