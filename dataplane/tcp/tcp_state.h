/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is kept of connections: the control block, hot and cold, half-open ones, TIME-WAIT and the
 * stack around them. Field names are those of RFC 9293 §3.3.1.
 */
#ifndef SLUICE_DATAPLANE_TCP_TCP_STATE_H
#define SLUICE_DATAPLANE_TCP_TCP_STATE_H

#include <assert.h>
#include <stdbool.h>
#include <stdint.h>

#include <rte_mbuf.h>
#include <rte_tcp.h>

#include "dataplane/net/net.h"
#include "dataplane/tcp/tcp.h"
#include "dataplane/tcp/tcp_cc.h"
#include "dataplane/tcp/tcp_flow.h"
#include "dataplane/tcp/tcp_limits.h"
#include "dataplane/tcp/tcp_options.h"
#include "dataplane/tcp/tcp_wheel.h"
#include "lib/base/siphash.h"

#define TCP_NIL    UINT32_MAX /* no index */

#define TCP_FIN    RTE_TCP_FIN_FLAG
#define TCP_SYN    RTE_TCP_SYN_FLAG
#define TCP_RST    RTE_TCP_RST_FLAG
#define TCP_PSH    RTE_TCP_PSH_FLAG
#define TCP_ACK    RTE_TCP_ACK_FLAG
#define TCP_ECE    RTE_TCP_ECE_FLAG
#define TCP_CWR    RTE_TCP_CWR_FLAG
#define TCP_SEG_CE RTE_TCP_URG_FLAG /* in tcp_seg.flags: the IP header's mark */
#define TCP_ECT0   2                /* the IP header's codepoint of what may be marked */

enum tcp_state {
	TCP_FREE, /* block not in use */
	TCP_CLOSED,
	TCP_SYN_SENT,
	TCP_SYN_RCVD, /* only after a simultaneous open: passive ones are in the SYN cache */
	TCP_ESTABLISHED,
	TCP_FIN_WAIT_1,
	TCP_FIN_WAIT_2,
	TCP_CLOSE_WAIT,
	TCP_CLOSING,
	TCP_LAST_ACK,
};

/* Timers of a connection; the wheel holds the earliest. */
enum tcp_timer {
	TCP_TIMER_RTX,  /* SYN, retransmission or persist */
	TCP_TIMER_ACK,  /* delayed ACK, and output that could not be made */
	TCP_TIMER_IDLE, /* connect timeout, keep-alive, FIN-WAIT-2 */
	TCP_TIMER_COUNT
};

/* tcp_conn.flags */
#define TCP_F_TS           0x00000001u /* timestamps agreed */
#define TCP_F_SACK         0x00000002u /* SACK agreed */
#define TCP_F_LINEAR       0x00000004u /* the port sends one mbuf a packet */
#define TCP_F_ECN          0x00000008u /* RFC 3168 agreed */
#define TCP_F_ACK_NOW      0x00000010u
#define TCP_F_SYN_NOW      0x00000020u /* SYN or SYN-ACK to be sent */
#define TCP_F_RTX_FORCE    0x00000040u /* one retransmission despite cwnd (RFC 6675 §5 (4.3)) */
#define TCP_F_CWND_LIMITED 0x00000080u
#define TCP_F_FIN_QUEUED   0x00000100u /* the application closed */
#define TCP_F_FIN_SENT     0x00000200u
#define TCP_F_FIN_RCVD     0x00000400u /* the peer's FIN is in sequence */
#define TCP_F_RCV_SHUT     0x00000800u /* tcp_close_both() */
#define TCP_F_ON_READY     0x00001000u
#define TCP_F_ON_OUTPUT    0x00002000u
#define TCP_F_IN_FLOW      0x00004000u /* the flow table refers to this block */
#define TCP_F_KNOWN        0x00008000u /* the application has it: ended() is due */
#define TCP_F_OOO          0x00010000u /* something is queued out of order, or a FIN is ahead */
#define TCP_F_LOSS         0x00020000u /* not the open state of recovery, or something is SACKed */
#define TCP_F_PERSIST      0x00040000u /* TCP_TIMER_RTX probes a closed window */
#define TCP_F_POOL_SHUT    0x00080000u /* the window was not opened because the pool is low */
#define TCP_F_PTO          0x00100000u /* TCP_TIMER_RTX probes the tail (RFC 8985 §7) */
#define TCP_F_REO          0x00200000u /* it waits for what may have been overtaken (§6.3) */
#define TCP_F_DSACK        0x00400000u /* what came twice is to be told (RFC 2883) */
#define TCP_F_CONNECTING   0x00800000u /* in tcp_stack.connecting */
#define TCP_F_NARROW       0x01000000u /* segments are smaller than the port and the peer allow */
#define TCP_F_WIDE_ACKED   0x02000000u /* one of the present size arrived */
#define TCP_F_ECHO         0x04000000u /* a mark came, and no CWR since: ACKs carry ECE */
#define TCP_F_CWR          0x08000000u /* the next new data says that the window was reduced */
#define TCP_F_TSO          0x10000000u /* the port cuts long segments */
#define TCP_F_LEAN         0x20000000u /* begun while the pool was low */
#define TCP_F_STRETCH      0x40000000u /* in tcp_stack.stretched */
/* Anything that the fast path leaves alone. */
#define TCP_F_SLOW (TCP_F_FIN_RCVD | TCP_F_RCV_SHUT | TCP_F_OOO | TCP_F_LOSS)

