/* SPDX-License-Identifier: Apache-2.0 */
/*
 * gen: the generator on a core of its own. Two forms:
 *   --form=ring   the gateway's worker runs in this process on lcore 1, behind net_ring ports: for
 *                 cycles a request, to be compared with l7's
 *   --form=memif  the gateway is another process, sluice-dataplane, behind two memif ports of which
 *                 this one is the server; bench/gen.py starts both
 * First a closed loop, for what it takes; then open loops at shares of that or at --rate, for
 * latency counted from when a request was due and not from when it could be sent.
 */
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <rte_cycles.h>

#include "bench/common/report.h"
#include "bench/gen/link.h"

#define WINDOW_MS   5
#define WINDOWS_MAX 4096

struct window {
	uint64_t begin, answers;
	struct gen_worker worker;
	uint32_t count;
	struct {
		double rate, cycles;
	} at[WINDOWS_MAX];
};

struct gen {
	struct engine *engine;
	struct gen_link links[ENGINE_SIDES];
	struct rte_mbuf *outbox[ENGINE_SIDES][GEN_BURST];
	uint16_t waiting[ENGINE_SIDES];
	struct clock clock;
	struct report *report;
	const struct gen_options *options;
	const char *name;
	volatile sig_atomic_t *stop;
};

static volatile sig_atomic_t interrupted;

static void on_signal(int number)
{
	interrupted = 1;
}

/* Both directions of one side. What the port does not take waits: nothing is lost here. */
static void turn(struct gen *g, enum engine_side side)
{
	struct rte_mbuf *frames[GEN_BURST];
	uint64_t now_ns = clock_ns(&g->clock, rte_rdtsc());
	uint16_t n = gen_link_receive(&g->links[side], frames, GEN_BURST), sent;

	if (n) {
		engine_receive(g->engine, side, frames, n, now_ns);
		rte_pktmbuf_free_bulk(frames, n);
	}
	if (g->waiting[side] == 0)
		g->waiting[side] = engine_send(g->engine, side, g->outbox[side], GEN_BURST, now_ns);
	if (g->waiting[side] == 0)
		return;
	sent = gen_link_send(&g->links[side], g->outbox[side], g->waiting[side]);
	g->waiting[side] = (uint16_t)(g->waiting[side] - sent);
	memmove(g->outbox[side], g->outbox[side] + sent,
		g->waiting[side] * sizeof(struct rte_mbuf *));
}

/* Rates and cycles of short windows: where others want these cores too, most windows are cut to
 * pieces, and the best tenth shows what a core of one's own would. */
static void close_window(struct gen *g, struct window *w, uint64_t now)
{
	uint64_t answers = engine_stats(g->engine)->answers;
	struct gen_worker worker;

	if (w->begin <= now && now - w->begin < WINDOW_MS * rte_get_tsc_hz() / 1000)
		return;
	gen_worker_look(&worker);
	if (w->begin <= now && w->count < WINDOWS_MAX && answers > w->answers) {
		w->at[w->count].rate = (double)(answers - w->answers) * (double)rte_get_tsc_hz() /
				       (double)(now - w->begin);
		w->at[w->count++].cycles =
			(double)(worker.busy - w->worker.busy) /
			(double)RTE_MAX(worker.requests - w->worker.requests, 1u);
	}
	w->begin = now;
	w->worker = worker;
	w->answers = answers;
}

/* @return answers a second; 0 on failure */
static double run(struct gen *g, double seconds, struct window *w)
{
	uint64_t begin = rte_rdtsc(), hz = rte_get_tsc_hz();
	uint64_t end = begin + (uint64_t)(seconds * (double)hz), last = begin, now;
	uint64_t answers = 0;

	engine_stats_reset(g->engine);
	w->count = 0;
	w->begin = UINT64_MAX / 2; /* the first one only takes a bearing */
	while ((now = rte_rdtsc()) < end && !engine_failure(g->engine) && !interrupted) {
		turn(g, ENGINE_OUTSIDE);
		turn(g, ENGINE_INSIDE);
		close_window(g, w, now);
		if (engine_stats(g->engine)->answers != answers) {
			answers = engine_stats(g->engine)->answers;
			last = now;
		} else if (now - last > 5 * hz) {
			progress("gen: no answer for five seconds");
			return 0;
		}
	}
	if (engine_failure(g->engine)) {
		progress("gen: FAILED: %s", engine_failure(g->engine));
		return 0;
	}
	return (double)answers / seconds;
}

