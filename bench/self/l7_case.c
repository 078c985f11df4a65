/* SPDX-License-Identifier: Apache-2.0 */
/* The loads of l7 and how one is run: world, generator, warm-up, closed loop, then the open loop
 * if asked. */
#include "bench/self/l7_case.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include <rte_cycles.h>
#include <rte_launch.h>
#include <rte_random.h>

#include "bench/self/drive.h"
#include "bench/self/statistics.h"

#define LOAD(n, requests, body, paths)                                                             \
	.connections = (n), .depth = (requests), .head_bytes = 300, .body_bytes = (body),          \
	.routes = (paths), .backends = 3, .weights = { 5, 3, 2 }
#define UNREACHED        1000000000 /* a limit that is counted and refuses nobody */
#define LATENCY          .loads = { 0.5, 0.8 }
#define STATISTICS_TURNS 15
#define REQUESTS_STEP_NS 25000 /* about what 32 requests take */
#define REQUESTS_SEED    1
#define REQUESTS_PHASE_NS                                                                          \
	UINT64_C(1000000000000) /* they begin at a multiple of this: timers lie alike */
#define KEYED(n) LOAD(256, 1, 1024, 1), .keys = (n), .limit = UNREACHED

const struct l7_case l7_default = { .name = "custom", KEYED(1000000) };

const struct l7_case l7_cases[] = {
	{ .name = "plain", .quick = true, LOAD(256, 1, 1024, 1), LATENCY },
	{ .name = "keys-1k", .quick = true, KEYED(1000), LATENCY },
	{ .name = "keys-1M", .quick = true, KEYED(1000000), .target = 2500, LATENCY },
	{ .name = "keys-1M-zipf", KEYED(1000000), .zipf = 1.0 },
	{ .name = "keys-10M", KEYED(10000000), LATENCY },
	{ .name = "no-limit", LOAD(256, 1, 1024, 1), .keys = 1000000 },
	{ .name = "no-events", KEYED(1000000), .no_events = true },
	{ .name = "statistics", .quick = true, KEYED(1000000), .statistics_target = 1.03 },
	{ .name = "offload", KEYED(1000000), .offload = true },
	{ .name = "no-multi-segs", KEYED(1000000), .no_multi_segs = true },
	{ .name = "pipelined-8", LOAD(256, 8, 1024, 1), .keys = 1000000, .limit = UNREACHED },
	{ .name = "connections-10k", LOAD(10000, 1, 1024, 1), .keys = 1000000, .limit = UNREACHED },
	{ .name = "body-16K",
		.quick = true,
		LOAD(256, 1, 16384, 1),
		.keys = 1000,
		.limit = UNREACHED },
	{ .name = "body-1M",
		.quick = true,
		LOAD(32, 1, 1048576, 1),
		.keys = 1000,
		.limit = UNREACHED },
	{ .name = "body-1M-offload",
		LOAD(32, 1, 1048576, 1),
		.keys = 1000,
		.limit = UNREACHED,
		.offload = true },
	{ .name = "new-connection",
		.quick = true,
		KEYED(1000),
		.per_connection = 1,
		.rate_target = 150000 },
	{ .name = "tls", .quick = true, KEYED(1000000), LATENCY, .tls = true, .target = 9000 },
	{ .name = "tls-16K",
		LOAD(256, 1, 16384, 1),
		.keys = 1000,
		.limit = UNREACHED,
		.tls = true },
	{ .name = "tls-new-connection", KEYED(1000), .per_connection = 1, .tls = true },
	{ .name = "routes-50k", LOAD(256, 1, 1024, 50000), .keys = 1000000, .limit = UNREACHED },
	{ .name = "two-workers",
		.quick = true,
		KEYED(1000000),
		.workers = 2,
		.speedup_target = 1.9 },
	{ .name = "two-workers-hot-key", KEYED(1), .workers = 2, .speedup_target = 1.7 },
	{ .name = NULL },
};

static double per(uint64_t a, uint64_t b)
{
	return b ? (double)a / (double)b : 0;
}

