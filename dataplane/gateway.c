/* SPDX-License-Identifier: Apache-2.0 */
/* Ports, workers and generations, on the main core; see gateway.h. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <openssl/rand.h>
#include <rte_eal.h>
#include <rte_ethdev.h>
#include <rte_launch.h>
#include <rte_rcu_qsbr.h>

#include "dataplane/gateway_priv.h"
#include "lib/base/log.h"

#define ADOPT_TIMEOUT_MS 5000
#define TICKET_SECONDS   7200 /* of a secret of TLS tickets; they are taken for up to twice as long */
#define STUCK_NS         UINT64_C(100000000)

/* @return false when there is no randomness: the secrets stay what they are */
static bool rotate_tickets(struct gateway *g, uint64_t now_s)
{
	uint8_t secret[TLS_TICKET_SECRET_BYTES];
	bool done = RAND_bytes(secret, sizeof(secret)) == 1;

	if (done)
		tls_tickets_rotate(&g->tickets, secret);
	OPENSSL_cleanse(secret, sizeof(secret));
	g->rotated_s = now_s;
	return done;
}

struct gateway *gateway_create(const struct gateway_options *options)
{
	struct gateway *g = calloc(1, sizeof(*g));

	if (!g)
		return NULL;
	g->options = options;
	for (uint32_t i = 0; i < TABLES_WORKERS_MAX; i++) {
		g->stats[i].segment.fd = g->events[i].segment.fd = g->asks[i].segment.fd = -1;
		for (unsigned k = 0; k < HISTORY_COPIES; k++)
			g->history[i].copies[k].segment.fd = -1;
	}
	g->ask_bell = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	/* The secret before counts, too: it must not be zeros. */
	if (g->ask_bell < 0 || !rotate_tickets(g, 0) || !rotate_tickets(g, 0) ||
		RAND_bytes(g->tcp_secret, sizeof(g->tcp_secret)) != 1 ||
		RAND_bytes((uint8_t *)&g->shared.sources.key, sizeof(g->shared.sources.key)) != 1 ||
		RAND_bytes((uint8_t *)&g->seed, sizeof(g->seed)) != 1) {
		if (g->ask_bell >= 0)
			close(g->ask_bell);
		free(g);
		return NULL;
	}
	return g;
}

void gateway_set_boot_id(struct gateway *g, uint64_t boot_id)
{
	g->boot_id = boot_id;
}

void gateway_update_wall_clock(struct gateway *g)
{
	uint64_t mono_ns = clock_ns(&g->shared.clock, rte_rdtsc());

	atomic_store_explicit(&g->shared.wall_offset_ns, clock_system_ns(CLOCK_REALTIME) - mono_ns,
		memory_order_relaxed);
}

int gateway_publish(struct gateway *g, struct snapshot *snapshot, const struct secrets *secrets,
	struct usage *usage, char *why, size_t why_bytes)
{
	struct tables_config config = { g->plan.worker_count, g->pools, &g->tickets, usage, NULL,
		g->options->compiler };
	struct tables *tables;

	if (!g->budget)
		g->budget = budget_create(g->plan.worker_count);
	if (!g->budget) {
		snprintf(why, why_bytes, "out of memory for retry budgets");
		return -ENOMEM;
	}
	config.budget = g->budget;
	tables = tables_create(&config, snapshot, secrets, g->shared.tables, why, why_bytes);
	if (!tables)
		return -EINVAL;
	atomic_store_explicit(&g->shared.tables, tables, memory_order_release);
	return 0;
}

/* Wait until every worker runs the generation. */
static bool adopted(struct gateway *g, uint64_t generation)
{
	for (uint32_t ms = 0; ms < ADOPT_TIMEOUT_MS; ms++) {
		uint32_t w = 0;

		while (w < g->plan.worker_count && worker_generation(g->workers[w]) == generation)
			w++;
		if (w == g->plan.worker_count)
			return true;
		usleep(1000);
	}
	return false;
}

