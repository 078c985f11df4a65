/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Statistics as a tree: every counter under the name that it has in its .def file, added up over
 * the workers, with names instead of slots. Workers go on counting while this is read. Counts are since the
 * start; load, cycles a request, latencies and shares are of the last seconds, where the dataplane told what was before.
 */
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "control/ctl/ctl.h"
#include "control/json.h"
#include "lib/shm/reason.h"

/* Above so many consumers only those who have called are listed. */
#define CONSUMERS_LISTED 10000

/* How often statistics are read again because an apply came between. */
#define READ_AGAIN   5

#define COUNTERS_MAX 64 /* of a block */

static json_t *tree_number(uint64_t n)
{
	return json_integer((json_int_t)n);
}

/* Where a block of a worker's counters is; NULL where that worker has none. */
typedef const uint64_t *(*block_at)(const struct stats *stats, uint32_t index);

static const uint64_t *worker_at(const struct stats *s, uint32_t index)
{
	return (const uint64_t *)s->worker;
}

static const uint64_t *tcp_at(const struct stats *s, uint32_t index)
{
	return (const uint64_t *)s->tcp;
}

static const uint64_t *port_at(const struct stats *s, uint32_t index)
{
	return index < s->shape.ports ? (const uint64_t *)&s->port[index] : NULL;
}

static const uint64_t *listener_at(const struct stats *s, uint32_t index)
{
	return index < s->shape.listeners ? (const uint64_t *)&s->listener[index] : NULL;
}

static const uint64_t *api_at(const struct stats *s, uint32_t index)
{
	return index < s->shape.apis ? (const uint64_t *)&s->api[index] : NULL;
}

static const uint64_t *api_latency_at(const struct stats *s, uint32_t index)
{
	return index < s->shape.apis ? s->api[index].latency_us : NULL;
}

static const uint64_t *endpoint_at(const struct stats *s, uint32_t index)
{
	return index < s->shape.endpoints ? (const uint64_t *)&s->endpoint[index] : NULL;
}

static const uint64_t *endpoint_latency_at(const struct stats *s, uint32_t index)
{
	return index < s->shape.endpoints ? s->endpoint[index].latency_us : NULL;
}

static const uint64_t *drop_at(const struct stats *s, uint32_t index)
{
	return s->drop;
}

static const uint64_t *reason_at(const struct stats *s, uint32_t index)
{
	return s->reason;
}

static const uint64_t *stage_at(const struct stats *s, uint32_t index)
{
	return s->stage_cycles;
}

static void tree_sum(
	const struct link_client *link, block_at at, uint32_t index, uint64_t *out, size_t n)
{
	memset(out, 0, n * sizeof(*out));
	for (uint32_t w = 0; w < link->stats_count; w++) {
		const uint64_t *block = NULL;

		if (link->stats[w].segment.base)
			block = at(&link->stats[w], index);
		for (size_t i = 0; block && i < n; i++)
			out[i] += stats_load(&block[i]);
	}
}

/* The worker's statistics of some seconds ago; NULL: everything since its start counts. */
static const struct stats *before_of(const struct link_client *link, uint32_t w)
{
	const struct stats *before = &link->before[w];

	return w < link->before_count && before->segment.base &&
			       stats_load(&before->worker->heartbeat_ns)
		       ? before
		       : NULL;
}

/* How much each number has grown of late. A slot that was given out meanwhile began at zero. */
static void sum_of_late(
	const struct link_client *link, block_at at, uint32_t index, uint64_t *out, size_t n)
{
	memset(out, 0, n * sizeof(*out));
	for (uint32_t w = 0; w < link->stats_count; w++) {
		const struct stats *before = before_of(link, w);
		const uint64_t *now = NULL, *then = NULL;

		if (link->stats[w].segment.base)
			now = at(&link->stats[w], index);
		if (before)
			then = at(before, index);
		for (size_t i = 0; now && i < n; i++) {
			uint64_t a = stats_load(&now[i]), b = then ? stats_load(&then[i]) : 0;

			out[i] += a >= b ? a - b : a;
		}
	}
}

