/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Byte classes of a head as bit masks: AVX-512 or AVX2 where the processor has it, SSE as the floor
 * on x86, NEON on aarch64, and a plain table that serves other processors and is the oracle of the
 * tests.
 *
 * AVX-512 and NEON look the plain table up, 64 or 16 bytes at a time. The others find token and
 * target bytes with two nibble look-ups each: the table for the low nibble holds one bit for each
 * of the six rows 2x to 7x of the ASCII chart, the table for the high nibble holds that row's bit,
 * and a byte is in the class when both share a bit. Bytes from 80 up give zero in both.
 */
#include "dataplane/http/h1/scan.h"

#if defined(__x86_64__) && defined(__SSSE3__)
#define HTTP1_HAVE_SIMD 1
#include <immintrin.h>
#elif defined(__aarch64__)
#include <arm_neon.h>
#endif

#define BLOCK_BYTES 64
#define BLOCKS_MAX                                                                                 \
	4 /* blocks for one call: 256 bytes; more would often lie behind the head's end */

#define CLASS_CTL    1
#define CLASS_TOKEN  2
#define CLASS_TARGET 4
#define BOTH         (CLASS_TOKEN | CLASS_TARGET)

/* RFC 9110 §5.6.2 tchar; RFC 3986 §2 without "#", which never goes on the wire (RFC 9112 §3.2). */
/* clang-format off */
static const uint8_t class_of[256] = {
	[0x00 ... 0x08] = CLASS_CTL, [0x0a ... 0x1f] = CLASS_CTL, [0x7f] = CLASS_CTL,
	['0' ... '9'] = BOTH, ['A' ... 'Z'] = BOTH, ['a' ... 'z'] = BOTH,
	['!'] = BOTH, ['$'] = BOTH, ['%'] = BOTH, ['&'] = BOTH, ['\''] = BOTH, ['*'] = BOTH,
	['+'] = BOTH, ['-'] = BOTH, ['.'] = BOTH, ['_'] = BOTH, ['~'] = BOTH,
	['#'] = CLASS_TOKEN, ['^'] = CLASS_TOKEN, ['`'] = CLASS_TOKEN, ['|'] = CLASS_TOKEN,
	['('] = CLASS_TARGET, [')'] = CLASS_TARGET, [','] = CLASS_TARGET, ['/'] = CLASS_TARGET,
	[':'] = CLASS_TARGET, [';'] = CLASS_TARGET, ['='] = CLASS_TARGET, ['?'] = CLASS_TARGET,
	['@'] = CLASS_TARGET, ['['] = CLASS_TARGET, [']'] = CLASS_TARGET,
};
/* clang-format on */

static void classify_scalar(const char *data, size_t blocks, uint64_t (*word)[HTTP1_MASKS])
{
	for (size_t b = 0; b < blocks; b++) {
		uint64_t *masks = word[b];

		for (unsigned m = 0; m < HTTP1_MASKS; m++)
			masks[m] = 0;
		for (unsigned i = 0; i < BLOCK_BYTES; i++) {
			uint8_t byte = (uint8_t)data[b * BLOCK_BYTES + i];
			uint64_t bit = UINT64_C(1) << i;

			masks[HTTP1_CTL] |= class_of[byte] & CLASS_CTL ? bit : 0;
			masks[HTTP1_CR] |= byte == '\r' ? bit : 0;
			masks[HTTP1_LF] |= byte == '\n' ? bit : 0;
			masks[HTTP1_NOT_TOKEN] |= class_of[byte] & CLASS_TOKEN ? 0 : bit;
			masks[HTTP1_NOT_TARGET] |= class_of[byte] & CLASS_TARGET ? 0 : bit;
		}
	}
}

