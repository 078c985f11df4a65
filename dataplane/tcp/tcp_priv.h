/* SPDX-License-Identifier: Apache-2.0 */
/* The functions that the files of this folder call of each other, by file. */
#ifndef SLUICE_DATAPLANE_TCP_TCP_PRIV_H
#define SLUICE_DATAPLANE_TCP_TCP_PRIV_H

#include "dataplane/tcp/tcp_state.h"

/* tcp_stack.c */
void tcp_clock(struct tcp_stack *s, uint64_t now_ns);
/* See how full the mbuf pool is. */
void tcp_pool_sample(struct tcp_stack *s);
/* Whether the peer shrank its window to nothing: it drops what it sees then, but it is alive and
 * answers (RFC 9293 §3.8.6.1). From one that is silent for a whole timeout the word may be an old
 * one that was overtaken. */
static inline bool tcp_peer_shut(const struct tcp_conn *c)
{
	return c->snd_wnd == 0 && c->stack->tick - c->rcv_tick <= c->rto_ms + 1;
}
/* What of a buffer one connection may use: less while mbufs are short, so that more find room. */
static inline uint32_t tcp_buf_limit(const struct tcp_stack *s, uint32_t bytes)
{
	return likely(s->pool_state == TCP_POOL_FINE) ? bytes : bytes / TCP_POOL_SHARE;
}
/* The mbufs that so many bytes may take of a send queue: payload in small pieces counts for more
 * than its bytes. */
static inline uint32_t tcp_mbuf_limit(uint32_t bytes)
{
	return bytes / TCP_HOLD_BYTES + TCP_HOLD_MIN;
}
struct tcp_listener *tcp_listener_find(
	struct tcp_stack *s, const struct ip_addr *addr, uint16_t port);
/* A half-open or not yet accepted connection of the listener is no longer that. */
void tcp_listener_release(struct tcp_stack *s, uint16_t listener, uint16_t gen);
/* Initial sequence number of a connection (RFC 6528) and offset of its timestamps. */
uint32_t tcp_isn(struct tcp_stack *s, const struct tcp_tuple *tuple);
uint32_t tcp_ts_offset(struct tcp_stack *s, const struct tcp_tuple *tuple);
uint64_t tcp_tuple_hash(const struct tcp_stack *s, const struct tcp_tuple *tuple);

/* tcp_fifo.c */
/* @param links  the link of entry 0  @param stride  bytes from one entry to the next */
void tcp_fifo_put(struct tcp_fifo *f, void *links, size_t stride, uint32_t index);
void tcp_fifo_remove(struct tcp_fifo *f, void *links, size_t stride, uint32_t index);

/* tcp_conn.c */
void tcp_ring_put(struct tcp_ring *ring, uint32_t index);
uint32_t tcp_ring_get(struct tcp_ring *ring);
/* The entry that has @p before others before it, fewer than there are. */
static inline uint32_t tcp_ring_peek(const struct tcp_ring *ring, uint32_t before)
{
	uint32_t at = ring->head + before;

	return ring->slots[at < ring->size ? at : at - ring->size];
}
/* A block for this tuple, in the flow table; NULL when none is free. The path must be found. */
struct tcp_conn *tcp_conn_new(struct tcp_stack *s, const struct tcp_tuple *tuple, uint64_t hash,
	const struct net_path *path);
/* Numbers and windows that both kinds of opening agree on once the handshake is done. */
void tcp_conn_establish(struct tcp_conn *c);
void tcp_conn_tuple(const struct tcp_conn *c, struct tcp_tuple *out);
/* Out of the flow table and off the timers: no segment finds it any more. */
void tcp_conn_unhook(struct tcp_conn *c);
/* Give the block back, with all it holds, now or when the rings have let go of it. */
void tcp_conn_free(struct tcp_conn *c);
/* A ring let go of the block: back to the free list if it is free and in no other ring. */
void tcp_conn_reap(struct tcp_conn *c);
/* The connection is gone: ended() is delivered once, after what can still be read. */
void tcp_conn_end(struct tcp_conn *c, enum tcp_end why);
/* Deliver TCP_EV_* with the next dispatch. */
void tcp_conn_notify(struct tcp_conn *c, uint8_t events);
/* Let tcp_output() look at it. */
void tcp_conn_output(struct tcp_conn *c);
void tcp_queue_free(struct rte_mbuf *head);