json_t *stats_over_s(const struct link_client *link)
{
	uint64_t longest = 0;

	for (uint32_t w = 0; w < link->stats_count; w++) {
		const struct stats *before = before_of(link, w);
		uint64_t now;

		if (!link->stats[w].segment.base)
			continue;
		now = stats_load(&link->stats[w].worker->heartbeat_ns);
		if (!before || now < stats_load(&before->worker->heartbeat_ns))
			return json_null();
		now -= stats_load(&before->worker->heartbeat_ns);
		longest = now > longest ? now : longest;
	}
	return longest ? json_real((double)longest / 1e9) : json_null();
}

static void tree_add_counters(json_t *object, const uint64_t *values, struct stats_names names)
{
	for (uint32_t i = 0; i < names.count; i++)
		json_object_set_new(object, names.list[i], tree_number(values[i]));
}

/* @param row  of the statistics' directory that names the counters */
static void tree_add_sums(json_t *object, const struct link_client *link, block_at at,
	uint32_t index, const char *row)
{
	const struct stats_names names = stats_names(row);
	uint64_t values[COUNTERS_MAX];

	tree_sum(link, at, index, values, names.count);
	tree_add_counters(object, values, names);
}

static json_t *tree_quantiles(const struct link_client *link, block_at at, uint32_t index)
{
	static uint64_t counts[HIST_BUCKETS];

	sum_of_late(link, at, index, counts, HIST_BUCKETS);
	return json_pack("{s:I, s:I, s:I, s:I}", "p50", (json_int_t)hist_quantile(counts, 0.5),
		"p90", (json_int_t)hist_quantile(counts, 0.9), "p99",
		(json_int_t)hist_quantile(counts, 0.99), "p999",
		(json_int_t)hist_quantile(counts, 0.999));
}

/* Share of cycles in stages other than idle, in per cent. */
static double load_percent(const uint64_t *cycles)
{
	double busy = 0;

	for (unsigned i = 0; i < STAGE_COUNT; i++)
		if (i != STAGE_IDLE)
			busy += (double)cycles[i];
	return busy > 0 ? 100 * busy / (busy + (double)cycles[STAGE_IDLE]) : 0;
}

json_t *stats_workers(const struct link_client *link)
{
	json_t *list = json_array();
	uint64_t values[COUNTERS_MAX], cycles[STAGE_COUNT];
	const struct stats_names names = stats_names("worker");

	for (uint32_t w = 0; w < link->stats_count; w++) {
		const struct stats *s = &link->stats[w], *before = before_of(link, w);
		json_t *worker = json_object();

		if (!s->segment.base) {
			json_decref(worker);
			continue;
		}
		for (uint32_t i = 0; i < names.count; i++)
			values[i] = stats_load(&worker_at(s, 0)[i]);
		for (unsigned i = 0; i < STAGE_COUNT; i++)
			cycles[i] = stats_load(&s->stage_cycles[i]) -
				    (before ? stats_load(&before->stage_cycles[i]) : 0);

		const struct stats_worker *copy = (const struct stats_worker *)values;
		int64_t age_ns = (int64_t)(stats_now_ns() - copy->heartbeat_ns);

		json_object_set_new(worker, "worker", json_integer(w));
		json_object_set_new(worker, "heartbeat_age_ms",
			json_real(copy->heartbeat_ns && age_ns > 0 ? (double)age_ns / 1e6 : 0));
		json_object_set_new(worker, "load_percent", json_real(load_percent(cycles)));
		tree_add_counters(worker, values, names);
		json_array_append_new(list, worker);
	}
	return list;
}