static int change(struct gateway *g, struct snapshot *snapshot, const struct secrets *secrets,
	struct usage *usage, char *why, size_t why_bytes)
{
	struct tables *before = g->shared.tables;
	uint64_t generation = snapshot->generation;
	int rc = start_plan_compatible(&before->snapshot, snapshot, why, why_bytes);

	if (rc == 0)
		rc = gateway_publish(g, snapshot, secrets, usage, why, why_bytes);
	if (rc)
		return rc;
	if (!adopted(g, generation)) {
		/* A worker that hangs may still read the old tables: they are left to it. */
		log_error("a worker does not take over generation %" PRIu64 " within %u ms",
			generation, ADOPT_TIMEOUT_MS);
		return 0;
	}
	rte_rcu_qsbr_synchronize(g->shared.qsbr, RTE_QSBR_THRID_INVALID);
	tables_destroy(before);
	return 0;
}

int gateway_apply(struct gateway *g, struct snapshot *snapshot, const struct secrets *secrets,
	struct usage *usage, char *why, size_t why_bytes)
{
	uint64_t generation = snapshot->generation;
	int rc;

	if (!g->running) {
		rc = gateway_start(g, snapshot, secrets, usage, why, why_bytes);
		if (rc == 0 && !adopted(g, generation))
			log_error("a worker does not take over the first generation");
		return rc;
	}
	return change(g, snapshot, secrets, usage, why, why_bytes);
}

int gateway_delta(struct gateway *g, const struct delta *delta)
{
	struct tables *tables = g->shared.tables;
	int rc;

	if (!tables || delta->base_generation != tables->snapshot.generation)
		return -ESTALE;
	if (delta->op == DELTA_ENDPOINT_WEIGHT)
		rc = balance_plan_set_weight(tables->balance, delta->endpoint, delta->weight);
	else
		rc = policy_apply_delta(tables->policy, delta);
	if (rc == -ENOENT && delta->op == DELTA_KEY_REMOVE)
		rc = 0; /* it is gone already */
	if (rc == 0)
		g->reclaim_token = rte_rcu_qsbr_start(g->shared.qsbr);
	return rc;
}

/* A worker that has passed a quiescent state looks at what was changed before it. What deltas removed can
 * then be used again. */
bool gateway_settled(struct gateway *g)
{
	if (g->reclaim_token == 0)
		return true;
	if (rte_rcu_qsbr_check(g->shared.qsbr, g->reclaim_token, false) != 1)
		return false;
	policy_reclaim(g->shared.tables->policy);
	g->reclaim_token = 0;
	return true;
}

bool gateway_failed(const struct gateway *g)
{
	return g->eal_started && !g->running;
}

uint32_t gateway_workers(const struct gateway *g)
{
	return g->running ? g->plan.worker_count : 0;
}

struct stats *gateway_stats(struct gateway *g, uint32_t worker)
{
	return &g->stats[worker];
}

struct stats *gateway_history(struct gateway *g, uint32_t worker)
{
	return history_oldest(&g->history[worker]);
}

struct event_ring *gateway_events(struct gateway *g, uint32_t worker)
{
	return &g->events[worker];
}

struct ask_ring *gateway_asks(struct gateway *g, uint32_t worker)
{
	return &g->asks[worker];
}

int gateway_ask_bell(const struct gateway *g)
{
	return g->ask_bell;
}

/* A number for each connection and each gap: odd while control is there. */
void gateway_set_control(struct gateway *g, bool connected)
{
	if ((atomic_load_explicit(&g->shared.control, memory_order_relaxed) & 1) != connected)
		atomic_fetch_add_explicit(&g->shared.control, 1, memory_order_relaxed);
}

