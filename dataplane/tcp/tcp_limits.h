/* SPDX-License-Identifier: Apache-2.0 */
/* The numbers that TCP goes by: sizes, times and how often, each with the rule that it comes
 * from. */
#ifndef SLUICE_DATAPLANE_TCP_TCP_LIMITS_H
#define SLUICE_DATAPLANE_TCP_TCP_LIMITS_H

#define TCP_MSS_DEFAULT_V4 536 /* RFC 9293 §3.7.1, where the peer names none */
#define TCP_MSS_DEFAULT_V6 1220
#define TCP_MSS_MIN        64    /* below this a peer only wants to make us work */
#define TCP_TS_BYTES       12    /* the timestamp option with its padding */
#define TCP_INITIAL_SEGS   10    /* RFC 6928 */
#define TCP_FLIGHT_MIN     256   /* segments in flight, with the smallest buffer */
#define TCP_COPY_BYTES     1400  /* payload up to this size is copied: one mbuf instead of three */
#define TCP_RUN_BYTES      61440 /* of segments that leave together for the port to cut */
#define TCP_CHAIN_SEGS     8     /* pieces of one packet; more are copied together */
#define TCP_HOLD_BYTES                                                                             \
	512 /* smaller payloads are copied together; a queue has an mbuf for each of it at most */
#define TCP_HOLD_MIN        32 /* mbufs of a send queue, with the smallest buffer */
#define TCP_OOO_MIN         128 /* segments kept out of order, per connection, with the smallest buffer */
#define TCP_OOO_SMALL       16  /* of these that are smaller than TCP_HOLD_BYTES and follow none */
#define TCP_OOO_STEPS       256 /* of the queue that are looked at for one segment's place */
#define TCP_QUICK_ACKS      16  /* segments at the start that are acknowledged at once */
#define TCP_LOSSY_ACKS      255 /* segments after a hole: every second one is acknowledged */
#define TCP_ACK_DELAY_MS    10
#define TCP_STRETCH_US      50   /* an ACK waits so long for more to acknowledge, */
#define TCP_STRETCH_SEGS    8    /* but for no more than this, */
#define TCP_STRETCH_PART    32   /* nor this part of what came before */
#define TCP_RTO_INITIAL_MS  1000 /* RFC 6298 §2.1 */
#define TCP_RTO_FALLBACK_MS 3000 /* §5.7: when the handshake measured no round trip */
#define TCP_RTO_MAX_MS      60000
#define TCP_RETRIES         9 /* at 200 ms this is 204 s; RFC 9293 §3.8.3 wants at least 100 s */
#define TCP_ORPHAN_RETRIES  7 /* when the application has left: 51 s at 200 ms */
#define TCP_ORPHAN_MS       60000 /* a FIN alone waits no longer for a word from the peer, */
#define TCP_ORPHAN_FINS     3     /* if it was sent again this often */
#define TCP_ORPHAN_PROBES   8     /* probes of a closed window after tcp_close_both() */
#define TCP_WRITABLE_PART   8     /* of the send buffer: so much room again is worth an upcall */
#define TCP_SETTLE_RETRIES  3 /* at the end nobody waits for a peer that does not answer these */
#define TCP_SYNACK_RETRIES  5
#define TCP_PTO_MIN_MS      2    /* before the tail is probed */
#define TCP_SYN_ANSWERS     4    /* to one SYN that comes again, between two of our own SYN-ACKs */
#define TCP_SYN_SHARE       8    /* of so many SYNs of a flood that fills bursts one is answered */
#define TCP_SHED_MS         2000 /* an interval of those left: a SYN comes again after one second */
#define TCP_SHED_BITS       (1u << 22)
#define TCP_RST_LIMIT       1000  /* RSTs a second to segments that nobody knows */
#define TCP_FIN_WAIT_MS     60000 /* in FIN-WAIT-2 after tcp_close_both() */
#define TCP_KEEPALIVE_TRIES 5
#define TCP_CHALLENGE_LIMIT 10 /* challenge ACKs per connection and second (RFC 5961 §7) */
#define TCP_DUP_THRESH      3  /* RFC 6675 */
#define TCP_RETRY_MS        5  /* until the next try after the mbuf pool was empty */
#define TCP_POOL_SHARE      8  /* of a buffer's bytes that may be used while the pool is low */
#define TCP_POOL_RECHECK_MS 20 /* while windows are closed because the pool is low */
#define TCP_LISTENERS       64
#define TCP_BURST           64                       /* segments looked up together */
#define TCP_PAWS_MS         (24u * 24 * 3600 * 1000) /* RFC 7323 §5.5 */

#endif
