/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whether many slow readers can keep others out: a worker with the memory that a start without
 * further settings gives it, whose network is this program. 100,000 clients open connections, then
 * all of them ask for a large answer; half of them do not read it, half read a byte in each round
 * trip. With --manner they hold memory in another way instead: heads of two packets that do not
 * end, single bytes out of order, or pipelined requests whose refusals are not read. (Chunks of a
 * byte to an HTTP/1.0 client are held by the wire script small_chunks_are_copied_together_for_http10,
 * records that do not end by those of tests/wire/tls.) Beside them go on all the time: connections
 * that were open before, at a fixed rate of requests, and newcomers, each with a connection of its
 * own. Every byte of their answers is checked. Time is made here: a figure in milliseconds does not
 * depend on the machine, and says nothing of how fast the worker is.
 *
 * It ends with status 1 when mbufs run out, an answer is wrong, one of the regulars is cut off,
 * waits for long or goes unserved, or mbufs stay short once the slow do not come back (as many as
 * there is room for are kept). Newcomers cannot be told from the slow before they have read
 * something: they share what is left with all who ask for the first time, and count for the verdict
 * once all who waited from the siege on were heard.
 */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/common/bench_eal.h"
#include "bench/common/report.h"
#include "bench/common/world.h"
#include "bench/starvation/crowd.h"

#define TURN_NS     UINT64_C(20000)
#define SECOND      UINT64_C(1000000000)
#define RX_BURST    32
#define DESCRIPTORS 2048 /* mbufs that two ports' receive queues hold */
#define BODY_BYTES  65536
#define REGULARS    32
#define NEWCOMERS   100
#define RATE        1000 /* requests a second of the regulars */
#define OPEN_SHARE  0.99 /* of the slow are open before they ask */

#define GONE_MAX    (60 * SECOND) /* until mbufs are not short, once the slow do not come back */

/* What a client waits for without complaint. */
#define LATENCY_TARGET_MS 1000.0
#define LATENCY_MAX_MS    2000.0
#define SERVED_MIN        0.95

static struct world world;
static struct engine *engine;
static struct crowd *crowd;
static struct report *report;
static uint64_t now_ns = SECOND, phase_ns;
static uint32_t least_free, most_open;
static const char *phase = "all come";
static struct rte_mbuf *held[DESCRIPTORS];

static void give_up(const char *what)
{
	progress("starvation: %s", what);
	if (!report)
		exit(REPORT_FAILED);
	report_failed(report, phase, "verdict", "", what);
	exit(report_finish(report));
}

/* io/port.h, for a worker whose network is this program. A frame of one side does not wait for
 * those of the other: the line is wide enough. */

uint16_t port_rx(const struct port *port, uint16_t queue, struct rte_mbuf **pkts, uint16_t n)
{
	uint16_t count = engine_send(engine, (enum engine_side)port->id, pkts, n, now_ns);

	if (port->id == ENGINE_OUTSIDE)
		count = (uint16_t)(count +
				   crowd_send(crowd, pkts + count, (uint16_t)(n - count), now_ns));
	return count;
}

void port_tx_put(struct port_tx *tx, struct rte_mbuf *m)
{
	if (tx->port->id != ENGINE_OUTSIDE || !crowd_receive(crowd, m, now_ns))
		engine_receive(engine, (enum engine_side)tx->port->id, &m, 1, now_ns);
	rte_pktmbuf_free(m);
}

void port_tx_flush(struct port_tx *tx)
{
}

static void turn(void)
{
	crowd_look(crowd, now_ns);
	engine_look(engine, now_ns);
	worker_turn(world.at[0].worker, now_ns, now_ns / SECOND);
	now_ns += TURN_NS;
	least_free = RTE_MIN(least_free, rte_mempool_avail_count(world.at[0].pool));
	most_open = RTE_MAX(most_open, crowd_open(crowd));
	if (engine_failure(engine))
		give_up(engine_failure(engine));
	if (crowd_failure(crowd))
		give_up(crowd_failure(crowd));
}

static double resident_mib(void)
{
	char line[128], *second;
	FILE *f = fopen("/proc/self/statm", "re");

	if (!f || !fgets(line, sizeof(line), f) || !(second = strchr(line, ' ')))
		give_up("/proc/self/statm cannot be read");
	fclose(f);
	return (double)strtoul(second, NULL, 10) * 4096 / (1 << 20);
}