/* tcp_timer.c */
void tcp_timer_set(struct tcp_conn *c, enum tcp_timer which, uint32_t ms);
static inline void tcp_timer_clear(struct tcp_conn *c, enum tcp_timer which)
{
	c->armed &= (uint8_t) ~(1u << which);
}
/* Start the timer of what is in flight anew: until the tail is probed, or the timeout; stop it when
 * nothing is (RFC 6298 §5.2). */
void tcp_timer_flight(struct tcp_conn *c);
static inline void tcp_timer_rtx(struct tcp_conn *c)
{
	if (c->rec_head == TCP_NIL)
		tcp_timer_clear(c, TCP_TIMER_RTX);
	else
		tcp_timer_flight(c);
}
/* New data left: the probe of the tail waits from now on. */
void tcp_timer_probe(struct tcp_conn *c);
/* Until the next probe of a closed window, in milliseconds. */
uint32_t tcp_persist_ms(const struct tcp_conn *c);

/* Give up: RST to the peer, the end to the application. */
void tcp_timer_abandon(struct tcp_conn *c);

/* tcp_rtt.c */
void tcp_rtt_sample(struct tcp_conn *c, uint32_t rtt_us);
/* Our SYN or SYN-ACK that left first at @p sent_us was acknowledged. @param again it was sent
 * again */
void tcp_rtt_handshake(struct tcp_conn *c, bool again, uint32_t sent_us);

/* tcp_rec.c */
/* Record that [snd_nxt, snd_nxt + len) is sent now. @return false when no record is free */
bool tcp_rec_append(struct tcp_conn *c, uint16_t len, bool fin);
/* Take off what @p ack covers. @param rtt_us  a sample, or UINT32_MAX */
void tcp_rec_ack(struct tcp_conn *c, uint32_t ack, uint32_t *rtt_us);
/* Cut a record after @p len sequence numbers. @return false when no record is free */
bool tcp_rec_split(struct tcp_conn *c, struct tcp_rec *rec, uint16_t len);
/* Make one record of two neighbours that are both SACKed: @p rec goes where @p before is. So lists
 * are as long as there are holes, and no ACK of a large flight costs a walk along all of it.
 * @return false when they stay two */
bool tcp_rec_join(struct tcp_conn *c, struct tcp_rec *before, struct tcp_rec *rec);
void tcp_rec_mark_lost(struct tcp_conn *c, struct tcp_rec *rec);
void tcp_rec_mark_sacked(struct tcp_conn *c, struct tcp_rec *rec);
void tcp_rec_mark_resent(struct tcp_conn *c, struct tcp_rec *rec);
/* After a timeout: the first record is lost, and what else left at least @p patience_us ago and is
 * not SACKed. @param renege  do not trust SACKs any more */
void tcp_rec_timeout(struct tcp_conn *c, uint32_t patience_us, bool renege);
static inline bool tcp_rec_resend_due(const struct tcp_rec *rec)
{
	return (rec->flags & (TCP_REC_LOST | TCP_REC_RETX | TCP_REC_SACK)) == TCP_REC_LOST;
}
/* First record that is lost and not sent again, or NULL. */
struct tcp_rec *tcp_rec_lost(const struct tcp_conn *c);
void tcp_rec_free_all(struct tcp_conn *c);
static inline struct tcp_rec *tcp_rec_at(const struct tcp_conn *c, uint32_t index)
{
	return index == TCP_NIL ? NULL : &c->stack->recs[index];
}

/* tcp_sack.c */
/* Take the segment's SACK blocks into the records. @return true when they told something new */
bool tcp_sack_in(struct tcp_conn *c, const struct tcp_seg *seg);
/* Whether the segment says that something came twice (RFC 2883). */
bool tcp_sack_twice(struct tcp_conn *c, const struct tcp_seg *seg);

/* tcp_ecn.c */
/* Whether a SYN asks for it, or a SYN-ACK agrees; net_meta must be there. */
bool tcp_ecn_offered(const struct tcp_seg *seg);
/* An acceptable segment came, with TCP_F_ECN. */
void tcp_ecn_in(struct tcp_conn *c, const struct tcp_seg *seg);
/* The window was reduced for whatever reason. */
void tcp_ecn_reduced(struct tcp_conn *c);
/* An ACK carries ECE. @param acked  bytes by which it moved snd_una */
void tcp_ecn_echoed(struct tcp_conn *c, uint32_t acked);