/* Counters are added up; of gauges that have no sum the telling one is taken. */
json_t *stats_totals(const struct link_client *link)
{
	json_t *totals = json_object();
	uint64_t heartbeat = 0, generation = UINT64_MAX, longest = 0, hz = 0;

	tree_add_sums(totals, link, worker_at, 0, "worker");
	for (uint32_t w = 0; w < link->stats_count; w++) {
		const struct stats_worker *s = link->stats[w].worker;

		if (!link->stats[w].segment.base)
			continue;
		heartbeat = stats_load(&s->heartbeat_ns) > heartbeat ? stats_load(&s->heartbeat_ns)
								     : heartbeat;
		generation = stats_load(&s->generation) < generation ? stats_load(&s->generation)
								     : generation;
		longest = stats_load(&s->loop_max_cycles) > longest
				  ? stats_load(&s->loop_max_cycles)
				  : longest;
		hz = stats_load(&s->tsc_hz);
	}
	json_object_set_new(totals, "heartbeat_ns", tree_number(heartbeat));
	json_object_set_new(
		totals, "generation", tree_number(generation == UINT64_MAX ? 0 : generation));
	json_object_set_new(totals, "loop_max_cycles", tree_number(longest));
	json_object_set_new(totals, "tsc_hz", tree_number(hz));
	return totals;
}

json_t *stats_stages(const struct link_client *link)
{
	json_t *cycles = json_object(), *each = json_object();
	uint64_t values[STAGE_COUNT], since_start[STAGE_COUNT], counters[COUNTERS_MAX];
	double busy = 0;

	tree_sum(link, stage_at, 0, since_start, STAGE_COUNT);
	sum_of_late(link, stage_at, 0, values, STAGE_COUNT);
	sum_of_late(link, worker_at, 0, counters, stats_names("worker").count);

	uint64_t requests = ((const struct stats_worker *)counters)->requests;

	for (unsigned i = 0; i < STAGE_COUNT; i++) {
		const char *name = stage_name((enum stage)i);

		json_object_set_new(cycles, name, tree_number(since_start[i]));
		if (i == STAGE_IDLE)
			continue;
		busy += (double)values[i];
		json_object_set_new(
			each, name, json_real(requests ? (double)values[i] / (double)requests : 0));
	}
	return json_pack("{s:o, s:o, s:f, s:f}", "cycles", cycles, "cycles_per_request_by_stage",
		each, "cycles_per_request", requests ? busy / (double)requests : 0.0,
		"load_percent", load_percent(values));
}

static bool has_kernel(const struct snapshot *s, uint32_t port)
{
	for (uint32_t i = 0; i < s->sections[SNAP_KERNELS].count; i++)
		if (SNAP_AT(s, SNAP_KERNELS, snap_kernel, i)->port == port)
			return true;
	return false;
}

json_t *stats_ports(const struct link_client *link)
{
	const struct snapshot *s = &link->snapshot;
	json_t *list = json_array();

	for (uint32_t i = 0; i < s->sections[SNAP_PORTS].count; i++) {
		const struct snap_port *p = SNAP_AT(s, SNAP_PORTS, snap_port, i);
		json_t *port = json_pack("{s:o, s:o, s:b}", "name", json_str(snap_str(s, p->name)),
			"device", json_str(snap_str(s, p->device)), "kernel",
			(int)has_kernel(s, i));

		tree_add_sums(port, link, port_at, i, "port");
		json_array_append_new(list, port);
	}
	return list;
}

static json_t *tree_listeners(const struct link_client *link)
{
	const struct snapshot *s = &link->snapshot;
	json_t *list = json_array();

	for (uint32_t i = 0; i < s->sections[SNAP_LISTENERS].count; i++) {
		const struct snap_listener *l = SNAP_AT(s, SNAP_LISTENERS, snap_listener, i);
		json_t *listener = json_pack(
			"{s:o, s:b}", "name", json_str(snap_str(s, l->name)), "tls", (int)l->tls);

		tree_add_sums(listener, link, listener_at, l->slot, "listener");
		json_array_append_new(list, listener);
	}
	return list;
}

static bool is_other(const char *only, struct str name)
{
	return only && !str_equal(str_of(only), name);
}

