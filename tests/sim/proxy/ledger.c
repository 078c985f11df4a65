/* SPDX-License-Identifier: Apache-2.0 */
/* Holds the gateway's events and counters against what clients and backends saw. */
#include "tests/sim/proxy/ledger.h"

#include <inttypes.h>
#include <stdlib.h>

#define READ_AT_ONCE 64

uint32_t ledger_exchange(const char *path, uint16_t bytes)
{
	char text[EVENT_PATH_BYTES + 1] = "";
	unsigned long id;

	memcpy(text, path, RTE_MIN(bytes, (uint16_t)EVENT_PATH_BYTES));
	if (strlen(text) < 4 || text[0] != '/' || text[2] != '/')
		return 0;
	id = strtoul(text + 3, NULL, 16);
	return id < SIM_EXCHANGES ? (uint32_t)id : 0;
}

/* Did the request meet its consumer's limits? */
static bool event_limited(const struct event *e)
{
	return e->consumer != SNAP_NONE && e->reason != REASON_API_NOT_IN_PLAN &&
	       e->reason != REASON_KEY_EXPIRED;
}

static void event_take(struct sim *s, const struct event *e)
{
	struct ledger *l = s->ledger;
	uint32_t id = ledger_exchange(e->path, e->path_bytes);
	struct ledger_row *row;

	sim_trace(s, "event: exchange %u, %s, status %u, %" PRIu64 " bytes out", id,
		reason_name((enum reason)e->reason), e->status, e->bytes_out);
	l->events++;
	l->by_reason[e->reason]++;
	l->by_listener[e->listener % 64]++;
	if (e->api != SNAP_NONE)
		l->by_api[e->api % 64]++;
	if (e->consumer != SNAP_NONE)
		l->by_consumer[e->consumer % 64]++;
	if (event_limited(e))
		l->limited[e->consumer % 64]++;
	else if (e->consumer != SNAP_NONE &&
		 e->time_ns - e->duration_us * UINT64_C(1000) <= l->applied_ns)
		l->refused_later[e->consumer % 64]++;
	row = id || l->nameless_count == SIM_EXCHANGES ? &l->rows[id]
						       : &l->nameless[l->nameless_count++];
	if (id && !row->elder)
		whole_check(s, id, e);
	if (row->events++ > 0)
		sim_fail(s, "exchange %u ended twice", id);
	row->event_id = e->request_id;
	row->event_attempts = e->attempts;
	row->event_status = e->status;
	row->event_reason = e->reason;
	row->event_bytes_out = e->bytes_out;
}

void ledger_read(struct sim *s)
{
	struct event events[READ_AT_ONCE];
	uint32_t n;

	while ((n = event_ring_read(&s->gateway.reader, events, READ_AT_ONCE)) > 0)
		for (uint32_t i = 0; i < n; i++)
			event_take(s, &events[i]);
}

/* A head that never became a request has a record without a path: found by the number in the
 * response. */
static void name_record(struct ledger *l, struct ledger_row *r)
{
	for (uint32_t i = 0; i < l->nameless_count && r->events == 0; i++) {
		const struct ledger_row *n = &l->nameless[i];

		if (n->event_id != r->own_id)
			continue;
		r->events = 1;
		r->event_id = n->event_id;
		r->event_status = n->event_status;
		r->event_reason = n->event_reason;
		r->event_bytes_out = n->event_bytes_out;
	}
}

static void check_exchange(struct sim *s, uint32_t id)
{
	struct ledger_row *r = &s->ledger->rows[id];

	if (r->outcome != OUT_PROXIED && r->outcome != OUT_OWN)
		return;
	if (r->outcome == OUT_OWN)
		name_record(s->ledger, r);
	if (r->events != 1)
		sim_fail(s, "exchange %u had its response and %u records", id, r->events);
	else if (r->event_status != r->status)
		sim_fail(s, "exchange %u is recorded with %u, its client got %u", id,
			r->event_status, r->status);
	else if (r->outcome == OUT_PROXIED && r->event_reason != REASON_PROXIED)
		sim_fail(s, "exchange %u is recorded as %s, its client got the response", id,
			reason_name((enum reason)r->event_reason));
	else if (r->outcome == OUT_OWN && r->event_id != r->own_id)
		sim_fail(s, "exchange %u got the gateway's response to %016" PRIx64, id, r->own_id);
	else if (r->event_bytes_out != r->client_bytes)
		sim_fail(s, "exchange %u is recorded with %" PRIu64 " bytes, its client got %u", id,
			r->event_bytes_out, r->client_bytes);
}

/* @return retries that were granted */
static uint64_t retries_granted(const struct sim *s)
{
	uint64_t sum = 0;

	for (uint32_t i = 0; i < s->gateway.stats.shape.apis; i++)
		sum += s->gateway.stats.api[i].retries;
	return sum;
}

/* Without want of memory and of connections, and while no budget can be empty, one without a body is
 * tried as often as it may be before its client learns of a failure. */
