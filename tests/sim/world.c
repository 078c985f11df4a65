/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The loop of the simulated world: each side runs when a packet arrives, a timer is due or its
 * application wants to, and time jumps to the next such moment. Trouble with time and memory is
 * drawn here: clocks that step, sides that stand still, pools that are empty for a while.
 */
#include "tests/sim/world.h"

#include <inttypes.h>
#include <string.h>

#include "dataplane/tcp/tcp_priv.h"

#define STEPS_MAX   1000000u
#define TIME_MAX_NS (UINT64_C(4) * 3600 * 1000000000)
#define MS          UINT64_C(1000000)

static struct rte_mempool *pools[SIM_POOLS];

bool world_setup(void)
{
	static const unsigned mbufs[SIM_POOLS] = { SIM_MBUFS, SIM_MBUFS, 300, 200 };

	fake_eal_init();
	for (unsigned i = 0; i < SIM_POOLS; i++) {
		char name[] = { 's', 'i', 'm', (char)('0' + i), '\0' };

		pools[i] = fake_pool(name, mbufs[i]);
		if (pools[i] == NULL)
			return false;
	}
	return true;
}

uint16_t sim_port(const struct sim_flow *f)
{
	struct tcp_peer peer;

	if (f->side->model != NULL)
		return model_port(f);
	if (f->conn == NULL)
		return 0;
	tcp_peer(f->conn, &peer);
	return peer.local_port;
}

static void faults_set(struct fake_faults *f, const struct scenario *o)
{
	*f = (struct fake_faults){ .lose = (uint32_t)o->lose,
		.repeat = (uint32_t)o->repeat,
		.reorder = (uint32_t)o->reorder,
		.burst = (uint32_t)o->burst,
		.burst_len = (uint32_t)o->burst_len,
		.corrupt = (uint32_t)o->corrupt,
		.mark = (uint32_t)o->mark,
		.rate = (uint32_t)o->rate,
		.queue_bytes = (uint32_t)o->queue,
		.delay_ns = o->delay_us * 1000,
		.narrow = (uint32_t)o->narrow,
		.jitter_ns = o->jitter_us * 1000,
		.fair = true,
		.strip = (uint8_t)o->strip,
		.split = (uint32_t)o->split };
}

static bool side_init(struct world *w, unsigned index)
{
	struct sim_side *side = &w->sides[index];
	const struct scenario *o = &w->o;

	side->world = w;
	side->index = index;
	side->pool = pools[index + (o->scarce ? 2 : 0)];
	fake_net_init(&side->net, &w->wire, index, side->pool, (uint16_t)o->mtu,
		!SCENARIO_OF(o, linear, index));
	for (unsigned i = 0; i < SIM_FLOWS; i++)
		side->flows[i] = (struct sim_flow){ .side = side,
			.index = i,
			.to_send = (uint32_t)SCENARIO_OF(o, bytes, index),
			.style = (enum sim_close)SCENARIO_OF(o, style, index) };
	return o->model == 2 - index ? model_init(side) : app_init(side);
}

static bool world_init(struct world *w, const struct scenario *o)
{
	struct fake_faults faults;

	memset(w, 0, sizeof(*w));
	w->o = *o;
	w->rng = o->seed + 77;
	w->check = o->seed % 4 == 0;
	/* Anywhere in the range of 32-bit ticks, and just before its end. */
	w->now_ns = UINT64_C(1000000000) + (o->seed % 7) * UINT64_C(715827882000000);
	faults_set(&faults, o);
	faults.narrow_ns = w->now_ns + o->narrow_ms * MS;
	fake_wire_init(&w->wire, &faults, o->seed * 3 + 5);
	w->wire.now_ns = w->now_ns;
	w->wire.filter = watch_segment;
	w->wire.filter_ctx = w;
	if (!side_init(w, 0) || !side_init(w, 1)) {
		sim_fail(w, "a side cannot be created");
		return false;
	}
	return true;
}

