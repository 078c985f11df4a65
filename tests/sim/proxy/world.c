/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The loop of the simulated world: worker, clients and backends have their turns at one moment,
 * then time jumps to the next at which something happens. At the end everything that was begun must
 * be over.
 */
#include "tests/sim/proxy/sim.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

#include "dataplane/tcp/tcp_priv.h"
#include "tests/sim/proxy/client.h"
#include "tests/sim/proxy/gateway.h"
#include "tests/sim/proxy/ledger.h"
#include "tests/sim/proxy/link.h"
#include "tests/sim/proxy/server.h"
#include "tests/wire/eal.h"

#define STEPS_MAX   20000000u
#define TIME_MAX_NS (UINT64_C(600) * 1000000000)
#define APPLY_MS    1500 /* the longest time between two generations */
#define HOG_MS      300
#define PEER_MBUFS  8192

static struct rte_mempool *pools[SIM_POOLS], *peers_pool;
static char wrong[256];
static struct ledger ledger;

void sim_fail(struct sim *s, const char *format, ...)
{
	va_list args;

	if (s->wrong)
		return;
	va_start(args, format);
	vsnprintf(wrong, sizeof(wrong), format, args);
	va_end(args);
	s->wrong = wrong;
}

static struct rte_mempool *pool_make(const char *name, unsigned mbufs)
{
	return rte_pktmbuf_pool_create(
		name, mbufs, 0, NET_META_BYTES, RTE_MBUF_DEFAULT_BUF_SIZE, SOCKET_ID_ANY);
}

bool sim_setup(void)
{
	static const unsigned mbufs[SIM_POOLS] = { 8191, 2047, 511 };
	static const char *const names[SIM_POOLS] = { "large", "middle", "small" };

	if (!world_start_eal("sim_proxy"))
		return false;
	peers_pool = pool_make("peers", PEER_MBUFS);
	for (unsigned i = 0; i < SIM_POOLS; i++) {
		pools[i] = pool_make(names[i], mbufs[i]);
		if (!pools[i])
			return false;
	}
	return peers_pool && generations_setup();
}

static bool sim_init(struct sim *s)
{
	unsigned pool = (unsigned)s->o.pool % SIM_POOLS;
	struct rte_mempool *const of_ports[SIM_PORTS] = { pools[pool], pools[pool], peers_pool,
		peers_pool };

	s->rng = s->o.seed;
	s->now_ns = s->begin_ns = SIM_START_NS + s->o.seed % 7 * UINT64_C(715827882000000);
	s->ledger = &ledger;
	memset(&ledger, 0, sizeof(ledger));
	link_init(s, of_ports);
	for (uint32_t id = 1; id < SIM_EXCHANGES; id++)
		plan_draw(&s->o, id, &s->plans[id]);
	if (!gateway_init(s, pools[pool], pool) ||
		!host_init(s, &s->clients, PORT_CLIENTS, "10.0.0.100", peers_pool, NULL) ||
		!host_init(s, &s->backends, PORT_BACKENDS, SERVER_ADDRESS, peers_pool,
			server_accepted))
		return false;
	servers_init(s);
	clients_init(s);
	return true;
}

static void sim_fini(struct sim *s)
{
	link_fini();
	gateway_fini(s);
	host_fini(&s->clients);
	host_fini(&s->backends);
	for (unsigned i = 0; i < SIM_POOLS && !s->wrong; i++)
		if (rte_mempool_avail_count(pools[i]) != pools[i]->size)
			sim_fail(s, "mbufs leaked");
	if (!s->wrong && rte_mempool_avail_count(peers_pool) != peers_pool->size)
		sim_fail(s, "the peers leaked mbufs");
	wire_free_all();
}

/* New generations, a drain and want of memory, spread over the run. @return when there is the
 * next */
static uint64_t trouble_draw(struct sim *s, uint64_t *apply_ns, uint64_t *applies)
{
	if (*applies < s->o.applies && s->now_ns >= *apply_ns) {
		gateway_apply(s);
		(*applies)++;
		*apply_ns = s->now_ns + sim_pick(s, APPLY_MS * 1000000u);
	}
	if (s->o.drain && !s->gateway.drained && *applies == s->o.applies && s->now_ns >= *apply_ns)
		gateway_drain(s);
	if (sim_chance(s, s->o.hog))
		gateway_hog(s, s->now_ns + sim_pick(s, HOG_MS * 1000000u));
	return *applies < s->o.applies || (s->o.drain && !s->gateway.drained) ? *apply_ns
									      : UINT64_MAX;
}

static bool all_over(const struct sim *s)
{
	return clients_done(s) && host_open(&s->clients) == 0 && host_open(&s->backends) == 0 &&
	       gateway_rest(s) == NULL;
}

static void sim_check(struct sim *s)
{
	const char *why = gateway_check(s);

	if (!why && s->o.seed % 8 == 0)
		why = tcp_stack_check(s->gateway.proxy->tcp);
	if (why)
		sim_fail(s, "%s", why);
	ledger_read(s);
}

static void sim_loop(struct sim *s)
{
	uint64_t apply_ns = s->now_ns + sim_pick(s, APPLY_MS * 1000000u), applies = 0;

	while (!s->wrong) {
		uint64_t next = trouble_draw(s, &apply_ns, &applies), at;

		at = gateway_turn(s);
		next = RTE_MIN(next, at);
		at = clients_turn(s);
		next = RTE_MIN(next, at);
		at = host_turn(&s->clients);
		next = RTE_MIN(next, at);
		at = host_turn(&s->backends);
		next = RTE_MIN(next, at);
		at = RTE_MIN(link_next(PORT_OUTSIDE), link_next(PORT_INSIDE));
		next = RTE_MIN(next, at);
		sim_check(s);
		if (all_over(s))
			return;
		s->now_ns = RTE_MAX(next, s->now_ns + s->o.quantum_us * 1000);
		if (++s->steps > STEPS_MAX || s->now_ns - s->begin_ns > TIME_MAX_NS)
			sim_fail(s,
				"it does not come to its end: %s, %u and %u connections of the peers",
				gateway_rest(s) ? gateway_rest(s) : "the gateway did",
				host_open(&s->clients), host_open(&s->backends));
	}
}

const char *sim_run(struct sim *s, const struct scenario *o, bool trace)
{
	memset(s, 0, sizeof(*s));
	s->o = *o;
	s->trace = trace;
	if (sim_init(s))
		sim_loop(s);
	else
		sim_fail(s, "the world cannot be made");
	if (!s->wrong)
		ledger_check(s);
	sim_fini(s);
	return s->wrong;
}

void sim_print(const struct sim *s)
{
	printf("seed %" PRIu64 ": %s at %.6f s, step %" PRIu64 "\n", s->o.seed, s->wrong,
		(double)(s->now_ns - s->begin_ns) / 1e9, s->steps);
}
