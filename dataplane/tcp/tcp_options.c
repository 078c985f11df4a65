/* SPDX-License-Identifier: Apache-2.0 */
/*
 * TCP options, bytes to struct. Every step consumes at least one byte, so no input can hold the
 * parser (a length of 0 or 1 ends it), and every read is checked against the header's end (RFC 9293
 * §3.2).
 */
#include "dataplane/tcp/tcp_options.h"

#include <string.h>

enum {
	OPT_END = 0,
	OPT_NOP = 1,
	OPT_MSS = 2,
	OPT_WSCALE = 3,
	OPT_SACK_OK = 4,
	OPT_SACK = 5,
	OPT_TS = 8,
};

static uint16_t options_read16(const uint8_t *p)
{
	return (uint16_t)(p[0] << 8 | p[1]);
}

static uint32_t options_read32(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static void sack_read(const uint8_t *value, size_t len, struct tcp_options *out)
{
	if (len % 8 != 0 || len / 8 > TCP_SACK_MAX)
		return;
	out->sack_count = (uint8_t)(len / 8);
	for (size_t i = 0; i < out->sack_count; i++) {
		out->sack[i].left = options_read32(value + 8 * i);
		out->sack[i].right = options_read32(value + 8 * i + 4);
	}
}

static void option_read(uint8_t kind, const uint8_t *value, size_t len, struct tcp_options *out)
{
	switch (kind) {
	case OPT_MSS:
		if (len != 2)
			return;
		out->mss = options_read16(value);
		out->present |= TCP_OPT_MSS;
		return;
	case OPT_WSCALE:
		if (len != 1)
			return;
		out->wscale = value[0] < TCP_WSCALE_MAX ? value[0] : TCP_WSCALE_MAX;
		out->present |= TCP_OPT_WSCALE;
		return;
	case OPT_SACK_OK:
		if (len == 0)
			out->present |= TCP_OPT_SACK_OK;
		return;
	case OPT_SACK:
		sack_read(value, len, out);
		return;
	case OPT_TS:
		if (len != 8)
			return;
		out->ts_val = options_read32(value);
		out->ts_ecr = options_read32(value + 4);
		out->present |= TCP_OPT_TS;
		return;
	default:
		return;
	}
}

bool tcp_options_parse(const uint8_t *data, size_t len, struct tcp_options *out)
{
	size_t at = 0;

	out->present = 0;
	out->sack_count = 0;
	while (at < len) {
		uint8_t kind = data[at];
		uint8_t size;

		if (kind == OPT_END)
			return true;
		if (kind == OPT_NOP) {
			at++;
			continue;
		}
		if (len - at < 2)
			return false;
		size = data[at + 1];
		if (size < 2 || size > len - at)
			return false;
		option_read(kind, data + at + 2, size - 2u, out);
		at += size;
	}
	return true;
}