static json_t *tree_apis(const struct link_client *link, const char *only)
{
	const struct snapshot *s = &link->snapshot;
	json_t *list = json_array();

	for (uint32_t i = 0; i < s->sections[SNAP_APIS].count; i++) {
		const struct snap_api *a = SNAP_AT(s, SNAP_APIS, snap_api, i);
		json_t *api;

		if (is_other(only, snap_str(s, a->name)))
			continue;
		api = json_pack("{s:o, s:o}", "name", json_str(snap_str(s, a->name)), "version",
			json_str(snap_str(s, a->version)));
		tree_add_sums(api, link, api_at, a->slot, "api");
		json_object_set_new(
			api, "latency_us", tree_quantiles(link, api_latency_at, a->slot));
		json_array_append_new(list, api);
	}
	return list;
}

static json_t *tree_endpoints(const struct link_client *link, struct snap_range range)
{
	const struct snapshot *s = &link->snapshot;
	json_t *list = json_array(), *endpoint;
	uint64_t *requests = calloc(range.count + 1, sizeof(*requests));
	uint64_t all = 0, weights = 0;
	size_t i;

	for (uint32_t k = 0; k < range.count; k++) {
		const struct snap_endpoint *e =
			SNAP_AT(s, SNAP_ENDPOINTS, snap_endpoint, range.first + k);

		endpoint = json_pack("{s:o, s:I}", "name", json_str(snap_str(s, e->name)), "weight",
			(json_int_t)e->weight);
		tree_add_sums(endpoint, link, endpoint_at, e->slot, "endpoint");
		stats_add_state(endpoint, link, e->slot);
		json_object_set_new(
			endpoint, "latency_us", tree_quantiles(link, endpoint_latency_at, e->slot));
		if (requests)
			sum_of_late(link, endpoint_at, e->slot, &requests[k], 1);
		all += requests ? requests[k] : 0;
		weights += e->weight;
		json_array_append_new(list, endpoint);
	}
	json_array_foreach(list, i, endpoint)
	{
		double weight = json_number_value(json_object_get(endpoint, "weight"));

		json_object_set_new(endpoint, "share_percent",
			json_real(all ? 100 * (double)requests[i] / (double)all : 0));
		json_object_set_new(endpoint, "weight_percent",
			json_real(weights ? 100 * weight / (double)weights : 0));
	}
	free(requests);
	return list;
}

static json_t *tree_backends(const struct link_client *link, const char *only)
{
	const struct snapshot *s = &link->snapshot;
	json_t *list = json_array();

	for (uint32_t i = 0; i < s->sections[SNAP_BACKENDS].count; i++) {
		const struct snap_backend *b = SNAP_AT(s, SNAP_BACKENDS, snap_backend, i);

		if (is_other(only, snap_str(s, b->name)))
			continue;
		json_array_append_new(
			list, json_pack("{s:o, s:o}", "name", json_str(snap_str(s, b->name)),
				      "endpoints", tree_endpoints(link, s->endpoints[i])));
	}
	return list;
}

static json_t *tree_consumer(const struct link_client *link, const struct snap_consumer *c)
{
	const struct snapshot *s = &link->snapshot;
	const struct snap_plan *plan = SNAP_AT(s, SNAP_PLANS, snap_plan, c->plan);
	uint64_t requests = 0, limited = 0, bytes_out = 0, last_seen = 0;

	if (link->has_usage && c->slot < link->usage.capacity) {
		struct usage_line *line = &link->usage.lines[c->slot];

		requests = atomic_load_explicit(&line->requests, memory_order_relaxed);
		limited = atomic_load_explicit(&line->limited, memory_order_relaxed);
		bytes_out = atomic_load_explicit(&line->bytes_out, memory_order_relaxed);
		last_seen = atomic_load_explicit(&line->last_seen_s, memory_order_relaxed);
	}
	return json_pack("{s:o, s:o, s:I, s:I, s:I, s:I}", "name", json_str(snap_str(s, c->name)),
		"plan", json_str(snap_str(s, plan->name)), "requests", (json_int_t)requests,
		"limited", (json_int_t)limited, "bytes_out", (json_int_t)bytes_out, "last_seen",
		(json_int_t)last_seen);
}