/* tcp_undo.c */
/* Recovery is about to begin: note what it will cost. */
void tcp_undo_note(struct tcp_conn *c);
/* What lies in @p r was sent twice and came twice. */
void tcp_undo_twice(struct tcp_conn *c, const struct tcp_range *r);
/* Recovery is over: take it back if all that was sent again came twice. */
void tcp_undo_try(struct tcp_conn *c);

/* tcp_ack.c */
/* RFC 9293's step 5 for a synchronised connection. @return false when the segment was dropped */
bool tcp_ack_in(struct tcp_conn *c, struct tcp_seg *seg);
/* snd_una moves to @p ack, which lies in (snd_una, snd_nxt]. */
void tcp_ack_advance(struct tcp_conn *c, uint32_t ack);

/* tcp_recovery.c */
/* What an acknowledgement brought. */
struct tcp_ack_news {
	uint32_t acked;         /* sequence numbers by which snd_una moved */
	uint32_t sacked_before; /* sack_bytes before it */
	bool dup;               /* RFC 5681 §2 */
	bool dsack;             /* something came twice */
	bool ece;               /* a mark is echoed, with TCP_F_ECN */
};
void tcp_recovery_step(struct tcp_conn *c, const struct tcp_ack_news *news);
void tcp_recovery_timeout(struct tcp_conn *c);
/* @p len bytes left, new or again. */
static inline void tcp_recovery_sent(struct tcp_conn *c, uint32_t len)
{
	if (unlikely(c->recovery == TCP_RECOVERY))
		tcp_cold(c)->prr_out += len;
}
/* @p bytes were acknowledged and nothing is lost. A window that is not used says nothing about the
 * network (RFC 7661). */
static inline void tcp_cc_acked(struct tcp_conn *c, uint32_t bytes)
{
	if (c->flags & TCP_F_CWND_LIMITED)
		c->stack->cc->acked(c, bytes, c->stack->now_us);
}
void tcp_loss_flag(struct tcp_conn *c);

/* tcp_rack.c */
/* A record was acknowledged or SACKed, before it is marked so. */
void tcp_rack_delivered(struct tcp_conn *c, const struct tcp_rec *rec);
/* Mark what is lost and set the timer for what may be. */
void tcp_rack_detect(struct tcp_conn *c);
/* What came twice had not been lost: be more patient. */
void tcp_rack_dsack(struct tcp_conn *c);
/* Recovery is over. */
void tcp_rack_recovered(struct tcp_conn *c);
/* For how long a segment is not taken for lost by a timeout of another. */
uint32_t tcp_rack_patience_us(const struct tcp_conn *c);

/* tcp_tlp.c */
void tcp_tlp_fire(struct tcp_conn *c);
void tcp_tlp_acked(struct tcp_conn *c, const struct tcp_ack_news *news);

/* tcp_chain.c */
/* Take @p n bytes off the front or the back of a packet; at least one byte remains. @return its
 * head */
struct rte_mbuf *tcp_chain_cut_front(struct rte_mbuf *m, uint32_t n);
void tcp_chain_cut_back(struct rte_mbuf *m, uint32_t n);
/* Copy the bytes of @p m behind those of @p tail. @return false if they may not or do not go
 * there */
bool tcp_chain_pack(struct rte_mbuf *tail, const struct rte_mbuf *m);
/* Whether it could. */
bool tcp_chain_packs(const struct rte_mbuf *tail, const struct rte_mbuf *m);

/* tcp_rcv.c */
/* Steps 7 and 8: payload and FIN of an acceptable segment. Consumes seg->m. */
void tcp_rcv_segment(struct tcp_conn *c, struct tcp_seg *seg);
/* Append payload that begins at rcv_nxt. Consumes @p m, which begins at the payload. */
void tcp_rcv_append(struct tcp_conn *c, struct rte_mbuf *m, uint32_t len);
/* Owe an ACK for data in order: at once or later. */
void tcp_rcv_ack(struct tcp_conn *c, uint32_t len);
/* The window to advertise in a header, moving rcv_adv. */
uint16_t tcp_rcv_window(struct tcp_conn *c);

/* Bytes from @p left to @p right came again: the next ACK says so (RFC 2883). */
void tcp_rcv_twice(struct tcp_conn *c, uint32_t left, uint32_t right);

