/* SPDX-License-Identifier: Apache-2.0 */
/* Link server and link client over a real socket: applies and their refusals, deaths of either side,
 * readers, deltas. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <errno.h>
#include <pthread.h>
#include <sys/mman.h>
#include <unistd.h>

#include "tests/unit/shm/snapshot_fixture.h"
#include "tests/unit/shm/sync_fixture.h"

static void an_empty_dataplane_says_so(void **state)
{
	struct link_client c;

	assert_int_equal(link_client_connect(program_path, LINK_ROLE_CONTROL, 9, &c), 0);
	assert_int_equal(program_run(&c), 0);
	assert_true(c.welcome && c.ready);
	assert_int_equal(c.state, LINK_STATE_EMPTY);
	assert_int_equal(c.generation, 0);
	assert_int_equal(c.dataplane_boot_id, link_server_boot_id(program.server));
	assert_int_equal(c.workers, 0);
	assert_false(c.has_snapshot || c.has_usage || c.secrets_fd >= 0 || c.stats_count);
	assert_true(link_server_has_control(program.server));
	link_client_close(&c);
	link_client_close(&c);
	program_run(NULL);
	assert_false(link_server_has_control(program.server));
}

static void the_first_apply_brings_workers(void **state)
{
	struct link_client c;

	control_start(&c, 5);
	assert_int_equal(program.applies, 1);
	assert_int_equal(link_server_generation(program.server), 5);
	assert_int_equal(program.snapshot.generation, 5);
	assert_memory_equal(program.fingerprint, "fingerprint", 11);
	assert_int_equal(c.generation, 5);
	assert_int_equal(c.state, LINK_STATE_RUNNING);
	assert_int_equal(c.stats_count, 2);
	assert_int_equal(c.events_count, 2);
	assert_int_equal(c.workers, 2);
	program.stats[1].worker->requests = 77;
	assert_int_equal(c.stats[1].worker->requests, 77);
	assert_non_null(event_ring_slot(&program.events[0]));
	event_ring_push(&program.events[0]);
	struct event event;
	assert_int_equal(event_ring_read(&c.events[0], &event, 1), 1);
	link_client_close(&c);
}

/* A question of a worker reaches control, which wakes for it, and the reply its worker. */
static void control_gets_the_rings_of_questions(void **state)
{
	const struct ask_question asked = { .number = 7 };
	struct ask_reply reply = { .number = 7, .verdict = ASK_REFUSE };
	struct ask_question q;
	struct link_client c;
	uint64_t count = 1;
	bool wake;

	control_start(&c, 5);
	assert_int_equal(c.asks_count, 2);
	assert_true(ask_ring_sleep(&c.asks[1]));
	assert_true(ask_ring_put(&program.asks[1], &asked, NULL, &wake));
	assert_true(wake);
	assert_int_equal(write(program.bell, &count, sizeof(count)), sizeof(count));
	assert_int_equal(read(c.bell, &count, sizeof(count)), sizeof(count));
	assert_int_equal(ask_ring_take(&c.asks[1], &q), 1);
	reply.life = c.asks[1].life;
	assert_int_equal(reply.life, link_server_boot_id(program.server));
	assert_true(ask_ring_reply(&c.asks[1], &reply, NULL));
	assert_int_equal(ask_ring_reply_take(&program.asks[1], &reply), 1);
	assert_int_equal(reply.verdict, ASK_REFUSE);
	link_client_close(&c);
}

/* Apply a snapshot; @return the verdict. Takes all segments. */
static int apply(
	struct link_client *c, struct segment segments[SNAP_KINDS], struct segment *secrets)
{
	const struct segment_header *header = segments[0].base;
	struct snapshot snapshot;
	char why[200];
	int status;

	assert_int_equal(snapshot_open_segments(
				 segments, NULL, header->generation, &snapshot, why, sizeof(why)),
		0);
	assert_int_equal(link_client_apply(c, &snapshot, NULL, secrets), 0);
	assert_int_equal(program_run(c), 0);
	assert_int_equal(link_client_wait_ack(c, snapshot.generation, 0, &status), 0);
	snapshot_close(&snapshot);
	if (secrets)
		segment_close(secrets);
	return status;
}