/* tcp_conn.events: upcalls that wait for tcp_dispatch() */
#define TCP_EV_ACCEPTED  0x01
#define TCP_EV_CONNECTED 0x02
#define TCP_EV_READABLE  0x04
#define TCP_EV_WRITABLE  0x08
#define TCP_EV_ENDED     0x10

/* tcp_conn.asked: see tcp_ask() */
#define TCP_ASKED   1 /* nothing of it is acknowledged yet */
#define TCP_UNASKED 2 /* bytes came meanwhile */

enum tcp_recovery {
	TCP_OPEN,
	TCP_RECOVERY, /* fast recovery */
	TCP_LOSS,     /* after a timeout */
};

/* Sent and not yet acknowledged: one record for each segment, a list in order of sequence. */
struct tcp_rec {
	uint32_t seq;
	uint32_t sent_us;
	uint32_t next;
	uint16_t len; /* sequence numbers, a FIN counted */
	uint8_t flags;
	uint8_t joined; /* further segments in it, all SACKed: see tcp_rec_join() */
};
#define TCP_REC_FIN   0x01 /* the last sequence number is the FIN */
#define TCP_REC_SACK  0x02
#define TCP_REC_LOST  0x04
#define TCP_REC_RETX  0x08 /* sent again since it was marked lost */
#define TCP_REC_KARN  0x10 /* ever sent again: no RTT sample (RFC 6298 §3) */
#define TCP_REC_PROBE 0x20 /* larger than others, and not sent again since (RFC 4821 §7) */

/* A segment's place in the out-of-order queue; overlays net_meta in the mbuf's private area. */
struct tcp_ooo {
	struct rte_mbuf *next;
	uint32_t seq, len;
};
static_assert(sizeof(struct tcp_ooo) <= NET_META_BYTES, "fits where net_meta was");

/* The control block: what every segment touches, four cache lines. */
struct tcp_conn {
	/* Who, and how to get there. */
	struct ip_addr remote;
	struct net_path path; /* local address within */
	uint16_t local_port, remote_port;
	uint8_t state;        /* enum tcp_state */
	uint8_t armed;        /* a bit for each enum tcp_timer */
	uint8_t events;       /* TCP_EV_* */
	uint8_t recovery : 4; /* enum tcp_recovery */
	uint8_t asked : 4;    /* TCP_ASKED, TCP_UNASKED or 0 */

	/* Receiving. */
	uint32_t flags; /* TCP_F_* */
	uint32_t rcv_nxt;
	uint32_t rcv_adv;  /* right edge of the window that the peer knows of */
	uint32_t rcv_held; /* in-order bytes that the application was not done with */
	uint32_t ack_sent; /* Last.ACK.sent */
	uint32_t ts_recent;
	uint32_t ts_offset;                   /* of our clock (RFC 7323 §7.1) */
	uint32_t rcv_tick;                    /* when the last acceptable segment came */
	uint16_t rcv_mss;                     /* largest segment seen */
	uint8_t rcv_scale : 4, snd_scale : 4; /* at most 14 (RFC 7323 §2.3) */
	uint8_t quick_acks;
	uint16_t sq_mbufs;                  /* in the send queue */
	uint16_t mss;                       /* most payload bytes a segment, timestamps taken off */
	struct rte_mbuf *rq_head, *rq_tail; /* in-order bytes that wait for tcp_recv() */
	void *user;

