/* SPDX-License-Identifier: Apache-2.0 */
/* The simulated backends: read requests, hold every byte against what the client sent, and respond
 * as planned. */
#ifndef SLUICE_TESTS_SIM_PROXY_SERVER_H
#define SLUICE_TESTS_SIM_PROXY_SERVER_H

#include "tests/sim/proxy/conn.h"

/** Listen at the endpoints, but for those that refuse. */
void servers_init(struct sim *s);
void *server_accepted(struct sim_host *h, struct tcp_conn *tcp, uint32_t endpoint);

#define SERVER_ADDRESS    "10.0.1.11"
#define SERVER_PORT_FIRST 8001
#define SERVER_REFUSES    4 /* index of the endpoint that does */
#define SERVER_NONE_FIRST 7 /* to this one the addresses have no server */
#define SERVER_NONE_LAST  9

#endif
