/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Scenarios. The draw favours the ordinary: one in five has a perfect network, most have the usual
 * MTU, so that a fault meets every other in turn rather than all at once.
 */
#include "tests/sim/scenario.h"

#include "dataplane/tcp/tcp_options.h"
#include "tests/sim/world.h"

#define KEEPALIVE_MS 8000 /* a probe every two seconds: longer than the worst trouble */

const struct seeds_param scenario_params[] = {
#define PARAM(name, plain, text) { #name, text, offsetof(struct scenario, name), plain },
#include "tests/sim/scenario.def"
#undef PARAM
};
const size_t scenario_param_count = sizeof(scenario_params) / sizeof(scenario_params[0]);

static void scenario_plain(struct scenario *o, uint64_t seed)
{
	o->seed = seed;
	for (size_t i = 0; i < scenario_param_count; i++)
		*(uint64_t *)(void *)((char *)o + scenario_params[i].offset) =
			scenario_params[i].plain;
}

static uint64_t range(uint64_t *rng, uint64_t low, uint64_t high)
{
	return low + fake_random(rng) % (high - low + 1);
}

static bool one_in(uint64_t *rng, uint64_t n)
{
	return fake_random(rng) % n == 0;
}

static uint64_t pick(uint64_t *rng, const uint64_t *of, size_t n)
{
	return of[fake_random(rng) % n];
}
#define PICK(rng, ...)                                                                             \
	pick(rng, (const uint64_t[]){ __VA_ARGS__ },                                               \
		sizeof((const uint64_t[]){ __VA_ARGS__ }) / sizeof(uint64_t))

static void draw_network(struct scenario *o, uint64_t *rng)
{
	o->delay_us = range(rng, 10, 40000);
	o->mtu = PICK(rng, 128, 296, 576, 1280, 1500, 1500, 1500, 1500, 9000);
	if (one_in(rng, 3))
		o->strip = range(rng, 0, 15);
	if (one_in(rng, 4))
		o->split = 300;
	if (one_in(rng, 5))
		return;
	if (one_in(rng, 2))
		o->lose = range(rng, 0, 80);
	if (one_in(rng, 4)) {
		o->burst = range(rng, 1, 20);
		o->burst_len = range(rng, 1, 12);
	}
	if (one_in(rng, 2))
		o->repeat = range(rng, 0, 100);
	if (one_in(rng, 2)) {
		o->reorder = range(rng, 0, 300);
		o->jitter_us = range(rng, 0, 60000);
	}
	if (one_in(rng, 4))
		o->corrupt = range(rng, 1, 50);
	if (one_in(rng, 3))
		o->mark = range(rng, 1, 200);
	if (one_in(rng, 4) && o->mtu > 576) {
		o->narrow = range(rng, 576, o->mtu - 1);
		o->narrow_ms = range(rng, 0, 2000);
	}
	if (one_in(rng, 4)) {
		o->rate = range(rng, 20, 5000);
		o->queue = range(rng, 3000, 200000);
	}
}

static void draw_machine(struct scenario *o, uint64_t *rng)
{
	if (one_in(rng, 8)) {
		o->step_chance = range(rng, 1, 20);
		o->step_ms = PICK(rng, 5, 300, 5000);
	}
	if (one_in(rng, 8)) {
		o->stall_chance = range(rng, 1, 20);
		o->stall_ms = PICK(rng, 5, 300, 2000);
	}
	o->scarce = one_in(rng, 5);
	if (one_in(rng, 8)) {
		o->hog_chance = range(rng, 1, 20);
		o->hog_ms = PICK(rng, 5, 100, 1000);
	}
}

static void draw_side(struct scenario *o, uint64_t *rng, unsigned side)
{
	uint64_t bytes = PICK(rng, 0, 1, 300, 5000, 60000, 250000);
	uint64_t chunk = one_in(rng, 4) ? range(rng, 1, 100) : range(rng, 1, 2000);
	uint64_t read_us = one_in(rng, 3) ? range(rng, 0, 500000) : 0;
	uint64_t style = one_in(rng, 4) ? range(rng, 0, 2) : SIM_CLOSE_WHEN_SENT;
	uint64_t keepalive_ms = one_in(rng, 4) ? KEEPALIVE_MS : 0;
	uint64_t linear = one_in(rng, 3);
	uint64_t ecn = PICK(rng, TCP_ECN_PASSIVE, TCP_ECN_ON, TCP_ECN_ON, TCP_ECN_OFF);
	uint64_t rcv_buf = PICK(rng, 600, 4096, 20000, 65536, 262144);
	uint64_t snd_buf = PICK(rng, 600, 4096, 20000, 65536, 262144);

	if (bytes > 1)
		bytes = range(rng, bytes / 2, bytes);
	/* What would only take long and tell nothing. */
	if (o->flows > 2 && bytes > 60000)
		bytes = 60000;
	if (o->mtu < 576 && bytes > 20000)
		bytes = 20000;
	if (bytes > 60000 && chunk < 100)
		chunk = 100;
	if (rcv_buf < 5000)
		read_us /= 10;
#define SET(name) *(side ? &o->name##1 : &o->name##0) = name
	SET(bytes);
	SET(chunk);
	SET(read_us);
	SET(style);
	SET(keepalive_ms);
	SET(linear);
	SET(ecn);
	SET(rcv_buf);
	SET(snd_buf);
#undef SET
}

static void draw_model(struct scenario *o, uint64_t *rng)
{
	if (!one_in(rng, 2))
		return;
	o->model = range(rng, 1, 2);
	if (one_in(rng, 2))
		o->model_options = range(rng, 0, 15);
	o->model_ack = PICK(rng, 1, 1, 2, 2, 8);
	o->model_ack_ms = PICK(rng, 1, 40, 200);
	o->model_window = PICK(rng, 1000, 30000, 100000);
	o->model_dsack = one_in(rng, 2);
	o->model_small = one_in(rng, 3);
	/* The model has one way to close. */
	*(o->model == 1 ? &o->style1 : &o->style0) = SIM_CLOSE_WHEN_SENT;
}

void scenario_draw(struct scenario *o, uint64_t seed)
{
	uint64_t rng = seed * 2 + 1;

	scenario_plain(o, seed);
	draw_network(o, &rng);
	draw_machine(o, &rng);
	o->flows = one_in(&rng, 3) ? range(&rng, 1, SIM_FLOWS) : 1;
	o->newreno = one_in(&rng, 3);
	draw_side(o, &rng, 0);
	draw_side(o, &rng, 1);
	draw_model(o, &rng);
	if (one_in(&rng, 20)) {
		*(one_in(&rng, 2) ? &o->style1 : &o->style0) = SIM_ABORT;
		/* When the RST is lost, a side that only waits learns it in no other way. */
		o->keepalive_ms0 = o->keepalive_ms1 = KEEPALIVE_MS;
	}
	/* Both waiting for the other to close would wait for ever. */
	if (o->style0 == SIM_CLOSE_AT_EOF && o->style1 == SIM_CLOSE_AT_EOF)
		o->style1 = SIM_CLOSE_WHEN_SENT;
}
