/* SPDX-License-Identifier: Apache-2.0 */
/*
 * IP addresses of either family in one 16-byte form, IPv4 as ::ffff:a.b.c.d (RFC 4291 §2.5.5.2), so
 * that tables, logs and configuration have one body for both families.
 */
#ifndef SLUICE_LIB_BASE_IP_H
#define SLUICE_LIB_BASE_IP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "lib/base/str.h"

#define IP_TEXT_BYTES 48 /* the longest textual address with its terminator */

struct ip_addr {
	uint8_t bytes[16]; /* network order */
};

/** @param v4_be  IPv4 address in network byte order */
static inline struct ip_addr ip_from_v4(uint32_t v4_be)
{
	struct ip_addr a = { { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff } };

	memcpy(a.bytes + 12, &v4_be, 4);
	return a;
}

static inline bool ip_is_v4(const struct ip_addr *a)
{
	static const uint8_t prefix[12] = { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff };

	return memcmp(a->bytes, prefix, sizeof(prefix)) == 0;
}

/** The IPv4 address in network byte order; only where ip_is_v4(). */
static inline uint32_t ip_to_v4(const struct ip_addr *a)
{
	uint32_t v4_be;

	memcpy(&v4_be, a->bytes + 12, 4);
	return v4_be;
}

static inline bool ip_equal(const struct ip_addr *a, const struct ip_addr *b)
{
	return memcmp(a->bytes, b->bytes, 16) == 0;
}

/** True when the first @p prefix_len bits agree; the length counts in the address's own family
 *  (0–32 for IPv4, 0–128 for IPv6). False when the families differ. */
bool ip_in_prefix(const struct ip_addr *a, const struct ip_addr *net, unsigned prefix_len);

/** Parse "192.0.2.1" or "2001:db8::1". @return 0, or -EINVAL */
int ip_parse(struct str text, struct ip_addr *out);

/** Parse "address:port", "[address]:port". @return 0, or -EINVAL */
int ip_port_parse(struct str text, struct ip_addr *out, uint16_t *port);

/** Parse "address/len". @return 0, or -EINVAL */
int ip_prefix_parse(struct str text, struct ip_addr *out, uint8_t *prefix_len);

/** Write the address as text (RFC 5952), terminated. @param out IP_TEXT_BYTES  @return length */
size_t ip_format(const struct ip_addr *a, char *out);

#endif
