/* SPDX-License-Identifier: Apache-2.0 */
/* What --trace prints. */
#ifndef SLUICE_TESTS_SIM_PROXY_SHOW_H
#define SLUICE_TESTS_SIM_PROXY_SHOW_H

#include "tests/sim/proxy/sim.h"

void show_frame(const struct sim *s, enum sim_port from, const uint8_t *data, uint32_t len);

#endif
