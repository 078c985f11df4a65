/* SPDX-License-Identifier: Apache-2.0 */
/* Turning RSS on, and reading what a port made of it. */
#ifndef SLUICE_DATAPLANE_IO_PORT_RSS_H
#define SLUICE_DATAPLANE_IO_PORT_RSS_H

#include <rte_ethdev.h>

#include "dataplane/io/port.h"

/** Draw a key: random, but such that all slots of a table get equally many of our ports.
 *  @param bytes  at least PORT_RSS_KEY_BYTES */
void port_rss_key(uint8_t *key, uint32_t bytes);

/** Ask for RSS of TCP where the port has it. @param key  room for 255 bytes, used by @p conf */
void port_rss_choose(const struct rte_eth_dev_info *info, uint8_t *key, struct rte_eth_conf *conf);

/** Fill port->rss from the started port; reta_size stays 0 where something cannot be read. */
void port_rss_read(struct port *port);

#endif
