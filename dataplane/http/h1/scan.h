/* SPDX-License-Identifier: Apache-2.0 */
/*
 * First stage of the head parser: sorts every byte of a head into classes, 64 bytes to a word of
 * bits, and finds where the head ends. The second stage then jumps from bit to bit and reads few
 * bytes.
 */
#ifndef SLUICE_DATAPLANE_HTTP_H1_SCAN_H
#define SLUICE_DATAPLANE_HTTP_H1_SCAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "dataplane/http/h1/http1.h"

/* The classes; bit n of a word is byte n of its 64. */
enum http1_mask {
	HTTP1_CTL,        /* 00-08, 0A-1F, 7F: RFC 9110 §5.5 lets none of these into a value */
	HTTP1_CR,         /* 0D */
	HTTP1_LF,         /* 0A */
	HTTP1_NOT_TOKEN,  /* anything but tchar, RFC 9110 §5.6.2 */
	HTTP1_NOT_TARGET, /* anything that RFC 3986 does not let into a URI without its fragment */
	HTTP1_MASKS
};

#define HTTP1_SCAN_WORDS (HTTP1_MAX_HEAD_BYTES / 64)
#define HTTP1_NOWHERE    SIZE_MAX

struct http1_scan {
	size_t end; /* length of the head including the empty line; 0 where that has not come */
	size_t bad; /* where a bare CR, bare LF or control byte is certain; HTTP1_NOWHERE for none */
	size_t bytes; /* bytes that word[] describes */
	uint64_t word[HTTP1_SCAN_WORDS][HTTP1_MASKS];
};

/* The better the later, among those of one architecture. */
enum http1_isa { HTTP1_SCALAR, HTTP1_SSE, HTTP1_AVX2, HTTP1_AVX512, HTTP1_NEON, HTTP1_ISA_COUNT };

/**
 * Choose the classifier; done once before main() with the best that the processor has. Tests call
 * it to compare one with another; it must not be called while another thread parses.
 * @return false where this processor or this build has no such thing: nothing is changed
 */
bool http1_scan_choose(enum http1_isa isa);

/**
 * Classify @p len bytes and look for the end of the head and for bytes that no head may hold. Stops
 * in the 64 bytes where it finds one of them; the one that comes first in the data is reported, so
 * that the result does not depend on how much is already there.
 *
 * @param scan  filled; its words before from / 64 stay as they are, see http1_scan_before()
 * @param len   at most HTTP1_MAX_HEAD_BYTES; no byte at or beyond data + len is read
 * @param from  bytes that an earlier call found to be good
 */
void http1_scan(struct http1_scan *scan, const char *data, size_t len, size_t from);

/** Classify what http1_scan() left out because of @p from. */
void http1_scan_before(struct http1_scan *scan, const char *data, size_t from);

/** Where the next byte of class @p mask is, at or after @p pos; scan->bytes where there is none. */
static inline size_t http1_scan_next(
	const struct http1_scan *scan, enum http1_mask mask, size_t pos)
{
	size_t word = pos / 64;
	uint64_t bits;

	if (__builtin_expect(pos >= scan->bytes, 0))
		return scan->bytes;
	bits = scan->word[word][mask] >> (pos % 64);
	if (bits != 0)
		return pos + (size_t)__builtin_ctzll(bits);
	while (++word * 64 < scan->bytes)
		if (scan->word[word][mask] != 0)
			return word * 64 + (size_t)__builtin_ctzll(scan->word[word][mask]);
	return scan->bytes;
}

#endif