static void report_drops(const struct stats *stats, const char *name)
{

	for (unsigned i = 0; i < DROP_COUNT; i++)
		if (stats->drop[i])
			progress("  %s: dropped %" PRIu64 " packets: %s", name, stats->drop[i],
				drop_text(i));
	if (stats->tcp->retransmits)
		progress("  %s: %" PRIu64 " retransmissions", name, stats->tcp->retransmits);
	if (stats->worker->events_dropped)
		progress("  %s: %" PRIu64 " events dropped", name, stats->worker->events_dropped);
}

/* The backends' shares must be those of their weights. */
static bool shares_right(const struct l7_case *c, struct drive *d)
{
	const struct engine_stats *stats = engine_stats(d->engine);
	uint32_t sum = 0;

	for (uint32_t i = 0; i < c->backends; i++)
		sum += c->weights[i];
	for (uint32_t i = 0; i < c->backends; i++) {
		double expected = (double)stats->requests * c->weights[i] / sum;
		double off = (double)stats->by_backend[i] - expected;

		if (off * off > 100 + expected * expected * 1e-4) {
			progress("  %s: backend %u got %" PRIu64 " requests instead of %.0f",
				c->name, i, stats->by_backend[i], expected);
			d->failure = "a backend's share is not that of its weight";
			return false;
		}
	}
	return true;
}

static void report_stages(const struct l7_case *c, const struct drive *d, struct report *r)
{
	static const enum stage shown[] = { STAGE_RX, STAGE_NET, STAGE_TCP_IN, STAGE_PROXY,
		STAGE_TCP_OUT, STAGE_TX, STAGE_TIMERS };

	for (unsigned i = 0; i < RTE_DIM(shown); i++)
		report_row(r, c->name, stage_name(shown[i]), "cycles",
			per(d->stage[shown[i]], d->answers), REPORT_NO_TARGET);
}

static void report_closed(const struct l7_case *c, struct drive *d, struct report *r)
{
	double hz = (double)rte_get_tsc_hz(), cycles = median(d->round_cycles, d->rounds);

	report_row_least(r, c->name, "requests", "1/s", hz / cycles, c->rate_target);
	report_row(r, c->name, "cycles", "", cycles, c->target);
	report_stages(c, d, r);
	report_row(r, c->name, "batch", "answers", per(d->answers, d->turns), REPORT_NO_TARGET);
	report_row(r, c->name, "loop_p50", "us", (double)hdr_quantile(&d->turn_ns, 0.5) / 1e3,
		REPORT_NO_TARGET);
	report_row(r, c->name, "loop_p99", "us", (double)hdr_quantile(&d->turn_ns, 0.99) / 1e3,
		REPORT_NO_TARGET);
	if (c->body_bytes > 1024)
		report_row(r, c->name, "content", "Gbit/s",
			per(d->body_bytes, d->cycles) * hz * 8 / 1e9, REPORT_NO_TARGET);
	report_row(r, c->name, "mbuf_free", "cycles", per(d->free_cycles, d->answers),
		REPORT_NO_TARGET);
	report_row(r, c->name, "generator", "cycles", per(d->generator_cycles, d->answers),
		REPORT_NO_TARGET);
	progress("  %.0f cycles a request (mean %.0f), %" PRIu64 " answers in %" PRIu64
		 " turns, %" PRIu64 " turns interrupted and left out",
		cycles, per(d->cycles, d->answers), d->answers, d->turns, d->lost_turns);
}

static struct world world;
static struct drive drives[WORLD_WORKERS_MAX];

/* On each worker's core at once; the first is this one. */
static bool all(lcore_function_t *phase)
{
	uint32_t workers = world.options.workers;
	bool good;

	for (uint32_t i = 1; i < workers; i++)
		rte_eal_remote_launch(phase, &drives[i], i);
	good = phase(&drives[0]) == 0;
	for (uint32_t i = 1; i < workers; i++)
		good &= rte_eal_wait_lcore(i) == 0;
	return good;
}

static int warm_up(void *drive)
{
	return drive_warm_up(drive) ? 0 : -1;
}

static int measure(void *drive)
{
	return drive_measure(drive) ? 0 : -1;
}

