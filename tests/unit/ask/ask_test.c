/* SPDX-License-Identifier: Apache-2.0 */
/* A worker's open questions against a control that answers, late, twice, never, or goes: each question
 * ends once, and without an answer by the fallback of its kind. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "dataplane/ask/ask.h"

#define LIFE        77
#define DEADLINE_NS (UINT64_C(1000000) * ask_deadline_ms(ASK_PING))
#define COOKIES     1024

static struct ask_ring worker, control;
static struct stats_worker counters;
static struct asks *asks;
static enum ask_verdict fallback;
static int bell;

/* What upcalls said. */
static struct {
	unsigned upcalls[COOKIES];
	uint64_t cookie;
	struct ask_answer last;
	uint8_t data[ASK_DATA_BYTES];
	unsigned ask_again; /* so many questions from within the next upcall */
	enum ask_end asked_again;
} heard;

enum ask_verdict __wrap_ask_fallback(enum ask_kind kind);
enum ask_verdict __wrap_ask_fallback(enum ask_kind kind)
{
	return fallback;
}

static uint64_t now_ns = 5000;

static void answered(void *ctx, uint64_t cookie, const struct ask_answer *answer)
{
	assert_ptr_equal(ctx, &heard);
	heard.upcalls[cookie % COOKIES]++;
	heard.cookie = cookie;
	heard.last = *answer;
	if (answer->bytes)
		memcpy(heard.data, answer->data, answer->bytes);
	for (; heard.ask_again; heard.ask_again--)
		heard.asked_again = ask_submit(asks, ASK_PING, NULL, 0, cookie + 100, now_ns, NULL);
}

static int asks_setup(void **state)
{
	memset(&counters, 0, sizeof(counters));
	memset(&heard, 0, sizeof(heard));
	fallback = ASK_REFUSE;
	bell = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	if (ask_ring_create(0, ASK_RECORDS, LIFE, &worker) ||
		ask_ring_open(dup(worker.segment.fd), &control))
		return -1;
	asks = asks_create(&(struct asks_config){ &worker, bell, &counters });
	asks_set_upcall(asks, ASK_PING, answered, &heard);
	asks_follow_control(asks, 1, now_ns);
	return 0;
}

static int asks_teardown(void **state)
{
	asks_destroy(asks);
	ask_ring_close(&control);
	ask_ring_close(&worker);
	close(bell);
	return 0;
}

static enum ask_end ask(uint64_t cookie)
{
	return ask_submit(asks, ASK_PING, &cookie, sizeof(cookie), cookie, now_ns, NULL);
}

/* The next question that control finds. */
static struct ask_question take(void)
{
	struct ask_question q;

	assert_int_equal(ask_ring_take(&control, &q), 1);
	return q;
}

static void reply(uint64_t number, enum ask_verdict verdict)
{
	const struct ask_reply r = {
		.life = LIFE, .number = number, .verdict = verdict, .bytes = 2
	};

	assert_true(ask_ring_reply(&control, &r, "hi"));
}

static void an_answer_comes_once_with_its_data(void **state)
{
	static const enum ask_verdict verdicts[] = { ASK_ALLOW, ASK_REFUSE };

	for (unsigned i = 0; i < 2; i++) {
		struct ask_question q;

		assert_int_equal(ask(i), ASK_ANSWERED);
		q = take();
		assert_int_equal(q.kind, ASK_PING);
		assert_int_equal(q.asked_ns, now_ns);
		assert_int_equal(q.deadline_ns, now_ns + DEADLINE_NS);
		assert_int_equal(q.bytes, 8);
		now_ns += 3000;
		asks_turn(asks, now_ns);
		assert_int_equal(heard.upcalls[i], 0);
		reply(q.number, verdicts[i]);
		asks_turn(asks, now_ns);
		assert_int_equal(heard.upcalls[i], 1);
		assert_int_equal(heard.last.end, ASK_ANSWERED);
		assert_int_equal(heard.last.allowed, verdicts[i] == ASK_ALLOW);
		assert_int_equal(heard.last.took_ns, 3000);
		assert_int_equal(heard.last.bytes, 2);
		assert_memory_equal(heard.data, "hi", 2);
		assert_int_equal(asks_open(asks), 0);
	}
	assert_int_equal(counters.asks, 2);
	assert_int_equal(counters.asks_answered, 2);
}

