/* SPDX-License-Identifier: Apache-2.0 */
/* `expect …`: silence, counters, usage and events; see run.h. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/wire/asker.h"
#include "tests/wire/counters.h"
#include "tests/wire/run.h"

static bool any_packet(struct world *w, void *ctx)
{
	for (unsigned i = 0; i < PORTS; i++)
		if (w->queue[i])
			return true;
	return false;
}

static void expect_none(struct run *run, struct cursor *c)
{
	uint64_t ns = cursor_done(c) ? 0 : cursor_time(c);

	if (!world_advance_until(run->w, ns, any_packet, NULL))
		return;
	for (unsigned i = 0; i < PORTS; i++)
		if (run->w->queue[i])
			wire_fail("a packet after %.6f s\n    got: %s",
				(double)(run->w->queue[i]->time_ns - run->began_ns) / 1e9,
				seen_show(run->w->queue[i],
					flow_find(&run->w->net, run->w->queue[i]->src,
						run->w->queue[i]->sport, run->w->queue[i]->dst,
						run->w->queue[i]->dport),
					false));
}

/* "3", ">=3", "<=3" */
static void compare(const char *what, uint64_t got, struct cursor *c)
{
	const char *text = cursor_take(c, "a number");
	bool well;

	if (strncmp(text, ">=", 2) == 0)
		well = got >= text_number(text + 2, what);
	else if (strncmp(text, "<=", 2) == 0)
		well = got <= text_number(text + 2, what);
	else
		well = got == text_number(text, what);
	if (!well)
		wire_fail("%s is %" PRIu64, what, got);
}

static void expect_counter(struct run *run, struct cursor *c, const char *group)
{
	const char *name = cursor_take(c, "a counter");
	const char *full = group ? wire_text("%s.%s", group, name) : name;

	compare(full, counter_since(counter_find(run->w, full)), c);
}

static const struct usage_line *usage_line_of(struct run *run, const char *consumer)
{
	const struct snapshot *s = &run->w->tables->snapshot;

	for (uint32_t i = 0; i < s->sections[SNAP_CONSUMERS].count; i++) {
		const struct snap_consumer *k = SNAP_AT(s, SNAP_CONSUMERS, snap_consumer, i);

		if (str_equal(snap_str(s, k->name), str_of(consumer)))
			return &run->w->usage.lines[k->slot];
	}
	wire_fail("no consumer with the name %s", consumer);
}

static void expect_usage(struct run *run, struct cursor *c)
{
	const char *consumer = cursor_take(c, "a consumer");
	const struct usage_line *line = usage_line_of(run, consumer);

	while (!cursor_done(c)) {
		const char *field = cursor_take(c, "a field");

		if (strcmp(field, "requests") == 0)
			compare(field, line->requests, c);
		else if (strcmp(field, "limited") == 0)
			compare(field, line->limited, c);
		else if (strcmp(field, "bytes_out") == 0)
			compare(field, line->bytes_out, c);
		else if (strcmp(field, "last_seen") == 0)
			compare(field, line->last_seen_s, c);
		else
			wire_fail("no such field of a usage line: %s", field);
	}
}

