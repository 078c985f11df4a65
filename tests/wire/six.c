/* SPDX-License-Identifier: Apache-2.0 */
/* The numbers of addresses, see six.h. */
#include "tests/wire/six.h"

#include <rte_byteorder.h>

#define OTHERS_MAX  64
#define OTHER_FIRST 0xf0000000u /* 240.0.0.0: no host's */

bool six_sides[PORTS];

static struct ip_addr others[OTHERS_MAX];
static uint32_t other_count;

void six_init(bool both)
{
	for (unsigned i = 0; i < PORTS; i++)
		six_sides[i] = both;
	other_count = 0;
}

unsigned six_side(uint32_t id)
{
	return id >> 8 == 0x0a0001 ? INSIDE : OUTSIDE;
}

struct ip_addr six_of(uint32_t id)
{
	struct ip_addr addr = { { 0xfd } };
	uint32_t be = rte_cpu_to_be_32(id);

	if (id >= OTHER_FIRST && id - OTHER_FIRST < other_count)
		return others[id - OTHER_FIRST];
	memcpy(addr.bytes + 12, &be, sizeof(be));
	return addr;
}

struct ip_addr six_address(uint32_t id)
{
	return id >= OTHER_FIRST || six_sides[six_side(id)] ? six_of(id)
							    : ip_from_v4(rte_cpu_to_be_32(id));
}

uint32_t six_id(const uint8_t *bytes)
{
	struct ip_addr addr, host;
	uint32_t id;

	memcpy(addr.bytes, bytes, sizeof(addr.bytes));
	memcpy(&id, bytes + 12, sizeof(id));
	id = rte_be_to_cpu_32(id);
	host = six_of(id < OTHER_FIRST ? id : 0);
	if (ip_equal(&host, &addr))
		return id;
	for (uint32_t i = 0; i < other_count; i++)
		if (ip_equal(&others[i], &addr))
			return OTHER_FIRST + i;
	if (other_count == OTHERS_MAX)
		return OTHER_FIRST + OTHERS_MAX;
	others[other_count++] = addr;
	return OTHER_FIRST + other_count - 1;
}

uint32_t six_text(const char *text)
{
	struct ip_addr addr;

	if (!strchr(text, ':'))
		return text_ip(text);
	if (ip_parse(str_of(text), &addr))
		wire_fail("not an IP address: %s", text);
	return six_id(addr.bytes);
}

char *six_show(uint32_t id)
{
	char text[IP_TEXT_BYTES];
	struct ip_addr addr = id >= OTHER_FIRST ? six_of(id) : ip_from_v4(rte_cpu_to_be_32(id));

	ip_format(&addr, text);
	return wire_text("%s", text);
}
