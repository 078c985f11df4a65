/* SPDX-License-Identifier: Apache-2.0 */
/* Questions and replies: order, fullness, two threads that sleep, a control that follows another one, and
 * what a damaged peer writes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "lib/shm/ask.h"

#define LIFE     77
#define RUN_ASKS 4000u
#define HANGS_MS 60000

static struct ask_ring worker, control;

static int rings_setup(void **state)
{
	return ask_ring_create(3, 4, LIFE, &worker) ||
	       ask_ring_open(dup(worker.segment.fd), &control);
}

static int rings_teardown(void **state)
{
	ask_ring_close(&control);
	ask_ring_close(&worker);
	return 0;
}

static bool put(uint64_t number)
{
	const struct ask_question q = { .number = number, .bytes = sizeof(number) };
	bool wake;

	return ask_ring_put(&worker, &q, &number, &wake);
}

static bool reply(uint64_t number)
{
	const struct ask_reply r = {
		.life = LIFE, .number = number, .verdict = ASK_ALLOW, .bytes = sizeof(number)
	};

	return ask_ring_reply(&control, &r, &number);
}

static void both_rings_keep_their_order_and_refuse_when_full(void **state)
{
	struct ask_question q;
	struct ask_reply r;

	for (uint64_t turn = 0; turn < 5; turn++) {
		for (uint64_t i = 0; i < 4; i++)
			assert_true(put(turn * 4 + i));
		assert_false(put(99));
		for (uint64_t i = 0; i < 4; i++) {
			assert_int_equal(ask_ring_take(&control, &q), 1);
			assert_int_equal(q.number, turn * 4 + i);
			assert_int_equal(q.bytes, 8);
			assert_memory_equal(q.data, &q.number, 8);
			assert_true(reply(q.number));
		}
		assert_int_equal(ask_ring_take(&control, &q), 0);
		assert_false(reply(99));
		for (uint64_t i = 0; i < 4; i++) {
			assert_int_equal(ask_ring_reply_take(&worker, &r), 1);
			assert_int_equal(r.number, turn * 4 + i);
			assert_memory_equal(r.data, &r.number, 8);
		}
		assert_int_equal(ask_ring_reply_take(&worker, &r), 0);
	}
}

static void a_sleeper_is_woken_once(void **state)
{
	const struct ask_question q = { .number = 1 };
	struct ask_question out;
	bool wake;

	assert_true(ask_ring_put(&worker, &q, NULL, &wake));
	assert_false(wake);
	assert_false(ask_ring_sleep(&control)); /* a question waits */
	assert_int_equal(ask_ring_take(&control, &out), 1);
	assert_true(ask_ring_sleep(&control));
	assert_true(ask_ring_put(&worker, &q, NULL, &wake));
	assert_true(wake);
	assert_true(ask_ring_put(&worker, &q, NULL, &wake));
	assert_false(wake);
}

/* Control in its own thread: it sleeps whenever nothing waits. */
static void *control_run(void *arg)
{
	const int bell = *(const int *)arg;
	struct ask_question q;
	uint64_t next = 0, woken;

	while (next < RUN_ASKS) {
		struct pollfd in = { .fd = bell, .events = POLLIN };
		int got = ask_ring_take(&control, &q);

		if (got == 0 && ask_ring_sleep(&control)) {
			if (poll(&in, 1, HANGS_MS) != 1 ||
				read(bell, &woken, sizeof(woken)) != sizeof(woken))
				return (void *)"it was not woken";
			continue;
		}
		if (got == 0)
			continue;
		if (got < 0 || q.number != next || memcmp(q.data, &next, 8) != 0)
			return (void *)"a question is torn";
		while (!reply(q.number))
			sched_yield();
		next++;
	}
	return NULL;
}

static void two_threads_lose_nothing_and_no_wake_up(void **state)
{
	const uint64_t one = 1;
	uint64_t asked = 0, answered = 0;
	int bell = eventfd(0, EFD_CLOEXEC);
	struct ask_reply r;
	pthread_t thread;
	void *fault;

	assert_int_equal(pthread_create(&thread, NULL, control_run, &bell), 0);
	while (answered < RUN_ASKS) {
		const struct ask_question q = { .number = asked, .bytes = 8 };
		bool wake = false;

		/* Some at a time, so that control falls asleep often. */
		if (asked < RUN_ASKS && asked - answered < asked % 4 + 1 &&
			ask_ring_put(&worker, &q, &asked, &wake))
			asked++;
		if (wake)
			assert_int_equal(write(bell, &one, sizeof(one)), sizeof(one));
		if (ask_ring_reply_take(&worker, &r) == 1) {
			if (r.number != answered || memcmp(r.data, &answered, 8) != 0)
				fail_msg("reply %llu is torn", (unsigned long long)answered);
			answered++;
		} else {
			sched_yield();
		}
	}
	pthread_join(thread, &fault);
	if (fault)
		fail_msg("%s", (const char *)fault);
	close(bell);
}

static void a_new_control_goes_on(void **state)
{
	struct ask_question q;
	struct ask_reply r;

	assert_true(put(1));
	assert_true(put(2));
	assert_int_equal(ask_ring_take(&control, &q), 1);
	assert_true(reply(1));
	ask_ring_close(&control);
	assert_int_equal(ask_ring_open(dup(worker.segment.fd), &control), 0);
	assert_int_equal(control.life, LIFE);
	assert_int_equal(ask_ring_take(&control, &q), 1);
	assert_int_equal(q.number, 2);
	assert_true(reply(2));
	assert_int_equal(ask_ring_reply_take(&worker, &r), 1);
	assert_int_equal(r.number, 1);
	assert_int_equal(ask_ring_reply_take(&worker, &r), 1);
	assert_int_equal(r.number, 2);
}