static void world_fini(struct world *w)
{
	for (unsigned i = 0; i < 2; i++) {
		struct sim_side *side = &w->sides[i];

		rte_pktmbuf_free_bulk(side->hog, side->hog_count);
		side->hog_count = 0;
		tcp_stack_destroy(side->stack);
		side->stack = NULL;
		model_fini(side);
	}
	fake_wire_fini(&w->wire);
}

static bool chance(struct world *w, uint64_t of_thousand)
{
	return of_thousand > 0 && sim_pick(w, 1000) < of_thousand;
}

/* Trouble that lasts is followed by four times as long without: what goes on all the time would
 * rightly end connections. */
static uint64_t trouble_length(struct sim_side *side, uint64_t most_ms)
{
	struct world *w = side->world;
	uint64_t ns = (1 + sim_pick(w, (uint32_t)most_ms)) * MS;

	side->calm_ns = w->now_ns + 5 * ns;
	return ns;
}

static void trouble_draw(struct sim_side *side)
{
	struct world *w = side->world;
	const struct scenario *o = &w->o;

	if (side->hog_count > 0 && side->hog_ns <= w->now_ns) {
		rte_pktmbuf_free_bulk(side->hog, side->hog_count);
		side->hog_count = 0;
	}
	if (w->now_ns < side->calm_ns)
		return;
	if (o->step_ms > 0 && chance(w, o->step_chance))
		side->ahead_ns += trouble_length(side, o->step_ms);
	if (o->stall_ms > 0 && chance(w, o->stall_chance))
		side->stalled_ns = w->now_ns + trouble_length(side, o->stall_ms);
	if (o->hog_ms > 0 && side->hog_count == 0 && chance(w, o->hog_chance)) {
		side->hog_ns = w->now_ns + trouble_length(side, o->hog_ms);
		side->hog_count = rte_mempool_avail_count(side->pool);
		if (rte_pktmbuf_alloc_bulk(side->pool, side->hog, side->hog_count) != 0)
			side->hog_count = 0;
	}
}

/* One turn of a side. @return when the next is due, in the world's time */
static uint64_t side_loop(struct sim_side *side)
{
	struct world *w = side->world;
	uint64_t next, arrival;

	trouble_draw(side);
	if (w->now_ns < side->stalled_ns)
		return side->stalled_ns;
	if (side->model != NULL)
		next = model_loop(side, w->now_ns + side->ahead_ns);
	else
		next = app_loop(side, w->now_ns + side->ahead_ns);
	if (next != UINT64_MAX)
		next = next > side->ahead_ns ? next - side->ahead_ns : 0;
	arrival = fake_wire_next(&w->wire, side->index);
	next = arrival < next ? arrival : next;
	if (side->hog_count > 0 && side->hog_ns < next)
		next = side->hog_ns;
	return next;
}

/* @return false when nothing will ever happen again */
static bool world_step(struct world *w)
{
	uint64_t next = UINT64_MAX;

	for (unsigned i = 0; i < 2; i++) {
		uint64_t at = side_loop(&w->sides[i]);

		next = at < next ? at : next;
	}
	/* What the second side sent may be the first thing to happen. */
	for (unsigned i = 0; i < 2; i++) {
		uint64_t at = fake_wire_next(&w->wire, i);

		if (at < w->sides[i].stalled_ns)
			at = w->sides[i].stalled_ns;
		next = at < next ? at : next;
	}
	if (w->wire.broken != NULL)
		sim_fail(w, w->wire.broken);
	if (next == UINT64_MAX || w->wrong != NULL)
		return false;
	w->now_ns = next > w->now_ns ? next : w->now_ns + 1000;
	w->wire.now_ns = w->now_ns;
	w->steps++;
	return true;
}

/* Who closed first waits in TIME-WAIT and then knows nothing any more (RFC 9293 §3.10.7.1): if all its ACKs of
 * the last bytes were lost until then, the other, who has all and sent all, is answered with an RST.
 * Or it gives up by itself, as nobody waits for it: TCP_ORPHAN_FINS. */
