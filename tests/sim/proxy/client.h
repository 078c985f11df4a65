/* SPDX-License-Identifier: Apache-2.0 */
/* A simulated client: sends its requests, pipelined or not, over one connection after the other,
 * and holds every byte that it gets against what it asked for. */
#ifndef SLUICE_TESTS_SIM_PROXY_CLIENT_H
#define SLUICE_TESTS_SIM_PROXY_CLIENT_H

#include "tests/sim/proxy/conn.h"

void clients_init(struct sim *s);
/** Let them connect who want to. @return when the next one does */
uint64_t clients_turn(struct sim *s);
/** Have all said what they have to say, and heard what there is to hear? */
bool clients_done(const struct sim *s);

#endif