static void no_answer_is_the_fallback_at_the_deadline(void **state)
{
	static const enum ask_verdict fallbacks[] = { ASK_REFUSE, ASK_ALLOW };

	for (unsigned i = 0; i < 2; i++) {
		fallback = fallbacks[i];
		assert_int_equal(ask(i), ASK_ANSWERED);
		now_ns += DEADLINE_NS - 1;
		asks_turn(asks, now_ns);
		assert_int_equal(heard.upcalls[i], 0);
		asks_turn(asks, ++now_ns);
		assert_int_equal(heard.upcalls[i], 1);
		assert_int_equal(heard.last.end, ASK_LATE);
		assert_int_equal(heard.last.allowed, fallbacks[i] == ASK_ALLOW);
		assert_int_equal(heard.last.bytes, 0);
	}
	assert_int_equal(counters.asks_late, 2);
}

static void a_late_reply_is_a_stray(void **state)
{
	struct ask_question q;

	assert_int_equal(ask(1), ASK_ANSWERED);
	q = take();
	/* With the turn that ends it, and after. */
	reply(q.number, ASK_ALLOW);
	now_ns += DEADLINE_NS;
	asks_turn(asks, now_ns);
	assert_int_equal(heard.last.end, ASK_LATE);
	assert_false(heard.last.allowed);
	assert_int_equal(counters.asks_stray, 1);
	reply(q.number, ASK_ALLOW);
	asks_turn(asks, now_ns);
	assert_int_equal(counters.asks_stray, 2);
	assert_int_equal(heard.upcalls[1], 1);
	assert_int_equal(counters.asks_answered, 0);
}

static void a_second_reply_answers_no_other_question(void **state)
{
	struct ask_question q;

	assert_int_equal(ask(1), ASK_ANSWERED);
	q = take();
	reply(q.number, ASK_ALLOW);
	asks_turn(asks, now_ns);
	/* The next question has the same entry. */
	assert_int_equal(ask(2), ASK_ANSWERED);
	assert_int_equal(take().number % ASK_RECORDS, q.number % ASK_RECORDS);
	reply(q.number, ASK_ALLOW);
	reply(0, ASK_ALLOW);
	reply(UINT64_MAX, ASK_ALLOW);
	asks_turn(asks, now_ns);
	assert_int_equal(heard.upcalls[1], 1);
	assert_int_equal(heard.upcalls[2], 0);
	assert_int_equal(counters.asks_stray, 3);
	assert_int_equal(asks_open(asks), 1);
}

static void a_reply_to_another_life_is_a_stray(void **state)
{
	struct ask_reply r = { .life = LIFE - 1, .verdict = ASK_ALLOW };

	assert_int_equal(ask(1), ASK_ANSWERED);
	r.number = take().number;
	assert_true(ask_ring_reply(&control, &r, NULL));
	asks_turn(asks, now_ns);
	assert_int_equal(heard.upcalls[1], 0);
	assert_int_equal(counters.asks_stray, 1);
}

static void without_control_nothing_is_asked(void **state)
{
	struct ask_question q;

	assert_int_equal(ask(1), ASK_ANSWERED);
	assert_int_equal(ask(2), ASK_ANSWERED);
	heard.ask_again = 1;
	asks_follow_control(asks, 2, now_ns);
	for (unsigned i = 1; i <= 2; i++)
		assert_int_equal(heard.upcalls[i], 1);
	assert_int_equal(heard.last.end, ASK_NO_CONTROL);
	assert_false(heard.last.allowed);
	assert_int_equal(heard.asked_again, ASK_NO_CONTROL);
	assert_int_equal(ask(3), ASK_NO_CONTROL);
	assert_int_equal(counters.asks_no_control, 4);
	assert_int_equal(counters.control_connected, 0);
	/* The next control may find what was left in the ring; nothing waits for it. */
	asks_follow_control(asks, 3, now_ns);
	q = take();
	reply(q.number, ASK_ALLOW);
	asks_turn(asks, now_ns);
	assert_int_equal(counters.asks_stray, 1);
	assert_int_equal(heard.upcalls[1], 1);
}