static json_t *tree_consumers(const struct link_client *link, const char *only)
{
	const struct snapshot *s = &link->snapshot;
	uint32_t count = s->sections[SNAP_CONSUMERS].count;
	json_t *list = json_array();

	for (uint32_t i = 0; i < count; i++) {
		const struct snap_consumer *c = SNAP_AT(s, SNAP_CONSUMERS, snap_consumer, i);
		bool seen = link->has_usage && c->slot < link->usage.capacity &&
			    atomic_load_explicit(
				    &link->usage.lines[c->slot].last_seen_s, memory_order_relaxed);

		if (is_other(only, snap_str(s, c->name)) ||
			(!only && count > CONSUMERS_LISTED && !seen))
			continue;
		json_array_append_new(list, tree_consumer(link, c));
	}
	return list;
}

static json_t *tree_reasons(const struct link_client *link)
{
	uint64_t values[REASON_COUNT];
	json_t *out = json_object();

	tree_sum(link, reason_at, 0, values, REASON_COUNT);
	for (unsigned i = 0; i < REASON_COUNT; i++)
		json_object_set_new(out, reason_name((enum reason)i), tree_number(values[i]));
	return out;
}

static json_t *tree_drops(const struct link_client *link)
{
	uint64_t values[DROP_COUNT];
	json_t *out = json_object();

	tree_sum(link, drop_at, 0, values, DROP_COUNT);
	for (unsigned i = 0; i < DROP_COUNT; i++)
		json_object_set_new(out, drop_name((enum drop)i), tree_number(values[i]));
	return out;
}

static json_t *tree_tcp(const struct link_client *link)
{
	json_t *out = json_object();

	tree_add_sums(out, link, tcp_at, 0, "tcp");
	return out;
}

json_t *stats_tree(const struct link_client *link, unsigned views, const char *only)
{
	json_t *out = json_pack("{s:I, s:o}", "generation", (json_int_t)link->generation, "over_s",
		stats_over_s(link));

	if (views & 1u << VIEW_WORKERS) {
		json_object_set_new(out, "totals", stats_totals(link));
		json_object_set_new(out, "workers", stats_workers(link));
		json_object_set_new(out, "stages", stats_stages(link));
	}
	if (views & 1u << VIEW_PORTS)
		json_object_set_new(out, "ports", stats_ports(link));
	if (views & 1u << VIEW_LISTENERS)
		json_object_set_new(out, "listeners", tree_listeners(link));
	if (views & 1u << VIEW_CONSUMERS)
		json_object_set_new(out, "consumers", tree_consumers(link, only));
	if (views & 1u << VIEW_APIS)
		json_object_set_new(out, "apis", tree_apis(link, only));
	if (views & 1u << VIEW_BACKENDS)
		json_object_set_new(out, "backends", tree_backends(link, only));
	if (views & 1u << VIEW_REASONS)
		json_object_set_new(out, "reasons", tree_reasons(link));
	if (views & 1u << VIEW_DROPS)
		json_object_set_new(out, "drops", tree_drops(link));
	if (views & 1u << VIEW_TCP)
		json_object_set_new(out, "tcp", tree_tcp(link));
	return out;
}

/* True when all workers still run what the names of @p link are of: slots mean what they did while they were read. */
static bool stats_settled(const struct link_client *link)
{
	for (uint32_t w = 0; w < link->stats_count; w++)
		if (link->stats[w].segment.base &&
			stats_load(&link->stats[w].worker->generation) != link->generation)
			return false;
	return true;
}

json_t *stats_read(
	const struct ctl *ctl, struct link_client *link, unsigned views, const char *only)
{
	json_t *tree;

	for (unsigned n = 0;; n++) {
		if (ctl->since_start)
			link_client_forget_before(link);
		tree = stats_tree(link, views, only);
		if (!tree || n == READ_AGAIN || stats_settled(link))
			return tree;
		/* An apply came between: the names are asked for again. */
		json_decref(tree);
		link_client_close(link);
		if (ctl_attach(ctl, link, false) < 0)
			return NULL;
	}
}