#ifdef HTTP1_HAVE_SIMD
/* By low nibble: bit n tells that byte (n + 2) * 16 + nibble is in the class. */
static const uint8_t token_rows[16] __attribute__((aligned(16))) = {
	0x3a,
	0x3f,
	0x3e,
	0x3f,
	0x3f,
	0x3f,
	0x3f,
	0x3f,
	0x3e,
	0x3e,
	0x3d,
	0x15,
	0x34,
	0x15,
	0x3d,
	0x1c,
};
static const uint8_t target_rows[16] __attribute__((aligned(16))) = {
	0x2e,
	0x3f,
	0x3e,
	0x3e,
	0x3f,
	0x3f,
	0x3f,
	0x3f,
	0x3f,
	0x3f,
	0x3f,
	0x1f,
	0x15,
	0x1f,
	0x35,
	0x1f,
};
/* By high nibble: the row's bit. */
static const uint8_t row_bit[16] __attribute__((aligned(16))) = {
	0,
	0,
	0x01,
	0x02,
	0x04,
	0x08,
	0x10,
	0x20,
};

static inline uint32_t bits_sse(__m128i bytes)
{
	return (uint32_t)_mm_movemask_epi8(bytes);
}

static inline void classify_16(__m128i x, uint32_t bits[HTTP1_MASKS])
{
	const __m128i token = _mm_load_si128((const __m128i *)token_rows);
	const __m128i target = _mm_load_si128((const __m128i *)target_rows);
	const __m128i row = _mm_load_si128((const __m128i *)row_bit);
	const __m128i zero = _mm_setzero_si128();
	__m128i high = _mm_and_si128(_mm_srli_epi16(x, 4), _mm_set1_epi8(0x0f));
	__m128i mine = _mm_shuffle_epi8(row, high);
	__m128i low = _mm_cmpeq_epi8(_mm_min_epu8(x, _mm_set1_epi8(0x1f)), x);
	__m128i ctl = _mm_or_si128(_mm_andnot_si128(_mm_cmpeq_epi8(x, _mm_set1_epi8('\t')), low),
		_mm_cmpeq_epi8(x, _mm_set1_epi8(0x7f)));

	bits[HTTP1_CTL] = bits_sse(ctl);
	bits[HTTP1_CR] = bits_sse(_mm_cmpeq_epi8(x, _mm_set1_epi8('\r')));
	bits[HTTP1_LF] = bits_sse(_mm_cmpeq_epi8(x, _mm_set1_epi8('\n')));
	bits[HTTP1_NOT_TOKEN] =
		bits_sse(_mm_cmpeq_epi8(_mm_and_si128(_mm_shuffle_epi8(token, x), mine), zero));
	bits[HTTP1_NOT_TARGET] =
		bits_sse(_mm_cmpeq_epi8(_mm_and_si128(_mm_shuffle_epi8(target, x), mine), zero));
}

static void classify_sse(const char *data, size_t blocks, uint64_t (*word)[HTTP1_MASKS])
{
	for (size_t b = 0; b < blocks; b++, data += BLOCK_BYTES) {
		uint32_t bits[4][HTTP1_MASKS];

		for (unsigned i = 0; i < 4; i++)
			classify_16(_mm_loadu_si128((const __m128i *)(data + 16 * i)), bits[i]);
		for (unsigned m = 0; m < HTTP1_MASKS; m++)
			word[b][m] = bits[0][m] | (uint64_t)bits[1][m] << 16 |
				     (uint64_t)bits[2][m] << 32 | (uint64_t)bits[3][m] << 48;
	}
}

#define AVX2 __attribute__((target("avx2")))

AVX2 static inline uint32_t bits_avx2(__m256i bytes)
{
	return (uint32_t)_mm256_movemask_epi8(bytes);
}

AVX2 static inline __m256i twice(const uint8_t table[16])
{
	return _mm256_broadcastsi128_si256(_mm_load_si128((const __m128i *)table));
}

