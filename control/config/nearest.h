/* SPDX-License-Identifier: Apache-2.0 */
/* The valid name that is nearest to one that is unknown: "did you mean …?" */
#ifndef SLUICE_CONTROL_CONFIG_NEAREST_H
#define SLUICE_CONTROL_CONFIG_NEAREST_H

#include "lib/base/str.h"

struct nearest {
	struct str given;
	struct str best; /* data NULL: nothing is near enough */
	unsigned distance;
};

/** Begin a search for what resembles @p given. */
struct nearest nearest_begin(struct str given);

/** Offer a valid name. It is taken when it differs in fewer letters than all before it, and in at
 *  most a third of the letters. @p name must live as long as the search. */
void nearest_offer(struct nearest *n, struct str name);

/** Edit distance: insertions, deletions, changes and swaps of neighbours, without case; at most
 *  @p limit + 1 is returned. */
unsigned edit_distance(struct str a, struct str b, unsigned limit);

#endif
