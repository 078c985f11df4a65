/* SPDX-License-Identifier: Apache-2.0 */
/* See places.h. */
#include "lib/base/places.h"

/* Is @p a given up before @p b? The lower rank, then the one that keeps silent, then the older
 * one. */
static bool place_goes_first(const struct place *a, const struct place *b)
{
	if (a->rank != b->rank)
		return a->rank < b->rank;
	if (a->asked != b->asked)
		return b->asked;
	return a->since < b->since;
}

/* May @p fresh take the place of @p p? */
static bool place_yields(const struct place *p, const struct place *fresh)
{
	return !p->kept && (p->rank < fresh->rank || (p->rank == fresh->rank && !p->asked));
}

int place_choose(
	const struct place *places, unsigned count, const struct place *fresh, unsigned share)
{
	int free_one = -1, first = -1, own_first = -1;
	unsigned own = 0;

	for (unsigned i = 0; i < count; i++) {
		const struct place *p = &places[i];

		if (!p->taken) {
			free_one = free_one < 0 ? (int)i : free_one;
			continue;
		}
		own += p->uid == fresh->uid;
		if (!place_yields(p, fresh))
			continue;
		if (first < 0 || place_goes_first(p, &places[first]))
			first = (int)i;
		if (p->uid == fresh->uid &&
			(own_first < 0 || place_goes_first(p, &places[own_first])))
			own_first = (int)i;
	}
	if (own >= share && fresh->rank != PLACE_RANK_ALL)
		return own_first;
	return free_one >= 0 ? free_one : first;
}