static void a_refusal_changes_nothing(void **state)
{
	struct segment snapshot[SNAP_KINDS], secrets;
	struct link_client c;

	control_start(&c, 5);
	program.verdict = -EIO;
	fixture_build(6, snapshot);
	fixture_secrets(6, &secrets);
	assert_int_equal(apply(&c, snapshot, &secrets), -EIO);
	assert_string_equal(c.ack.text, "ports cannot be started");
	assert_int_equal(link_server_generation(program.server), 5);
	assert_int_equal(program.snapshot.generation, 5);
	assert_int_equal(c.generation, 5);
	program.verdict = 0;
	fixture_build(6, snapshot);
	assert_int_equal(apply(&c, snapshot, NULL), 0); /* the secrets that run */
	assert_int_equal(link_server_generation(program.server), 6);
	assert_int_equal(c.stats_count, 2);
	link_client_close(&c);
}

static void a_first_apply_may_fail_and_be_repeated(void **state)
{
	struct segment snapshot[SNAP_KINDS];
	struct link_client c;
	struct usage usage;

	assert_int_equal(link_client_connect(program_path, LINK_ROLE_CONTROL, 9, &c), 0);
	settings_build(1, 0, 4, snapshot);
	program.verdict = -ENODEV;
	assert_int_equal(apply(&c, snapshot, NULL), -ENODEV);
	program.verdict = 0;
	settings_build(2, 10, 4, snapshot);
	assert_int_equal(apply(&c, snapshot, NULL), -ENOSPC); /* no usage memory */
	usage_create(4, 1, &usage);
	link_client_send_usage(&c, &usage);
	usage_close(&usage);
	settings_build(3, 10, 4, snapshot);
	assert_int_equal(apply(&c, snapshot, NULL), -ENOSPC);
	usage_create(10, 1, &usage);
	link_client_send_usage(&c, &usage);
	usage_close(&usage);
	settings_build(4, 10, 4, snapshot);
	assert_int_equal(apply(&c, snapshot, NULL), 0);
	assert_int_equal(program.usage->capacity, 10);
	assert_int_equal(program.applies, 2);
	link_client_close(&c);
}

static void what_does_not_fit_what_runs_is_refused(void **state)
{
	struct segment snapshot[SNAP_KINDS], secrets;
	struct link_client c;

	control_start(&c, 5);
	fixture_build(5, snapshot);
	assert_int_equal(apply(&c, snapshot, NULL), -ESTALE);
	assert_string_equal(c.ack.text, "generation 5 is not above 5, which runs");
	settings_build(6, 17, 4, snapshot);
	secrets_build(NULL, 0, 6, 1, &secrets);
	assert_int_equal(apply(&c, snapshot, &secrets), -ENOSPC);
	settings_build(6, 16, 5, snapshot);
	secrets_build(NULL, 0, 6, 1, &secrets);
	assert_int_equal(apply(&c, snapshot, &secrets), -ENOSPC);
	assert_string_equal(c.ack.text, "api_capacity 5 needs a restart: statistics hold 4");
	assert_int_equal(program.applies, 1);
	link_client_close(&c);
}

/* Parts that both generations have are not sent, and are the same memory in the program. */
static void only_what_changed_is_sent(void **state)
{
	struct snapshot_part *parts[SNAP_KINDS], *before[SNAP_KINDS];
	struct segment segments[SNAP_KINDS];
	struct snapshot running, next;
	struct link_client c;
	char why[200];
	int status;

	control_start(&c, 5);
	assert_int_equal(fixture_build(6, segments), 0);
	assert_int_equal(snapshot_open_segments(segments, NULL, 6, &running, why, sizeof(why)), 0);
	assert_int_equal(link_client_apply(&c, &running, NULL, NULL), 0);
	assert_int_equal(program_run(&c), 0);
	assert_int_equal(link_client_wait_ack(&c, 6, 0, &status), 0);
	assert_int_equal(status, 0);
	memcpy(before, program.snapshot.parts, sizeof(before));
	memcpy(parts, running.parts, sizeof(parts));
	assert_int_equal(fixture_build(7, segments), 0);
	assert_int_equal(snapshot_part_open(&segments[SNAP_KIND_ENDPOINTS],
				 &parts[SNAP_KIND_ENDPOINTS], why, sizeof(why)),
		0);
	assert_int_equal(snapshot_open(parts, 7, &next, why, sizeof(why)), 0);
	assert_int_equal(link_client_apply(&c, &next, &running, NULL), 0);
	assert_int_equal(program_run(&c), 0);
	assert_int_equal(link_client_wait_ack(&c, 7, 0, &status), 0);
	assert_int_equal(status, 0);
	for (unsigned kind = 0; kind < SNAP_KINDS; kind++) {
		if (kind != SNAP_KIND_ENDPOINTS)
			assert_ptr_equal(program.snapshot.parts[kind], before[kind]);
		segment_close(&segments[kind]);
	}
	assert_int_equal(program.snapshot.generation, 7);
	assert_int_equal(program.snapshot.parts[SNAP_KIND_ENDPOINTS]->generation, 7);
	assert_true(snapshot_walk(&program.snapshot) > 0);
	snapshot_part_release(parts[SNAP_KIND_ENDPOINTS]);
	snapshot_close(&running);
	snapshot_close(&next);
	link_client_close(&c);
}

