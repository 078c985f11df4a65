/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The nearest name by edit distance (optimal string alignment). Names are at most NAME_MAX_BYTES
 * long here; longer ones are no slips of the keyboard and get no suggestion.
 */
#include "control/config/nearest.h"

#define NAME_MAX_BYTES 64

struct nearest nearest_begin(struct str given)
{
	unsigned limit = given.len / 3;

	if (limit < 1)
		limit = 1;
	if (limit > 4)
		limit = 4;
	return (struct nearest){ .given = given, .distance = limit + 1 };
}

static unsigned nearest_min3(unsigned a, unsigned b, unsigned c)
{
	unsigned ab = a < b ? a : b;

	return ab < c ? ab : c;
}

unsigned edit_distance(struct str a, struct str b, unsigned limit)
{
	unsigned rows[3][NAME_MAX_BYTES + 1];
	unsigned *before = rows[0], *last = rows[1], *now = rows[2];

	if (a.len > NAME_MAX_BYTES || b.len > NAME_MAX_BYTES)
		return limit + 1;
	for (unsigned j = 0; j <= b.len; j++)
		last[j] = j;
	for (unsigned i = 1; i <= a.len; i++) {
		now[0] = i;
		for (unsigned j = 1; j <= b.len; j++) {
			char x = ascii_lower(a.data[i - 1]), y = ascii_lower(b.data[j - 1]);

			now[j] = nearest_min3(last[j] + 1, now[j - 1] + 1, last[j - 1] + (x != y));
			if (i > 1 && j > 1 && x == ascii_lower(b.data[j - 2]) &&
				y == ascii_lower(a.data[i - 2]) && before[j - 2] + 1 < now[j])
				now[j] = before[j - 2] + 1;
		}
		unsigned *spare = before;

		before = last;
		last = now;
		now = spare;
	}
	return last[b.len] <= limit ? last[b.len] : limit + 1;
}

void nearest_offer(struct nearest *n, struct str name)
{
	unsigned distance = edit_distance(n->given, name, n->distance);

	if (distance < n->distance) {
		n->distance = distance;
		n->best = name;
	}
}
