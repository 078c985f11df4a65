/* SPDX-License-Identifier: Apache-2.0 */
/* See bench_eal.h. --in-memory takes huge pages from a memfd: no mount, no files. */
#include "bench/common/bench_eal.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <rte_common.h>
#include <rte_eal.h>

#include "bench/common/report.h"

#define HUGE_DIR   "/sys/kernel/mm/hugepages/hugepages-2048kB/"
#define SHMEM_HUGE "/sys/kernel/mm/transparent_hugepage/shmem_enabled"

static long reserved;
static bool memfds_changed;

static long number_read(const char *file)
{
	FILE *f = fopen(file, "r");
	long n = 0;

	if (f && fscanf(f, "%ld", &n) != 1)
		n = 0;
	if (f)
		fclose(f);
	return n;
}

static void word_write(const char *file, const char *word)
{
	FILE *f = fopen(file, "w");

	if (!f)
		return;
	fputs(word, f);
	fclose(f);
}

static void number_write(const char *file, long n)
{
	char word[24];

	snprintf(word, sizeof(word), "%ld", n);
	word_write(file, word);
}

/* For the usage lines, as the quickstart tells operators. */
static void let_memfds_have_huge_pages(void)
{
	char words[128] = "";
	FILE *f = fopen(SHMEM_HUGE, "r");

	if (!f)
		return;
	memfds_changed = fgets(words, sizeof(words), f) && strstr(words, "[never]");
	fclose(f);
	if (memfds_changed)
		word_write(SHMEM_HUGE, "advise");
}

static void give_back(void)
{
	long now = number_read(HUGE_DIR "nr_hugepages");

	if (reserved)
		number_write(HUGE_DIR "nr_hugepages", now > reserved ? now - reserved : 0);
	if (memfds_changed)
		word_write(SHMEM_HUGE, "never");
}

static void at_exit(void)
{
	rte_eal_cleanup();
	give_back();
}

/* Pages in use go when this process does; what is reserved beyond stays at the count we leave. */
static void on_signal(int number)
{
	give_back();
	_exit(128 + number);
}

static bool huge_pages(uint32_t memory_mb)
{
	long wanted = memory_mb / 2, free_now = number_read(HUGE_DIR "free_hugepages");
	long before = number_read(HUGE_DIR "nr_hugepages");

	if (free_now >= wanted)
		return true;
	number_write(HUGE_DIR "nr_hugepages", before + wanted - free_now);
	reserved = number_read(HUGE_DIR "nr_hugepages") - before;
	return number_read(HUGE_DIR "free_hugepages") >= wanted;
}

bool bench_eal_start(const struct bench_eal *config)
{
	bool huge = !config->plain_pages && huge_pages(config->memory_mb);
	char memory[16], lcores[64];
	const char *args[] = { "bench", lcores, "-m", memory, "--no-pci", "--no-telemetry",
		"--log-level=error", "--iova-mode=va", huge ? "--in-memory" : "--no-huge",
		"--no-shconf" };
	static char words[RTE_DIM(args)]
			 [64]; /* the EAL keeps them, and changes what points to them */
	char *argv[RTE_DIM(args) + 1] = { 0 };

	if (!config->plain_pages)
		let_memfds_have_huge_pages();
	snprintf(memory, sizeof(memory), "%u", config->memory_mb);
	snprintf(lcores, sizeof(lcores), "--lcores=%s", config->lcores);
	for (unsigned i = 0; i < RTE_DIM(args); i++)
		argv[i] = strncpy(words[i], args[i], sizeof(words[i]) - 1);
	atexit(at_exit);
	signal(SIGINT, on_signal);
	signal(SIGTERM, on_signal);
	signal(SIGHUP, on_signal);
	signal(SIGPIPE, on_signal);
	if (rte_eal_init(RTE_DIM(args), argv) < 0) {
		progress("the EAL does not start");
		exit(1);
	}
	return huge;
}
