/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The Internet checksum (RFC 1071) over bytes and mbuf chains. Sums are kept wide and in the byte
 * order of memory, which RFC 1071 §2 (B) allows; only a run at an odd offset must be swapped.
 */
#ifndef SLUICE_DATAPLANE_NET_CHECKSUM_H
#define SLUICE_DATAPLANE_NET_CHECKSUM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <rte_mbuf.h>

#include "lib/base/bytes.h"

#define CHECKSUM_LONG 64 /* bytes from which vectors pay */

/** As checksum_sum(), here and now: for headers. */
static inline uint64_t checksum_sum_short(const void *data, size_t len)
{
	const uint8_t *p = data;
	uint64_t sum = 0;
	uint32_t words[2];
	uint16_t half;

	for (; len >= 8; len -= 8, p += 8) {
		memcpy(words, p, 8);
		sum += (uint64_t)words[0] + words[1];
		__asm__ volatile(""); /* else gcc takes vectors, which pay later */
	}
	if (len & 4) {
		memcpy(words, p, 4);
		sum += words[0];
		p += 4;
	}
	if (len & 2) {
		memcpy(&half, p, 2);
		sum += half;
		p += 2;
	}
	/* RFC 1071 §1: as if a zero byte followed. That is the low half of a little-endian word. */
	return len & 1 ? sum + *p : sum;
}

/** The same of a header of 20 bytes, without options. */
static inline uint64_t checksum_sum_header(const void *data)
{
	return checksum_sum_short(data, 20);
}

/** As checksum_sum(), with vectors. */
uint64_t checksum_sum_long(const void *data, size_t len);

/** Sum of @p len bytes as a number that checksum_fold() takes; sums may be added to each other when
 *  each run before the last has an even length. */
static inline uint64_t checksum_sum(const void *data, size_t len)
{
	return len < CHECKSUM_LONG ? checksum_sum_short(data, len) : checksum_sum_long(data, len);
}

/** The same, two bytes at a time: the tests' oracle. */
uint64_t checksum_sum_plain(const void *data, size_t len);

/** Sum of a packet's bytes from @p offset to its end, over segments of any length. */
uint64_t checksum_sum_mbuf(const struct rte_mbuf *m, uint32_t offset);

/** The same of a whole packet: most are in one piece. */
static inline uint64_t checksum_sum_packet(const struct rte_mbuf *m)
{
	if (likely(!m->next))
		return checksum_sum(rte_pktmbuf_mtod(m, const void *), m->data_len);
	return checksum_sum_mbuf(m, 0);
}

/** The sixteen-bit one's complement sum, as it lies in memory. A number plus itself with its halves changed
 *  has in its upper half the sum of both with the carry come round. */
static inline uint16_t checksum_fold(uint64_t sum)
{
	uint32_t word = (uint32_t)((sum + (sum << 32 | sum >> 32)) >> 32);

	return (uint16_t)((word + (word << 16 | word >> 16)) >> 16);
}

/** True when the sum, that of a message with its checksum, folds to 0xffff: the message is whole. That is a
 *  multiple of 0xffff other than 0, for which gcc takes one multiplication. */
static inline bool checksum_whole(uint64_t sum)
{
	return sum % 0xffff == 0 && sum != 0;
}

/** The pseudo-header of RFC 9293 §3.1 over IPv4. @param length  bytes of the segment */
static inline uint64_t checksum_pseudo_v4(
	uint32_t src_be, uint32_t dst_be, uint8_t protocol, uint32_t length)
{
	return (uint64_t)src_be + dst_be + ((uint32_t)protocol << 8) + bytes_be16((uint16_t)length);
}

/** The pseudo-header of RFC 8200 §8.1. @param src, dst  16 bytes each */
static inline uint64_t checksum_pseudo_v6(
	const uint8_t *src, const uint8_t *dst, uint8_t protocol, uint32_t length)
{
	uint64_t sum = (uint64_t)rte_cpu_to_be_32(length) + rte_cpu_to_be_32(protocol);
	uint32_t words[8];

	memcpy(words, src, 16);
	memcpy(words + 4, dst, 16);
	for (unsigned i = 0; i < 8; i++)
		sum += words[i];
	return sum;
}

#endif
