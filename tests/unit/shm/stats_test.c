/* SPDX-License-Identifier: Apache-2.0 */
/* Statistics, usage and names: the directory finds what was written, the histogram agrees with a sorted
 * list of samples. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "lib/shm/stats.h"
#include "lib/shm/usage.h"

static const struct stats_shape shape = { 2, 3, 4, 5 };

static const struct stats_entry *entry_find(const struct stats *s, const char *name)
{
	for (uint32_t i = 0; i < s->entries; i++)
		if (strcmp(s->directory[i].name, name) == 0)
			return &s->directory[i];
	return NULL;
}

static void what_a_worker_counts_is_read(void **state)
{
	struct stats worker, reader;

	assert_int_equal(stats_create(6, &shape, 1, &worker), 0);
	assert_int_equal(stats_open(dup(worker.segment.fd), &reader), 0);
	assert_int_equal(reader.worker_index, 6);
	assert_memory_equal(&reader.shape, &shape, sizeof(shape));
	assert_int_equal(reader.entries, 11);
	worker.worker->requests = 11;
	worker.drop[DROP_COUNT - 1] = 12;
	worker.reason[REASON_RATE_LIMITED] = 13;
	worker.stage_cycles[STAGE_IDLE] = 14;
	worker.tcp->copied_payloads = 15;
	worker.port[1].rx_no_mbuf = 16;
	worker.listener[2].tls_failures = 17;
	worker.api[3].latency_us[HIST_BUCKETS - 1] = 18;
	worker.endpoint[4].latency_us[0] = 19;
	assert_int_equal(reader.worker->requests, 11);
	assert_int_equal(reader.drop[DROP_COUNT - 1], 12);
	assert_int_equal(reader.reason[REASON_RATE_LIMITED], 13);
	assert_int_equal(reader.stage_cycles[STAGE_IDLE], 14);
	assert_int_equal(reader.tcp->copied_payloads, 15);
	assert_int_equal(reader.port[1].rx_no_mbuf, 16);
	assert_int_equal(reader.listener[2].tls_failures, 17);
	assert_int_equal(reader.api[3].latency_us[HIST_BUCKETS - 1], 18);
	assert_int_equal(reader.endpoint[4].latency_us[0], 19);
	stats_close(&reader);
	stats_close(&worker);
	stats_close(&worker);
}

static void the_directory_tells_where_all_is(void **state)
{
	struct stats s;
	const struct stats_entry *e;
	const uint64_t *values;

	assert_int_equal(stats_create(0, &shape, 1, &s), 0);
	s.endpoint[3].latency_us[7] = 5;
	s.api[2].limited = 9;
	e = entry_find(&s, "endpoint_latency_us");
	assert_non_null(e);
	assert_int_equal(e->kind, STATS_HISTOGRAM);
	assert_int_equal(e->count, 5);
	values = (const void *)((uint8_t *)s.segment.base + e->offset + 3 * e->stride);
	assert_int_equal(values[7], 5);
	assert_null(stats_field_name(e, 0));
	e = entry_find(&s, "api");
	values = (const void *)((uint8_t *)s.segment.base + e->offset + 2 * e->stride);
	for (uint32_t i = 0; i < e->fields; i++) {
		const bool limited = strcmp(stats_field_name(e, i), "limited") == 0;

		assert_int_equal(values[i], limited ? 9 : 0);
	}
	assert_null(stats_field_name(e, e->fields));
	assert_string_equal(e->first_field, "requests");
	stats_close(&s);
}

static void a_shape_may_be_empty(void **state)
{
	const struct stats_shape none = { 0, 0, 0, 0 };
	const struct stats_shape huge = { 65, 0, 0, 0 };
	struct stats s, reader;

	assert_int_equal(stats_create(0, &none, 1, &s), 0);
	assert_int_equal(stats_open(dup(s.segment.fd), &reader), 0);
	stats_close(&reader);
	stats_close(&s);
	assert_int_equal(stats_create(0, &huge, 1, &s), -EINVAL);
}

/* Every bit of the header and directory flipped: refused, or all that is then reachable is there. */
static void a_damaged_directory_is_survived(void **state)
{
	struct stats s, reader;
	uint8_t *base;
	uint32_t refused = 0;

	assert_int_equal(stats_create(0, &shape, 1, &s), 0);
	base = s.segment.base;
	for (size_t i = 64; i < 128 + 11 * sizeof(struct stats_entry); i++) {
		for (unsigned mask = 1; mask < 256; mask <<= 1) {
			int fd = dup(s.segment.fd);
			volatile uint64_t sum = 0;

			base[i] ^= (uint8_t)mask;
			if (stats_open(fd, &reader) == 0) {
				for (uint32_t k = 0; k < reader.shape.endpoints; k++)
					sum += reader.endpoint[k].latency_us[HIST_BUCKETS - 1];
				for (uint32_t k = 0; k < reader.shape.apis; k++)
					sum += reader.api[k].latency_us[HIST_BUCKETS - 1];
				sum += reader.worker->retries + reader.drop[DROP_COUNT - 1];
				stats_close(&reader);
			} else {
				close(fd);
				refused++;
			}
			base[i] ^= (uint8_t)mask;
		}
	}
	assert_true(refused > 1000);
	stats_close(&s);
}

static void buckets_hold_what_they_say(void **state)
{
	for (uint32_t b = 0; b < HIST_BUCKETS; b++) {
		const uint64_t low = hist_bucket_floor(b);

		assert_int_equal(hist_bucket(low), b);
		if (b > 0)
			assert_int_equal(hist_bucket(low - 1), b - 1);
	}
	assert_int_equal(hist_bucket(UINT64_MAX), HIST_BUCKETS - 1);
	assert_int_equal(hist_bucket((1u << 24) - 1), HIST_BUCKETS - 2);
}

