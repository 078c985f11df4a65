/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A dataplane without packets: the real link server with workers that only count what they are told
 * to on standard input. It lets tests run the real sluice-control and sluicectl against crashes,
 * refusals and full rings, which a real one does not show on demand. Each command is answered with
 * one line.
 *
 *   requests N          N requests are answered and recorded as events
 *   word CONSUMER W V   set word W of a consumer's usage line
 *   line CONSUMER       print plan, words, requests
 *   refuse TEXT         refuse the next apply
 *   limit 0|1           requests from now on are refused by the first limit, or not
 *   latency US E        requests from now on take so long, at endpoint E (index)
 *   idle CYCLES         worker 0 had nothing to do for so long
 *   later               all that was counted so far was some seconds ago
 *   missteer N          a port missteered N segments, which is an alarm unless N is 0
 *   down STATUS         health checks have the first endpoint down for 5 s by that status; 0: up
 *   eject MS            a worker ejected the first endpoint and probes it in so many ms; 0: no more
 *   ask N               worker 0 asks control N times at once
 *   silent              workers ask nothing by themselves from now on
 *   asks                print how worker 0's questions ended
 *   delta               print how many deltas were made, and the latest
 *   unsettled 0|1       workers do not act on deltas yet
 *   deltas-refused 0|1  refuse each delta
 *   weights             print endpoint=weight of what runs
 *   keys                print the digests of keys that run
 *   parts               print kind=generation of what runs
 */
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "dataplane/ask/ask.h"
#include "dataplane/sync/link_server.h"
#include "lib/base/log.h"
#include "lib/shm/history.h"

#define WORKERS 2

struct fake {
	struct link_server *server;
	struct snapshot snapshot;
	bool running;
	struct usage *usage;
	bool limit; /* requests are refused by the first limit */
	uint64_t latency_us;
	uint32_t endpoint; /* index: where requests go */
	struct stats stats[WORKERS];
	struct history history[WORKERS];
	struct event_ring events[WORKERS];
	struct ask_ring rings[WORKERS];
	struct asks *asks[WORKERS];
	int bell;
	bool silent;
	struct delta delta; /* the latest */
	unsigned delta_count;
	bool unsettled, refuse_deltas;
	char refusal[200];
	uint64_t requests;
};

static uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

static int start(struct fake *f, const struct snapshot *snapshot)
{
	const struct snap_settings *s = snap_settings(snapshot);
	struct stats_shape shape = { snapshot->sections[SNAP_PORTS].count, s->listener_capacity,
		s->api_capacity, s->endpoint_capacity };
	uint64_t boot_id = link_server_boot_id(f->server);
	int rc = 0;

	for (uint32_t w = 0; w < WORKERS && rc == 0; w++) {
		rc = stats_create(w, &shape, boot_id, &f->stats[w]);
		if (rc == 0)
			rc = history_create(w, &shape, boot_id, &f->history[w]);
		if (rc == 0)
			rc = event_ring_create(w, s->event_records, boot_id, &f->events[w]);
		if (rc == 0)
			rc = ask_ring_create(w, 4, boot_id, &f->rings[w]);
		f->asks[w] = asks_create(
			&(struct asks_config){ &f->rings[w], f->bell, f->stats[w].worker });
	}
	return rc;
}

static int on_apply(void *ctx, struct snapshot *snapshot, const struct secrets *secrets,
	struct usage *usage, char *why, size_t why_bytes)
{
	struct fake *f = ctx;

	if (f->refusal[0]) {
		snprintf(why, why_bytes, "%s", f->refusal);
		f->refusal[0] = '\0';
		return -EINVAL;
	}
	if (!f->running && start(f, snapshot) < 0)
		return -ENOMEM;
	if (f->running)
		snapshot_close(&f->snapshot);
	f->snapshot = *snapshot;
	f->running = true;
	f->usage = usage;
	for (uint32_t w = 0; w < WORKERS; w++)
		f->stats[w].worker->generation = snapshot->generation;
	return 0;
}

static int on_segments(void *ctx, uint32_t worker, struct link_segments *out)
{
	struct fake *f = ctx;

	if (worker >= WORKERS)
		return -ENOENT;
	*out = (struct link_segments){ &f->stats[worker], history_oldest(&f->history[worker]),
		&f->events[worker], &f->rings[worker] };
	return 0;
}