AVX2 static inline void classify_32(__m256i x, uint32_t bits[HTTP1_MASKS])
{
	const __m256i zero = _mm256_setzero_si256();
	__m256i high = _mm256_and_si256(_mm256_srli_epi16(x, 4), _mm256_set1_epi8(0x0f));
	__m256i mine = _mm256_shuffle_epi8(twice(row_bit), high);
	__m256i low = _mm256_cmpeq_epi8(_mm256_min_epu8(x, _mm256_set1_epi8(0x1f)), x);
	__m256i tab = _mm256_cmpeq_epi8(x, _mm256_set1_epi8('\t'));
	__m256i del = _mm256_cmpeq_epi8(x, _mm256_set1_epi8(0x7f));
	__m256i token = _mm256_and_si256(_mm256_shuffle_epi8(twice(token_rows), x), mine);
	__m256i target = _mm256_and_si256(_mm256_shuffle_epi8(twice(target_rows), x), mine);

	bits[HTTP1_CTL] = bits_avx2(_mm256_or_si256(_mm256_andnot_si256(tab, low), del));
	bits[HTTP1_CR] = bits_avx2(_mm256_cmpeq_epi8(x, _mm256_set1_epi8('\r')));
	bits[HTTP1_LF] = bits_avx2(_mm256_cmpeq_epi8(x, _mm256_set1_epi8('\n')));
	bits[HTTP1_NOT_TOKEN] = bits_avx2(_mm256_cmpeq_epi8(token, zero));
	bits[HTTP1_NOT_TARGET] = bits_avx2(_mm256_cmpeq_epi8(target, zero));
}

AVX2 static void classify_avx2(const char *data, size_t blocks, uint64_t (*word)[HTTP1_MASKS])
{
	for (size_t b = 0; b < blocks; b++, data += BLOCK_BYTES) {
		uint32_t bits[2][HTTP1_MASKS];

		classify_32(_mm256_loadu_si256((const __m256i *)data), bits[0]);
		classify_32(_mm256_loadu_si256((const __m256i *)(data + 32)), bits[1]);
		for (unsigned m = 0; m < HTTP1_MASKS; m++)
			word[b][m] = bits[0][m] | (uint64_t)bits[1][m] << 32;
	}
}

/* The first half of class_of[] is two registers, and one instruction looks 64 bytes up in it; it
 * takes no notice of a byte's highest bit, which means "in no class". */
__attribute__((target("avx512f,avx512bw,avx512vbmi"))) static void classify_avx512(
	const char *data, size_t blocks, uint64_t (*word)[HTTP1_MASKS])
{
	const __m512i low = _mm512_loadu_si512(class_of);
	const __m512i high = _mm512_loadu_si512(class_of + 64);

	for (size_t b = 0; b < blocks; b++, data += BLOCK_BYTES) {
		__m512i x = _mm512_loadu_si512(data);
		__m512i class = _mm512_permutex2var_epi8(low, x, high);
		uint64_t beyond = _mm512_movepi8_mask(x);
		uint64_t token = _mm512_test_epi8_mask(class, _mm512_set1_epi8(CLASS_TOKEN));
		uint64_t target = _mm512_test_epi8_mask(class, _mm512_set1_epi8(CLASS_TARGET));
		uint64_t ctl = _mm512_test_epi8_mask(class, _mm512_set1_epi8(CLASS_CTL));

		word[b][HTTP1_CTL] = ctl & ~beyond;
		word[b][HTTP1_CR] = _mm512_cmpeq_epi8_mask(x, _mm512_set1_epi8('\r'));
		word[b][HTTP1_LF] = _mm512_cmpeq_epi8_mask(x, _mm512_set1_epi8('\n'));
		word[b][HTTP1_NOT_TOKEN] = ~token | beyond;
		word[b][HTTP1_NOT_TARGET] = ~target | beyond;
	}
}
#endif

#ifdef __aarch64__
/* One bit of each byte of @p all, which is ff or 00: a byte keeps the bit of its place among eight,
 * and three rounds of adding neighbours gather eight bytes to one. */