static bool ended_in_order(const struct sim_flow *first, const struct sim_flow *last)
{
	int64_t later_ms = (int64_t)(last->ended_ns - first->ended_ns) / (int64_t)MS;

	if (first->end != TCP_END_CLOSED)
		return false;
	return last->end == TCP_END_CLOSED ||
	       (last->end == TCP_END_RESET && last->eof && later_ms >= (int64_t)SIM_TIME_WAIT_MS) ||
	       (last->end == TCP_END_TIMEOUT && last->eof && later_ms >= (int64_t)SIM_ORPHAN_MS);
}

static const char *flow_verdict(const struct sim_flow *a, const struct sim_flow *b)
{
	if (!a->ended || (b->used && !b->ended))
		return "a connection never ended";
	if (a->style == SIM_ABORT || b->style == SIM_ABORT)
		return NULL;
	if (!b->used)
		return "a connection was not accepted";
	/* Who closed both directions does not hear the rest, and the other learns it by RST. */
	if (a->style != SIM_CLOSE_BOTH && a->received != b->to_send)
		return "the client lacks bytes";
	if (b->style != SIM_CLOSE_BOTH && b->received != a->to_send)
		return "the server lacks bytes";
	if (a->style != SIM_CLOSE_BOTH && b->style != SIM_CLOSE_BOTH && !ended_in_order(a, b) &&
		!ended_in_order(b, a))
		return "a connection did not end in order";
	return NULL;
}

/* Nothing leaked, every byte arrived, every connection ended as it should. */
static const char *world_verdict(struct world *w)
{
	for (unsigned i = 0; i < 2; i++) {
		const struct sim_side *side = &w->sides[i];
		const char *rest = side->stack != NULL ? app_rest(side) : NULL;

		if (rest != NULL)
			return rest;
		if (rte_mempool_avail_count(side->pool) + side->hog_count != side->pool->size)
			return "mbufs leaked";
	}
	for (unsigned i = 0; i < w->o.flows; i++) {
		const char *wrong = flow_verdict(&w->sides[0].flows[i], &w->sides[1].flows[i]);

		if (wrong != NULL)
			return wrong;
	}
	return NULL;
}

const char *world_run(struct world *w, const struct scenario *o, bool trace)
{
	uint64_t begin;

	if (world_init(w, o)) {
		w->wire.trace = trace;
		begin = w->now_ns;
		if (w->sides[0].model != NULL)
			model_connect(&w->sides[0], w->now_ns);
		else
			app_connect(&w->sides[0], w->now_ns);
		while (world_step(w)) {
			if (w->steps > STEPS_MAX)
				sim_fail(w, "a connection does not come to its end (steps)");
			if (w->now_ns - begin > TIME_MAX_NS)
				sim_fail(w, "a connection does not come to its end (time)");
		}
	}
	if (w->wrong == NULL)
		w->wrong = world_verdict(w);
	world_fini(w);
	return w->wrong;
}

void world_print(const struct world *w)
{
	printf("seed %" PRIu64 ": %s at %.6f s, step %" PRIu64 ", %" PRIu64 " lost\n", w->o.seed,
		w->wrong, (double)w->now_ns / 1e9, w->steps, w->wire.lost);
	for (unsigned i = 0; i < 2; i++) {
		const struct sim_side *side = &w->sides[i];

		printf("  side %u%s: %" PRIu64 " segments sent, %" PRIu64
		       " retransmissions, %" PRIu64 " timeouts\n",
			i, w->o.model == 2 - i ? " (model)" : "", side->net.sent,
			side->counters.retransmits, side->counters.rto_timeouts);
		for (unsigned n = 0; n < w->o.flows; n++) {
			const struct sim_flow *f = &side->flows[n];

			printf("    flow %u: sent %u of %u, received %u%s%s%s%s end %d\n", n,
				f->sent, f->to_send, f->received, f->connected ? " connected" : "",
				f->closed ? " closed" : "", f->eof ? " eof" : "",
				f->ended ? " ended" : "", f->end);
		}
	}
}