static int ascending(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b; /* the rates come first */

	return x < y ? -1 : x > y;
}

static void report_latency(struct gen *g, const char *name, double rate)
{
	const struct hdr *h = &engine_stats(g->engine)->latency_ns;

	report_row(g->report, name, "requests", "1/s", rate, REPORT_NO_TARGET);
	report_row(
		g->report, name, "p50", "us", (double)hdr_quantile(h, 0.5) / 1e3, REPORT_NO_TARGET);
	report_row(g->report, name, "p99", "us", (double)hdr_quantile(h, 0.99) / 1e3,
		strstr(name, "50%") ? 50 : REPORT_NO_TARGET);
	report_row(g->report, name, "p99.9", "us", (double)hdr_quantile(h, 0.999) / 1e3,
		strstr(name, "50%") ? 150 : REPORT_NO_TARGET);
}

/* Where the worker's cycles went, for a look beside l7's. */
static void report_stages(struct gen *g, const struct gen_worker *from, const struct gen_worker *to)
{
	static const enum stage shown[] = { STAGE_RX, STAGE_NET, STAGE_TCP_IN, STAGE_PROXY,
		STAGE_TCP_OUT, STAGE_TX, STAGE_TIMERS };
	double requests = (double)RTE_MAX(to->requests - from->requests, 1u);

	for (unsigned i = 0; i < RTE_DIM(shown); i++)
		report_row(g->report, "closed", stage_name(shown[i]), "cycles",
			(double)(to->stage[shown[i]] - from->stage[shown[i]]) / requests,
			REPORT_NO_TARGET);
	report_row(g->report, "closed", "batch", "requests",
		requests / (double)RTE_MAX(to->loops - from->loops, 1u), REPORT_NO_TARGET);
	report_row(g->report, "closed", "line_round_trip", "cycles", gen_line_round_trip(),
		REPORT_NO_TARGET);
}

/* @return the rate that the open loops are shares of */
static double report_closed(struct gen *g, struct window *w, double rate)
{
	double best;

	report_latency(g, "closed", rate);
	if (w->count == 0)
		return rate;
	qsort(w->at, w->count, sizeof(w->at[0]), ascending);
	best = w->at[w->count * 9 / 10].rate;
	report_row(g->report, "closed", "best_tenth", "1/s", best, REPORT_NO_TARGET);
	if (g->options->form == GEN_RING) {
		report_row(g->report, "closed", "cycles", "", w->at[w->count / 2].cycles, 2500);
		report_row(g->report, "closed", "best_cycles", "", w->at[w->count * 9 / 10].cycles,
			REPORT_NO_TARGET);
	}
	progress("  closed loop: %.0f requests/s, %.0f in the best tenth", rate, best);
	return rate;
}

static struct window window;

/* A row that says why there is no rate. */
static void report_failure(struct gen *g, const char *name)
{
	const char *why = engine_failure(g->engine);

	if (engine_overrun(g->engine))
		report_unmeasured(g->report, name, "requests", "1/s", why);
	else
		report_failed(g->report, name, "requests", "1/s", why ? why : "no answer");
}

/* An open loop at @p rate requests a second. */
static void measure_open(struct gen *g, const char *name, double rate)
{
	double got;

	if (engine_failure(g->engine)) {
		report_failure(g, name);
		return;
	}
	engine_set_rate(g->engine, rate, clock_ns(&g->clock, rte_rdtsc()));
	run(g, 0.2, &window);
	got = run(g, g->options->seconds, &window);
	if (got == 0) {
		report_failure(g, name);
		return;
	}
	progress("  %s: %.0f requests/s", name, got);
	report_latency(g, name, got);
}

static void measure(struct gen *g)
{
	const struct gen_options *o = g->options;
	struct gen_worker before, after;
	double rate;

	/* Everything open and warm. */
	rate = run(g, o->seconds / 2, &window);
	gen_worker_look(&before);
	if (rate > 0)
		rate = run(g, o->seconds, &window);
	gen_worker_look(&after);
	if (rate == 0) {
		report_failure(g, "closed");
		return;
	}
	rate = report_closed(g, &window, rate);
	if (o->form == GEN_RING)
		report_stages(g, &before, &after);
	if (o->rate > 0) {
		measure_open(g, "at rate", o->rate);
		return;
	}
	measure_open(g, "at 50%", rate * 0.5);
	measure_open(g, "at 80%", rate * 0.8);
}

