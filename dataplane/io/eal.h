/* SPDX-License-Identifier: Apache-2.0 */
/* Starting DPDK's environment abstraction layer from our configuration instead of a command
 * line. */
#ifndef SLUICE_DATAPLANE_IO_EAL_H
#define SLUICE_DATAPLANE_IO_EAL_H

#include <stdbool.h>
#include <stdint.h>

#define EAL_ARGS_MAX 64 /* arguments handed to the EAL, program name and terminator among them */

struct eal_config {
	const char *program;
	const char *lcores;      /* value of --lcores ("0-2", "0@1,1@2"), or NULL for "0" */
	const char *file_prefix; /* of runtime files; NULL for "sluice" */
	const char *log_level;   /* value of --log-level, or NULL for "notice" */
	uint32_t memory_mb;      /* all of it: pools, tables, TLS is not in it */
	bool no_huge;            /* use plain pages although huge pages are free */
	bool no_telemetry;
	uint32_t device_count;
	const char *const *devices; /* as in the configuration; only PCI addresses matter here */
	uint32_t extra_count;
	const char *const *extra; /* arguments that the operator adds, last so that they win */
};

/* The vector that eal_start() hands over; texts live in the buffer. */
struct eal_args {
	int count;
	uint32_t used;
	char *argv[EAL_ARGS_MAX];
	char text[4096];
};

/** True for "0000:5e:00.0" and "5e:00.0". */
bool eal_is_pci(const char *device);

/** Megabytes of free huge pages of all sizes; 0 where no hugetlbfs is mounted to take them from. */
uint64_t eal_free_huge_mb(void);

/** Megabytes of ordinary memory that a new program can have without swapping (MemAvailable);
 * UINT64_MAX where the kernel does not tell. */
uint64_t eal_available_mb(void);

/**
 * Make the argument vector, without starting anything.
 * @param free_huge_mb  from eal_free_huge_mb()
 * @return 0, or -E2BIG when the arguments are too many or too long
 */
int eal_args_make(const struct eal_config *config, uint64_t free_huge_mb, struct eal_args *out);

/** Start the EAL; once in a process. The reason for a failure is logged. @return 0, or -errno */
int eal_start(const struct eal_config *config);

#endif
