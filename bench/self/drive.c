/* SPDX-License-Identifier: Apache-2.0 */
/* See drive.h. */
#include "bench/self/drive.h"

#include <time.h>

#include <rte_cycles.h>

#include "bench/common/report.h"
#include "bench/self/collect.h"
#include "bench/self/self_port.h"

#define LOST_NS        3000.0 /* longer away from the core than this: the turn does not count */
#define ROUND_CYCLES   UINT64_C(25000000)
#define IDLE_STEP_NS   UINT64_C(20000) /* timers run at least so often */
#define TURN_MIN_NS    UINT64_C(20000)
#define LAG_NS         UINT64_C(100000000) /* behind the other worker's clock at most */
#define EVENTS_AT_ONCE 256
#define STUCK_NS       UINT64_C(5000000000)

struct counted {
	uint64_t cycles, answers;
};

static uint64_t cpu_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static void drain_events(struct drive *d)
{
	static __thread struct event events[EVENTS_AT_ONCE];
	struct event_ring *ring = &d->world->at[d->index].events;
	uint32_t n;

	if (!d->world->options.access_log)
		return;
	do {
		n = event_ring_read(ring, events, EVENTS_AT_ONCE);
		d->events += n;
	} while (n == EVENTS_AT_ONCE);
}

/* Take the generator's cycles off the stage that they fell into; @return false when it was not
 * there. */
static bool take_off(uint64_t *stage, uint64_t cycles)
{
	if (*stage < cycles)
		return false;
	*stage -= cycles;
	return true;
}

/* Add the turn's stages to the sums. See worker_turn() for which border follows what. */
static void account(struct drive *d, const uint64_t *before, const struct self_port *s)
{
	const uint64_t *after = d->world->at[d->index].stats.stage_cycles;
	uint64_t net[STAGE_COUNT];

	for (unsigned i = 0; i < STAGE_COUNT; i++)
		net[i] = after[i] - before[i];
	take_off(&net[STAGE_RX], s->rx_cycles);
	if (!take_off(&net[STAGE_TCP_IN], s->rx_empty_cycles) &&
		!take_off(&net[STAGE_TIMERS], s->rx_empty_cycles))
		take_off(&net[STAGE_IDLE], s->rx_empty_cycles);
	if (!take_off(&net[STAGE_TX], s->tx_cycles))
		take_off(&net[STAGE_IDLE], s->tx_cycles);
	take_off(&net[STAGE_TCP_OUT], s->put_cycles);
	for (unsigned i = 0; i < STAGE_COUNT; i++)
		d->stage[i] += net[i];
}

static uint64_t average_turn_ns(const struct drive *d)
{
	if (d->turns == 0)
		return 0;
	return (uint64_t)((double)d->cycles / (double)d->turns * self_ports[d->index].ns_per_cycle);
}

static void stay_near_peer(struct drive *d)
{
	uint64_t peer_ns = atomic_load_explicit(&d->peer->shown_ns, memory_order_relaxed);

	if (peer_ns > LAG_NS)
		d->now_ns = RTE_MAX(d->now_ns, peer_ns - LAG_NS);
	atomic_store_explicit(&d->shown_ns, d->now_ns, memory_order_relaxed);
}

/* Never back behind what the generator was told: its timestamps are made of it. */
static void time_goes(struct drive *d, uint64_t ns)
{
	d->now_ns = RTE_MAX(d->now_ns + ns, self_ports[d->index].told_ns);
}

static void one_turn(struct drive *d, struct counted *round)
{
	struct self_port *s = &self_ports[d->index];
	const struct engine_stats *stats = engine_stats(d->engine);
	uint64_t answers = stats->answers, body_bytes = stats->body_bytes, opened = stats->opened;
	uint64_t before[STAGE_COUNT], cpu, tsc, own, generator;
	bool busy;

	if (d->peer)
		stay_near_peer(d);
	memcpy(before, d->world->at[d->index].stats.stage_cycles, sizeof(before));
	s->rx_cycles = s->rx_empty_cycles = s->tx_cycles = s->put_cycles = s->free_cycles = 0;
	s->start_ns = d->now_ns;
	cpu = cpu_ns();
	s->start_tsc = rte_rdtsc();
	collect_toggle();
	worker_turn(d->world->at[d->index].worker, d->now_ns, d->now_ns / 1000000000u);
	collect_toggle();
	tsc = rte_rdtsc() - s->start_tsc;
	cpu = cpu_ns() - cpu;
	generator = s->rx_cycles + s->rx_empty_cycles + s->tx_cycles + s->put_cycles;
	own = tsc - generator;
	busy = stats->frames_in != d->frames_in || stats->frames_out != d->frames_out;
	d->frames_in = stats->frames_in;
	d->frames_out = stats->frames_out;
	drain_events(d);
	if (d->step_ns) {
		time_goes(d, d->step_ns);
		return;
	}
	if ((double)tsc * s->ns_per_cycle > (double)cpu + LOST_NS) {
		d->lost_turns++;
		time_goes(d, average_turn_ns(d));
		return;
	}
	time_goes(d, (uint64_t)((double)own * s->ns_per_cycle));
	account(d, before, s);
	if (!busy) {
		d->idle_cycles += own;
		return;
	}
	d->turns++;
	s->most_ns = TURN_MIN_NS + 2 * average_turn_ns(d);
	d->cycles += own;
	d->generator_cycles += generator - s->free_cycles;
	d->free_cycles += s->free_cycles;
	d->answers += stats->answers - answers;
	d->body_bytes += stats->body_bytes - body_bytes;
	d->opened += stats->opened - opened;
	hdr_add(&d->turn_ns, (uint64_t)((double)own * s->ns_per_cycle));
	round->cycles += own;
	round->answers += stats->answers - answers;
}