/* A field of an event as text, or NULL where it has no such field. */
static const char *event_field(const struct event *e, const char *name)
{
	const struct {
		const char *name;
		uint64_t value;
	} numbers[] = { { "status", e->status }, { "duration_us", e->duration_us },
		{ "backend_us", e->backend_us }, { "method", e->method },
		{ "listener", e->listener }, { "api", e->api }, { "endpoint", e->endpoint },
		{ "consumer", e->consumer }, { "bytes_in", e->bytes_in },
		{ "bytes_out", e->bytes_out }, { "port", e->client_port }, { "tls", e->tls },
		{ "type", e->type }, { "worker", e->worker }, { "limit", e->limit },
		{ "has_key", e->key != 0 }, { "generation", e->generation },
		{ "attempts", e->attempts }, { "path_cut", e->path_bytes > EVENT_PATH_BYTES },
		{ "time_us", (e->time_ns - WORLD_START_NS) / 1000 } };
	char ip[IP_TEXT_BYTES];

	for (unsigned i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
		if (strcmp(numbers[i].name, name) == 0)
			return numbers[i].value == SNAP_NONE
				       ? "none"
				       : wire_text("%" PRIu64, numbers[i].value);
	if (strcmp(name, "reason") == 0)
		return reason_name((enum reason)e->reason);
	if (strcmp(name, "host") == 0)
		return wire_text("%.*s", e->host_bytes, e->host);
	if (strcmp(name, "path") == 0)
		return wire_text("%.*s", (int)RTE_MIN(e->path_bytes, EVENT_PATH_BYTES), e->path);
	if (strcmp(name, "client") == 0) {
		ip_format(&e->client, ip);
		return wire_text("%s", ip);
	}
	return NULL;
}

/* Of whichever worker has one. */
static bool event_next(struct world *w, struct event *e)
{
	for (uint32_t i = 0; i < w->workers; i++)
		if (event_ring_read(&w->at[i].reader, e, 1) == 1)
			return true;
	return false;
}

static void expect_event(struct run *run, struct cursor *c)
{
	struct event e;

	if (!event_next(run->w, &e))
		wire_fail("no event");
	while (!cursor_done(c)) {
		const char *pair = cursor_take(c, "KEY=VALUE"), *equals = strchr(pair, '=');
		const char *name, *got;

		if (!equals)
			wire_fail("not KEY=VALUE: %s", pair);
		name = wire_text("%.*s", (int)(equals - pair), pair);
		got = event_field(&e, name);
		if (!got)
			wire_fail("events have no field %s", name);
		if (strcmp(got, equals + 1) != 0)
			wire_fail("the event's %s is %s", name, got);
	}
}

static void expect_kernel(struct world *w, struct cursor *c)
{
	uint32_t count = w->handed_count;

	w->handed_count = 0;
	compare("the number of frames for the kernel", count, c);
	/* Padding is not the packet's. */
	if (count > 0 && (w->handed.len > w->sent.len ||
				 memcmp(w->handed.data, w->sent.data, w->handed.len) != 0))
		wire_fail("the kernel did not get the last frame as it was sent");
}

void run_expect(struct run *run, struct cursor *c)
{
	struct event e;

	run_wait(run);
	if (cursor_word(c, "none")) {
		expect_none(run, c);
	} else if (cursor_word(c, "drop")) {
		expect_counter(run, c, "drop");
	} else if (cursor_word(c, "reason")) {
		expect_counter(run, c, "reason");
	} else if (cursor_word(c, "counter")) {
		expect_counter(run, c, NULL);
	} else if (cursor_word(c, "gauge")) {
		const char *name = cursor_take(c, "a gauge");

		compare(name, *counter_find(run->w, name), c);
	} else if (cursor_word(c, "kernel")) {
		expect_kernel(run->w, c);
	} else if (cursor_word(c, "generation")) {
		compare("generation", worker_generation(run->w->at[0].worker), c);
	} else if (cursor_word(c, "questions")) {
		compare("questions", asker_questions(), c);
	} else if (cursor_word(c, "ended")) {
		compare("ended", asker_ended(), c);
	} else if (cursor_word(c, "usage")) {
		expect_usage(run, c);
	} else if (cursor_word(c, "event")) {
		expect_event(run, c);
	} else if (cursor_word(c, "no")) {
		if (!cursor_word(c, "event"))
			wire_fail("expect no event");
		if (event_next(run->w, &e))
			wire_fail("there is one: %s %s", event_field(&e, "reason"),
				event_field(&e, "path"));
	} else {
		wire_fail("not understood: expect %s", cursor_done(c) ? "" : cursor_peek(c)->text);
	}
}
