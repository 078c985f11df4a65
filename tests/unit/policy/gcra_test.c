/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rate limits: GCRA against a bucket of tokens in exact integers, its bound in every window, under threads
 * and with clocks that differ; words that make no sense.
 */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <time.h>

#include <cmocka.h>

#include "dataplane/policy/gcra.h"

#define SECOND   UINT64_C(1000000000)
#define THREADS  4
#define SCHEDULE 4000

static uint64_t random_next(uint64_t *state)
{
	*state ^= *state >> 12;
	*state ^= *state << 25;
	*state ^= *state >> 27;
	return *state * UINT64_C(2685821657736338717);
}

/* The oracle: a bucket that holds burst_ns, fills by one a nanosecond, and pays T a request. */
struct bucket {
	__int128 level, capacity, price;
	uint64_t last_ns;
};

static bool bucket_take(struct bucket *b, uint64_t now_ns)
{
	b->level += now_ns - b->last_ns;
	b->last_ns = now_ns;
	if (b->level > b->capacity)
		b->level = b->capacity;
	if (b->level < b->price)
		return false;
	b->level -= b->price;
	return true;
}

static uint64_t random_interval(uint64_t *seed)
{
	return 1 + random_next(seed) % (UINT64_C(1) << (random_next(seed) % 40));
}

static void decisions_equal_an_exact_bucket(void **state)
{
	uint64_t seed = 1234;

	for (unsigned round = 0; round < 200; round++) {
		const uint64_t interval = random_interval(&seed);
		const uint64_t burst = interval * (1 + random_next(&seed) % 50);
		uint64_t now = random_next(&seed) % (SECOND * SECOND);
		struct bucket bucket = { burst, burst, interval, now };
		_Atomic uint64_t word = 0;

		for (unsigned i = 0; i < SCHEDULE; i++) {
			struct gcra_result look, take;
			bool refund = random_next(&seed) % 16 == 0;

			if (random_next(&seed) % 4 == 0)
				now += random_next(&seed) % (3 * interval);
			gcra_look(&word, interval, burst, now, &look);
			gcra_take(&word, interval, burst, now, &take);
			assert_memory_equal(&look.allowed, &take.allowed, sizeof(bool));
			assert_int_equal(take.allowed, bucket_take(&bucket, now));
			assert_int_equal(take.reset_ns, bucket.capacity - bucket.level);
			assert_int_equal(take.remaining,
				take.allowed ? (uint64_t)(bucket.level / bucket.price) : 0);
			if (!take.allowed)
				assert_int_equal(take.retry_ns, bucket.price - bucket.level);
			if (take.allowed && refund) {
				gcra_refund(&word, interval);
				bucket.level += bucket.price;
			}
		}
	}
}

static void a_refused_request_fits_after_its_retry_time(void **state)
{
	const uint64_t interval = SECOND / 10, burst = 5 * interval;
	_Atomic uint64_t word = 0;
	uint64_t now = 77 * SECOND + 1;
	struct gcra_result r;

	for (unsigned i = 0; i < 5; i++) {
		gcra_take(&word, interval, burst, now, &r);
		assert_true(r.allowed);
		assert_int_equal(r.remaining, 4 - i);
	}
	gcra_take(&word, interval, burst, now, &r);
	assert_false(r.allowed);
	assert_int_equal(r.reset_ns, burst);
	now += r.retry_ns - 1;
	gcra_take(&word, interval, burst, now, &r);
	assert_false(r.allowed);
	assert_int_equal(r.retry_ns, 1);
	gcra_take(&word, interval, burst, now + 1, &r);
	assert_true(r.allowed);
}

/* Workers' clocks lag true time by at most delta: in any window admitted <= burst + rate (dt + delta). */
static void clocks_that_differ_stay_within_the_bound(void **state)
{
	uint64_t seed = 5, times[2000];

	for (unsigned round = 0; round < 50; round++) {
		const uint64_t interval = 1000 + random_next(&seed) % 1000, requests = 10;
		const uint64_t delta = 20 * interval;
		_Atomic uint64_t word = 0;
		uint64_t now = SECOND;
		size_t n = 0;

		while (n < 2000) {
			struct gcra_result r;

			now += random_next(&seed) % interval;
			gcra_take(&word, interval, requests * interval,
				now - random_next(&seed) % delta, &r);
			if (r.allowed)
				times[n++] = now;
		}
		for (size_t i = 0; i < n; i++)
			for (size_t j = i; j < n && j < i + 200; j++)
				assert_true((j - i + 1 - requests) * interval <=
						    times[j] - times[i] + delta ||
					    j - i + 1 <= requests);
	}
}

struct contention {
	_Atomic uint64_t word, admitted, refunded;
	uint64_t interval, burst;
	_Atomic bool stop;
};

static uint64_t clock_now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * SECOND + (uint64_t)t.tv_nsec;
}

static void *contend(void *argument)
{
	struct contention *c = argument;
	uint64_t seed = (uintptr_t)&seed | 1;

	while (!c->stop) {
		struct gcra_result r;

		gcra_take(&c->word, c->interval, c->burst, clock_now(), &r);
		if (!r.allowed)
			continue;
		if (random_next(&seed) % 8 == 0) {
			gcra_refund(&c->word, c->interval);
			c->refunded++;
		} else {
			c->admitted++;
		}
	}
	return NULL;
}