static inline uint64_t bits_neon(const uint8x16_t all[4])
{
	const uint8x16_t place = vreinterpretq_u8_u64(vdupq_n_u64(UINT64_C(0x8040201008040201)));
	uint8x16_t first = vpaddq_u8(vandq_u8(all[0], place), vandq_u8(all[1], place));
	uint8x16_t second = vpaddq_u8(vandq_u8(all[2], place), vandq_u8(all[3], place));
	uint8x16_t sum = vpaddq_u8(first, second);

	return vgetq_lane_u64(vreinterpretq_u64_u8(vpaddq_u8(sum, sum)), 0);
}

/* The first half of class_of[] is eight registers, four to a look-up; a byte that is beyond the
 * four gives zero in the first look-up and leaves what it finds in the second. */
static void classify_neon(const char *data, size_t blocks, uint64_t (*word)[HTTP1_MASKS])
{
	const uint8x16x4_t low = vld1q_u8_x4(class_of), high = vld1q_u8_x4(class_of + 64);

	for (size_t b = 0; b < blocks; b++, data += BLOCK_BYTES) {
		uint8x16_t in[HTTP1_MASKS][4];

		for (unsigned i = 0; i < 4; i++) {
			uint8x16_t x = vld1q_u8((const uint8_t *)data + 16 * i);
			uint8x16_t class =
				vqtbx4q_u8(vqtbl4q_u8(low, x), high, vsubq_u8(x, vdupq_n_u8(64)));

			in[HTTP1_CTL][i] = vtstq_u8(class, vdupq_n_u8(CLASS_CTL));
			in[HTTP1_CR][i] = vceqq_u8(x, vdupq_n_u8('\r'));
			in[HTTP1_LF][i] = vceqq_u8(x, vdupq_n_u8('\n'));
			in[HTTP1_NOT_TOKEN][i] = vmvnq_u8(vtstq_u8(class, vdupq_n_u8(CLASS_TOKEN)));
			in[HTTP1_NOT_TARGET][i] =
				vmvnq_u8(vtstq_u8(class, vdupq_n_u8(CLASS_TARGET)));
		}
		for (unsigned m = 0; m < HTTP1_MASKS; m++)
			word[b][m] = bits_neon(in[m]);
	}
}
#endif

/* Written before main() only, so that readers need no order. */
static void (*classify)(
	const char *data, size_t blocks, uint64_t (*word)[HTTP1_MASKS]) = classify_scalar;

bool http1_scan_choose(enum http1_isa isa)
{
	if (isa == HTTP1_SCALAR) {
		classify = classify_scalar;
		return true;
	}
#ifdef HTTP1_HAVE_SIMD
	if (isa == HTTP1_SSE) {
		classify = classify_sse;
		return true;
	}
	if (isa == HTTP1_AVX2 && __builtin_cpu_supports("avx2")) {
		classify = classify_avx2;
		return true;
	}
	if (isa == HTTP1_AVX512 && __builtin_cpu_supports("avx512f") &&
		__builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vbmi")) {
		classify = classify_avx512;
		return true;
	}
#endif
#ifdef __aarch64__
	if (isa == HTTP1_NEON) { /* part of the architecture, as SSE is of x86 */
		classify = classify_neon;
		return true;
	}
#endif
	return false;
}

__attribute__((constructor)) static void choose_best(void)
{
#ifdef HTTP1_HAVE_SIMD
	__builtin_cpu_init();
#endif
	for (enum http1_isa isa = HTTP1_ISA_COUNT - 1; !http1_scan_choose(isa);)
		isa--;
}

/*
 * The last block, shorter than 64 bytes. Nothing behind data + len may be read: where there are 64
 * bytes in front of the end, those are classified and the bits moved down; a short message is
 * copied.
 */