static void watch_workers(struct gateway *g)
{
	uint64_t now_ns = clock_ns(&g->shared.clock, rte_rdtsc());

	for (uint32_t w = 0; w < g->plan.worker_count; w++) {
		uint64_t beat = g->stats[w].worker->heartbeat_ns;
		bool stuck = now_ns > beat && now_ns - beat > STUCK_NS;

		if (stuck && !g->stuck[w])
			log_warning("worker %u has not turned its loop for %" PRIu64 " ms", w,
				(now_ns - beat) / 1000000);
		g->stuck[w] = stuck;
	}
}

/* Software drivers say that their link is up, always; a NIC's may come up long after the port. */
static void watch_links(struct gateway *g)
{
	for (uint32_t i = 0; i < g->plan.port_count; i++) {
		bool up = gateway_link_is_up(&g->ports[i]);

		if (up == g->link_up[i])
			continue;
		g->link_up[i] = up;
		log_notice("port %u: the link is %s", g->ports[i].id, up ? "up" : "down");
		if (up)
			atomic_fetch_add_explicit(&g->shared.links_up, 1, memory_order_relaxed);
	}
}

void gateway_housekeeping(struct gateway *g)
{
	uint64_t now_s;

	if (!g->running)
		return;
	now_s = clock_ns(&g->shared.clock, rte_rdtsc()) / 1000000000;
	watch_links(g);
	gateway_update_wall_clock(g);
	watch_workers(g);
	(void)gateway_settled(g);
	for (uint32_t w = 0; w < g->plan.worker_count; w++)
		history_take(&g->history[w], &g->stats[w], &g->shared.tables->snapshot,
			clock_ns(&g->shared.clock, rte_rdtsc()) / 1000000000u);
	if (now_s - g->rotated_s >= TICKET_SECONDS && !rotate_tickets(g, now_s))
		log_warning("no random numbers: TLS tickets keep their secret");
	for (uint32_t i = 0; i < g->plan.port_count; i++) {
		struct rte_eth_stats stats;

		if (g->rss[i])
			steer_watch_look(&g->watch[i], g->stats, g->plan.worker_count, i,
				clock_ns(&g->shared.clock, rte_rdtsc()));
		if (rte_eth_stats_get(g->ports[i].id, &stats))
			continue;
		g->stats[0].port[i].rx_missed = stats.imissed;
		g->stats[0].port[i].rx_no_mbuf = stats.rx_nombuf;
	}
}

void gateway_drain(struct gateway *g)
{
	atomic_store_explicit(&g->shared.stop, WORKER_DRAIN, memory_order_relaxed);
}

bool gateway_drained(const struct gateway *g)
{
	if (!g->running)
		return true;
	for (uint32_t w = 0; w < g->plan.worker_count; w++)
		if (!worker_idle(g->workers[w]))
			return false;
	return true;
}

void gateway_destroy(struct gateway *g)
{
	if (!g)
		return;
	atomic_store_explicit(&g->shared.stop, WORKER_STOP, memory_order_relaxed);
	if (g->eal_started)
		rte_eal_mp_wait_lcore();
	for (uint32_t w = 0; w < g->plan.worker_count; w++) {
		worker_destroy(g->workers[w]);
		stats_close(&g->stats[w]);
		history_close(&g->history[w]);
		event_ring_close(&g->events[w]);
		ask_ring_close(&g->asks[w]);
	}
	steer_mesh_destroy(g->mesh);
	for (uint32_t i = 0; i < PORT_MAX; i++)
		owner_rss_destroy(g->rss[i]);
	tables_destroy(g->shared.tables);
	budget_destroy(g->budget);
	for (uint32_t i = 0; i < g->started_ports; i++)
		port_close(&g->ports[i]);
	for (uint32_t i = 0; i < g->plan.port_count; i++)
		if (g->has_kernel[i])
			port_close(&g->kernels[i].port);
	if (g->eal_started)
		rte_eal_cleanup();
	close(g->ask_bell);
	OPENSSL_cleanse(&g->tickets, sizeof(g->tickets));
	OPENSSL_cleanse(g->tcp_secret, sizeof(g->tcp_secret));
	free(g);
}