static double ms(uint64_t ns)
{
	return (double)ns / 1e6;
}

/* The regulars went on? Who was refused by silence came again, so that a late answer is an answer. */
static void judge(void)
{
	const struct engine_stats *regulars = engine_stats(engine);
	double due = RATE * (double)(now_ns - phase_ns) / SECOND;

	if (crowd_stats(crowd)->dry)
		give_up("mbufs ran out: packets were lost");
	if ((double)regulars->answers < SERVED_MIN * due)
		give_up("regulars were not served");
	if (ms(regulars->latency_ns.max) > LATENCY_MAX_MS)
		give_up("a regular waited for too long");
}

/* What the phase was like for those who behave; @p next begins. */
static void report_phase(const char *next)
{
	const struct engine_stats *regulars = engine_stats(engine);
	struct crowd_stats *others = crowd_stats(crowd);
	const struct stats *s = &world.at[0].stats;

	report_row(report, phase, "until", "s", (double)(now_ns - SECOND) / 1e9, REPORT_NO_TARGET);
	report_row(report, phase, "answers", "", (double)regulars->answers, REPORT_NO_TARGET);
	report_row(report, phase, "p50", "ms", ms(hdr_quantile(&regulars->latency_ns, 0.5)),
		REPORT_NO_TARGET);
	report_row(report, phase, "p99", "ms", ms(hdr_quantile(&regulars->latency_ns, 0.99)),
		REPORT_NO_TARGET);
	report_row(report, phase, "longest", "ms", ms(regulars->latency_ns.max), LATENCY_TARGET_MS);
	report_row(report, phase, "newcomers", "", (double)others->answers, REPORT_NO_TARGET);
	report_row(report, phase, "new_p50", "ms", ms(hdr_quantile(&others->latency_ns, 0.5)),
		REPORT_NO_TARGET);
	report_row(report, phase, "new_longest", "ms", ms(others->latency_ns.max),
		next ? REPORT_NO_TARGET : LATENCY_MAX_MS);
	report_row(report, phase, "slow_open", "", (double)most_open, REPORT_NO_TARGET);
	report_row(report, phase, "asked", "", (double)others->asked, REPORT_NO_TARGET);
	report_row(report, phase, "too_slow", "", (double)s->reason[REASON_CLIENT_TOO_SLOW],
		REPORT_NO_TARGET);
	report_row(report, phase, "overloaded", "", (double)s->reason[REASON_OVERLOADED],
		REPORT_NO_TARGET);
	report_row(report, phase, "read", "bytes", (double)others->taken_bytes, REPORT_NO_TARGET);
	report_row(report, phase, "mbufs_left", "", (double)least_free, REPORT_NO_TARGET);
	report_row(report, phase, "resident", "MiB", resident_mib(), REPORT_NO_TARGET);
	judge();
	engine_stats_reset(engine);
	memset(others, 0, sizeof(*others));
	least_free = UINT32_MAX;
	most_open = 0;
	phase_ns = now_ns;
	phase = next;
}

static void pass(uint64_t ns)
{
	for (uint64_t end = now_ns + ns; now_ns < end;)
		turn();
}

/*
 * Until mbufs are not short, and all who waited came again and were heard. The slow that are still
 * connected go on as before: what one gives up the next takes, so that a moment in which mbufs are
 * not short is not the end.
 */
static void pass_siege_end(void)
{
	const struct rte_mempool *pool = world.at[0].pool;
	const uint64_t *refused = &world.at[0].stats.drop[DROP_POOL_LOW],
		       late_ns = now_ns + GONE_MAX;
	uint64_t seen = *refused, heard_ns = now_ns;

	while (rte_mempool_avail_count(pool) < pool->size / 4 || now_ns < heard_ns + CROWD_ROUND) {
		turn();
		if (*refused != seen)
			heard_ns = now_ns;
		seen = *refused;
		if (now_ns > late_ns)
			give_up("mbufs stay short");
	}
	pass(SECOND); /* for their answers */
}