/* tcp_ooo.c */
/* How many segments a connection may keep: of a usual size as much as the buffer takes, so that a
 * hole in a long flight costs itself alone. */
static inline uint32_t tcp_ooo_most(const struct tcp_stack *s)
{
	uint32_t most = s->config.rcv_buf_bytes / TCP_HOLD_BYTES;

	return RTE_MIN(RTE_MAX(most, (uint32_t)TCP_OOO_MIN), (uint32_t)UINT16_MAX);
}
void tcp_ooo_insert(struct tcp_conn *c, struct rte_mbuf *m, uint32_t seq, uint32_t len);
/* Append what has become in order. */
void tcp_ooo_deliver(struct tcp_conn *c);
void tcp_ooo_free(struct tcp_conn *c);
/* While mbufs are short: forget the queue that is the oldest. The peer was told of it and sends it
 * again all the same (RFC 2018 §8). */
void tcp_ooo_timers(struct tcp_stack *s);

/* tcp_in.c */
void tcp_in_conn(struct tcp_conn *c, struct tcp_seg *seg);
void tcp_in_ack_invalid(struct tcp_conn *c, struct tcp_seg *seg, enum drop why);
void tcp_in_challenge(struct tcp_conn *c);
void tcp_in_reset(struct tcp_conn *c, enum tcp_end why);
void tcp_seg_drop(struct tcp_stack *s, struct tcp_seg *seg, enum drop why);
void tcp_in_unknown(struct tcp_stack *s, struct tcp_seg *seg);

/* tcp_connect.c */
/* In SYN-SENT no more. */
void tcp_connect_over(struct tcp_conn *c);
/* The window of our SYN. */
uint16_t tcp_connect_window(const struct tcp_conn *c);
/* Nobody answers on the way to @p remote: what is being opened towards it fails at once. */
void tcp_connect_unreachable(struct tcp_stack *s, const struct ip_addr *remote);
void tcp_in_syn_sent(struct tcp_conn *c, struct tcp_seg *seg);
void tcp_in_syn_rcvd(struct tcp_conn *c, struct tcp_seg *seg);

/* tcp_syn.c */
void tcp_syn_init(struct tcp_stack *s);
/* A SYN for a listener. @param after  NULL, or what its ISN must exceed (snd_nxt of TIME-WAIT) */
void tcp_syn_listen(
	struct tcp_stack *s, struct tcp_listener *l, struct tcp_seg *seg, const uint32_t *after);
void tcp_syn_segment(struct tcp_stack *s, uint32_t index, struct tcp_seg *seg);
void tcp_syn_timers(struct tcp_stack *s);
bool tcp_syn_next(const struct tcp_stack *s, uint32_t *tick);
void tcp_syn_purge(struct tcp_stack *s, uint16_t listener);
/* A control block for a handshake that @p seg completes; NULL when there is none. */
struct tcp_conn *tcp_syn_open(
	struct tcp_stack *s, const struct tcp_syn *e, const struct tcp_seg *seg);
/* What our SYN-ACK says of the window. */
uint16_t tcp_syn_window(const struct tcp_stack *s);

/* tcp_shed.c */
uint64_t tcp_shed_bytes(uint32_t syn_limit);
/* @param memory  zeros, tcp_shed_bytes() of them */
void tcp_shed_init(struct tcp_shed *shed, uint32_t syn_limit, void *memory);
/* Whether the SYN is left unanswered, while the cache is crowded. @param hash  of its tuple */
bool tcp_shed_syn(struct tcp_stack *s, uint64_t hash);

/* tcp_stretch.c */
/* The ACK that is due goes soon. */
void tcp_stretch_begin(struct tcp_conn *c);
/* It went, or is none any more. */
void tcp_stretch_over(struct tcp_conn *c);
bool tcp_stretch_next(const struct tcp_stack *s, uint32_t *at_us);
void tcp_stretch_timers(struct tcp_stack *s);

/* tcp_cookie.c */
/* Answer a SYN without keeping anything of it; the segment is left alone. @return false without a
 * way back */
bool tcp_cookie_send(struct tcp_stack *s, const struct tcp_seg *seg);
/* An ACK from nowhere at a listener. @return true when it brought a cookie of ours, or may have
 * come before the segment that does; consumes it then */
