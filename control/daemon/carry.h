/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Carrying limit words over from one generation to the next: an apply refills nobody, and locks
 * nobody out.
 */
#ifndef SLUICE_CONTROL_DAEMON_CARRY_H
#define SLUICE_CONTROL_DAEMON_CARRY_H

#include "lib/shm/usage.h"

/**
 * Clear the lines of slots that get another consumer than they had: none where both generations
 * share their callers. Of a consumer that comes back only the counts are cleared: its limits are
 * where they were.
 * @param old    the generation that the words belong to; NULL: no line belongs to a consumer
 * @param taken  false, before an apply: of slots that no consumer has. true, once it runs: of slots
 *               that another consumer had, whose words count until then
 * @return how many lines were cleared, or -ENOMEM
 */
int64_t carry_clear_lines(
	const struct snapshot *old, const struct snapshot *now, struct usage *usage, bool taken);

/** Set the counts of all lines to zero, for a dataplane that begins; limits stay. */
void carry_clear_counts(struct usage *usage);

/**
 * After an apply: where a consumer's limits differ from those of the generation before, keep of
 * each word what still has a meaning. A rate's time is at most one full burst ahead of @p now_ns; a
 * word that held another kind of limit, or a window of another length, begins anew.
 * @return how many words were changed, or -ENOMEM
 */
int64_t carry_words(const struct snapshot *old, const struct snapshot *now, struct usage *usage,
	uint64_t now_ns);

#endif