static void classify_tail(const char *data, size_t len, uint64_t masks[1][HTTP1_MASKS])
{
	unsigned left = (unsigned)(len % BLOCK_BYTES);

	if (len >= BLOCK_BYTES) {
		classify(data + len - BLOCK_BYTES, 1, masks);
		for (unsigned m = 0; m < HTTP1_MASKS; m++)
			masks[0][m] >>= BLOCK_BYTES - left;
	} else {
		char copy[BLOCK_BYTES] = { 0 };

		memcpy(copy, data, len);
		classify(copy, 1, masks);
		for (unsigned m = 0; m < HTTP1_MASKS; m++)
			masks[0][m] &= (UINT64_C(1) << left) - 1;
	}
}

/* What a block has to know of the bytes before it. */
struct before {
	uint64_t cr; /* bit 63: the last byte was CR */
	uint64_t lf; /* bits 63 and 62: the last byte and the one before it were LF */
};

static struct before before_block(const char *data, size_t start)
{
	struct before before = { 0, 0 };

	if (start != 0) { /* then there are 64 bytes at least */
		before.cr = (uint64_t)(data[start - 1] == '\r') << 63;
		before.lf = (uint64_t)(data[start - 1] == '\n') << 63 |
			    (uint64_t)(data[start - 2] == '\n') << 62;
	}
	return before;
}

/*
 * Where line ends are CRLF throughout, LF means that CR came before it and CR that LF comes behind
 * it, so any difference between "after a CR" and "LF" is a fault, as is a control byte that is
 * neither; and LF two bytes behind an LF is the empty line (RFC 9112 §2.1).
 */
static inline bool judge_block(
	struct http1_scan *scan, size_t start, size_t len, struct before *before)
{
	const uint64_t *masks = scan->word[start / BLOCK_BYTES];
	uint64_t valid =
		len - start < BLOCK_BYTES ? (UINT64_C(1) << (len - start)) - 1 : UINT64_MAX;
	uint64_t cr = masks[HTTP1_CR];
	uint64_t lf = masks[HTTP1_LF];
	uint64_t bad = (((cr << 1 | before->cr >> 63) & valid) ^ lf) | (masks[HTTP1_CTL] ^ cr ^ lf);
	uint64_t end = (lf << 2 | before->lf >> 62) & lf;

	before->cr = cr;
	before->lf = lf;
	if (__builtin_expect((bad | end) == 0, 1))
		return false;
	if (bad != 0 && (end == 0 || __builtin_ctzll(bad) <= __builtin_ctzll(end)))
		scan->bad = start + (size_t)__builtin_ctzll(bad);
	else
		scan->end = start + (size_t)__builtin_ctzll(end) + 1;
	return true;
}

void http1_scan(struct http1_scan *scan, const char *data, size_t len, size_t from)
{
	size_t start = from / BLOCK_BYTES * BLOCK_BYTES;
	struct before before = before_block(data, start);
	size_t blocks;

	scan->end = 0;
	scan->bad = HTTP1_NOWHERE;
	scan->bytes = len;
	for (; start + BLOCK_BYTES <= len; start += blocks * BLOCK_BYTES) {
		blocks = (len - start) / BLOCK_BYTES;
		if (blocks > BLOCKS_MAX)
			blocks = BLOCKS_MAX;
		classify(data + start, blocks, &scan->word[start / BLOCK_BYTES]);
		for (size_t b = 0; b < blocks; b++) {
			if (judge_block(scan, start + b * BLOCK_BYTES, len, &before)) {
				scan->bytes = start + blocks * BLOCK_BYTES;
				return;
			}
		}
	}
	if (start < len) {
		classify_tail(data, len, &scan->word[start / BLOCK_BYTES]);
		judge_block(scan, start, len, &before);
	}
}

void http1_scan_before(struct http1_scan *scan, const char *data, size_t from)
{
	size_t blocks = from / BLOCK_BYTES;

	if (blocks != 0)
		classify(data, blocks, scan->word);
}
