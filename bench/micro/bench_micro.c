/* SPDX-License-Identifier: Apache-2.0 */
/* micro: cycles of each stage alone, one table; see micro.h. */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <rte_cycles.h>

#include "bench/common/bench_eal.h"
#include "bench/common/world.h"
#include "bench/micro/micro.h"

#define SAMPLES_MAX   2001
#define SAMPLE_CYCLES 200000.0

static const uint32_t key_counts[] = { 1000, 100000, 1000000, 10000000 };

bool micro_wanted(const struct micro *m, const char *name)
{
	return !m->only || strstr(name, m->only);
}

double micro_sample(micro_fn fn, void *ctx, uint32_t n)
{
	static volatile uint64_t sink;
	uint64_t before = rte_rdtsc_precise();

	sink += fn(ctx, n);
	return (double)(rte_rdtsc_precise() - before);
}

double micro_cycles(const struct micro *m, micro_fn fn, void *ctx, double *best)
{
	static double samples[SAMPLES_MAX];
	uint64_t end = rte_rdtsc() + (uint64_t)(m->seconds * (double)rte_get_tsc_hz());
	uint32_t n = 1, count = 0;
	double cycles;

	for (cycles = micro_sample(fn, ctx, 1); cycles < SAMPLE_CYCLES && n < 1u << 24;
		cycles = micro_sample(fn, ctx, n))
		n *= 2;
	while (count < SAMPLES_MAX && (count < 5 || rte_rdtsc() < end))
		samples[count++] = micro_sample(fn, ctx, n) / n;
	cycles = median(samples, count);
	*best = samples[0];
	return cycles;
}

void micro_row(struct micro *m, const char *name, double cycles)
{
	report_row(m->report, name, "cycles", "", cycles, REPORT_NO_TARGET);
	progress("  %-36s %9.1f", name, cycles);
}

void micro_run(struct micro *m, const char *name, uint32_t per_call, micro_fn fn, void *ctx)
{
	double best;

	if (!micro_wanted(m, name))
		return;
	micro_row(m, name, micro_cycles(m, fn, ctx, &best) / per_call);
	report_row(m->report, name, "best", "cycles", best / per_call, REPORT_NO_TARGET);
}

int main(int argc, char **argv)
{
	static const struct option options[] = { { "quick", no_argument, NULL, 'q' },
		{ "json", no_argument, NULL, 'j' }, { "only", required_argument, NULL, 'o' },
		{ "plain-pages", no_argument, NULL, 'p' }, { NULL, 0, NULL, 0 } };
	struct micro m = { .seconds = 0.3 };
	struct bench_eal eal = { .lcores = sysconf(_SC_NPROCESSORS_ONLN) > 1 ? "0@0,1@1" : "0" };
	bool json = false, huge;
	int opt;

	while ((opt = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (opt) {
		case 'q':
			m.quick = true;
			m.seconds = 0.1;
			break;
		case 'j':
			json = true;
			break;
		case 'o':
			m.only = optarg;
			break;
		case 'p':
			eal.plain_pages = true;
			break;
		default:
			fputs("Usage: bench micro [--quick] [--json] [--only=PART-OF-A-NAME] "
			      "[--plain-pages] [--against=REVISION]\n",
				stderr);
			return 2;
		}
	}
	eal.memory_mb = world_memory_mb(m.quick ? 1000000 : 10000000, 1);
	huge = bench_eal_start(&eal);
	m.report = report_new("micro", json);
	report_note(m.report, "Stages alone, medians, %s, TSC %.0f MHz.",
		huge ? "2 MB pages" : "4 KB pages", (double)rte_get_tsc_hz() / 1e6);
	micro_http(&m);
	micro_policy(&m);
	for (unsigned i = 0; i < RTE_DIM(key_counts) - m.quick; i++)
		micro_keys(&m, key_counts[i]);
	micro_route(&m);
	micro_memory(&m);
	micro_worker(&m);
	return report_finish(m.report);
}
