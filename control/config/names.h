/* SPDX-License-Identifier: Apache-2.0 */
/* A table from names to numbers: what references and duplicates are found with, up to millions. */
#ifndef SLUICE_CONTROL_CONFIG_NAMES_H
#define SLUICE_CONTROL_CONFIG_NAMES_H

#include <stdbool.h>

#include "lib/base/str.h"

#define NAMES_NONE UINT32_MAX

struct names;

/** @param expected  how many names will come; the table grows beyond it. @return NULL: no memory */
struct names *names_new(uint32_t expected);
void names_free(struct names *names);

/** @return the number of @p name, or NAMES_NONE; @p names may be NULL (nothing is found) */
uint32_t names_find(const struct names *names, struct str name);

/**
 * Add a name whose bytes live as long as the table.
 * @return @p number when the name is new, else the number that it has; NAMES_NONE without memory
 */
uint32_t names_add(struct names *names, struct str name, uint32_t number);

/** Change the number of a name that is there. */
void names_set(struct names *names, struct str name, uint32_t number);

#endif