static struct engine *make_engine(
	const struct gen_options *o, struct rte_mempool *pool, uint64_t now_ns)
{
	struct engine_config config = {
		.connections = o->connections,
		.depth = o->depth,
		.per_connection = o->per_connection,
		.keys = o->keys,
		.zipf = o->zipf,
		.head_bytes = o->head_bytes,
		.body_bytes = o->body_bytes,
		.backends = 3,
		.timestamps = true,
		.tls = o->tls,
		.pool = pool,
	};

	gen_gateway_macs(config.gateway_mac);
	return engine_create(&config, now_ns);
}

static const char usage[] =
	"Usage: bench gen [--form=ring|memif] [--quick] [--json] [--seconds=S] [--connections=N]\n"
	"  [--depth=N] [--keys=N] [--zipf=S] [--head=BYTES] [--body=BYTES] [--per-connection=N] "
	"[--tls]\n";

static const struct option long_options[] = { { "form", required_argument, NULL, 'f' },
	{ "socket-dir", required_argument, NULL, 's' },
	{ "connections", required_argument, NULL, 'c' }, { "depth", required_argument, NULL, 'd' },
	{ "keys", required_argument, NULL, 'k' }, { "zipf", required_argument, NULL, 'z' },
	{ "head", required_argument, NULL, 'h' }, { "body", required_argument, NULL, 'b' },
	{ "per-connection", required_argument, NULL, 'p' },
	{ "seconds", required_argument, NULL, 't' }, { "tls", no_argument, NULL, 'T' },
	{ "rate", required_argument, NULL, 'r' }, { "quick", no_argument, NULL, 'q' },
	{ "json", no_argument, NULL, 'j' }, { NULL, 0, NULL, 0 } };

/* Where the number of an option goes; NULL for what is no number. */
static uint32_t *number_of_option(struct gen_options *o, int opt)
{
	switch (opt) {
	case 'c':
		return &o->connections;
	case 'd':
		return &o->depth;
	case 'k':
		return &o->keys;
	case 'h':
		return &o->head_bytes;
	case 'b':
		return &o->body_bytes;
	case 'p':
		return &o->per_connection;
	default:
		return NULL;
	}
}

static void parse(int argc, char **argv, struct gen_options *o)
{
	int opt;

	while ((opt = getopt_long(argc, argv, "", long_options, NULL)) != -1) {
		uint32_t *number = number_of_option(o, opt);

		if (number) {
			*number = (uint32_t)strtoul(optarg, NULL, 10);
		} else if (opt == 'f') {
			o->form = strcmp(optarg, "memif") == 0 ? GEN_MEMIF : GEN_RING;
		} else if (opt == 's') {
			o->socket_dir = optarg;
		} else if (opt == 'z') {
			o->zipf = strtod(optarg, NULL);
		} else if (opt == 't') {
			o->seconds = strtod(optarg, NULL);
		} else if (opt == 'T') {
			o->tls = true;
		} else if (opt == 'r') {
			o->rate = strtod(optarg, NULL);
		} else if (opt == 'q') {
			o->seconds = 1;
		} else if (opt == 'j') {
			o->json = true;
		} else {
			fputs(usage, stderr);
			exit(2);
		}
	}
}

int main(int argc, char **argv)
{
	static struct gen_options o = { .connections = 256,
		.depth = 1,
		.keys = 1000,
		.head_bytes = 300,
		.body_bytes = 1024,
		.seconds = 3 };
	static struct gen g;
	struct rte_mempool *pool;
	bool huge;

	parse(argc, argv, &o);
	signal(SIGINT, on_signal);
	signal(SIGTERM, on_signal);
	huge = gen_start(&o, g.links, &pool);
	clock_init(&g.clock, rte_get_tsc_hz());
	g.options = &o;
	g.report = report_new(o.form == GEN_RING ? "gen-ring" : "gen-memif", o.json);
	report_note(g.report,
		"Generator on lcore 0, worker on the other core, %s, %u connections, %u keys.",
		huge ? "2 MB pages" : "4 KB pages", o.connections, o.keys);
	g.engine = make_engine(&o, pool, clock_ns(&g.clock, rte_rdtsc()));
	if (!g.engine) {
		progress("gen: the generator was not made: are the heads too short?");
		return 1;
	}
	measure(&g);
	gen_stop();
	return report_finish(g.report);
}
