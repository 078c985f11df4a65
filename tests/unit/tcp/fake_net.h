/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The network layer as TCP's tests fake it at link time: a wire between two sides that loses
 * (singly and in bursts), doubles, delays, reorders, damages and marks packets from a seeded
 * sequence, through a bottleneck where one is wanted, under a clock that the test owns.
 */
#ifndef SLUICE_TESTS_UNIT_TCP_FAKE_NET_H
#define SLUICE_TESTS_UNIT_TCP_FAKE_NET_H

#include <stdbool.h>
#include <stdint.h>

#include <rte_mbuf.h>
#include <rte_tcp.h>

#include "dataplane/net/net.h"

/* Chances are out of 1,000. */
struct fake_faults {
	uint32_t lose, repeat, reorder;
	uint32_t burst;     /* chance that a burst of losses begins */
	uint32_t burst_len; /* the most packets that one takes */
	uint32_t corrupt;   /* chance that a bit turns; the checksum has to find it */
	bool fair; /* no more than FAKE_LOST_IN_ROW losses of the same bytes, or without an answer */
	uint32_t mark;        /* chance of a congestion mark, where the sender allows one */
	uint32_t rate;        /* bytes a millisecond and direction; 0: no bottleneck */
	uint32_t queue_bytes; /* that wait before it; what comes on top is lost */
	uint64_t delay_ns;    /* of every packet */
	uint64_t jitter_ns;   /* the most that a reordered one waits longer */
	uint32_t narrow;      /* larger packets are lost from narrow_ns on; 0: none are */
	uint64_t narrow_ns;
	uint8_t strip;  /* FAKE_STRIP_*: SYN options that a middlebox removes */
	uint32_t split; /* chance that a segment arrives as two mbufs */
};

#define FAKE_LOST_IN_ROW  3  /* keep-alive gives up after five, and a pool may be empty, too */
#define FAKE_ROWS         64 /* losses in a row are counted for each client port's last bits */

#define FAKE_STRIP_TS     1
#define FAKE_STRIP_SACK   2
#define FAKE_STRIP_WSCALE 4
#define FAKE_STRIP_MSS    8

struct fake_packet;

/* What is under way in one direction, the first due on top. */
struct fake_heap {
	uint32_t count, room;
	struct fake_packet **at;
};

struct fake_wire {
	struct fake_faults faults;
	uint64_t rng;
	uint64_t now_ns;
	uint64_t order;          /* of packets that are due at the same time */
	struct fake_heap way[2]; /* by destination */
	uint64_t busy_ns[2];     /* until when the bottleneck towards a side is occupied */
	uint32_t burst_left[2];
	uint64_t lost, corrupted;
	bool trace; /* print what is put on the wire */
	struct fake_row {
		uint8_t lost;
		uint8_t passed;       /* since then; a bit for each direction */
		uint64_t lost_order;  /* of the latest loss */
		uint8_t same_lost[2]; /* of the same bytes, by destination */
		uint32_t same_seq[2];
		uint8_t ack_lost[2]; /* in a row, of the same ACK without text */
		uint32_t ack_seq[2], ack[2];
	} row[FAKE_ROWS];
	const char *broken; /* what the wire itself found wrong */
	bool (*filter)(void *ctx, const struct rte_tcp_hdr *h, unsigned side); /* true: lose it */
	void *filter_ctx;
	uint8_t filter_ecn; /* of the packet that the filter sees */
};

struct net {
	struct fake_wire *wire;
	unsigned side; /* 0 or 1 */
	struct ip_addr addr;
	uint16_t mtu;
	uint16_t narrow; /* what net_path_remember() said last */
	bool unreachable;
	const struct owner_rss *rss;
	struct rte_mempool *pool; /* for what arrives */
	struct port port;
	struct port_tx tx;
	struct net_ops ops;
	void *ops_ctx;
	uint64_t drops[DROP_COUNT];
	uint64_t sent;
};

uint64_t fake_random(uint64_t *state);

void fake_wire_init(struct fake_wire *w, const struct fake_faults *faults, uint64_t seed);
/* Frees what is under way. */
void fake_wire_fini(struct fake_wire *w);
void fake_net_init(struct net *net, struct fake_wire *w, unsigned side, struct rte_mempool *pool,
	uint16_t mtu, bool multi_segs);

/* When the next packet arrives at a side, or UINT64_MAX. */
uint64_t fake_wire_next(const struct fake_wire *w, unsigned side);
/* Packets that are due at @p net. */
uint16_t fake_net_receive(struct net *net, struct rte_mbuf **segs, uint16_t room);

/* Put a segment on the wire as if @p from had sent it; the bytes begin at the TCP header. */
void fake_wire_put(struct fake_wire *w, struct net *from, const struct ip_addr *src,
	const struct ip_addr *dst, const uint8_t *bytes, uint32_t len);

/* EAL without hugepages, once a process. */
void fake_eal_init(void);
struct rte_mempool *fake_pool(const char *name, unsigned mbufs);

#endif
