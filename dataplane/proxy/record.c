/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is remembered of a request: counters by reason, API, listener, endpoint and consumer,
 * histograms, and one access event. All of it is this worker's memory but for the consumer's usage
 * line.
 */
#include "dataplane/proxy/proxy_priv.h"
#include "lib/base/bytes.h"

/* What lies beyond the reserved slots, and SNAP_NONE, counts for nothing. */
struct stats_api *record_api(struct proxy *p, uint32_t slot)
{
	return slot < p->config.stats->shape.apis ? &p->config.stats->api[slot] : &p->gone_api;
}

struct stats_listener *record_listener(struct proxy *p, uint32_t slot)
{
	return slot < p->config.stats->shape.listeners ? &p->config.stats->listener[slot]
						       : &p->gone_listener;
}

/* Where one worker alone writes, it needs no locked instruction: 20 cycles. */
static void record_add_usage(const struct proxy *p, _Atomic uint64_t *counter, uint64_t n)
{
	if (p->tables->worker_count > 1)
		atomic_fetch_add_explicit(counter, n, memory_order_relaxed);
	else
		atomic_store_explicit(counter,
			atomic_load_explicit(counter, memory_order_relaxed) + n,
			memory_order_relaxed);
}

static void record_api_result(struct proxy *p, const struct exchange *ex, uint64_t duration_us)
{
	struct stats_api *api = record_api(p, ex->api_slot);

	api->requests++;
	api->bytes_in += ex->bytes_in;
	api->bytes_out += ex->bytes_out;
	api->latency_us[hist_bucket(duration_us)]++;
	if (ex->status >= 500)
		api->status_5xx++;
	else if (ex->status >= 400)
		api->status_4xx++;
	else if (ex->status >= 300)
		api->status_3xx++;
	else if (ex->status >= 200)
		api->status_2xx++;
	/* A status that was not ours to choose. */
	if (ex->reason == REASON_PROXIED || ex->reason == REASON_REPLIED)
		return;
	if (ex->reason == REASON_CORS_PREFLIGHT)
		api->preflights++;
	else if (ex->reason >= REASON_CORS_METHOD && ex->reason <= REASON_CORS_ORIGIN)
		api->preflights_refused++;
	if (ex->status == 401)
		api->unauthorized++;
	else if (ex->status == 403)
		api->forbidden++;
	else if (ex->status == 429)
		api->limited++;
}

static void record_event(struct proxy *p, struct exchange *ex, uint64_t duration_us)
{
	const struct client *c = ex->client;
	const struct attempt *a = &ex->attempt;
	struct event *e = event_ring_slot(p->config.events);

	if (!e) {
		p->counters->events_dropped++;
		return;
	}
	e->time_ns = p->now_ns;
	e->request_id = ex->request_id;
	e->duration_us = (uint32_t)RTE_MIN(duration_us, (uint64_t)UINT32_MAX);
	e->backend_us = a->answered_ns ? (uint32_t)((a->answered_ns - a->sent_ns) / 1000) : 0;
	e->type = EVENT_ACCESS;
	e->status = ex->status;
	e->reason = (uint16_t)ex->reason;
	e->worker = (uint8_t)p->config.worker_index;
	e->method = ex->method;
	e->listener = c->listener_slot;
	e->api = ex->api_slot;
	e->endpoint = a->slot;
	e->consumer = ex->consumer_slot;
	e->bytes_in = ex->bytes_in;
	e->bytes_out = ex->bytes_out;
	e->client = c->remote;
	e->client_port = c->remote_port;
	e->tls = transport_secure(&c->transport);
	e->host_bytes = ex->host_bytes;
	e->path_bytes = ex->path_bytes;
	e->attempts = a->number;
	e->key = ex->key;
	e->limit = ex->limit.allowed || ex->generation != p->tables->snapshot.generation
			   ? SNAP_NONE
			   : ex->limit.limit;
	e->generation = (uint32_t)p->tables->snapshot.generation;
	bytes_copy(e->host, ex->names, ex->host_bytes);
	bytes_copy(e->path, exchange_path(ex), RTE_MIN(ex->path_bytes, EVENT_PATH_BYTES));
	event_ring_push(p->config.events);
}

