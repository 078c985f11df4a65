/* SPDX-License-Identifier: Apache-2.0 */
/* The loads of l7 and how one is run: world, generator, warm-up, closed loop, then the open loop
 * if asked. */
#include "bench/self/l7_case.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include <rte_cycles.h>

#include "bench/self/drive.h"

#define LOAD(n, requests, body, paths)                                                             \
	.connections = (n), .depth = (requests), .head_bytes = 300, .body_bytes = (body),          \
	.routes = (paths), .backends = 3, .weights = { 5, 3, 2 }
#define UNREACHED 1000000000 /* a limit that is counted and refuses nobody */
#define KEYED(n)  LOAD(256, 1, 1024, 1), .keys = (n), .limit = UNREACHED

const struct l7_case l7_default = { .name = "custom", KEYED(1000000) };

const struct l7_case l7_cases[] = {
	{ .name = "plain", LOAD(256, 1, 1024, 1) },
	{ .name = "keys-1k", KEYED(1000) },
	{ .name = "keys-1M", KEYED(1000000), .target = 2500, .load = 0.5 },
	{ .name = "keys-1M-load80", KEYED(1000000), .load = 0.8, .slow = true },
	{ .name = "keys-1M-zipf", KEYED(1000000), .zipf = 1.0 },
	{ .name = "keys-10M", KEYED(10000000), .slow = true },
	{ .name = "no-limit", LOAD(256, 1, 1024, 1), .keys = 1000000, .slow = true },
	{ .name = "no-events", KEYED(1000000), .no_events = true },
	{ .name = "offload", KEYED(1000000), .offload = true },
	{ .name = "no-multi-segs", KEYED(1000000), .no_multi_segs = true },
	{ .name = "pipelined-8",
		LOAD(256, 8, 1024, 1),
		.keys = 1000000,
		.limit = UNREACHED,
		.slow = true },
	{ .name = "connections-10k", LOAD(10000, 1, 1024, 1), .keys = 1000000, .limit = UNREACHED },
	{ .name = "body-16K", LOAD(256, 1, 16384, 1), .keys = 1000, .limit = UNREACHED },
	{ .name = "body-1M", LOAD(32, 1, 1048576, 1), .keys = 1000, .limit = UNREACHED },
	{ .name = "new-connection", KEYED(1000), .per_connection = 1, .rate_target = 150000 },
	{ .name = "routes-50k",
		LOAD(256, 1, 1024, 50000),
		.keys = 1000000,
		.limit = UNREACHED,
		.slow = true },
	{ .name = NULL },
};

static double per(uint64_t a, uint64_t b)
{
	return b ? (double)a / (double)b : 0;
}

static void report_drops(const struct world *w, const char *name)
{
	const struct stats *stats = &w->at[0].stats;

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
static bool shares_right(const struct l7_case *c, const struct engine_stats *stats)
{
	uint32_t sum = 0;

	for (uint32_t i = 0; i < c->backends; i++)
		sum += c->weights[i];
	for (uint32_t i = 0; i < c->backends; i++) {
		double expected = (double)stats->requests * c->weights[i] / sum;
		double off = (double)stats->by_backend[i] - expected;

		if (off * off > 100 + expected * expected * 1e-4) {
			progress("  %s: backend %u got %" PRIu64 " requests instead of %.0f",
				c->name, i, stats->by_backend[i], expected);
			return false;
		}
	}
	return true;
}

static void report_closed(const struct l7_case *c, struct drive *d, struct report *r)
{
	double hz = (double)rte_get_tsc_hz(), cycles = median(d->round_cycles, d->rounds);
	static const enum stage shown[] = { STAGE_RX, STAGE_NET, STAGE_TCP_IN, STAGE_PROXY,
		STAGE_TCP_OUT, STAGE_TX, STAGE_TIMERS };

	report_row(r, c->name, "requests", "1/s", hz / cycles, c->rate_target);
	report_row(r, c->name, "cycles", "", cycles, c->target);
	for (unsigned i = 0; i < RTE_DIM(shown); i++)
		report_row(r, c->name, stage_name(shown[i]), "cycles",
			per(d->stage[shown[i]], d->answers), REPORT_NO_TARGET);
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

static bool run_open(const struct l7_case *c, struct drive *d, struct report *r)
{
	const struct engine_stats *stats = engine_stats(d->engine);
	double rate = (double)rte_get_tsc_hz() / per(d->cycles, d->answers) * c->load;

	engine_set_rate(d->engine, rate, d->now_ns);
	progress("  open loop at %.0f requests/s", rate);
	if (!drive_measure(d))
		return false;
	report_row(r, c->name, "load", "share", c->load, REPORT_NO_TARGET);
	report_row(r, c->name, "p50", "us", (double)hdr_quantile(&stats->latency_ns, 0.5) / 1e3,
		REPORT_NO_TARGET);
	report_row(r, c->name, "p99", "us", (double)hdr_quantile(&stats->latency_ns, 0.99) / 1e3,
		c->load <= 0.5 ? 50 : REPORT_NO_TARGET);
	report_row(r, c->name, "p99.9", "us", (double)hdr_quantile(&stats->latency_ns, 0.999) / 1e3,
		c->load <= 0.5 ? 150 : REPORT_NO_TARGET);
	return true;
}

static struct world world;
static struct drive drive;

static bool begin(const struct l7_case *c, double seconds)
{
	struct world_options options = { 1, c->connections, c->keys, c->routes, c->backends,
		c->weights, c->limit, !c->no_events, !c->no_multi_segs, c->offload };
	struct engine_config config = {
		.connections = c->connections,
		.depth = c->depth,
		.per_connection = c->per_connection,
		.keys = c->keys,
		.zipf = c->zipf,
		.head_bytes = c->head_bytes,
		.body_bytes = c->body_bytes,
		.backends = c->backends,
		.timestamps = !c->no_timestamps,
		.no_checksums = c->offload,
	};

	progress("%s: building %u keys, %u routes", c->name, c->keys, c->routes);
	world_create(&world, &options);
	config.pool = world.at[0].pool;
	for (unsigned i = 0; i < ENGINE_SIDES; i++)
		config.gateway_mac[i] = world.ports[i].mac;
	memset(&drive, 0, sizeof(drive));
	drive.world = &world;
	drive.connections = c->connections;
	drive.seconds = seconds;
	drive.now_ns = clock_ns(&world.shared.clock, rte_rdtsc());
	drive.engine = engine_create(&config, drive.now_ns);
	if (!drive.engine)
		drive.failure = "the generator was not made: are the heads too short?";
	return drive.engine && drive_warm_up(&drive) && drive_measure(&drive) &&
	       shares_right(c, engine_stats(drive.engine));
}

static void end(const struct l7_case *c, bool good)
{
	report_drops(&world, c->name);
	if (!good)
		progress("  FAILED: %s", drive.failure ? drive.failure : "see above");
	engine_destroy(drive.engine);
	world_destroy(&world);
}

bool l7_run(const struct l7_case *c, double seconds, struct report *report)
{
	bool good = begin(c, seconds);

	if (good)
		report_closed(c, &drive, report);
	if (good && c->load > 0)
		good = run_open(c, &drive, report);
	end(c, good);
	return good;
}

bool l7_stages(const struct l7_case *c, double seconds, double *stage)
{
	bool good = begin(c, seconds);

	for (unsigned i = 0; i < STAGE_COUNT; i++)
		stage[i] = per(drive.stage[i], drive.answers);
	end(c, good);
	return good;
}