/* For 60 ms all threads take as fast as they can. @return the share of what they may take that they got */
static double contention_share(uint64_t interval)
{
	struct contention c = { .interval = interval, .burst = interval * 64 };
	const struct timespec pause = { 0, 60000000 };
	pthread_t threads[THREADS];
	uint64_t start = clock_now(), most;

	for (unsigned i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, contend, &c), 0);
	nanosleep(&pause, NULL);
	c.stop = true;
	for (unsigned i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	most = (c.burst + (clock_now() - start)) / c.interval;
	assert_true(c.admitted <= most);
	return (double)c.admitted / (double)most;
}

static void threads_admit_no_more_than_burst_and_rate(void **state)
{
	unsigned tries = 50;

	for (uint64_t interval = 400; interval <= 6400; interval *= 4)
		contention_share(interval);
	/* Slow enough for any machine to reach the rate, unless it has work for others and all threads
	 * are away for longer than the burst lasts. */
	while (contention_share(25600) < 0.25 && tries > 0)
		tries--;
	assert_true(tries > 0);
}

static void a_word_from_another_clock_heals(void **state)
{
	const uint64_t interval = SECOND, burst = 10 * SECOND, now = 5 * SECOND;
	static const uint64_t words[] = { UINT64_MAX, UINT64_C(1) << 63, 1000000 * SECOND };

	for (unsigned i = 0; i < 3; i++) {
		_Atomic uint64_t word = words[i];
		struct gcra_result r;

		gcra_take(&word, interval, burst, now, &r);
		assert_false(r.allowed);
		assert_int_equal(r.retry_ns, interval);
		gcra_take(&word, interval, burst, now + interval, &r);
		assert_true(r.allowed);
		assert_int_equal(r.remaining, 0);
	}
}

static void senseless_parameters_do_no_harm(void **state)
{
	static const uint64_t values[] = { 0, 1, 2, SECOND, UINT64_C(1) << 60, UINT64_MAX - 1,
		UINT64_MAX };

	for (unsigned w = 0; w < 7; w++)
		for (unsigned t = 0; t < 7; t++)
			for (unsigned b = 0; b < 7; b++)
				for (unsigned n = 0; n < 7; n++) {
					_Atomic uint64_t word = values[w];
					struct gcra_result r;

					gcra_take(&word, values[t], values[b], values[n], &r);
					if (r.allowed)
						gcra_refund(&word, values[t]);
				}
}

#define LEASE_T     1000u
#define LEASE_BURST 1000u

static _Atomic uint64_t lease_word, lease_clock, lease_admitted;
static _Atomic bool lease_stop, lease_wrong;

/* Takes leases, uses a part of each, gives the rest back; the first of them moves the clock when nothing fits. */
static void *lease_user(void *arg)
{
	unsigned seed = (unsigned)(uintptr_t)arg;
	uint64_t own;

	while (!atomic_load(&lease_stop)) {
		uint64_t now = atomic_load(&lease_clock);
		uint32_t got = gcra_lease(&lease_word, LEASE_T, LEASE_T * LEASE_BURST, now,
			1 + (uint32_t)rand_r(&seed) % 32, &own);
		uint32_t used = got ? (uint32_t)rand_r(&seed) % (got + 1) : 0;

		for (uint32_t i = 0; i < used; i++) {
			struct gcra_result r;

			gcra_take_leased(&own, LEASE_T, LEASE_T * LEASE_BURST, now, &r);
			if (!r.allowed)
				atomic_store(&lease_wrong, true);
		}
		atomic_fetch_add(&lease_admitted, used);
		if (got > used)
			gcra_refund(&lease_word, (uint64_t)LEASE_T * (got - used));
		if (lease_wrong)
			atomic_store(&lease_stop, true);
		if (arg == (void *)1 && got == 0 &&
			atomic_fetch_add(&lease_clock, 10 * LEASE_T) > 4000 * 10 * LEASE_T)
			atomic_store(&lease_stop, true);
	}
	return NULL;
}

/* Tokens are neither made nor lost: in the time that passed exactly as many passed as the rate and burst say. */
static void leases_of_several_threads_keep_the_bound(void **state)
{
	const uint64_t begin = 1000000000;
	struct gcra_result r;
	pthread_t threads[4];

	atomic_store(&lease_clock, begin);
	for (uintptr_t i = 0; i < 4; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, lease_user, (void *)(i + 1)), 0);
	for (unsigned i = 0; i < 4; i++)
		pthread_join(threads[i], NULL);
	assert_false(lease_wrong);
	for (r.allowed = true; r.allowed; atomic_fetch_add(&lease_admitted, r.allowed))
		gcra_take(&lease_word, LEASE_T, LEASE_T * LEASE_BURST, lease_clock, &r);
	assert_int_equal(lease_admitted, LEASE_BURST + (lease_clock - begin) / LEASE_T);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(decisions_equal_an_exact_bucket),
		cmocka_unit_test(a_refused_request_fits_after_its_retry_time),
		cmocka_unit_test(clocks_that_differ_stay_within_the_bound),
		cmocka_unit_test(threads_admit_no_more_than_burst_and_rate),
		cmocka_unit_test(a_word_from_another_clock_heals),
		cmocka_unit_test(senseless_parameters_do_no_harm),
		cmocka_unit_test(leases_of_several_threads_keep_the_bound),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