static int u64_compare(const void *a, const void *b)
{
	const uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

static void quantiles_agree_with_sorted_samples(void **state)
{
	static const double quantiles[] = { 0, 0.01, 0.5, 0.9, 0.99, 0.999, 1 };
	enum { SAMPLES = 5000 };
	static uint64_t samples[SAMPLES];
	uint64_t counts[HIST_BUCKETS];
	uint64_t x = 88172645463325252u;

	for (unsigned round = 0; round < 20; round++) {
		memset(counts, 0, sizeof(counts));
		for (unsigned i = 0; i < SAMPLES; i++) {
			x ^= x << 13;
			x ^= x >> 7;
			x ^= x << 17;
			samples[i] = (x & 0xffffff) >> (x >> 32) % (round + 2);
			counts[hist_bucket(samples[i])]++;
		}
		qsort(samples, SAMPLES, sizeof(samples[0]), u64_compare);
		for (size_t q = 0; q < sizeof(quantiles) / sizeof(quantiles[0]); q++) {
			double rank = quantiles[q] * SAMPLES;
			uint64_t at = (uint64_t)rank + ((double)(uint64_t)rank < rank);
			uint64_t exact = samples[at ? at - 1 : 0];
			uint64_t got = hist_quantile(counts, quantiles[q]);

			assert_int_equal(hist_bucket(got), hist_bucket(exact));
			assert_true((got > exact ? got - exact : exact - got) * 16 <= exact + 16);
		}
	}
}

static void quantiles_of_odd_histograms(void **state)
{
	uint64_t counts[HIST_BUCKETS] = { 0 };

	assert_int_equal(hist_quantile(counts, 0.5), 0);
	counts[HIST_BUCKETS - 1] = 1;
	assert_int_equal(hist_quantile(counts, 0.5), 1 << 24);
	assert_int_equal(hist_quantile(counts, -1), 1 << 24);
	assert_int_equal(hist_quantile(counts, 7), 1 << 24);
	assert_int_equal(hist_quantile(counts, __builtin_nan("")), 1 << 24);
}

static void usage_is_shared(void **state)
{
	struct usage control, dataplane, reader;
	int fd;

	assert_int_equal(usage_create(0, 1, &control), -EINVAL);
	assert_int_equal(usage_create(1000, 1, &control), 0);
	assert_int_equal(usage_open(dup(control.segment.fd), true, &dataplane), 0);
	fd = segment_reopen_readonly(&control.segment);
	assert_int_equal(usage_open(fd, true, &reader), -EACCES);
	assert_int_equal(usage_open(fd, false, &reader), 0);
	assert_int_equal(reader.capacity, 1000);
	atomic_fetch_add(&dataplane.lines[999].requests, 3);
	assert_int_equal(atomic_load(&reader.lines[999].requests), 3);
	assert_int_equal(atomic_load(&control.lines[999].requests), 3);
	usage_close(&reader);
	usage_close(&dataplane);
	((uint32_t *)control.segment.base)[16] = 1001;
	assert_int_equal(usage_open(control.segment.fd, false, &reader), -EBADMSG);
	usage_close(&control);
}

/* Pages are made for all of a segment when it is opened. */
static void usage_is_as_long_as_its_lines(void **state)
{
	struct usage made, opened;
	struct segment longer;

	assert_int_equal(usage_create(1000, 1, &made), 0);
	assert_int_equal(segment_create("longer", SEGMENT_USAGE, 1 << 30, 1, &longer), 0);
	memcpy((char *)longer.base + sizeof(struct segment_header),
		(char *)made.segment.base + sizeof(struct segment_header), 64);
	assert_int_equal(usage_open(longer.fd, true, &opened), -EBADMSG);
	segment_close(&longer);
	assert_int_equal(segment_create("hole", SEGMENT_USAGE, UINT64_C(9) << 30, 1, &longer), 0);
	assert_int_equal(usage_open(longer.fd, true, &opened), -EBADMSG);
	segment_close(&longer);
	usage_close(&made);
}

static void names_are_those_of_the_tables(void **state)
{
	assert_string_equal(reason_name(REASON_RATE_LIMITED), "rate_limited");
	assert_int_equal(reason_status(REASON_RATE_LIMITED), 429);
	assert_string_equal(reason_title(REASON_KEY_MISSING), "No credential in the request");
	assert_string_equal(drop_name(DROP_FRAME_SHORT), "frame_short");
	assert_string_equal(drop_text(DROP_NO_MBUF), "mbuf pool empty");
	assert_string_equal(stage_name(STAGE_TCP_IN), "tcp_in");
	assert_string_equal(reason_name(REASON_COUNT), "unknown");
	assert_string_equal(drop_name((enum drop) - 1), "unknown");
	assert_int_equal(reason_status((enum reason)60000), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_a_worker_counts_is_read),
		cmocka_unit_test(the_directory_tells_where_all_is),
		cmocka_unit_test(a_shape_may_be_empty),
		cmocka_unit_test(a_damaged_directory_is_survived),
		cmocka_unit_test(buckets_hold_what_they_say),
		cmocka_unit_test(quantiles_agree_with_sorted_samples),
		cmocka_unit_test(quantiles_of_odd_histograms),
		cmocka_unit_test(usage_is_shared),
		cmocka_unit_test(usage_is_as_long_as_its_lines),
		cmocka_unit_test(names_are_those_of_the_tables),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
