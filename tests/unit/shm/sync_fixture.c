/* SPDX-License-Identifier: Apache-2.0 */
/* The program behind the link server in tests: it keeps what it is given and counts into real segments. */
#include "tests/unit/shm/sync_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "lib/base/log.h"
#include "tests/unit/shm/snapshot_fixture.h"

struct program program;
char program_path[96];
static char directory[64];

static void program_make_workers(void)
{
	const struct snap_settings *s = snap_settings(&program.snapshot);
	const struct stats_shape shape = { 1, s->listener_capacity, s->api_capacity,
		s->endpoint_capacity };
	const uint64_t boot_id = link_server_boot_id(program.server);

	for (uint32_t i = 0; i < PROGRAM_WORKERS; i++) {
		assert_int_equal(stats_create(i, &shape, boot_id, &program.stats[i]), 0);
		assert_int_equal(
			event_ring_create(i, s->event_records, boot_id, &program.events[i]), 0);
		assert_int_equal(ask_ring_create(i, 4, boot_id, &program.asks[i]), 0);
	}
}

static int program_apply(void *ctx, struct snapshot *snapshot, const struct secrets *secrets,
	struct usage *usage, char *why, size_t why_bytes)
{
	struct program *p = ctx;

	p->applies++;
	if (p->verdict) {
		snprintf(why, why_bytes, "%s", p->why);
		return p->verdict;
	}
	if (p->runs)
		snapshot_close(&p->snapshot);
	p->snapshot = *snapshot;
	*snapshot = (struct snapshot){ 0 };
	p->usage = usage;
	if (secrets->count)
		memcpy(p->fingerprint, secrets->entries[0].fingerprint, 32);
	if (!p->runs)
		program_make_workers();
	p->runs = true;
	return 0;
}

static int program_segments(void *ctx, uint32_t worker, struct link_segments *out)
{
	struct program *p = ctx;

	if (worker >= PROGRAM_WORKERS)
		return -ENOENT;
	*out = (struct link_segments){
		.stats = &p->stats[worker], .events = &p->events[worker], .asks = &p->asks[worker]
	};
	return 0;
}

static int program_delta(void *ctx, const struct delta *delta)
{
	struct program *p = ctx;

	if (p->delta_count < PROGRAM_DELTAS)
		p->deltas[p->delta_count++] = *delta;
	return p->verdict;
}

static bool program_settled(void *ctx)
{
	return !((struct program *)ctx)->unsettled;
}

static int program_bell(void *ctx)
{
	return ((struct program *)ctx)->bell;
}

int program_setup(void **state)
{
	static const struct link_server_ops ops = { program_apply, program_segments, program_delta,
		program_settled, program_bell };

	const struct link_access access = { .control = LINK_NOBODY, .readers = LINK_NOBODY };
	char why[200];

	log_set_level(LOG_ERROR); /* refusals are what is tested here */
	program = (struct program){ .why = "ports cannot be started",
		.bell = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC) };
	snprintf(directory, sizeof(directory), "/tmp/sluice-sync-XXXXXX");
	if (!mkdtemp(directory))
		return -1;
	snprintf(program_path, sizeof(program_path), "%s/dataplane.sock", directory);
	return link_server_create(
		program_path, &access, &ops, &program, &program.server, why, sizeof(why));
}

int program_teardown(void **state)
{
	link_server_destroy(program.server);
	close(program.bell);
	if (program.runs) {
		snapshot_close(&program.snapshot);
		for (uint32_t i = 0; i < PROGRAM_WORKERS; i++) {
			stats_close(&program.stats[i]);
			event_ring_close(&program.events[i]);
			ask_ring_close(&program.asks[i]);
		}
	}
	return rmdir(directory); /* fails when the socket is left behind */
}

int program_run(struct link_client *c)
{
	int err = 0;

	for (int i = 0; i < 20; i++) {
		assert_int_equal(link_server_poll(program.server, 0), 0);
		if (c && err >= 0)
			err = link_client_step(c);
	}
	return err < 0 ? err : 0;
}

void settings_build(
	uint64_t generation, uint32_t consumers, uint32_t apis, struct segment out[SNAP_KINDS])
{
	struct snapshot_builder *b = snapshot_builder_new();
	struct snap_settings settings;

	snapshot_settings_defaults(&settings);
	settings.consumer_capacity = consumers;
	settings.api_capacity = apis;
	settings.endpoint_capacity = 4;
	settings.listener_capacity = 4;
	settings.event_records = 256;
	snapshot_builder_add(b, SNAP_SETTINGS, &settings);
	assert_int_equal(snapshot_builder_finish(b, NULL, generation, 1, out), 0);
	snapshot_builder_free(b);
}

void control_start(struct link_client *c, uint64_t generation)
{
	struct segment segments[SNAP_KINDS], secrets;
	struct snapshot snapshot;
	struct usage usage;
	char why[200];

	assert_int_equal(link_client_connect(program_path, LINK_ROLE_CONTROL, 9, c), 0);
	assert_int_equal(program_run(c), 0);
	assert_true(c->ready);
	assert_int_equal(usage_create(16, 9, &usage), 0);
	assert_int_equal(fixture_build(generation, segments), 0);
	assert_int_equal(
		snapshot_open_segments(segments, NULL, generation, &snapshot, why, sizeof(why)), 0);
	assert_int_equal(fixture_secrets(generation, &secrets), 0);
	assert_int_equal(link_client_send_usage(c, &usage), 0);
	assert_int_equal(link_client_apply(c, &snapshot, NULL, &secrets), 0);
	assert_int_equal(program_run(c), 0);
	assert_true(c->ack.arrived);
	assert_int_equal(c->ack.status, 0);
	usage_close(&usage);
	snapshot_close(&snapshot);
	segment_close(&secrets);
}
