/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The reference peer: a TCP so plain that its correctness can be seen, and a judge of every segment
 * that our stack sends it. Sequence numbers are offsets from the initial one throughout (0 is the
 * SYN, 1 the first byte), what arrived is an array with a mark for each byte, and what is lost is
 * sent again from the first unacknowledged byte on.
 */
#ifndef SLUICE_TESTS_SIM_MODEL_H
#define SLUICE_TESTS_SIM_MODEL_H

#include "dataplane/tcp/tcp_priv.h"
#include "tests/sim/world.h"

#define MODEL_NEVER UINT64_MAX

enum model_state {
	MODEL_FREE,
	MODEL_SYN_SENT,
	MODEL_SYN_RCVD,
	MODEL_OPEN,
	MODEL_DONE, /* closed in order: only a FIN that comes again is answered */
	MODEL_DEAD, /* reset: what comes is answered with RST */
};

struct model_conn {
	struct sim_flow *flow;
	enum model_state state;
	uint16_t local_port, remote_port;
	uint32_t iss, irs;
	bool ts, sack;
	uint8_t snd_scale, rcv_scale;
	uint32_t mss; /* most payload that the stack takes */
	/* Sending. */
	uint32_t una, nxt, top; /* top: the highest ever sent */
	uint32_t edge;          /* of the stack's window */
	unsigned dups, backoff;
	/* Receiving. */
	uint32_t rcv;
	uint32_t offered;       /* the right edge that the stack was told */
	uint32_t taken;         /* what the application has read */
	uint32_t fin;           /* where the stack's FIN is; 0: not seen */
	uint8_t *have;          /* a mark for each offset */
	uint32_t high;          /* beyond the highest of them */
	uint32_t latest;        /* of the last segment out of order */
	struct tcp_range twice; /* what came twice (RFC 2883) */
	bool twice_due;
	unsigned unacked;
	bool ack_now;
	uint32_t ts_recent, ts_first, acked; /* acked: Last.ACK.sent */
	uint64_t rtx_ns, ack_ns, take_ns, heard_ns;
};

struct model {
	uint64_t now_ns;
	struct model_conn conns[SIM_FLOWS];
};

/* A segment of the stack's, read. */
struct model_seg {
	uint8_t flags;
	uint32_t at;  /* offset of its first sequence number */
	uint32_t ack; /* offset in what the model sends */
	uint32_t seq_raw, ack_raw;
	uint32_t len;
	uint32_t wnd;
	const uint8_t *payload; /* in one piece */
	struct tcp_options opt;
};

static inline struct model_conn *model_conn(const struct sim_flow *f)
{
	return &f->side->model->conns[f->index];
}

static inline uint32_t model_clock_ms(const struct model_conn *c)
{
	return (uint32_t)(c->flow->side->model->now_ns / 1000000);
}

/* Bytes of ours, and of the stack's. */
static inline uint32_t model_end(const struct model_conn *c)
{
	return 1 + c->flow->to_send;
}

/* model_in.c */
void model_segment(struct sim_side *side, struct rte_mbuf *m);

/* model_out.c */
/* One segment of @p len bytes from offset @p at on. */
void model_send(struct model_conn *c, uint32_t at, uint32_t len, uint8_t flags);
void model_reset(struct sim_side *side, uint16_t local, uint16_t remote, uint32_t seq);
/* Whatever is due: SYN, data, FIN, probes, acknowledgements. @return when it is due again */
uint64_t model_output(struct model_conn *c);
void model_timeout_set(struct model_conn *c);

#endif
