/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Addresses as text. Reading goes through inet_pton(), which takes no leading zeros, so that
 * "010.0.0.1" is an error and not octal; writing is done here, because inet_ntop() writes ::1:2 as
 * ::0.1.0.2, against RFC 5952 §5.
 */
#include "lib/base/ip.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>

bool ip_in_prefix(const struct ip_addr *a, const struct ip_addr *net, unsigned prefix_len)
{
	unsigned bits = prefix_len, bytes;
	uint8_t mask;

	if (ip_is_v4(a) != ip_is_v4(net))
		return false;
	if (ip_is_v4(a))
		bits += 96;
	if (bits > 128)
		return false;
	bytes = bits / 8;
	if (memcmp(a->bytes, net->bytes, bytes) != 0)
		return false;
	if (bits % 8 == 0)
		return true;
	mask = (uint8_t)(0xff << (8 - bits % 8));
	return ((a->bytes[bytes] ^ net->bytes[bytes]) & mask) == 0;
}

int ip_parse(struct str text, struct ip_addr *out)
{
	char copy[IP_TEXT_BYTES];
	struct in_addr v4;

	if (text.len == 0 || text.len >= sizeof(copy) || memchr(text.data, 0, text.len))
		return -EINVAL;
	memcpy(copy, text.data, text.len);
	copy[text.len] = 0;
	if (memchr(copy, ':', text.len))
		return inet_pton(AF_INET6, copy, out->bytes) == 1 ? 0 : -EINVAL;
	if (inet_pton(AF_INET, copy, &v4) != 1)
		return -EINVAL;
	*out = ip_from_v4(v4.s_addr);
	return 0;
}

/* A decimal number of 1 to 5 digits without a leading zero. Returns -1 for anything else. */
static int decimal_parse(struct str text)
{
	int value = 0;

	if (text.len == 0 || text.len > 5 || (text.len > 1 && text.data[0] == '0'))
		return -1;
	for (uint32_t i = 0; i < text.len; i++) {
		if (text.data[i] < '0' || text.data[i] > '9')
			return -1;
		value = value * 10 + (text.data[i] - '0');
	}
	return value;
}

/* Split at the last @p mark. False when there is none. */
static bool split_last(struct str text, char mark, struct str *head, struct str *tail)
{
	for (uint32_t i = text.len; i > 0; i--) {
		if (text.data[i - 1] != mark)
			continue;
		*head = (struct str){ text.data, i - 1 };
		*tail = (struct str){ text.data + i, text.len - i };
		return true;
	}
	return false;
}

int ip_port_parse(struct str text, struct ip_addr *out, uint16_t *port)
{
	struct str host, number;
	int value;

	if (!split_last(text, ':', &host, &number))
		return -EINVAL;
	value = decimal_parse(number);
	if (value < 1 || value > 65535)
		return -EINVAL;
	/* RFC 5952 §6: an IPv6 address before a port stands in brackets, an IPv4 address never. */
	if (host.len >= 2 && host.data[0] == '[' && host.data[host.len - 1] == ']') {
		host = (struct str){ host.data + 1, host.len - 2 };
		if (host.len == 0 || !memchr(host.data, ':', host.len))
			return -EINVAL;
	} else if (host.len && memchr(host.data, ':', host.len)) {
		return -EINVAL;
	}
	if (ip_parse(host, out) != 0)
		return -EINVAL;
	*port = (uint16_t)value;
	return 0;
}

int ip_prefix_parse(struct str text, struct ip_addr *out, uint8_t *prefix_len)
{
	struct str host, number;
	int value;

	if (!split_last(text, '/', &host, &number) || ip_parse(host, out) != 0)
		return -EINVAL;
	value = decimal_parse(number);
	if (value < 0 || value > (ip_is_v4(out) ? 32 : 128))
		return -EINVAL;
	*prefix_len = (uint8_t)value;
	return 0;
}

static unsigned group_at(const struct ip_addr *a, unsigned i)
{
	return (unsigned)a->bytes[2 * i] << 8 | a->bytes[2 * i + 1];
}

/* RFC 5952 §4.2: the longest run of two or more zero groups, the first among equals. */
static unsigned zero_run(const struct ip_addr *a, unsigned *length)
{
	unsigned best = 8, best_len = 1;

	for (unsigned i = 0; i < 8; i++) {
		unsigned len = 0;

		while (i + len < 8 && group_at(a, i + len) == 0)
			len++;
		if (len > best_len) {
			best = i;
			best_len = len;
		}
		i += len;
	}
	*length = best_len;
	return best;
}

size_t ip_format(const struct ip_addr *a, char *out)
{
	unsigned run, run_len;
	size_t n = 0;

	if (ip_is_v4(a))
		return (size_t)snprintf(out, IP_TEXT_BYTES, "%u.%u.%u.%u", a->bytes[12],
			a->bytes[13], a->bytes[14], a->bytes[15]);
	run = zero_run(a, &run_len);
	out[0] = 0;
	for (unsigned i = 0; i < 8; i++) {
		if (i == run) {
			n += (size_t)snprintf(out + n, IP_TEXT_BYTES - n, "::");
			i += run_len - 1;
			continue;
		}
		n += (size_t)snprintf(out + n, IP_TEXT_BYTES - n, "%s%x",
			i == 0 || (run < 8 && i == run + run_len) ? "" : ":", group_at(a, i));
	}
	return n;
}