static void secrets_must_belong_to_the_certificates(void **state)
{
	struct secrets_input input = { STR("cert"), STR("key"), { 1 } };
	struct segment snapshot[SNAP_KINDS], secrets;
	struct link_client c;

	control_start(&c, 5);
	fixture_build(6, snapshot);
	secrets_build(&input, 1, 6, 1, &secrets);
	assert_int_equal(apply(&c, snapshot, &secrets), -EINVAL);
	assert_string_equal(c.ack.text, "certificate 0 is not the one in the secrets");
	fixture_build(6, snapshot);
	secrets_build(NULL, 0, 6, 1, &secrets);
	assert_int_equal(apply(&c, snapshot, &secrets), -EINVAL);
	assert_string_equal(c.ack.text, "1 certificates, but secrets for 0");
	link_client_close(&c);
}

static void a_new_control_finds_what_ran(void **state)
{
	struct link_client c, next;
	struct usage usage;
	struct snapshot s;
	struct segment map;
	struct secrets secrets;

	control_start(&c, 5);
	atomic_store(&program.usage->lines[3].requests, 42);
	link_client_close(&c);
	program_run(NULL);
	assert_false(link_server_has_control(program.server));
	assert_int_equal(link_client_connect(program_path, LINK_ROLE_CONTROL, 10, &next), 0);
	assert_int_equal(program_run(&next), 0);
	assert_true(next.ready && next.has_snapshot);
	assert_int_equal(next.state, LINK_STATE_RUNNING);
	assert_int_equal(next.generation, 5);
	assert_int_equal(next.workers, 2);
	assert_int_equal(next.events_count, 2);
	assert_int_equal(next.asks_count, 2);
	assert_true(next.bell >= 0);
	s = next.snapshot;
	assert_true(snapshot_walk(&s) > 0);
	assert_int_equal(segment_map(dup(next.secrets_fd), SEGMENT_SECRETS, false, true, &map), 0);
	assert_int_equal(secrets_open(&map, &secrets), 0);
	secrets_close(&secrets);
	assert_true(link_client_take_usage(&next, &usage));
	assert_false(link_client_take_usage(&next, &(struct usage){ 0 }));
	link_client_close(&next);
	atomic_fetch_add(&usage.lines[3].requests, 1);
	assert_int_equal(atomic_load(&program.usage->lines[3].requests), 43);
	usage_close(&usage);
}

static void a_second_control_is_refused(void **state)
{
	struct link_client first, second;

	assert_int_equal(link_client_connect(program_path, LINK_ROLE_CONTROL, 9, &first), 0);
	assert_int_equal(program_run(&first), 0);
	assert_int_equal(link_client_connect(program_path, LINK_ROLE_CONTROL, 10, &second), 0);
	assert_int_equal(program_run(&second), -EBUSY);
	assert_non_null(strstr(second.why, "another control process (pid "));
	assert_int_equal(program_run(&first), 0);
	assert_int_equal(link_client_ping(&first), 0);
	assert_int_equal(program_run(&first), 0);
	assert_int_equal(first.pongs, 1);
	link_client_close(&second);
	link_client_close(&first);
}

