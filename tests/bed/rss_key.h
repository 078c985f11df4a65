/* SPDX-License-Identifier: Apache-2.0 */
/* What memif_bridge.c and rss_claim.c agree on: key and table of an RSS that memif itself does not have. */
#ifndef SLUICE_TESTS_BED_RSS_KEY_H
#define SLUICE_TESTS_BED_RSS_KEY_H

#include <stdint.h>

#define RSS_KEY_BYTES 40
#define RSS_SLOTS     128

/* Any key serves that is not zero and tells addresses and ports apart. */
static inline void rss_key_fill(uint8_t key[RSS_KEY_BYTES])
{
	uint32_t x = 1;

	for (unsigned i = 0; i < RSS_KEY_BYTES; i++) {
		x = x * UINT32_C(1103515245) + 12345;
		key[i] = (uint8_t)(x >> 16);
	}
}

static inline uint16_t rss_slot_queue(uint32_t slot, uint16_t queues)
{
	return (uint16_t)(slot % queues);
}

#endif
