/* SPDX-License-Identifier: Apache-2.0 */
/*
 * TCP options from anybody, at the end of an allocation of their own: the parser reads nothing
 * beyond them, ends, and agrees with a plain reading of RFC 9293 §3.2 that looks for one kind at a
 * time.
 */
#include <stdlib.h>
#include <string.h>

#include "dataplane/tcp/tcp_options.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds)
{
	if (!holds)
		abort();
}

/* Is the list well-formed up to its end or its end-of-options? */
static bool well_formed(const uint8_t *p, size_t len)
{
	for (size_t at = 0; at < len && p[at] != 0;) {
		if (p[at] == 1) {
			at++;
			continue;
		}
		if (at + 1 == len || p[at + 1] < 2 || at + p[at + 1] > len)
			return false;
		at += p[at + 1];
	}
	return true;
}

/* The last option of a kind and length in a well-formed list, or NULL. */
static const uint8_t *last_of(const uint8_t *p, size_t len, uint8_t kind, size_t value_bytes)
{
	const uint8_t *found = NULL;

	for (size_t at = 0; at < len && p[at] != 0; at += p[at] == 1 ? 1 : p[at + 1])
		if (p[at] == kind && p[at + 1] == value_bytes + 2)
			found = p + at + 2;
	return found;
}

static uint32_t word(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static void check_values(const uint8_t *p, size_t len, const struct tcp_options *o)
{
	const uint8_t *v;

	v = last_of(p, len, 2, 2);
	require(!v == !(o->present & TCP_OPT_MSS));
	require(!v || o->mss == (v[0] << 8 | v[1]));
	v = last_of(p, len, 3, 1);
	require(!v == !(o->present & TCP_OPT_WSCALE));
	require(!v || o->wscale == (v[0] > TCP_WSCALE_MAX ? TCP_WSCALE_MAX : v[0]));
	require(!last_of(p, len, 4, 0) == !(o->present & TCP_OPT_SACK_OK));
	v = last_of(p, len, 8, 8);
	require(!v == !(o->present & TCP_OPT_TS));
	require(!v || (o->ts_val == word(v) && o->ts_ecr == word(v + 4)));
	require(o->sack_count <= TCP_SACK_MAX);
	if (o->sack_count == 0)
		return;
	v = last_of(p, len, 5, o->sack_count * 8u);
	require(v != NULL);
	for (unsigned i = 0; i < o->sack_count; i++)
		require(o->sack[i].left == word(v + 8 * i) &&
			o->sack[i].right == word(v + 8 * i + 4));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	size_t len = size < TCP_OPTIONS_BYTES ? size : TCP_OPTIONS_BYTES;
	struct tcp_options options;
	uint8_t *copy = malloc(len ? len : 1);
	bool accepted;

	if (!copy)
		return 0;
	if (len)
		memcpy(copy, data, len);
	memset(&options, 0xa5, sizeof(options));
	accepted = tcp_options_parse(copy, len, &options);
	require(accepted == well_formed(copy, len));
	if (accepted)
		check_values(copy, len, &options);
	free(copy);
	return 0;
}
