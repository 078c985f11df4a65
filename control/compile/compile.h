/* SPDX-License-Identifier: Apache-2.0 */
/* From a checked configuration to what the dataplane runs: a snapshot and its secrets. */
#ifndef SLUICE_CONTROL_COMPILE_COMPILE_H
#define SLUICE_CONTROL_COMPILE_COMPILE_H

#include "control/config/config.h"
#include "lib/shm/snapshot.h"

struct changes;

struct compile_input {
	struct config *config;
	/* Generation before, for slots and capacities; its parts that stay the same are shared. Or
	 * NULL. */
	const struct snapshot *previous;
	bool running;         /* previous is in use: what needs a restart is a mistake */
	bool want_access_log; /* by command line, whatever the file says unless it forbids it */
	uint64_t generation, boot_id;
	const struct changes *changes; /* by command, laid over the file; NULL: none */
};

struct compiled {
	struct snapshot snapshot; /* checked */
	struct segment secrets;   /* sealed */
};

/**
 * Compile. Patterns and certificates are judged even where @p mistakes holds errors already, so
 * that one run finds all.
 * @return 0 with @p out owned by the caller (compiled_free()); -EINVAL when there are mistakes,
 *         which hold the reason in any case
 */
int snapshot_compile(
	const struct compile_input *input, struct mistakes *mistakes, struct compiled *out);

void compiled_free(struct compiled *compiled);

/** Is the content the same, generations and where they were made left aside? */
bool snapshot_same(const struct snapshot *a, const struct snapshot *b);

/** Load, check and compile @p path in one go: what check and apply do.
 *  @return as snapshot_compile() */
int compile_file(const char *path, const struct compile_input *input, struct config *config,
	struct mistakes *mistakes, struct compiled *out);

/** As compile_file() for the terminated @p text of a file without inclusions, which tests and
 *  benchmarks make; the files that it names are read. */
int compile_memory(const char *text, const struct compile_input *input, struct mistakes *mistakes,
	struct compiled *out);

#endif
