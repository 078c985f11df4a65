/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The EAL's arguments. Software devices are not among them: port_setup() plugs those in afterwards,
 * so that a device that fails is one line of the log and a fallback, not the end of the EAL.
 *
 * Files are shared (no --in-memory, no --no-shconf), as dpdk-dumpcap and dpdk-proc-info attach
 * through them, and memif refuses to start without. --in-memory would also exclude --no-huge in
 * 22.11 ("--legacy-mem is not compatible with --in-memory").
 */
#include "dataplane/io/eal.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <mntent.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <rte_eal.h>
#include <rte_errno.h>

#include "dataplane/io/xdp_log.h"
#include "lib/base/log.h"

#define HUGEPAGES "/sys/kernel/mm/hugepages"

static bool hex_run(const char **p, unsigned min, unsigned max)
{
	unsigned n = 0;

	while (n <= max && isxdigit((unsigned char)(*p)[n]))
		n++;
	*p += n;
	return n >= min && n <= max;
}

static bool eal_literal(const char **p, char c)
{
	if (**p != c)
		return false;
	(*p)++;
	return true;
}

bool eal_is_pci(const char *device)
{
	const char *p = device;

	if (hex_run(&p, 4, 8) && eal_literal(&p, ':'))
		device = p; /* with its domain */
	p = device;
	return hex_run(&p, 2, 2) && eal_literal(&p, ':') && hex_run(&p, 2, 2) &&
	       eal_literal(&p, '.') && *p >= '0' && *p <= '7' && (p[1] == 0 || p[1] == ',');
}

static uint64_t number_read(const char *directory, const char *name)
{
	char path[512], line[32];
	uint64_t value = 0;
	FILE *f;

	snprintf(path, sizeof(path), HUGEPAGES "/%s/%s", directory, name);
	f = fopen(path, "re");
	if (!f)
		return 0;
	if (fgets(line, sizeof(line), f))
		value = strtoull(line, NULL, 10);
	fclose(f);
	return value;
}

/* The EAL takes huge pages as files: without a mounted hugetlbfs it does not start at all. */
static bool hugetlbfs_mounted(void)
{
	FILE *mounts = setmntent("/proc/mounts", "re");
	const struct mntent *entry;
	bool found = false;

	if (!mounts)
		return false;
	while (!found && (entry = getmntent(mounts)) != NULL)
		found = strcmp(entry->mnt_type, "hugetlbfs") == 0;
	endmntent(mounts);
	return found;
}

uint64_t eal_free_huge_mb(void)
{
	static const char prefix[] = "hugepages-";
	DIR *dir = opendir(HUGEPAGES);
	const struct dirent *entry;
	uint64_t free_kb = 0;

	if (!dir)
		return 0;
	if (!hugetlbfs_mounted()) {
		closedir(dir);
		return 0;
	}
	while ((entry = readdir(dir)) != NULL) {
		uint64_t page_kb;

		if (strncmp(entry->d_name, prefix, sizeof(prefix) - 1) != 0)
			continue;
		page_kb = strtoull(entry->d_name + sizeof(prefix) - 1, NULL, 10);
		free_kb += page_kb * number_read(entry->d_name, "free_hugepages");
	}
	closedir(dir);
	return free_kb / 1024;
}

uint64_t eal_available_mb(void)
{
	static const char name[] = "MemAvailable:";
	FILE *f = fopen("/proc/meminfo", "re");
	uint64_t mb = UINT64_MAX;
	char line[128];

	if (!f)
		return UINT64_MAX;
	while (mb == UINT64_MAX && fgets(line, sizeof(line), f))
		if (strncmp(line, name, sizeof(name) - 1) == 0)
			mb = strtoull(line + sizeof(name) - 1, NULL, 10) / 1024;
	fclose(f);
	return mb;
}

__attribute__((format(printf, 2, 3))) static void arg_add(
	struct eal_args *args, const char *format, ...)
{
	size_t room = sizeof(args->text) - args->used;
	va_list list;
	int n;

	if (args->count < 0)
		return;
	va_start(list, format);
	n = vsnprintf(args->text + args->used, room, format, list);
	va_end(list);
	if (n < 0 || (size_t)n >= room || args->count >= EAL_ARGS_MAX - 1) {
		args->count = -1; /* told by eal_args_make() */
		return;
	}
	args->argv[args->count++] = args->text + args->used;
	args->argv[args->count] = NULL;
	args->used += (uint32_t)n + 1;
}

int eal_args_make(const struct eal_config *config, uint64_t free_huge_mb, struct eal_args *out)
{
	bool no_huge = config->no_huge || free_huge_mb < config->memory_mb;
	uint32_t pci = 0;

	memset(out, 0, sizeof(*out));
	arg_add(out, "%s", config->program);
	arg_add(out, "--lcores=%s", config->lcores ? config->lcores : "0");
	arg_add(out, "--file-prefix=%s", config->file_prefix ? config->file_prefix : "sluice");
	arg_add(out, "--log-level=%s", config->log_level ? config->log_level : "notice");
	/* Virtual addresses as IOVA need no root and no physical addresses; the software ports
	 * never look at them, and a NIC behind VFIO takes them. */
	arg_add(out, "--iova-mode=va");
	if (no_huge)
		arg_add(out, "--no-huge");
	arg_add(out, "-m");
	arg_add(out, "%u", config->memory_mb);
	if (config->no_telemetry)
		arg_add(out, "--no-telemetry");
	for (uint32_t i = 0; i < config->device_count; i++) {
		if (!eal_is_pci(config->devices[i]))
			continue;
		pci++;
		arg_add(out, "-a");
		arg_add(out, "%s", config->devices[i]);
	}
	if (pci == 0)
		arg_add(out, "--no-pci");
	for (uint32_t i = 0; i < config->extra_count; i++)
		arg_add(out, "%s", config->extra[i]);
	return out->count < 0 ? -E2BIG : 0;
}

int eal_start(const struct eal_config *config)
{
	/* The EAL keeps pointers into its arguments. */
	static struct eal_args args;
	/* getopt moves the pointers it is given: keep ours. */
	static char *argv[EAL_ARGS_MAX];
	uint64_t free_huge_mb = eal_free_huge_mb();
	int err = eal_args_make(config, free_huge_mb, &args);

	if (err) {
		log_error("too many EAL arguments");
		return err;
	}
	if (free_huge_mb < config->memory_mb && !config->no_huge)
		log_notice(
			"%lu MB of huge pages free, %u MB needed: plain pages are used, which are slower",
			(unsigned long)free_huge_mb, config->memory_mb);
	memcpy(argv, args.argv, sizeof(argv));
	if (rte_eal_init(args.count, argv) < 0) {
		err = rte_errno ? -rte_errno : -EINVAL;
		log_error("the EAL does not start: %s", rte_strerror(-err));
		return err;
	}
	xdp_log_open();
	return 0;
}