static void what_is_asked_while_control_changes_is_for_the_new_one(void **state)
{
	for (unsigned i = 0; i < 3; i++)
		assert_int_equal(ask(i), ASK_ANSWERED);
	/* One control follows another within a turn: the number is odd again. */
	heard.ask_again = 5;
	asks_follow_control(asks, 3, now_ns);
	assert_int_equal(heard.asked_again, ASK_ANSWERED);
	assert_int_equal(asks_open(asks), 5);
	assert_int_equal(counters.asks_no_control, 3);
	now_ns += DEADLINE_NS;
	asks_turn(asks, now_ns);
	assert_int_equal(counters.asks_late, 5);
}

static void a_full_ring_refuses(void **state)
{
	for (unsigned i = 0; i < ASK_RECORDS; i++)
		assert_int_equal(ask(i), ASK_ANSWERED);
	assert_int_equal(ask(300), ASK_FULL);
	assert_int_equal(counters.asks_full, 1);
	/* The table is empty again, but control took nothing out of the ring. */
	now_ns += DEADLINE_NS;
	asks_turn(asks, now_ns);
	assert_int_equal(asks_open(asks), 0);
	assert_int_equal(ask(300), ASK_FULL);
	take();
	assert_int_equal(ask(301), ASK_ANSWERED);
	assert_int_equal(heard.upcalls[300], 0);
}

static void open_questions_have_a_cap_of_their_own(void **state)
{
	for (unsigned i = 0; i < ASK_RECORDS; i++) {
		assert_int_equal(ask(i), ASK_ANSWERED);
		take();
	}
	assert_int_equal(ask(300), ASK_FULL);
	assert_int_equal(
		ask_submit(asks, ASK_PING, heard.data, ASK_DATA_BYTES + 1, 1, now_ns, NULL),
		ASK_FULL);
}

static void a_cancelled_question_has_no_upcall(void **state)
{
	uint64_t number;

	assert_int_equal(ask_submit(asks, ASK_PING, NULL, 0, 1, now_ns, &number), ASK_ANSWERED);
	ask_cancel(asks, number);
	ask_cancel(asks, number);
	assert_int_equal(asks_open(asks), 0);
	assert_int_equal(take().number, number);
	reply(number, ASK_ALLOW);
	now_ns += DEADLINE_NS;
	asks_turn(asks, now_ns);
	assert_int_equal(heard.upcalls[1], 0);
	assert_int_equal(counters.asks_stray, 1);
	assert_int_equal(counters.asks_late, 0);
}

static void an_upcall_may_ask_again(void **state)
{
	assert_int_equal(ask(1), ASK_ANSWERED);
	reply(take().number, ASK_ALLOW);
	heard.ask_again = 1;
	asks_turn(asks, now_ns);
	assert_int_equal(heard.asked_again, ASK_ANSWERED);
	reply(take().number, ASK_ALLOW);
	asks_turn(asks, now_ns);
	assert_int_equal(heard.cookie, 101);
	assert_int_equal(asks_open(asks), 0);
}

static void a_sleeping_control_is_woken(void **state)
{
	uint64_t woken;

	assert_int_equal(ask(1), ASK_ANSWERED);
	assert_int_equal(read(bell, &woken, sizeof(woken)), -1);
	take();
	assert_true(ask_ring_sleep(&control));
	assert_int_equal(ask(2), ASK_ANSWERED);
	assert_int_equal(ask(3), ASK_ANSWERED);
	assert_int_equal(read(bell, &woken, sizeof(woken)), sizeof(woken));
	assert_int_equal(woken, 1);
}