static void readers_only_read(void **state)
{
	struct link_client c, reader;

	control_start(&c, 5);
	assert_int_equal(link_client_connect(program_path, LINK_ROLE_READER, 10, &reader), 0);
	assert_int_equal(program_run(&reader), 0);
	assert_true(reader.ready && reader.has_snapshot && reader.has_usage);
	assert_int_equal(reader.stats_count, 2);
	assert_int_equal(reader.events_count, 0);
	assert_int_equal(reader.asks_count, 0);
	assert_int_equal(reader.bell, -1);
	assert_int_equal(reader.secrets_fd, -1);
	assert_ptr_equal(
		mmap(NULL, 64, PROT_WRITE, MAP_SHARED, reader.usage.segment.fd, 0), MAP_FAILED);
	assert_ptr_equal(
		mmap(NULL, 64, PROT_WRITE, MAP_SHARED, reader.stats[0].segment.fd, 0), MAP_FAILED);
	assert_ptr_equal(
		mmap(NULL, 64, PROT_WRITE, MAP_SHARED, c.stats[0].segment.fd, 0), MAP_FAILED);
	program.stats[0].worker->requests = 5;
	assert_int_equal(reader.stats[0].worker->requests, 5);
	assert_int_equal(link_client_ping(&reader), 0); /* not for readers */
	assert_int_equal(program_run(&reader), -ECONNRESET);
	assert_int_equal(program_run(&c), 0);
	link_client_close(&reader);
	link_client_close(&c);
}

static void readers_are_counted(void **state)
{
	struct link_client readers[LINK_SERVER_READERS + 1], control;

	for (int i = 0; i <= LINK_SERVER_READERS; i++) {
		assert_int_equal(
			link_client_connect(program_path, LINK_ROLE_READER, 1, &readers[i]), 0);
		assert_int_equal(program_run(&readers[i]), i < LINK_SERVER_READERS ? 0 : -EBUSY);
	}
	assert_string_equal(readers[LINK_SERVER_READERS].why, "16 readers are connected");
	assert_int_equal(link_client_connect(program_path, LINK_ROLE_CONTROL, 1, &control), 0);
	assert_int_equal(program_run(&control), 0);
	assert_true(control.ready);
	link_client_close(&control);
	for (int i = 0; i <= LINK_SERVER_READERS; i++)
		link_client_close(&readers[i]);
}

static void the_dataplanes_death_is_noticed(void **state)
{
	struct link_client c;
	int status;

	control_start(&c, 5);
	link_server_destroy(program.server);
	program.server = NULL;
	assert_int_equal(link_client_step(&c), -ECONNRESET);
	assert_string_equal(c.why, "the dataplane has gone");
	assert_int_equal(c.stats[0].worker->requests, 0); /* still mapped */
	c.ack.arrived = false;
	assert_int_equal(link_client_wait_ack(&c, 6, 10, &status), -ECONNRESET);
	link_client_close(&c);
	assert_int_equal(link_client_connect(program_path, LINK_ROLE_READER, 1, &c), -ENOENT);
	link_client_close(&c);
}

static void a_stopping_dataplane_applies_nothing(void **state)
{
	struct segment snapshot[SNAP_KINDS];
	struct link_client c, reader;

	control_start(&c, 5);
	link_server_stopping(program.server);
	fixture_build(6, snapshot);
	assert_int_equal(apply(&c, snapshot, NULL), -ESHUTDOWN);
	assert_int_equal(link_client_connect(program_path, LINK_ROLE_READER, 1, &reader), 0);
	assert_int_equal(program_run(&reader), 0);
	assert_int_equal(reader.state, LINK_STATE_STOPPING);
	link_client_close(&reader);
	link_client_close(&c);
}