/* A flood of them is counted and not written: so many lines a second. */
#define HANDSHAKE_LINES 10

/* An event about no request. @return NULL, counted, where the ring is full */
static struct event *record_event_begin(struct proxy *p, enum event_type type, enum reason reason)
{
	struct event *e = event_ring_slot(p->config.events);

	if (!e) {
		p->counters->events_dropped++;
		return NULL;
	}
	memset(e, 0, sizeof(*e));
	e->time_ns = p->now_ns;
	e->type = type;
	e->reason = (uint16_t)reason;
	e->worker = (uint8_t)p->config.worker_index;
	e->method = HTTP_OTHER;
	e->listener = e->api = e->endpoint = e->consumer = e->limit = SNAP_NONE;
	e->generation = (uint32_t)p->tables->snapshot.generation;
	return e;
}

void record_health(struct proxy *p, uint32_t slot, bool down, enum reason why, uint16_t status)
{
	struct event *e =
		p->config.events ? record_event_begin(p, down ? EVENT_DOWN : EVENT_UP, why) : NULL;

	if (!e)
		return;
	e->endpoint = slot;
	e->status = status;
	event_ring_push(p->config.events);
}

/* Whether there is room for one more line about a handshake in this second. */
static bool record_handshake_line(struct proxy *p)
{
	if (p->handshake_lines_s != p->wall_s) {
		p->handshake_lines_s = p->wall_s;
		p->handshake_lines = 0;
	}
	return p->config.events && p->handshake_lines++ < HANDSHAKE_LINES;
}

void record_peer_failed(struct proxy *p, uint32_t slot, const char *why)
{
	struct event *e = record_handshake_line(p)
				  ? record_event_begin(p, EVENT_TLS, REASON_BACKEND_TLS)
				  : NULL;

	if (!e)
		return;
	e->endpoint = slot;
	e->path_bytes = (uint16_t)RTE_MIN(strlen(why), sizeof(e->path));
	memcpy(e->path, why, e->path_bytes);
	event_ring_push(p->config.events);
}

void record_handshake_failed(struct proxy *p, const struct client *c)
{
	struct event *e;

	p->counters->tls_failures++;
	record_listener(p, c->listener_slot)->tls_failures++;
	p->config.stats->reason[REASON_TLS_FAILED]++;
	if (!proxy_settings(p)->access_log || !record_handshake_line(p))
		return;
	e = record_event_begin(p, EVENT_ACCESS, REASON_TLS_FAILED);
	if (!e)
		return;
	e->listener = c->listener_slot;
	e->client = c->remote;
	e->client_port = c->remote_port;
	e->tls = 1;
	event_ring_push(p->config.events);
}

void record_exchange(struct proxy *p, struct exchange *ex)
{
	struct stats_listener *listener = record_listener(p, ex->client->listener_slot);
	uint64_t duration_us = (p->now_ns - ex->start_ns) / 1000;

	p->config.stats->reason[ex->reason]++;
	listener->bytes_in += ex->bytes_in;
	listener->bytes_out += ex->bytes_out;
	if (ex->api_slot != SNAP_NONE)
		record_api_result(p, ex, duration_us);
	if (ex->consumer_slot != SNAP_NONE) {
		struct usage_line *line = &p->tables->usage->lines[ex->consumer_slot];

		record_add_usage(p, &line->requests, 1);
		if (ex->limit.over)
			record_add_usage(p, &line->limited, 1);
		record_add_usage(p, &line->bytes_out, ex->bytes_out);
		atomic_store_explicit(&line->last_seen_s, p->wall_s, memory_order_relaxed);
	}
	if (p->config.events && proxy_settings(p)->access_log)
		record_event(p, ex, duration_us);
}
