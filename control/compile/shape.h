/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Exact shapes of credentials: recognises regular expressions that are nothing but literal prefixes
 * and one run of a character class, which a worker checks in a few cycles and without a scan.
 */
#ifndef SLUICE_CONTROL_COMPILE_SHAPE_H
#define SLUICE_CONTROL_COMPILE_SHAPE_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/base/str.h"

#define SHAPE_PREFIXES_BYTES 512
#define SHAPE_PREFIXES_MAX   16

struct shape {
	char prefixes[SHAPE_PREFIXES_BYTES]; /* each followed by '\n' */
	uint32_t prefixes_len;
	uint32_t class;  /* SNAP_CLASS_* */
	uint32_t length; /* characters after the prefix */
};

/**
 * Recognise `^PREFIX[CLASS]{N}$`, where PREFIX is literals and groups of literals `(a|b)`, and
 * CLASS is made of whole ranges that a worker knows. What is not fully understood is no shape.
 * @return true with @p out filled
 */
bool shape_parse(struct str pattern, struct shape *out);

/** Does @p value have the shape? What a worker does, for tools and tests. */
bool shape_matches(const char *prefixes, uint32_t prefixes_len, uint32_t class, uint32_t length,
	struct str value);

#endif