bool tcp_cookie_segment(struct tcp_stack *s, const struct tcp_listener *l, struct tcp_seg *seg);
/* Whether a segment with an ACK answers a cookie of ours. */
bool tcp_cookie_known(struct tcp_stack *s, const struct tcp_seg *seg);

/* tcp_timewait.c */
void tcp_tw_init(struct tcp_stack *s);
/* The connection enters TIME-WAIT: an entry takes its place in the flow table. */
void tcp_tw_enter(struct tcp_conn *c);
void tcp_tw_segment(struct tcp_stack *s, uint32_t index, struct tcp_seg *seg);
void tcp_tw_timers(struct tcp_stack *s);
bool tcp_tw_next(const struct tcp_stack *s, uint32_t *tick);

/* tcp_close.c */
/* Our FIN was acknowledged, or the peer's came: move through the closing states. */
void tcp_close_step(struct tcp_conn *c);

/* tcp_out.c */
void tcp_out_conn(struct tcp_conn *c);
/* One segment beyond cwnd: new if there is one, else the last again. */
bool tcp_out_probe(struct tcp_conn *c);
/* The ACK that is owed, at once rather than at the end of the loop. */
void tcp_out_ack(struct tcp_conn *c);
/* A segment without payload, at once. */
bool tcp_out_bare(struct tcp_conn *c, uint32_t seq, uint8_t flags);

/* A segment of @p len bytes never sent before, whatever cwnd says. @return false when it could not
 * be done now */
bool tcp_out_sized(struct tcp_conn *c, uint32_t len);

/* tcp_mtu.c */
/* Packets of @p mtu bytes from now on. */
void tcp_mtu_set(struct tcp_conn *c, uint16_t mtu);
/* No larger ones get through: so it is, and remembered of the remote. */
void tcp_mtu_lower(struct tcp_conn *c, uint16_t mtu);
/* The first record timed out: make segments smaller if that may be why. */
void tcp_mtu_timeout(struct tcp_conn *c);
/* With TCP_F_NARROW: try a larger segment if it is time to. */
void tcp_mtu_probe(struct tcp_conn *c);
/* snd_una moved while one was under way. */
void tcp_mtu_acked(struct tcp_conn *c);
/* Whether what is lost is only a probe: no sign of congestion. */
bool tcp_mtu_only_probe_lost(struct tcp_conn *c);

/* tcp_build.c */
/* Header and payload of a segment of @p c. @param len  payload bytes from @p seq on
 * @return NULL when the pool is empty */
struct rte_mbuf *tcp_build_data(struct tcp_conn *c, uint32_t seq, uint32_t len, uint8_t flags);
struct rte_mbuf *tcp_build_syn(struct tcp_conn *c, bool ack);
uint32_t tcp_build_sack_bytes(const struct tcp_conn *c);

/* tcp_reply.c */
/* Segments that no control block stands behind. @p seg is the one that is answered. */
struct tcp_reply {
	uint32_t seq, ack;
	uint32_t ts_val, ts_ecr;
	uint16_t wnd;
	uint16_t mss; /* of our own path, in SYN-ACKs */
	uint8_t flags;
	uint8_t options; /* TCP_OPT_* to write */
	uint8_t wscale;
};
void tcp_reply_send(
	struct tcp_stack *s, const struct tcp_tuple *tuple, const struct tcp_reply *reply);
/* RST in answer to a segment (RFC 9293 §3.10.7.1); the segment is left alone. */
void tcp_reply_reset(struct tcp_stack *s, const struct tcp_tuple *tuple, const struct tcp_seg *seg);
void tcp_reply_tuple(const struct net_meta *meta, struct tcp_tuple *out);
/* Options as bytes. @return how many, a multiple of 4 */
size_t tcp_write_syn_options(uint8_t *out, const struct tcp_reply *r);
size_t tcp_write_ts(uint8_t *out, uint32_t val, uint32_t ecr);

/* tcp_icmp.c */
extern const struct net_ops tcp_icmp_ops;
/* Whether what holds @p seq was too large for @p mtu and has not arrived. */
bool tcp_icmp_too_big(const struct tcp_conn *c, uint32_t seq, uint32_t mtu);

/* tcp_check.c */
/** Invariants of every connection, for tests: walks all lists. @return NULL, or what is wrong */
const char *tcp_stack_check(const struct tcp_stack *s);

#endif