static void make_drive(const struct l7_case *c, uint32_t index, double seconds)
{
	struct drive *d = &drives[index];
	bool divided = c->keys >= world.options.workers;
	uint32_t keys = divided ? c->keys / world.options.workers : c->keys;
	struct engine_config config = {
		.index = index,
		.connections = c->connections,
		.depth = c->depth,
		.per_connection = c->per_connection,
		.keys = keys,
		.first_key = divided ? index * keys : 0,
		.zipf = c->zipf,
		.head_bytes = c->head_bytes,
		.body_bytes = c->body_bytes,
		.backends = c->backends,
		.timestamps = !c->no_timestamps,
		.no_checksums = c->offload,
		.tls = c->tls,
		.pool = world.at[index].pool,
	};

	for (unsigned i = 0; i < ENGINE_SIDES; i++)
		config.gateway_mac[i] = world.ports[i].mac;
	memset(d, 0, sizeof(*d));
	d->world = &world;
	d->index = index;
	d->peer = world.options.workers > 1 ? &drives[!index] : NULL;
	d->connections = c->connections;
	d->seconds = seconds;
	d->now_ns = clock_ns(&world.shared.clock, rte_rdtsc());
	d->engine = engine_create(&config, d->now_ns);
	if (!d->engine)
		d->failure = "the generator was not made: are the heads too short?";
}

/* World and generators. @return false when a generator was not made */
static bool make(const struct l7_case *c, uint32_t workers, double seconds)
{
	struct world_options options = { workers, c->connections, c->keys, c->routes, c->backends,
		c->weights, c->limit, !c->no_events, !c->no_multi_segs, c->offload, c->tls };
	bool good = true;

	progress("%s: building %u keys, %u routes, %u worker%s", c->name, c->keys, c->routes,
		workers, workers > 1 ? "s" : "");
	world_create(&world, &options);
	for (uint32_t i = 0; i < workers; i++) {
		make_drive(c, i, seconds);
		good &= drives[i].engine != NULL;
	}
	return good;
}

static bool begin(const struct l7_case *c, uint32_t workers, double seconds)
{
	bool good = make(c, workers, seconds);

	good = good && all(warm_up) && all(measure);
	for (uint32_t i = 0; i < workers; i++)
		good = good && shares_right(c, &drives[i]);
	return good;
}

/* A row that says why @p metric has no value. */
static void report_failure(const char *name, const char *metric, const char *unit, struct report *r)
{
	for (uint32_t i = 0; i < world.options.workers; i++) {
		const struct drive *d = &drives[i];

		if (!d->failure)
			continue;
		progress("  %s, %s: %s", name, metric, d->failure);
		if (d->unmeasurable)
			report_unmeasured(r, name, metric, unit, d->failure);
		else
			report_failed(r, name, metric, unit, d->failure);
		return;
	}
}

static void end(const struct l7_case *c)
{
	for (uint32_t i = 0; i < world.options.workers; i++) {
		report_drops(&world.at[i].stats, c->name);
		engine_destroy(drives[i].engine);
	}
	world_destroy(&world);
}

/* Requests a second of all workers. */
static double rate(void)
{
	double sum = 0;

	for (uint32_t i = 0; i < world.options.workers; i++)
		sum += (double)rte_get_tsc_hz() / median(drives[i].round_cycles, drives[i].rounds);
	return sum;
}

static void run_open(const struct l7_case *c, double load, double capacity, struct report *r)
{
	struct drive *d = &drives[0];
	const struct engine_stats *stats = engine_stats(d->engine);
	char name[64];

	snprintf(name, sizeof(name), "%s at %.0f %%", c->name, load * 100);
	if (!d->failure) {
		engine_set_rate(d->engine, capacity * load, d->now_ns);
		progress("  open loop at %.0f requests/s", capacity * load);
	}
	/* After a failure the generator says no more. */
	if (d->failure || !drive_measure(d)) {
		report_failure(name, "p50", "us", r);
		return;
	}
	report_row(r, name, "p50", "us", (double)hdr_quantile(&stats->latency_ns, 0.5) / 1e3,
		REPORT_NO_TARGET);
	report_row(r, name, "p99", "us", (double)hdr_quantile(&stats->latency_ns, 0.99) / 1e3,
		load <= 0.5 ? 50 : REPORT_NO_TARGET);
	report_row(r, name, "p99.9", "us", (double)hdr_quantile(&stats->latency_ns, 0.999) / 1e3,
		load <= 0.5 ? 150 : REPORT_NO_TARGET);
}