static void check_retried(struct sim *s, uint32_t id)
{
	const struct ledger_row *r = &s->ledger->rows[id];
	const struct plan *p = &s->plans[id];
	const struct scenario *o = &s->o;
	const uint32_t may = p->route == 't' ? 3 : 2;

	if (r->events == 1 && r->attempts > r->event_attempts)
		sim_fail(s, "exchange %u: backends got it %u times, %u are recorded", id,
			r->attempts, r->event_attempts);
	if (!r->failure || p->method == PLAN_POST || p->request.framing != FRAMING_NONE)
		return;
	if (o->pool || o->hog || o->applies || o->lose || o->exchange_limit < 64 ||
		o->upstream_limit < 64 || retries_granted(s) >= BUDGET_LEAST)
		return;
	if (r->event_attempts < may)
		sim_fail(s, "exchange %u: it failed after %u tries of %u", id, r->event_attempts,
			may);
}

static void check_gauges(struct sim *s)
{
	const struct stats *stats = &s->gateway.stats;

	if (stats->worker->client_connections || stats->worker->backend_connections ||
		stats->worker->backend_idle)
		sim_fail(s, "a gauge of the worker's did not return to zero");
	for (uint32_t i = 0; i < stats->shape.listeners; i++)
		if (stats->listener[i].open)
			sim_fail(s, "the gauge of listener %u did not return to zero", i);
	for (uint32_t i = 0; i < stats->shape.endpoints; i++)
		if (stats->endpoint[i].open || stats->endpoint[i].active)
			sim_fail(s, "a gauge of endpoint %u did not return to zero", i);
}

static void check_sums(struct sim *s)
{
	const struct stats *stats = &s->gateway.stats;
	const struct ledger *l = s->ledger;
	uint64_t listeners = s->gateway.gone_requests + s->gateway.proxy->gone_listener.requests;

	if (stats->worker->events_dropped)
		sim_fail(s, "events were dropped");
	/* A handshake that fails has a record and no exchange. */
	if (s->o.asks && s->gateway.asker.ended + l->by_reason[REASON_TLS_FAILED] != l->events)
		sim_fail(s, "%" PRIu64 " exchanges ended, and %" PRIu64 " are recorded",
			s->gateway.asker.ended, (uint64_t)l->events);
	/* Some reasons are counted for connections, too. */
	for (unsigned r = 0; r < REASON_COUNT; r++)
		if (stats->reason[r] < l->by_reason[r] ||
			(stats->reason[r] > l->by_reason[r] && r != REASON_TLS_FAILED &&
				r != REASON_CLIENT_TOO_SLOW && r != REASON_OVERLOADED &&
				r != REASON_CLIENT_TIMEOUT && r != REASON_SEND_RATE &&
				r != REASON_SOURCE_CONNECTIONS))
			sim_fail(s, "%" PRIu64 " exchanges ended as %s, %" PRIu64 " are counted",
				l->by_reason[r], reason_name((enum reason)r), stats->reason[r]);
	for (uint32_t i = 0; i < stats->shape.apis && i < 64; i++) {
		const struct stats_api *a = &stats->api[i];

		if (a->requests != l->by_api[i])
			sim_fail(s, "API %u counts %" PRIu64 " requests of %" PRIu64, i,
				a->requests, l->by_api[i]);
	}
	for (uint32_t i = 0; i < stats->shape.listeners; i++)
		listeners += stats->listener[i].requests;
	if (listeners != stats->worker->requests)
		sim_fail(s, "listeners count %" PRIu64 " requests, the worker %" PRIu64, listeners,
			stats->worker->requests);
}

/* A consumer with a quota that nothing reaches has paid once for each request that met it. One that
 * paid, was decided again because its endpoint failed, and is refused by a new generation has paid. */
static void check_quota(struct sim *s, const struct snapshot *snapshot,
	const struct snap_consumer *c, const struct usage_line *line)
{
	const struct snap_plan *plan = SNAP_AT(snapshot, SNAP_PLANS, snap_plan, c->plan);
	const uint64_t met = s->ledger->limited[c->slot % 64];
	const uint64_t most = met + s->ledger->refused_later[c->slot % 64];

	for (uint32_t i = 0; i < plan->limits.count; i++) {
		const struct snap_limit *limit =
			SNAP_AT(snapshot, SNAP_LIMITS, snap_limit, plan->limits.first + i);
		uint64_t used = line->limit[limit->word] & ((UINT64_C(1) << 40) - 1);

		if (limit->kind == SNAP_LIMIT_QUOTA && (used < met || used > most))
			sim_fail(s,
				"consumer %u was charged %" PRIu64 " times for %" PRIu64
				" requests",
				c->slot, used, met);
	}
}

static void check_consumers(struct sim *s)
{
	const struct tables *tables = s->gateway.proxy->tables;
	const struct snap_consumer *c;
	uint32_t n;

	c = snap_records(&tables->snapshot, SNAP_CONSUMERS, &n);
	for (uint32_t i = 0; i < n && c[i].slot < 64; i++) {
		const struct usage_line *line = &tables->usage->lines[c[i].slot];

		if (line->requests != s->ledger->by_consumer[c[i].slot])
			sim_fail(s, "consumer %u has %" PRIu64 " requests, not %" PRIu64, c[i].slot,
				line->requests, s->ledger->by_consumer[c[i].slot]);
		check_quota(s, &tables->snapshot, &c[i], line);
	}
}

void ledger_check(struct sim *s)
{
	ledger_read(s);
	for (uint32_t id = 1; id < SIM_EXCHANGES; id++)
		check_exchange(s, id);
	for (uint32_t id = 1; id < SIM_EXCHANGES; id++)
		if (plan_retried(&s->plans[id]))
			check_retried(s, id);
	check_gauges(s);
	check_sums(s);
	check_consumers(s);
}
