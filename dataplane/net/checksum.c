/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The Internet checksum (RFC 1071), because the software ports compute none and a segment of 1,460
 * bytes costs rte_raw_cksum() about a thousand cycles at -O2. Here 32-bit words are added into
 * 64-bit lanes, which cannot overflow below 16 GiB, so that no carry is ever looked at: SSE2 is the
 * base on x86, AVX2 is chosen at load where the processor has it, NEON is aarch64's. This file is
 * compiled with -O3.
 */
#include "dataplane/net/checksum.h"

#include <string.h>

#ifdef __SSE2__
#include <immintrin.h>
#elif defined(__aarch64__)
#include <arm_neon.h>
#endif

uint64_t checksum_sum_plain(const void *data, size_t len)
{
	const uint8_t *p = data;
	uint64_t sum = 0;
	uint16_t word;

	for (; len >= 2; len -= 2, p += 2) {
		memcpy(&word, p, 2);
		sum += word;
	}
	if (len) {
		word = 0;
		memcpy(&word, p, 1); /* RFC 1071 §1: as if a zero byte followed */
		sum += word;
	}
	return sum;
}

#ifdef __SSE2__
static uint64_t sum_sse2(const uint8_t *p, size_t len)
{
	const __m128i low = _mm_set1_epi64x(UINT32_MAX);
	__m128i even = _mm_setzero_si128(), odd = _mm_setzero_si128();
	uint64_t lanes[2];

	for (; len >= 32; len -= 32, p += 32) {
		__m128i a = _mm_loadu_si128((const __m128i *)p);
		__m128i b = _mm_loadu_si128((const __m128i *)(p + 16));

		even = _mm_add_epi64(even, _mm_and_si128(a, low));
		odd = _mm_add_epi64(odd, _mm_srli_epi64(a, 32));
		even = _mm_add_epi64(even, _mm_and_si128(b, low));
		odd = _mm_add_epi64(odd, _mm_srli_epi64(b, 32));
	}
	_mm_storeu_si128((__m128i *)lanes, _mm_add_epi64(even, odd));
	return lanes[0] + lanes[1] + checksum_sum_short(p, len);
}

__attribute__((target("avx2"))) static uint64_t sum_avx2(const uint8_t *p, size_t len)
{
	const __m256i low = _mm256_set1_epi64x(UINT32_MAX);
	__m256i even = _mm256_setzero_si256(), odd = _mm256_setzero_si256();
	uint64_t lanes[4];

	for (; len >= 64; len -= 64, p += 64) {
		__m256i a = _mm256_loadu_si256((const __m256i *)p);
		__m256i b = _mm256_loadu_si256((const __m256i *)(p + 32));

		even = _mm256_add_epi64(even, _mm256_and_si256(a, low));
		odd = _mm256_add_epi64(odd, _mm256_srli_epi64(a, 32));
		even = _mm256_add_epi64(even, _mm256_and_si256(b, low));
		odd = _mm256_add_epi64(odd, _mm256_srli_epi64(b, 32));
	}
	_mm256_storeu_si256((__m256i *)lanes, _mm256_add_epi64(even, odd));
	return lanes[0] + lanes[1] + lanes[2] + lanes[3] + checksum_sum_short(p, len);
}

static uint64_t (*sum_best)(const uint8_t *p, size_t len) = sum_sse2;

__attribute__((constructor)) static void checksum_choose(void)
{
	__builtin_cpu_init();
	if (__builtin_cpu_supports("avx2"))
		sum_best = sum_avx2;
}
#elif defined(__aarch64__)
static uint64_t sum_best(const uint8_t *p, size_t len)
{
	uint64x2_t a = vdupq_n_u64(0), b = a;

	for (; len >= 32; len -= 32, p += 32) {
		a = vpadalq_u32(a, vreinterpretq_u32_u8(vld1q_u8(p)));
		b = vpadalq_u32(b, vreinterpretq_u32_u8(vld1q_u8(p + 16)));
	}
	return vaddvq_u64(vaddq_u64(a, b)) + checksum_sum_short(p, len);
}
#else
#define sum_best checksum_sum_short
#endif

uint64_t checksum_sum_long(const void *data, size_t len)
{
	return sum_best(data, len);
}

uint64_t checksum_sum_mbuf(const struct rte_mbuf *m, uint32_t offset)
{
	uint64_t sum = 0;
	uint32_t done = 0;

	for (; m && offset >= m->data_len; m = m->next)
		offset -= m->data_len;
	for (; m; m = m->next) {
		uint32_t len = m->data_len - offset;
		uint64_t part =
			checksum_sum(rte_pktmbuf_mtod_offset(m, const uint8_t *, offset), len);

		/* A run that begins at an odd place has its bytes in the other halves of the
		 * words. */
		if (done & 1)
			part = rte_bswap16(checksum_fold(part));
		sum += part;
		done += len;
		offset = 0;
	}
	return sum;
}