static void deltas_reach_the_program(void **state)
{
	struct delta d = { .op = DELTA_KEY_ADD, .base_generation = 5, .consumer = 0 };
	struct delta_ring ring;
	struct link_client c;

	control_start(&c, 5);
	assert_int_equal(delta_ring_create(16, 1, &ring), 0);
	assert_int_equal(link_client_send_deltas(&c, &ring), 0);
	d.sequence = 1;
	delta_ring_push(&ring, &d); /* good */
	d.sequence = 2;
	d.base_generation = 4;
	delta_ring_push(&ring, &d); /* the snapshot has it */
	d.sequence = 3;
	d.base_generation = 6;
	delta_ring_push(&ring, &d); /* of a snapshot that never ran */
	d.sequence = 4;
	d.base_generation = 5;
	d.consumer = 1;
	delta_ring_push(&ring, &d); /* nobody */
	d.sequence = 5;
	d.consumer = 0;
	d.op = DELTA_CONSUMER_PLAN;
	d.plan = 1;
	delta_ring_push(&ring, &d); /* no plan */
	d.sequence = 6;
	d.op = 9;
	delta_ring_push(&ring, &d); /* no change */
	d.sequence = 7;
	d.op = DELTA_KEY_REMOVE;
	delta_ring_push(&ring, &d); /* good */
	assert_int_equal(program_run(&c), 0);
	assert_int_equal(program.delta_count, 2);
	assert_int_equal(program.deltas[0].sequence, 1);
	assert_int_equal(program.deltas[1].sequence, 7);
	assert_int_equal(atomic_load(&ring.header->acked), 7);
	assert_int_equal(atomic_load(&ring.header->refused), 4);
	program.verdict = -ENOSPC;
	d.sequence = 8;
	delta_ring_push(&ring, &d);
	assert_int_equal(program_run(&c), 0);
	assert_int_equal(atomic_load(&ring.header->refused), 5);
	delta_ring_close(&ring);
	link_client_close(&c);
}

/* The PONG, and the acknowledged sequence, come when every worker acts on what was pushed before. */
static void deltas_are_acknowledged_when_they_are_settled(void **state)
{
	struct delta d = { .sequence = 1, .op = DELTA_ENDPOINT_WEIGHT, .base_generation = 5 };
	struct delta_ring ring;
	struct link_client c;

	control_start(&c, 5);
	assert_int_equal(delta_ring_create(16, 1, &ring), 0);
	assert_int_equal(link_client_send_deltas(&c, &ring), 0);
	program.unsettled = true;
	d.weight = SNAP_WEIGHT_MAX;
	delta_ring_push(&ring, &d);
	assert_int_equal(link_client_ping(&c), 0);
	assert_int_equal(program_run(&c), 0);
	assert_int_equal(program.delta_count, 1);
	assert_int_equal(atomic_load(&ring.header->acked), 0);
	assert_int_equal(c.pongs, 0);
	program.unsettled = false;
	assert_int_equal(program_run(&c), 0);
	assert_int_equal(atomic_load(&ring.header->acked), 1);
	assert_int_equal(c.pongs, 1);
	/* Without a change there is nothing to wait for. */
	assert_int_equal(link_client_ping(&c), 0);
	assert_int_equal(program_run(&c), 0);
	assert_int_equal(c.pongs, 2);
	d.sequence = 2;
	d.weight = SNAP_WEIGHT_MAX + 1;
	delta_ring_push(&ring, &d);
	d.sequence = 3;
	d.weight = 1;
	d.endpoint = 1000;
	delta_ring_push(&ring, &d);
	assert_int_equal(program_run(&c), 0);
	assert_int_equal(atomic_load(&ring.header->refused), 2);
	delta_ring_close(&ring);
	link_client_close(&c);
}

/* Readers see the generation as deltas have changed it. */
static void readers_see_what_deltas_changed(void **state)
{
	struct link_client c, reader;
	struct delta d = { .base_generation = 5 };
	struct delta_ring ring;
	uint32_t n, keys;
	const struct snap_key *list;

	control_start(&c, 5);
	keys = program.snapshot.sections[SNAP_KEYS].count;
	list = snap_records(&program.snapshot, SNAP_KEYS, &n);
	assert_true(n > 0);
	assert_int_equal(delta_ring_create(16, 1, &ring), 0);
	assert_int_equal(link_client_send_deltas(&c, &ring), 0);
	for (d.sequence = 1; d.sequence <= 5; d.sequence++) {
		static const enum delta_op ops[] = { DELTA_ENDPOINT_WEIGHT, DELTA_KEY_ADD,
			DELTA_KEY_REMOVE, DELTA_KEY_ADD, DELTA_KEY_ADD };

		d.op = ops[d.sequence - 1];
		d.weight = 77;
		d.expires = d.sequence;
		memset(d.digest, d.sequence == 2 ? 0xfe : 0x01, sizeof(d.digest));
		if (d.op == DELTA_KEY_REMOVE)
			memcpy(d.digest, list[0].digest, sizeof(d.digest));
		if (d.sequence == 5)
			d.base_generation = 4; /* says nothing of this one */
		assert_int_equal(delta_ring_push(&ring, &d), 0);
	}
	assert_int_equal(program_run(&c), 0);
	assert_int_equal(link_client_connect(program_path, LINK_ROLE_READER, 10, &reader), 0);
	assert_int_equal(program_run(&reader), 0);
	assert_true(reader.ready);
	assert_int_equal(SNAP_AT(&reader.snapshot, SNAP_ENDPOINTS, snap_endpoint, 0)->weight, 77);
	list = snap_records(&reader.snapshot, SNAP_KEYS, &n);
	assert_int_equal(n, keys + 1);
	for (uint32_t i = 1; i < n; i++)
		assert_true(memcmp(list[i - 1].digest, list[i].digest, SNAP_DIGEST_BYTES) < 0);
	memset(d.digest, 0x01, sizeof(d.digest));
	assert_memory_equal(list[0].digest, d.digest, sizeof(d.digest));
	assert_int_equal(list[0].expires, 4);
	memset(d.digest, 0xfe, sizeof(d.digest));
	assert_memory_equal(list[n - 1].digest, d.digest, sizeof(d.digest));
	delta_ring_close(&ring);
	link_client_close(&reader);
	link_client_close(&c);
}