/* Whatever the indices say, no call leaves the rings, and they go on. */
static void damaged_indices_are_contained(void **state)
{
	static const uint64_t values[] = { 0, 3, 5, UINT64_MAX, UINT64_C(1) << 63, 1 << 20 };
	struct ask_ring_header *h = worker.header;
	_Atomic uint64_t *const indices[] = { &h->asked, &h->taken, &h->replied, &h->read };
	struct ask_question q;
	struct ask_reply r;

	for (size_t k = 0; k < 4; k++)
		for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
			unsigned taken = 0;

			atomic_store(indices[k], values[i]);
			put(1);
			while (ask_ring_take(&control, &q))
				assert_true(++taken <= 8);
			taken = 0;
			reply(1);
			while (ask_ring_reply_take(&worker, &r))
				assert_true(++taken <= 8);
			ask_ring_close(&control);
			assert_int_equal(ask_ring_open(dup(worker.segment.fd), &control), 0);
		}
	/* A new start of control has put them right. */
	while (ask_ring_reply_take(&worker, &r))
		;
	assert_true(put(7));
	assert_int_equal(ask_ring_take(&control, &q), 1);
	assert_int_equal(q.number, 7);
}

/* The other side cannot move an index back that is this side's own. */
static void what_was_taken_does_not_come_again(void **state)
{
	struct ask_question q;
	struct ask_reply r;

	assert_true(put(1));
	assert_int_equal(ask_ring_take(&control, &q), 1);
	atomic_store(&worker.header->taken, 0);
	assert_int_equal(ask_ring_take(&control, &q), 0);
	assert_true(reply(1));
	assert_int_equal(ask_ring_reply_take(&worker, &r), 1);
	atomic_store(&worker.header->read, 0);
	assert_int_equal(ask_ring_reply_take(&worker, &r), 0);
}

static void what_is_no_reply_is_refused(void **state)
{
	static const struct ask_reply bad[] = {
		{ .sequence = 2, .life = LIFE, .verdict = ASK_ALLOW },
		{ .sequence = 1, .life = LIFE + 1, .verdict = ASK_ALLOW },
		{ .sequence = 1, .life = LIFE, .verdict = 0 },
		{ .sequence = 1, .life = LIFE, .verdict = 3 },
		{ .sequence = 1, .life = LIFE, .verdict = ASK_ALLOW, .bytes = ASK_DATA_BYTES + 1 },
		{ .sequence = 1, .life = LIFE, .verdict = ASK_ALLOW, .bytes = UINT32_MAX },
	};
	const size_t n = sizeof(bad) / sizeof(bad[0]);
	struct ask_reply r;

	for (size_t i = 0; i < n; i++) {
		struct ask_reply *at = &worker.replies[i & worker.mask];

		*at = bad[i];
		at->sequence += i;
		atomic_store(&worker.header->replied, i + 1);
		assert_int_equal(ask_ring_reply_take(&worker, &r), -EPROTO);
	}
	worker.replies[n & worker.mask] = (struct ask_reply){
		.sequence = n + 1, .life = LIFE, .verdict = ASK_REFUSE, .bytes = ASK_DATA_BYTES
	};
	atomic_store(&worker.header->replied, n + 1);
	assert_int_equal(ask_ring_reply_take(&worker, &r), 1);
}

static void what_is_no_question_is_refused(void **state)
{
	struct ask_question q;

	assert_true(put(1));
	worker.questions[0].bytes = ASK_DATA_BYTES + 1;
	assert_int_equal(ask_ring_take(&control, &q), -EPROTO);
	assert_true(put(2));
	worker.questions[1].sequence = 1;
	assert_int_equal(ask_ring_take(&control, &q), -EPROTO);
	assert_true(put(3));
	assert_int_equal(ask_ring_take(&control, &q), 1);
	assert_int_equal(q.number, 3);
}

static void rings_of_another_size_are_refused(void **state)
{
	static const uint32_t sizes[] = { 0, 1, 6, 16, 4 * ASK_RECORDS };
	struct ask_ring other;

	assert_int_equal(ask_ring_create(0, 3, 1, &other), -EINVAL);
	assert_int_equal(ask_ring_create(0, 0, 1, &other), -EINVAL);
	assert_int_equal(ask_ring_create(0, 2 * ASK_RECORDS, 1, &other), -EINVAL);
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		worker.header->records = sizes[i];
		assert_int_equal(ask_ring_open(worker.segment.fd, &other), -EBADMSG);
	}
	worker.header->records = 8;
	worker.header->record_bytes = 512;
	assert_int_equal(ask_ring_open(worker.segment.fd, &other), -EBADMSG);
}

static void kinds_have_their_rows(void **state)
{
	assert_string_equal(ask_name(ASK_PING), "ping");
	assert_string_equal(ask_name(ASK_KIND_COUNT), "unknown");
	for (unsigned kind = 0; kind < ASK_KIND_COUNT; kind++) {
		assert_true(ask_deadline_ms(kind) > 0);
		assert_true(ask_fallback(kind) == ASK_ALLOW || ask_fallback(kind) == ASK_REFUSE);
	}
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, rings_setup, rings_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(both_rings_keep_their_order_and_refuse_when_full),
		TEST(a_sleeper_is_woken_once),
		TEST(two_threads_lose_nothing_and_no_wake_up),
		TEST(a_new_control_goes_on),
		TEST(damaged_indices_are_contained),
		TEST(what_was_taken_does_not_come_again),
		TEST(what_is_no_reply_is_refused),
		TEST(what_is_no_question_is_refused),
		TEST(rings_of_another_size_are_refused),
		TEST(kinds_have_their_rows),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