	/* Sending. */
	uint32_t snd_una, snd_nxt, snd_wnd, snd_wl1, snd_wl2;
	uint32_t cwnd, ssthresh;
	uint32_t pipe;                      /* bytes thought to be in the network (RFC 6675) */
	uint32_t sq_bytes;                  /* in the send queue, sent or not */
	uint32_t unsent;                    /* of these, never sent */
	uint32_t sq_off;                    /* bytes of sq_head that are acknowledged */
	uint32_t next_off;                  /* bytes of sq_next that are sent */
	struct rte_mbuf *sq_head, *sq_tail; /* the send queue */
	struct rte_mbuf *sq_next; /* holds the first byte never sent; NULL if there is none */

	/* Time and neighbours. */
	uint32_t rec_head, rec_tail;  /* struct tcp_rec */
	uint32_t srtt, rttvar;        /* microseconds, times 8 and times 4 (RFC 6298) */
	uint32_t rto_ms;              /* backed off, as long as no round trip is measured */
	uint32_t at[TCP_TIMER_COUNT]; /* ticks */
	struct tcp_wheel_node node;
	uint32_t min_rtt_us;
	struct tcp_stack *stack;
};
static_assert(sizeof(struct tcp_conn) == 256, "four cache lines");

/* Queue of entries linked by index. */
struct tcp_link {
	uint32_t next, prev;
};
struct tcp_fifo {
	uint32_t head, tail;
};

/* The rest of a connection, found by the same index. */
struct tcp_cold {
	uint32_t iss, irs;
	uint32_t recover;               /* RFC 6582 */
	uint32_t max_wnd;               /* largest window seen on the slow path */
	uint32_t sack_bytes, sack_segs; /* in records that are SACKed */
	uint32_t lost_segs;             /* records lost and not yet sent again */
	uint32_t reno_bytes;            /* what duplicate ACKs stand for where there is no SACK */
	uint32_t rack_sent_us,
		rack_end;        /* of the delivered segment that was sent last (RFC 8985) */
	uint32_t rack_rtt_us;    /* how long it took */
	uint32_t rack_fack;      /* beyond the highest sequence number that was delivered */
	uint32_t rack_round_end; /* D-SACKs count again beyond it */
	uint32_t tlp_end;        /* snd_nxt when the tail was probed */
	uint32_t echo;           /* timestamp that this ACK echoes, or 0 */
	uint32_t prr_flight;     /* in flight when fast recovery began (RFC 6937) */
	uint32_t prr_delivered, prr_out; /* reached the peer and sent since then */
	uint32_t fin_seq;                /* of a FIN that came ahead of its turn */
	uint32_t sent_tick;              /* when data was last sent */
	uint32_t challenge_tick;         /* begin of the second that is counted in challenges */
	uint32_t stretch_us;             /* when the ACK goes, with TCP_F_STRETCH */
	uint32_t syn_us;                 /* when the SYN was sent, for the first RTT sample */
	uint32_t listener_id;
	uint16_t listener; /* index; TCP_LISTENERS for none */
	uint16_t listener_gen;
	uint16_t peer_mss; /* as offered */
	uint16_t ooo_count;
	uint8_t challenges;
	uint8_t retries; /* timeouts in a row */
	uint8_t probes;  /* keep-alive probes in a row */
	uint8_t dup_acks;
	uint8_t end; /* enum tcp_end */
	uint8_t range_count;
	uint8_t rack_mult;    /* quarters of the round trip that the window is wider */
	uint8_t rack_persist; /* recoveries until it is not */
	bool rack_known, rack_reordered, rack_round;
	bool tlp_active, tlp_again;       /* a probe is out; it was the last segment again */
	bool fin_ahead;                   /* fin_seq holds */
	bool soft_error;                  /* ICMP spoke of it since the last progress */
	bool undo_known;                  /* the last recovery may turn out to be needless */
	uint16_t undo_resent, undo_twice; /* segments sent again in it; D-SACKs of these */
	uint16_t icmp_mtu;                /* what ICMP said of icmp_seq, or 0 */
	uint16_t mtu_probe;               /* the size that is tried, or 0 */
	uint16_t mtu_bad;                 /* one that was tried and did not pass, or 0 */
	uint32_t icmp_seq, mtu_probe_end;
	uint32_t mtu_due;                  /* tick of the next try, with TCP_F_NARROW */
	uint32_t ecn_end;                  /* snd_nxt at the last reduction of the window */
	uint32_t undo_una, undo_end;       /* what it was about */
	uint32_t undo_cwnd, undo_ssthresh; /* before it */
	uint64_t undo_cc[TCP_CC_BYTES / 8];
	struct tcp_link link;                 /* with TCP_F_CONNECTING or TCP_F_STRETCH */
	struct tcp_link ooo_link;             /* while something is queued out of order */
	struct tcp_range twice;               /* what came twice, with TCP_F_DSACK */
	struct tcp_range range[TCP_SACK_MAX]; /* out of order, newest first: SACK blocks to send */
	struct rte_mbuf *ooo_head, *ooo_tail;
	uint64_t cc[TCP_CC_BYTES / 8];
};

