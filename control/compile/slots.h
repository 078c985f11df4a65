/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Stable slots: the same name keeps the same small number over generations, so that counters and
 * limit words keep their meaning. A number that a removed name had is given away last.
 */
#ifndef SLUICE_CONTROL_COMPILE_SLOTS_H
#define SLUICE_CONTROL_COMPILE_SLOTS_H

#include "lib/shm/snapshot.h"

struct slots;

/** What makes a name: the texts of @p a, then '/' and those of @p b where it is not empty. */
struct slot_name {
	struct str a, b;
};

/** @param capacity  slots are below it. @return NULL without memory */
struct slots *slots_new(uint32_t capacity);
void slots_free(struct slots *slots);

/** Enter what the previous generation had: the slots of names that are gone first, in the order in which they are to
 *  be given away. */
void slots_had(struct slots *slots, struct slot_name name, uint32_t slot);

/** Say that this generation has a name; all of them, before the first slots_take(). */
void slots_want(struct slots *slots, struct slot_name name);

/** @return the name's slot, or SNAP_NONE when none is left */
uint32_t slots_take(struct slots *slots, struct slot_name name);

/** After the last slots_take(): true when a name that is gone had the slot and no other one got it. */
bool slots_rests(const struct slots *slots, uint32_t slot);

#endif