static void a_damaged_delta_ring_ends_its_control(void **state)
{
	struct delta d = { .sequence = 1 };
	struct delta_ring ring;
	struct link_client c;

	control_start(&c, 5);
	assert_int_equal(delta_ring_create(16, 1, &ring), 0);
	assert_int_equal(link_client_send_deltas(&c, &ring), 0);
	delta_ring_push(&ring, &d);
	ring.records[0].sequence = 3;
	assert_int_equal(program_run(&c), -ECONNRESET);
	assert_false(link_server_has_control(program.server));
	assert_int_equal(program.delta_count, 0);
	delta_ring_close(&ring);
	link_client_close(&c);
}

static void *serve(void *stop)
{
	while (!atomic_load((_Atomic bool *)stop))
		link_server_poll(program.server, 5);
	return NULL;
}

static void waiting_ends_with_the_answer(void **state)
{
	_Atomic bool stop = false;
	struct segment segments[SNAP_KINDS];
	struct snapshot snapshot;
	char why[200];
	struct link_client c;
	pthread_t thread;
	int status = -1;

	assert_int_equal(link_client_connect(program_path, LINK_ROLE_CONTROL, 9, &c), 0);
	assert_int_equal(link_client_wait_ready(&c, 10), -ETIMEDOUT);
	assert_int_equal(pthread_create(&thread, NULL, serve, &stop), 0);
	assert_int_equal(link_client_wait_ready(&c, 5000), 0);
	settings_build(1, 0, 4, segments);
	assert_int_equal(snapshot_open_segments(segments, NULL, 1, &snapshot, why, sizeof(why)), 0);
	assert_int_equal(link_client_apply(&c, &snapshot, NULL, NULL), 0);
	assert_int_equal(link_client_wait_ack(&c, 1, 5000, &status), 0);
	assert_int_equal(status, 0);
	assert_int_equal(c.stats_count, 2);
	atomic_store(&stop, true);
	pthread_join(thread, NULL);
	snapshot_close(&snapshot);
	link_client_close(&c);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, program_setup, program_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(an_empty_dataplane_says_so),
		TEST(the_first_apply_brings_workers),
		TEST(control_gets_the_rings_of_questions),
		TEST(a_refusal_changes_nothing),
		TEST(a_first_apply_may_fail_and_be_repeated),
		TEST(what_does_not_fit_what_runs_is_refused),
		TEST(only_what_changed_is_sent),
		TEST(secrets_must_belong_to_the_certificates),
		TEST(a_new_control_finds_what_ran),
		TEST(a_second_control_is_refused),
		TEST(readers_only_read),
		TEST(readers_are_counted),
		TEST(the_dataplanes_death_is_noticed),
		TEST(a_stopping_dataplane_applies_nothing),
		TEST(deltas_reach_the_program),
		TEST(deltas_are_acknowledged_when_they_are_settled),
		TEST(readers_see_what_deltas_changed),
		TEST(a_damaged_delta_ring_ends_its_control),
		TEST(waiting_ends_with_the_answer),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