/* A control that does with each question one of what a control should not do, or should. */
static void *control_at_random(void *arg)
{
	const _Atomic bool *stop = arg;
	unsigned seed = 1;
	uint64_t kept = 0;
	struct ask_question q;

	while (!atomic_load(stop)) {
		int got = ask_ring_take(&control, &q);
		struct ask_reply r = { .life = LIFE, .verdict = ASK_ALLOW, .bytes = 8 };

		if (got <= 0) {
			sched_yield();
			continue;
		}
		seed = seed * 1103515245 + 12345;
		r.number = q.number;
		switch (seed >> 16 & 7) {
		case 0: /* never */
			break;
		case 1: /* later, instead of another one */
			r.number = kept;
			kept = q.number;
			(void)ask_ring_reply(&control, &r, &r.number);
			break;
		case 2: /* twice */
			(void)ask_ring_reply(&control, &r, &r.number);
			(void)ask_ring_reply(&control, &r, &r.number);
			break;
		default:
			(void)ask_ring_reply(&control, &r, &r.number);
		}
	}
	return NULL;
}

static void with_two_threads_each_question_ends_once(void **state)
{
	_Atomic bool stop = false;
	unsigned asked = 0;
	pthread_t thread;

	assert_int_equal(pthread_create(&thread, NULL, control_at_random, &stop), 0);
	for (uint64_t turn = 0; asked < 5000 || asks_open(asks); turn++) {
		now_ns += DEADLINE_NS / 512;
		if (asked < 5000 && ask(asked) == ASK_ANSWERED)
			asked++;
		asks_turn(asks, now_ns);
		if (turn % 16 == 0)
			sched_yield();
	}
	atomic_store(&stop, true);
	pthread_join(thread, NULL);
	for (unsigned i = 0; i < COOKIES; i++)
		assert_int_equal(heard.upcalls[i], asked / COOKIES + (i < asked % COOKIES));
	assert_int_equal(counters.asks, asked);
	assert_int_equal(counters.asks_answered + counters.asks_late, asked);
}

static void pings_tell_how_long_control_takes(void **state)
{
	struct asks *own = asks_create(&(struct asks_config){ &worker, -1, &counters });

	asks_ping(own, now_ns);
	assert_int_equal(counters.asks, 0); /* no control */
	asks_follow_control(own, 1, now_ns);
	assert_int_equal(counters.control_connected, 1);
	asks_ping(own, now_ns);
	asks_ping(own, now_ns + 999999999);
	assert_int_equal(counters.asks, 1);
	reply(take().number, ASK_ALLOW);
	asks_turn(own, now_ns + 42000);
	assert_int_equal(counters.control_rtt_us, 42);
	assert_int_equal(counters.control_answered_ns, now_ns + 42000);
	asks_ping(own, now_ns + 1000000000);
	assert_int_equal(counters.asks, 2);
	asks_turn(own, now_ns + 1000000000 + DEADLINE_NS);
	assert_int_equal(counters.control_answered_ns, now_ns + 42000);
	assert_int_equal(counters.asks_late, 1);
	asks_destroy(own);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, asks_setup, asks_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(an_answer_comes_once_with_its_data),
		TEST(no_answer_is_the_fallback_at_the_deadline),
		TEST(a_late_reply_is_a_stray),
		TEST(a_second_reply_answers_no_other_question),
		TEST(a_reply_to_another_life_is_a_stray),
		TEST(without_control_nothing_is_asked),
		TEST(what_is_asked_while_control_changes_is_for_the_new_one),
		TEST(a_full_ring_refuses),
		TEST(open_questions_have_a_cap_of_their_own),
		TEST(a_cancelled_question_has_no_upcall),
		TEST(an_upcall_may_ask_again),
		TEST(a_sleeping_control_is_woken),
		TEST(with_two_threads_each_question_ends_once),
		TEST(pings_tell_how_long_control_takes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