/* Remember the latest one. */
static int on_delta(void *ctx, const struct delta *delta)
{
	struct fake *f = ctx;

	f->delta = *delta;
	f->delta_count++;
	return f->refuse_deltas ? -EINVAL : 0;
}

static bool on_settled(void *ctx)
{
	return !((struct fake *)ctx)->unsettled;
}

static int on_bell(void *ctx)
{
	return ((struct fake *)ctx)->bell;
}

/* All that was counted so far is some seconds ago. */
static void grow_old(struct fake *f)
{
	for (unsigned i = 0; i < HISTORY_COPIES; i++)
		for (uint32_t w = 0; w < WORKERS; w++)
			history_take(&f->history[w], &f->stats[w], &f->snapshot,
				f->history[w].taken_s + HISTORY_PERIOD_S);
}

static void record_request(struct fake *f, uint32_t w)
{
	const struct snap_consumer *c = SNAP_AT(&f->snapshot, SNAP_CONSUMERS, snap_consumer, 0);
	const struct snap_api *api = SNAP_AT(&f->snapshot, SNAP_APIS, snap_api, 0);
	struct event *e = event_ring_slot(&f->events[w]);
	struct stats *s = &f->stats[w];

	s->worker->requests++;
	s->worker->heartbeat_ns = now_ns();
	s->reason[REASON_PROXIED]++;
	s->api[api->slot].requests++;
	s->api[api->slot].status_2xx++;
	s->api[api->slot].latency_us[hist_bucket(f->latency_us)]++;
	s->stage_cycles[STAGE_PROXY] += 1000;
	s->endpoint[SNAP_AT(&f->snapshot, SNAP_ENDPOINTS, snap_endpoint, f->endpoint)->slot]
		.requests++;
	atomic_fetch_add(&f->usage->lines[c->slot].requests, 1);
	atomic_store(&f->usage->lines[c->slot].last_seen_s, (uint64_t)time(NULL));
	if (!e) {
		s->worker->events_dropped++;
		return;
	}
	*e = (struct event){ .time_ns = now_ns(),
		.request_id = (uint64_t)w << 48 | ++f->requests,
		.duration_us = 1500,
		.backend_us = 1234,
		.attempts = 2,
		.type = EVENT_ACCESS,
		.status = 200,
		.reason = REASON_PROXIED,
		.worker = (uint8_t)w,
		.listener = SNAP_AT(&f->snapshot, SNAP_LISTENERS, snap_listener, 0)->slot,
		.api = api->slot,
		.endpoint = SNAP_AT(&f->snapshot, SNAP_ENDPOINTS, snap_endpoint, 0)->slot,
		.consumer = c->slot,
		.bytes_in = 100,
		.bytes_out = 2000,
		.client = ip_from_v4(0x0100000a),
		.client_port = 40000,
		.limit = SNAP_NONE,
		.generation = (uint32_t)f->snapshot.generation,
		.host_bytes = 11,
		.path_bytes = 12,
		.host = "api.example",
		.path = "/v1/o\"\\\x01\xff\x7f.x" };
	if (f->snapshot.sections[SNAP_KEYS].count)
		memcpy(&e->key, SNAP_AT(&f->snapshot, SNAP_KEYS, snap_key, 0)->digest,
			sizeof(e->key));
	if (f->limit) {
		e->limit = 0;
		e->status = 429;
		e->reason = REASON_RATE_LIMITED;
	}
	event_ring_push(&f->events[w]);
}

static struct usage_line *line_of(struct fake *f, const char *name, struct str *plan)
{
	for (uint32_t i = 0; f->running && i < f->snapshot.sections[SNAP_CONSUMERS].count; i++) {
		const struct snap_consumer *c =
			SNAP_AT(&f->snapshot, SNAP_CONSUMERS, snap_consumer, i);

		if (!str_equal(snap_str(&f->snapshot, c->name), str_of(name)))
			continue;
		*plan = snap_str(
			&f->snapshot, SNAP_AT(&f->snapshot, SNAP_PLANS, snap_plan, c->plan)->name);
		return &f->usage->lines[c->slot];
	}
	return NULL;
}

static void print_line(const struct usage_line *line, struct str plan)
{
	printf("%.*s", (int)plan.len, plan.data);
	for (unsigned w = 0; w < SNAP_LIMITS_PER_PLAN; w++)
		printf(" %" PRIu64, atomic_load(&line->limit[w]));
	printf(" %" PRIu64 "\n", atomic_load(&line->requests));
}

