/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A stage of the simulation's own (dataplane/pipeline/hooks.h): requests ask by chance, and are
 * answered in time, late, twice or never; now and then what answers dies for a while.
 */
#ifndef SLUICE_TESTS_SIM_PROXY_ASKER_H
#define SLUICE_TESTS_SIM_PROXY_ASKER_H

#include "tests/sim/proxy/sim.h"

/** Put the stage into the gateway, if the scenario asks. */
void asker_init(struct sim *s, struct proxy_config *config);
/** @return when the next answer comes */
uint64_t asker_next(const struct sim *s);

#endif