/* Half-open connection. */
struct tcp_syn {
	struct tcp_tuple tuple;
	uint32_t irs, iss;
	uint32_t ts_recent;
	uint32_t sent_us;
	uint32_t due;         /* tick of the next SYN-ACK */
	struct tcp_link link; /* in the queue of this number of retries */
	uint32_t snd_wnd;
	uint16_t mss; /* 0: none was offered */
	uint16_t listener, listener_gen;
	uint8_t wscale;
	uint8_t options; /* TCP_OPT_*: what is agreed, and TCP_OPT_ECN */
	uint8_t retries;
	uint8_t answers; /* given since the last SYN-ACK of our own accord */
};

#define TCP_OPT_ECN 0x80 /* no option, but agreed in the same place */

/* TIME-WAIT. The four-tuple is represented by its keyed 64-bit hash. */
struct tcp_tw {
	uint64_t hash;
	uint32_t snd_nxt, rcv_nxt;
	uint32_t ts_recent;
	struct tcp_link link; /* in order of expiry */
	uint32_t expires;     /* tick, with the lowest bit telling whether timestamps are in use */
};
static_assert(sizeof(struct tcp_tw) == 32, "two to a cache line");

struct tcp_listener {
	struct ip_addr addr;
	uint16_t port;
	uint16_t gen; /* counts the uses of this slot */
	bool used;
	uint32_t id;
	uint32_t backlog, pending;
};

/* First-in first-out of connection indices; each is in it at most once. */
struct tcp_ring {
	uint32_t *slots;
	uint32_t size, head, count;
};

/*
 * Free lists of blocks that are used one after the other and need no beginning: a free block's link
 * is the distance from the block behind it, so that in memory that is all zero each block is
 * followed by the next one. A million connections that never come are never touched, and cost no
 * memory.
 */
static inline uint32_t tcp_free_next(uint32_t index, uint32_t link, uint32_t limit)
{
	uint32_t next = index + 1 + link;

	return next == limit ? TCP_NIL : next;
}

static inline uint32_t tcp_free_link(uint32_t index, uint32_t next, uint32_t limit)
{
	return (next == TCP_NIL ? limit : next) - index - 1;
}

/* SYNs that were left unanswered, see tcp_shed.c. */
struct tcp_shed {
	uint64_t *now, *before; /* mask + 1 bits each */
	uint32_t mask;
	uint32_t begin; /* tick in which now's interval began */
	uint32_t count; /* SYNs that were judged */
};

struct tcp_stack {
	struct net *net;
	const struct tcp_ops *ops;
	void *ctx;
	struct tcp_counters *count;
	uint64_t now_ns;
	uint32_t now_us;
	uint32_t tick; /* milliseconds */
	enum tcp_pool pool_state;
	struct tcp_conn *conns;
	struct tcp_cold *cold;
	struct tcp_flow flow;
	struct tcp_wheel wheel;
	struct tcp_fifo connecting; /* in SYN-SENT */
	struct tcp_fifo stretched;  /* owe an ACK soon */
	struct tcp_fifo ooo;        /* have something queued out of order, the longest first */
	struct tcp_ring ready;      /* waits for tcp_dispatch() */
	struct tcp_ring output;     /* waits for tcp_output() */
	struct tcp_rec *recs;
	uint32_t rec_free, rec_extra; /* records beyond the one that each connection is sure of */
	uint32_t rec_limit;
	uint32_t conn_free, conn_count; /* free lists: see tcp_free_next() */
	struct tcp_syn *syns;
	uint32_t syn_free, syn_count;
	struct tcp_fifo syn_queue[TCP_SYNACK_RETRIES + 1];
	struct tcp_tw *tws;
	uint32_t tw_free, tw_limit;
	struct tcp_fifo tw_queue;
	const struct tcp_cc_ops *cc;
	struct siphash_key key;
	struct siphash_key cookie_key[2]; /* of this minute and of the one before */
	uint32_t cookie_gen;              /* which minute */
	uint32_t cookie_sent_gen;         /* when the last cookie left */
	bool cookie_ready, cookie_sent;
	bool burst_full; /* more may wait behind what is looked at now */
	struct tcp_shed shed;
	uint32_t rst_tick, rst_count; /* begin of the second that is counted, RSTs in it */
	uint64_t rng;
	uint32_t port_cursor;
	uint32_t pool_low, pool_shut, pool_last; /* mbufs */
	uint32_t flight_segs; /* of full size, that one connection may have in flight */
	uint32_t settled;     /* connections before it are */
	uint8_t rcv_scale;
	struct tcp_config config;
	struct tcp_counters spare; /* counts where config names none */
	struct tcp_listener listeners[TCP_LISTENERS];
};