static void print_weights(const struct fake *f)
{
	for (uint32_t i = 0; f->running && i < f->snapshot.sections[SNAP_ENDPOINTS].count; i++) {
		const struct snap_endpoint *e =
			SNAP_AT(&f->snapshot, SNAP_ENDPOINTS, snap_endpoint, i);
		struct str name = snap_str(&f->snapshot, e->name);

		printf("%.*s=%u ", (int)name.len, name.data, e->weight);
	}
	printf("\n");
}

/* What workers do about their questions, of which each asks a ping a second. */
static void turn_asks(struct fake *f)
{
	for (uint32_t w = 0; f->running && w < WORKERS; w++) {
		asks_follow_control(f->asks[w], link_server_has_control(f->server), now_ns());
		asks_turn(f->asks[w], now_ns());
		if (!f->silent)
			asks_ping(f->asks[w], now_ns());
	}
}

/* Ask @p n times at once. */
static void ask_burst(struct fake *f, uint64_t n)
{
	for (uint64_t i = 0; i < n; i++)
		(void)ask_submit(f->asks[0], ASK_PING, NULL, 0, now_ns(), now_ns(), NULL);
}

static void print_asks(const struct fake *f)
{
	const struct stats_worker *s = f->stats[0].worker;

	printf("asks %" PRIu64 " answered %" PRIu64 " full %" PRIu64 " late %" PRIu64
	       " no_control %" PRIu64 " stray %" PRIu64 " open %u\n",
		s->asks, s->asks_answered, s->asks_full, s->asks_late, s->asks_no_control,
		s->asks_stray, asks_open(f->asks[0]));
}

static void print_delta(const struct fake *f)
{
	printf("count %u op %u consumer %u endpoint %u weight %u expires %" PRIu64 " digest ",
		f->delta_count, f->delta.op, f->delta.consumer, f->delta.endpoint, f->delta.weight,
		f->delta.expires);
	for (unsigned i = 0; i < SNAP_DIGEST_BYTES; i++)
		printf("%02x", f->delta.digest[i]);
	printf("\n");
}

/* As a worker does when health checks take the first endpoint down, or bring it up. */
static void say_health(struct fake *f, uint64_t status)
{
	struct event *e = event_ring_slot(&f->events[1]);

	if (!e)
		return;
	*e = (struct event){ .time_ns = now_ns(),
		.type = status ? EVENT_DOWN : EVENT_UP,
		.status = (uint16_t)status,
		.reason = REASON_PROXIED,
		.worker = 1,
		.listener = SNAP_NONE,
		.api = SNAP_NONE,
		.endpoint = SNAP_AT(&f->snapshot, SNAP_ENDPOINTS, snap_endpoint, 0)->slot,
		.consumer = SNAP_NONE,
		.limit = SNAP_NONE,
		.generation = (uint32_t)f->snapshot.generation };
	event_ring_push(&f->events[1]);
}

static void print_keys(const struct fake *f)
{
	for (uint32_t i = 0; f->running && i < f->snapshot.sections[SNAP_KEYS].count; i++) {
		const struct snap_key *key = SNAP_AT(&f->snapshot, SNAP_KEYS, snap_key, i);

		for (unsigned k = 0; k < SNAP_DIGEST_BYTES; k++)
			printf("%02x", key->digest[k]);
		printf(" ");
	}
	printf("\n");
}

static void print_parts(const struct fake *f)
{
	for (unsigned kind = 0; f->running && kind < SNAP_KINDS; kind++)
		printf("%s=%" PRIu64 " ", snap_kind_name(kind),
			f->snapshot.parts[kind]->generation);
	printf("\n");
}

