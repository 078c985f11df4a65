/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A port as a worker sees it: receive a burst, queue a packet, flush once a loop. Two files
 * implement it: port_eth.c over rte_ethdev, and the wire tests' fake, chosen at link time.
 */
#ifndef SLUICE_DATAPLANE_IO_PORT_H
#define SLUICE_DATAPLANE_IO_PORT_H

#include <stdbool.h>
#include <stdint.h>

#include <rte_ether.h>
#include <rte_mbuf.h>

#define PORT_MAX       8
#define PORT_RX_BURST  32
#define PORT_TX_BUFFER 256 /* packets queued for one port within a loop */
/* Mbufs of payload in a segment for the port to cut: few enough for NICs that take eight a packet
 * of the wire (i40e), and for all that name a limit. */
#define PORT_RUN_PIECES 12

/* What a port does by itself; what it does not is done in software. Constant after start. */
struct port_caps {
	bool tx_ipv4_checksum;
	bool tx_tcp_checksum;
	bool rx_checksum; /* marks mbufs RTE_MBUF_F_RX_{IP,L4}_CKSUM_{GOOD,BAD} */
	bool multi_segs;  /* sends chains; without it every packet must be one mbuf of its own,
			    * neither indirect nor referred to by anybody else */
	bool tso;         /* cuts long segments (RTE_MBUF_F_TX_TCP_SEG) */
};

#define PORT_RETA_MAX      512
#define PORT_RSS_KEY_BYTES 40 /* what IPv6 with ports needs; longer keys go on behind it */

/* How a port spreads TCP over its queues, as read from it: queue = reta[Toeplitz hash of both
 * addresses and both ports mod reta_size]. */
struct port_rss {
	bool ipv4, ipv6;    /* the families that are hashed so */
	uint16_t reta_size; /* 0: the port does not spread so, or does not say how */
	uint8_t key[PORT_RSS_KEY_BYTES];
	uint16_t reta[PORT_RETA_MAX];
};

struct port {
	uint16_t id;                   /* DPDK's port id */
	uint16_t mtu;                  /* bytes of IP packet */
	uint16_t rx_queues, tx_queues; /* what the port gave of those asked for */
	struct rte_ether_addr mac;
	struct port_caps caps;
	struct port_rss rss;
};

/* One worker's transmit side of one port. */
struct port_tx {
	const struct port *port;
	uint16_t queue;
	uint16_t count;
	uint64_t sent_packets;
	uint64_t sent_bytes;
	uint64_t full_drops; /* packets freed because the queue stayed full */
	struct rte_mbuf *pkts[PORT_TX_BUFFER];
};

/** Receive at most @p n packets. The caller owns them. @return how many */
uint16_t port_rx(const struct port *port, uint16_t queue, struct rte_mbuf **pkts, uint16_t n);

/** Queue one complete frame for the next flush; consumes it. Flushes by itself when the buffer is
 * full. */
void port_tx_put(struct port_tx *tx, struct rte_mbuf *m);

/** Hand all queued frames to the port. What the port does not take within one retry is freed and
 *  counted in full_drops: TCP repairs it, waiting would stall every other connection. */
void port_tx_flush(struct port_tx *tx);

#endif