/* A segment on its way through input. */
struct tcp_seg {
	struct rte_mbuf *m; /* begins at the TCP header; NULL once it is consumed */
	uint64_t hash;
	uint32_t seq, ack;
	uint32_t len; /* payload bytes */
	uint32_t wnd; /* as in the header, not scaled */
	uint16_t header_bytes;
	uint8_t flags;
	struct tcp_options opt;
};

/* References in the flow table. */
#define TCP_REF_CONN     0x40000000u
#define TCP_REF_SYN      0x80000000u
#define TCP_REF_TW       0xc0000000u
#define TCP_REF_KIND(r)  ((r)&0xc0000000u)
#define TCP_REF_INDEX(r) ((r)&0x3fffffffu)

static inline bool seq_lt(uint32_t a, uint32_t b)
{
	return (int32_t)(a - b) < 0;
}

static inline bool seq_le(uint32_t a, uint32_t b)
{
	return (int32_t)(a - b) <= 0;
}

static inline uint32_t tcp_conn_index(const struct tcp_conn *c)
{
	return (uint32_t)(c - c->stack->conns);
}

static inline struct tcp_cold *tcp_cold(const struct tcp_conn *c)
{
	return &c->stack->cold[tcp_conn_index(c)];
}

static inline void *tcp_cc_state(const struct tcp_conn *c)
{
	return tcp_cold(c)->cc;
}

static inline struct tcp_ooo *tcp_ooo(struct rte_mbuf *m)
{
	return (struct tcp_ooo *)rte_mbuf_to_priv(m);
}

/* Our timestamp clock, in milliseconds (RFC 7323 §5.4). */
static inline uint32_t tcp_ts_now(const struct tcp_conn *c)
{
	return c->stack->tick + c->ts_offset;
}

/* Whether the ACK in hand echoes what left before the last @p age_us. */
static inline bool tcp_echo_older(const struct tcp_conn *c, uint32_t age_us)
{
	uint32_t echo = tcp_cold(c)->echo;

	return echo != 0 && tcp_ts_now(c) - echo > age_us / 1000 + 1;
}

/* Bytes in the network, duplicate ACKs of a peer without SACK taken off. */
static inline uint32_t tcp_pipe(const struct tcp_conn *c)
{
	uint32_t reno;

	if (!(c->flags & TCP_F_LOSS))
		return c->pipe;
	reno = tcp_cold(c)->reno_bytes;
	return c->pipe > reno ? c->pipe - reno : 0;
}

/* Bytes of the IP header and of a TCP header without options. */
static inline uint16_t tcp_ip_headers(const struct ip_addr *remote)
{
	return ip_is_v4(remote) ? 40 : 60;
}

/* What every path takes: lower ones are attacks or unusable; RFC 8200 §5. */
static inline uint16_t tcp_mtu_min(const struct ip_addr *remote)
{
	return ip_is_v4(remote) ? 552 : 1280;
}

/* The MSS that a SYN of ours names: what the port takes in (RFC 9293 §3.7.1), whatever is known of
 * the way there. */
static inline uint16_t tcp_own_mss(
	const struct tcp_stack *s, const struct net_path *path, const struct ip_addr *remote)
{
	uint16_t mtu = net_tx(s->net, path->port_index)->port->mtu;
	uint16_t headers = tcp_ip_headers(remote);

	return mtu > headers + TCP_MSS_MIN ? (uint16_t)(mtu - headers) : TCP_MSS_MIN;
}

/* Next of a xorshift sequence: choices that need not be secret, repeatable from the seed. */
static inline uint64_t tcp_random(struct tcp_stack *s)
{
	s->rng ^= s->rng << 13;
	s->rng ^= s->rng >> 7;
	s->rng ^= s->rng << 17;
	return s->rng;
}

#endif
