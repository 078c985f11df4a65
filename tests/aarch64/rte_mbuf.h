/* SPDX-License-Identifier: Apache-2.0 */
/* As much of DPDK as checksum.c needs: DPDK's headers are installed for one architecture only. */
#ifndef SLUICE_TESTS_AARCH64_RTE_MBUF_H
#define SLUICE_TESTS_AARCH64_RTE_MBUF_H

#include <stdint.h>

struct rte_mbuf {
	struct rte_mbuf *next;
	char *data;
	uint16_t data_len;
};

#define likely(x)                             __builtin_expect(!!(x), 1)
#define rte_bswap16(x)                        __builtin_bswap16(x)
#define rte_cpu_to_be_16(x)                   __builtin_bswap16(x)
#define rte_cpu_to_be_32(x)                   __builtin_bswap32(x)
#define rte_pktmbuf_mtod(m, type)             ((type)(m)->data)
#define rte_pktmbuf_mtod_offset(m, type, off) ((type)((m)->data + (off)))

#endif
