/* SPDX-License-Identifier: Apache-2.0 */
/* The rings: order, fullness, two threads, and indices that a damaged peer wrote. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <string.h>
#include <unistd.h>

#include "lib/shm/delta.h"
#include "lib/shm/events.h"

#define RUN_EVENTS 200000u

static void ring_make(uint32_t records, struct event_ring *producer, struct event_ring *consumer)
{
	assert_int_equal(event_ring_create(3, records, 1, producer), 0);
	assert_int_equal(event_ring_open(dup(producer->segment.fd), consumer), 0);
	assert_int_equal(consumer->mask, records - 1);
}

static void a_full_ring_gives_no_room(void **state)
{
	struct event_ring producer, consumer;
	struct event out[8], *slot;

	ring_make(4, &producer, &consumer);
	assert_int_equal(event_ring_read(&consumer, out, 8), 0);
	for (uint64_t turn = 0; turn < 5; turn++) {
		for (uint64_t i = 0; i < 4; i++) {
			slot = event_ring_slot(&producer);
			assert_non_null(slot);
			slot->request_id = turn * 4 + i;
			slot->host_bytes = 255;
			event_ring_push(&producer);
		}
		assert_null(event_ring_slot(&producer));
		assert_int_equal(event_ring_read(&consumer, out, 3), 3);
		assert_int_equal(event_ring_read(&consumer, out + 3, 8), 1);
		for (uint64_t i = 0; i < 4; i++) {
			assert_int_equal(out[i].request_id, turn * 4 + i);
			assert_int_equal(out[i].host_bytes, EVENT_HOST_BYTES);
		}
	}
	event_ring_close(&producer);
	event_ring_close(&consumer);
}

static void *produce(void *arg)
{
	struct event_ring *ring = arg;

	for (uint32_t i = 0; i < RUN_EVENTS;) {
		struct event *slot = event_ring_slot(ring);

		if (!slot) {
			sched_yield();
			continue;
		}
		slot->request_id = i;
		slot->bytes_out = ~(uint64_t)i;
		event_ring_push(ring);
		i++;
	}
	return NULL;
}

static void two_threads_lose_nothing(void **state)
{
	struct event_ring producer, consumer;
	struct event out[32];
	pthread_t thread;
	uint64_t next = 0;

	ring_make(64, &producer, &consumer);
	assert_int_equal(pthread_create(&thread, NULL, produce, &producer), 0);
	while (next < RUN_EVENTS) {
		uint32_t n = event_ring_read(&consumer, out, 32);

		if (n == 0)
			sched_yield();
		for (uint32_t i = 0; i < n; i++, next++)
			if (out[i].request_id != next || out[i].bytes_out != ~next)
				fail_msg("record %llu is torn", (unsigned long long)next);
	}
	pthread_join(thread, NULL);
	event_ring_close(&producer);
	event_ring_close(&consumer);
}

static void damaged_indices_are_contained(void **state)
{
	static const uint64_t values[] = { 0, 3, 5, UINT64_MAX, UINT64_C(1) << 63, 1 << 20 };
	struct event_ring producer, consumer;
	struct event out[8], *slot;

	ring_make(4, &producer, &consumer);
	for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
		atomic_store(&consumer.header->head, values[i]);
		assert_true(event_ring_read(&consumer, out, 8) <= 4);
		slot = event_ring_slot(&producer);
		if (slot) {
			assert_in_range(slot - producer.records, 0, 3);
			event_ring_push(&producer);
		}
		atomic_store(&consumer.header->tail, ~values[i]);
		slot = event_ring_slot(&producer);
		if (slot)
			assert_in_range(slot - producer.records, 0, 3);
		assert_true(event_ring_read(&consumer, out, 8) <= 4);
		assert_int_equal(event_ring_read(&consumer, out, 8), 0);
	}
	event_ring_close(&producer);
	event_ring_close(&consumer);
}

static void a_ring_of_another_size_is_refused(void **state)
{
	struct event_ring ring, other;

	assert_int_equal(event_ring_create(0, 3, 1, &ring), -EINVAL);
	assert_int_equal(event_ring_create(0, 0, 1, &ring), -EINVAL);
	assert_int_equal(event_ring_create(0, 8, 1, &ring), 0);
	ring.header->records = 16;
	assert_int_equal(event_ring_open(ring.segment.fd, &other), -EBADMSG);
	ring.header->records = 6;
	assert_int_equal(event_ring_open(ring.segment.fd, &other), -EBADMSG);
	ring.header->records = 0;
	assert_int_equal(event_ring_open(ring.segment.fd, &other), -EBADMSG);
	ring.header->records = 8;
	ring.header->record_bytes = 128;
	assert_int_equal(event_ring_open(ring.segment.fd, &other), -EBADMSG);
	event_ring_close(&ring);
}

static void deltas_come_in_order(void **state)
{
	struct delta_ring control, dataplane;
	struct delta d = { .op = DELTA_KEY_ADD }, out;

	assert_int_equal(delta_ring_create(4, 1, &control), 0);
	assert_int_equal(delta_ring_open(dup(control.segment.fd), &dataplane), 0);
	assert_int_equal(delta_ring_pop(&dataplane, &out), 0);
	d.sequence = 2;
	assert_int_equal(delta_ring_push(&control, &d), -EINVAL);
	for (d.sequence = 1; d.sequence <= 4; d.sequence++)
		assert_int_equal(delta_ring_push(&control, &d), 0);
	assert_int_equal(delta_ring_push(&control, &d), -EAGAIN);
	for (uint64_t i = 1; i <= 4; i++) {
		assert_int_equal(delta_ring_pop(&dataplane, &out), 1);
		assert_int_equal(out.sequence, i);
	}
	assert_int_equal(delta_ring_pop(&dataplane, &out), 0);
	assert_int_equal(delta_ring_push(&control, &d), 0);
	assert_int_equal(delta_ring_pop(&dataplane, &out), 1);
	delta_ring_close(&control);
	delta_ring_close(&dataplane);
}

static void a_damaged_delta_ring_is_noticed(void **state)
{
	struct delta_ring control, dataplane;
	struct delta d = { .sequence = 1 }, out;

	assert_int_equal(delta_ring_create(4, 1, &control), 0);
	assert_int_equal(delta_ring_open(dup(control.segment.fd), &dataplane), 0);
	assert_int_equal(delta_ring_push(&control, &d), 0);
	control.records[0].sequence = 7;
	assert_int_equal(delta_ring_pop(&dataplane, &out), -EPROTO);
	control.records[0].sequence = 1;
	atomic_store(&control.header->head, 6);
	assert_int_equal(delta_ring_pop(&dataplane, &out), -EPROTO);
	atomic_store(&control.header->head, 1);
	assert_int_equal(delta_ring_pop(&dataplane, &out), 1);
	control.header->records = 1 << 30;
	delta_ring_close(&dataplane);
	assert_int_equal(delta_ring_open(control.segment.fd, &dataplane), -EBADMSG);
	delta_ring_close(&control);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_full_ring_gives_no_room),
		cmocka_unit_test(two_threads_lose_nothing),
		cmocka_unit_test(damaged_indices_are_contained),
		cmocka_unit_test(a_ring_of_another_size_is_refused),
		cmocka_unit_test(deltas_come_in_order),
		cmocka_unit_test(a_damaged_delta_ring_is_noticed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