static void command(struct fake *f, const char *text)
{
	struct usage_line *line;
	struct str plan = { 0 };
	char name[65];
	uint64_t n;
	unsigned w;

	if (sscanf(text, "requests %" SCNu64, &n) == 1 && f->running) {
		for (uint64_t i = 0; i < n; i++)
			record_request(f, (uint32_t)(i % WORKERS));
		puts("done");
	} else if (sscanf(text, "word %64s %u %" SCNu64, name, &w, &n) == 3 &&
		   w < SNAP_LIMITS_PER_PLAN && (line = line_of(f, name, &plan))) {
		atomic_store(&line->limit[w], n);
		puts("done");
	} else if (sscanf(text, "line %64s", name) == 1 && (line = line_of(f, name, &plan))) {
		print_line(line, plan);
	} else if (sscanf(text, "refuse %199[^\n]", f->refusal) == 1) {
		puts("done");
	} else if (sscanf(text, "missteer %" SCNu64, &n) == 1 && f->running) {
		f->stats[0].port[0].missteering = n > 0;
		f->stats[1].port[0].missteered = n;
		puts("done");
	} else if (sscanf(text, "eject %" SCNu64, &n) == 1 && f->running) {
		uint32_t slot = SNAP_AT(&f->snapshot, SNAP_ENDPOINTS, snap_endpoint, 0)->slot;

		f->stats[1].endpoint[slot].ejected = n > 0;
		f->stats[1].endpoint[slot].probe_ns = n ? now_ns() + n * 1000000 : 0;
		puts("done");
	} else if (sscanf(text, "down %" SCNu64, &n) == 1 && f->running) {
		struct stats_endpoint *e =
			&f->stats[1].endpoint
				 [SNAP_AT(&f->snapshot, SNAP_ENDPOINTS, snap_endpoint, 0)->slot];

		e->checked = e->checks = e->check_failures = 1;
		e->down = n > 0;
		e->check_reason = REASON_PROXIED;
		e->check_status = n;
		e->down_ns = now_ns() - 5000000000;
		say_health(f, n);
		puts("done");
	} else if (sscanf(text, "latency %" SCNu64 " %" SCNu32, &f->latency_us, &f->endpoint) ==
		   2) {
		puts("done");
	} else if (sscanf(text, "idle %" SCNu64, &n) == 1 && f->running) {
		f->stats[0].stage_cycles[STAGE_IDLE] += n;
		puts("done");
	} else if (strcmp(text, "later\n") == 0 && f->running) {
		grow_old(f);
		puts("done");
	} else if (sscanf(text, "limit %" SCNu64, &n) == 1) {
		f->limit = n;
		puts("done");
	} else if (sscanf(text, "ask %" SCNu64, &n) == 1 && f->running) {
		ask_burst(f, n);
		puts("done");
	} else if (strcmp(text, "silent\n") == 0) {
		f->silent = true;
		puts("done");
	} else if (strcmp(text, "delta\n") == 0) {
		print_delta(f);
	} else if (sscanf(text, "unsettled %" SCNu64, &n) == 1) {
		f->unsettled = n;
		puts("done");
	} else if (sscanf(text, "deltas-refused %" SCNu64, &n) == 1) {
		f->refuse_deltas = n;
		puts("done");
	} else if (strcmp(text, "asks\n") == 0 && f->running) {
		print_asks(f);
	} else if (strcmp(text, "weights\n") == 0) {
		print_weights(f);
	} else if (strcmp(text, "keys\n") == 0) {
		print_keys(f);
	} else if (strcmp(text, "parts\n") == 0) {
		print_parts(f);
	} else {
		puts("what?");
	}
	fflush(stdout);
}

int main(int argc, char **argv)
{
	static const struct link_server_ops ops = { .apply = on_apply,
		.segments = on_segments,
		.delta = on_delta,
		.settled = on_settled,
		.bell = on_bell };
	static struct fake f = { .latency_us = 1500 };
	struct link_access access = { .control = LINK_NOBODY, .readers = LINK_NOBODY };
	char text[400];

	log_open("fake-dataplane", LOG_WARNING);
	if (argc == 3)
		access.readers = (uint32_t)strtoul(argv[2], NULL, 10);
	if (argc < 2 || argc > 3 ||
		link_server_create(argv[1], &access, &ops, &f, &f.server, text, sizeof(text)) < 0)
		return 1;
	f.bell = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	setvbuf(stdin, NULL, _IONBF, 0);
	puts("listening");
	fflush(stdout);
	for (;;) {
		struct pollfd in = { .fd = STDIN_FILENO, .events = POLLIN };

		if (link_server_poll(f.server, 10) < 0)
			return 1;
		turn_asks(&f);
		if (poll(&in, 1, 0) <= 0)
			continue;
		if (!fgets(text, sizeof(text), stdin))
			break;
		command(&f, text);
	}
	link_server_destroy(f.server);
	return 0;
}
