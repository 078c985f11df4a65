/* SPDX-License-Identifier: Apache-2.0 */
/* TCP options, bytes to struct (RFC 9293 §3.2, RFC 7323, RFC 2018): a pure parser. */
#ifndef SLUICE_DATAPLANE_TCP_TCP_OPTIONS_H
#define SLUICE_DATAPLANE_TCP_TCP_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TCP_OPTIONS_BYTES 40 /* the most that a header has room for */
#define TCP_SACK_MAX      4  /* blocks that fit into it */
#define TCP_WSCALE_MAX    14 /* RFC 7323 §2.3 */

/* Which options a header held. */
#define TCP_OPT_MSS     0x01
#define TCP_OPT_WSCALE  0x02
#define TCP_OPT_SACK_OK 0x04
#define TCP_OPT_TS      0x08

/* A range of sequence numbers, [left, right). */
struct tcp_range {
	uint32_t left, right;
};

struct tcp_options {
	uint8_t present; /* TCP_OPT_* */
	uint8_t wscale;  /* at most TCP_WSCALE_MAX */
	uint8_t sack_count;
	uint16_t mss;
	uint32_t ts_val, ts_ecr;
	struct tcp_range sack[TCP_SACK_MAX]; /* as sent: not checked against the connection */
};

/**
 * Parse the option bytes of a TCP header. Unknown options are skipped, known ones of a wrong length
 * ignored; of repeated ones the last counts.
 * @param data  the bytes after the fixed header  @param len  0 to TCP_OPTIONS_BYTES
 * @return true, or false where a length is below 2 or runs beyond the header
 */
bool tcp_options_parse(const uint8_t *data, size_t len, struct tcp_options *out);

#endif