static void run_workers(const struct l7_case *c, double seconds, struct report *r)
{
	double one = 0, both = 0;
	bool good;

	if (rte_lcore_count() < c->workers) {
		report_unmeasured(
			r, c->name, "requests", "1/s", "each worker needs a CPU of its own");
		return;
	}
	good = begin(c, 1, seconds);
	if (good)
		one = rate();
	else
		report_failure(c->name, "requests", "1/s", r);
	end(c);
	if (!good)
		return;
	if (begin(c, c->workers, seconds)) {
		both = rate();
		report_row(r, c->name, "requests", "1/s", both, REPORT_NO_TARGET);
		report_row(r, c->name, "cycles", "", (double)rte_get_tsc_hz() * c->workers / both,
			REPORT_NO_TARGET);
		report_stages(c, &drives[0], r);
		report_row_least(r, c->name, "speedup", "", both / one, c->speedup_target);
	} else {
		report_failure(c->name, "requests", "1/s", r);
	}
	end(c);
}

/*
 * Cycles a request with statistics and without: counters and histograms of APIs, endpoints,
 * listeners and consumers, and access events. The gateway has no tracing yet, so that none is in
 * it. What counts packets, not requests (ports, TCP, stages), stays on.
 */
static void run_statistics(const struct l7_case *c, double seconds, struct report *r)
{
	double with[STATISTICS_TURNS], without[STATISTICS_TURNS], ratio[STATISTICS_TURNS];
	struct drive *d = &drives[0];
	bool good = begin(c, 1, seconds / STATISTICS_TURNS);

	for (uint32_t turn = 0; good && turn < STATISTICS_TURNS; turn++) {
		self_statistics = false;
		good = drive_measure(d);
		without[turn] = median(d->round_cycles, d->rounds);
		self_statistics = true;
		good = good && drive_measure(d);
		with[turn] = median(d->round_cycles, d->rounds);
		ratio[turn] = with[turn] / without[turn];
	}
	self_statistics = true;
	if (good) {
		report_row(
			r, c->name, "cycles", "", median(with, STATISTICS_TURNS), REPORT_NO_TARGET);
		report_row(r, c->name, "cycles_without", "", median(without, STATISTICS_TURNS),
			REPORT_NO_TARGET);
		report_row(r, c->name, "on_over_off", "", median(ratio, STATISTICS_TURNS),
			c->statistics_target);
	} else {
		report_failure(c->name, "on_over_off", "", r);
	}
	end(c);
}

static void run_alone(const struct l7_case *c, double seconds, struct report *r)
{
	double capacity;

	if (begin(c, 1, seconds)) {
		capacity = rate();
		report_closed(c, &drives[0], r);
		for (unsigned i = 0; i < L7_LOADS && c->loads[i] > 0; i++)
			run_open(c, c->loads[i], capacity, r);
	} else {
		report_failure(c->name, "cycles", "", r);
	}
	end(c);
}

void l7_run(const struct l7_case *c, double seconds, struct report *report)
{
	if (c->workers > 1)
		run_workers(c, seconds, report);
	else if (c->statistics_target > 0)
		run_statistics(c, seconds, report);
	else
		run_alone(c, seconds, report);
}

bool l7_stages(const struct l7_case *c, double seconds, double *stage, const char *which,
	struct report *report)
{
	bool good = begin(c, 1, seconds);

	for (unsigned i = 0; i < STAGE_COUNT; i++)
		stage[i] = per(drives[0].stage[i], drives[0].answers);
	if (!good)
		report_failure(which, "cycles", "", report);
	end(c);
	return good;
}

void l7_requests(const struct l7_case *c, uint64_t n, struct report *report)
{
	struct drive *d = &drives[0];
	bool good;

	rte_srand(REQUESTS_SEED);
	good = make(c, 1, 0);
	d->step_ns = REQUESTS_STEP_NS;
	d->now_ns = RTE_ALIGN_MUL_CEIL(d->now_ns, REQUESTS_PHASE_NS);
	if (good && drive_warm_up(d) && drive_requests(d, n))
		report_row(report, c->name, "requests", "", (double)n, REPORT_NO_TARGET);
	else
		report_failure(c->name, "requests", "", report);
	end(c);
}
