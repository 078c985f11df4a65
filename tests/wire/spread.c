/* SPDX-License-Identifier: Apache-2.0 */
/* RSS as a NIC does it, see spread.h. */
#include "tests/wire/spread.h"

#include <string.h>

#include <rte_ip.h>
#include <rte_thash.h>

void spread_init(struct port_rss *rss, uint16_t size, uint16_t queues)
{
	static const uint8_t key[] =
		"\x6d\x5a\x56\xda\x25\x5b\x0e\xc2\x41\x67\x25\x3d\x43\xa3\x8f\xb0"
		"\xd0\xca\x2b\xcb\xae\x7b\x30\xb4\x77\xcb\x2d\xa3\x80\x30\xf2\x0c"
		"\x6a\x42\xb7\x3b\xbe\xac\x01\xfa";

	*rss = (struct port_rss){ .ipv4 = true, .ipv6 = true, .reta_size = size };
	memcpy(rss->key, key, sizeof(rss->key));
	for (uint16_t i = 0; i < size; i++)
		rss->reta[i] = i % queues;
}

uint16_t spread_queue(const struct port_rss *rss, const uint8_t *frame, uint32_t len)
{
	uint32_t words[9], from, count;
	bool four = len >= 54 && frame[12] == 0x08 && frame[13] == 0x00;
	bool six = len >= 74 && frame[12] == 0x86 && frame[13] == 0xdd;

	if (rss->reta_size == 0 || !(four || six) || frame[four ? 23 : 20] != IPPROTO_TCP)
		return 0;
	/* The addresses, and the ports behind them. */
	from = four ? 26 : 22;
	count = four ? 3 : 9;
	memcpy(words, frame + from, 4 * (count - 1));
	memcpy(words + count - 1, frame + 14 + (four ? 4u * (frame[14] & 0xf) : 40u), 4);
	for (uint32_t i = 0; i < count; i++)
		words[i] = rte_be_to_cpu_32(words[i]);
	return rss->reta[rte_softrss(words, count, rss->key) % rss->reta_size];
}
