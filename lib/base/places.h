/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who gets a place where connections are few and users trust each other differently: each user has
 * a share, and a connection of a user with more rights takes the place of one with fewer. No clock
 * and no sockets: the caller closes what is given up.
 */
#ifndef SLUICE_LIB_BASE_PLACES_H
#define SLUICE_LIB_BASE_PLACES_H

#include <stdbool.h>
#include <stdint.h>

#define PLACE_RANK_ALL 255 /* may do everything anyway: no share limits it */

/* A connection. */
struct place {
	bool taken;
	bool kept;  /* is not given up: what it asked for is under way */
	bool asked; /* it does not keep silent: only a higher rank takes its place */
	uint8_t rank;
	uint32_t uid;
	uint64_t since; /* number of the connection: the lower, the older */
};

/**
 * A place for @p fresh among @p count places: a free one, or that of a connection which is to be
 * closed first (its .taken is set).
 * @param share  places that one user below PLACE_RANK_ALL has at most
 * @return its index; -1 when there is none
 */
int place_choose(
	const struct place *places, unsigned count, const struct place *fresh, unsigned share);

#endif
