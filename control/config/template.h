/* SPDX-License-Identifier: Apache-2.0 */
/* Texts with names in braces, "/v1/{rest}": what they are made of. */
#ifndef SLUICE_CONTROL_CONFIG_TEMPLATE_H
#define SLUICE_CONTROL_CONFIG_TEMPLATE_H

#include "control/config/config.h"
#include "lib/shm/snapshot.h"

#define TEMPLATE_PIECES 16

struct template_piece {
	enum snap_piece_kind kind;
	struct str text;   /* SNAP_PIECE_TEXT, or the name of a SNAP_PIECE_FIELD */
	uint32_t segments; /* of the path, that come before it */
};

struct template
{
	uint32_t count;
	struct template_piece pieces[TEMPLATE_PIECES];
};

enum template_use {
	TEMPLATE_OF_PATH, /* {rest} and {id} */
	TEMPLATE_OF_FIELD /* {consumer} and so on; {path.id} */
};

/**
 * Take a setting's text apart.
 * @param path      of the route, which says what a request's path consists of; empty: of no route alone
 * @param mistakes  gets what is wrong with it; NULL: nothing is
 * @return false when something is wrong
 */
bool template_read(const struct cfg_value *value, enum template_use use, struct str path,
	struct mistakes *mistakes, struct template *out);

/** Whether the segment between is "{name}" @return the name; empty: it is not */
struct str template_segment_name(struct str path, uint32_t at, uint32_t end);

#endif