static void measure(uint32_t slow, uint32_t seconds)
{
	uint64_t late;

	while (engine_open(engine) < REGULARS || engine_stats(engine)->answers < 4 * REGULARS)
		turn();
	engine_set_rate(engine, RATE, now_ns);
	engine_stats_reset(engine);
	phase_ns = now_ns;
	for (late = now_ns + 10 * SECOND; crowd_open(crowd) < OPEN_SHARE * slow;) {
		turn();
		if (now_ns > late)
			give_up("the slow cannot open their connections");
	}
	report_phase("all ask");
	crowd_ask(crowd);
	pass(2 * SECOND);
	report_phase("siege");
	pass(seconds * SECOND);
	report_phase("all go");
	crowd_go(crowd);
	pass_siege_end();
	report_phase("after");
	pass(2 * SECOND);
	if (!crowd_stats(crowd)->answers || ms(crowd_stats(crowd)->latency_ns.max) > LATENCY_MAX_MS)
		give_up("newcomers are not served when the siege is over");
	report_phase(NULL);
}

static void create(uint32_t slow, enum crowd_manner manner)
{
	static const uint32_t weights[] = { 1, 1, 1, 1 };
	struct world_options options = { .workers = 1,
		.connections = slow + NEWCOMERS + REGULARS,
		.routes = 1,
		.backends = RTE_DIM(weights),
		.weights = weights,
		.offload = true,
		.multi_segs = true };

	world_create(&world, &options);
	struct engine_config regulars = { .connections = REGULARS,
		.depth = 1,
		.head_bytes = 300,
		.body_bytes = BODY_BYTES,
		.backends = options.backends,
		.timestamps = true,
		.no_checksums = true,
		.ack_all = true,
		.resets = true,
		.pool = world.at[0].pool,
		.gateway_mac = { world.ports[0].mac, world.ports[1].mac } };
	engine = engine_create(&regulars, now_ns);
	struct crowd_config others = { .manner = manner,
		.slow = slow,
		.newcomers = NEWCOMERS,
		.body_bytes = BODY_BYTES,
		.pool = world.at[0].pool,
		.gateway = world.ports[0].mac,
		.engine = engine };
	crowd = engine ? crowd_create(&others) : NULL;
	if (!crowd || rte_pktmbuf_alloc_bulk(world.at[0].pool, held, DESCRIPTORS))
		give_up("out of memory");
	least_free = UINT32_MAX;
}

static void destroy(void)
{
	crowd_destroy(crowd);
	engine_destroy(engine);
	rte_pktmbuf_free_bulk(held, DESCRIPTORS);
	world_destroy(&world);
}

int main(int argc, char **argv)
{
	static const struct option long_options[] = { { "quick", no_argument, NULL, 'q' },
		{ "json", no_argument, NULL, 'j' }, { "connections", required_argument, NULL, 'c' },
		{ "seconds", required_argument, NULL, 's' },
		{ "manner", required_argument, NULL, 'm' }, { NULL } };
	static const char *const manners[] = { "readers", "heads", "disorder", "refusals" };
	unsigned manner = CROWD_READERS;
	uint32_t connections = 100000, seconds = 20;
	bool json = false;
	int opt;

	while ((opt = getopt_long(argc, argv, "", long_options, NULL)) != -1) {
		if (opt == 'q') {
			seconds = 3;
		} else if (opt == 'j') {
			json = true;
		} else if (opt == 'c') {
			connections = (uint32_t)strtoul(optarg, NULL, 10);
		} else if (opt == 's') {
			seconds = (uint32_t)strtoul(optarg, NULL, 10);
		} else if (opt == 'm') {
			for (manner = 0; manner < RTE_DIM(manners); manner++)
				if (strcmp(manners[manner], optarg) == 0)
					break;
		}
		if (opt == '?' || manner == RTE_DIM(manners)) {
			fputs("starvation [--quick] [--json] [--connections=N] [--seconds=N] "
			      "[--manner=readers|heads|disorder|refusals]\n",
				stderr);
			return 2;
		}
	}
	if (connections == 0 || connections > ENGINE_CLIENTS_MAX - NEWCOMERS)
		give_up("that many connections cannot be made");
	bench_eal_start(&(struct bench_eal){
		.lcores = "0", .memory_mb = 512 + connections / 400, .plain_pages = true });
	report = report_new("starvation", json);
	report_note(report, "One worker, %u slow (%s); times are of the simulated clock.",
		connections, manners[manner]);
	create(connections, (enum crowd_manner)manner);
	measure(connections, seconds);
	report_finish(report);
	destroy();
	return 0;
}