/* With nothing to do before the next request is due, time goes there at once. */
static void skip_idle(struct drive *d)
{
	uint64_t due = engine_next_due_ns(d->engine);

	if (engine_has_work(d->engine, ENGINE_OUTSIDE) || engine_has_work(d->engine, ENGINE_INSIDE))
		return;
	if (due == UINT64_MAX)
		d->now_ns += IDLE_STEP_NS;
	else if (due > d->now_ns)
		d->now_ns = RTE_MIN(due, d->now_ns + IDLE_STEP_NS);
}

static bool failed(struct drive *d, uint64_t quiet_since_ns)
{
	if (!d->failure)
		d->failure = engine_failure(d->engine);
	if (!d->failure && d->now_ns - quiet_since_ns > STUCK_NS)
		d->failure = "no answer for five seconds of the worker's time";
	if (!d->failure && engine_stats(d->engine)->gaps)
		d->failure = "the gateway sent segments out of order, on a link that loses none";
	d->unmeasurable = engine_overrun(d->engine);
	return d->failure != NULL;
}

bool drive_warm_up(struct drive *d)
{
	uint32_t connections = d->connections;
	struct counted unused = { 0 };
	uint64_t last_ns = d->now_ns, answers = 0, wanted = 4 * (uint64_t)connections + 20000;

	self_ports[d->index] = (struct self_port){
		.engine = d->engine,
		.most_ns = TURN_MIN_NS,
		.ns_per_cycle = d->step_ns ? 0 : 1e9 / (double)rte_get_tsc_hz(),
	};
	/* Where connections end after a request they are never all open. */
	while (engine_stats(d->engine)->opened < connections ||
		engine_stats(d->engine)->answers < wanted) {
		one_turn(d, &unused);
		skip_idle(d);
		if (engine_stats(d->engine)->answers + engine_stats(d->engine)->opened != answers)
			last_ns = d->now_ns;
		answers = engine_stats(d->engine)->answers + engine_stats(d->engine)->opened;
		if (failed(d, last_ns))
			return false;
	}
	return true;
}

static void reset(struct drive *d)
{
	d->cycles = d->idle_cycles = d->generator_cycles = d->free_cycles = 0;
	d->answers = d->body_bytes = d->opened = d->turns = d->lost_turns = d->events = 0;
	d->frames_in = d->frames_out = 0;
	d->rounds = 0;
	memset(d->stage, 0, sizeof(d->stage));
	hdr_reset(&d->turn_ns);
	engine_stats_reset(d->engine);
}

bool drive_measure(struct drive *d)
{
	uint64_t end = rte_rdtsc() + (uint64_t)(d->seconds * (double)rte_get_tsc_hz());
	uint64_t last_ns = d->now_ns, answers = 0;
	struct counted round = { 0 };

	reset(d);
	while (rte_rdtsc() < end) {
		one_turn(d, &round);
		skip_idle(d);
		if (d->answers != answers)
			last_ns = d->now_ns;
		answers = d->answers;
		if (round.cycles > ROUND_CYCLES && round.answers && d->rounds < DRIVE_ROUNDS_MAX) {
			d->round_cycles[d->rounds++] = (double)round.cycles / (double)round.answers;
			round = (struct counted){ 0 };
		}
		if (failed(d, last_ns))
			return false;
	}
	if (d->answers == 0) {
		d->failure = d->lost_turns ? "each turn was interrupted" : "no answer at all";
		d->unmeasurable = d->lost_turns > 0;
	}
	return d->failure == NULL;
}

bool drive_requests(struct drive *d, uint64_t n)
{
	uint64_t last_ns = d->now_ns, answers = 0;
	struct counted unused = { 0 };

	reset(d);
	engine_limit(d->engine, n);
	collect_start();
	while (!engine_done(d->engine)) {
		one_turn(d, &unused);
		skip_idle(d);
		if (engine_stats(d->engine)->answers != answers)
			last_ns = d->now_ns;
		answers = engine_stats(d->engine)->answers;
		if (failed(d, last_ns))
			break;
	}
	collect_stop();
	return d->failure == NULL;
}
