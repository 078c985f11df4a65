/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Memory and failure of one script, see base.h. A script that fails leaves by longjmp from wherever
 * it is, so nothing on its way may own memory: all of it hangs on one list here.
 */
#include "tests/wire/base.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

/* A fuzzer's thousands of allocations an input come from one block that is kept; elsewhere each has
 * a block of its own, so that sanitizers see its end. */
#ifdef FUZZING_BUILD_MODE_UNSAFE_FOR_PRODUCTION
#define BLOCK_BYTES ((size_t)1 << 20)
#else
#define BLOCK_BYTES ((size_t)0)
#endif

struct block {
	struct block *next;
	size_t room, used;
	_Alignas(16) uint8_t data[];
};

static struct block *blocks;
static jmp_buf escape;
static bool trying;
static char message[16384];

static struct block *block_new(size_t bytes)
{
	size_t room = bytes > BLOCK_BYTES ? bytes : BLOCK_BYTES;
	struct block *b = calloc(1, sizeof(*b) + room);

	if (!b)
		abort();
	b->next = blocks;
	b->room = room;
	blocks = b;
	return b;
}

void *wire_alloc(size_t bytes)
{
	bool room = BLOCK_BYTES > 0 && blocks && blocks->used + bytes <= blocks->room;
	struct block *b = room ? blocks : block_new(bytes);
	void *at;

	at = b->data + b->used;
	b->used += (bytes + 15) & ~(size_t)15;
	return at;
}

char *wire_text(const char *format, ...)
{
	va_list args;
	char *text, none;
	int n;

	va_start(args, format);
	n = vsnprintf(&none, 1, format, args);
	va_end(args);
	text = wire_alloc((size_t)n + 1);
	va_start(args, format);
	vsnprintf(text, (size_t)n + 1, format, args);
	va_end(args);
	return text;
}

void wire_free_all(void)
{
	while (blocks && (BLOCK_BYTES == 0 || blocks->next)) {
		struct block *next = blocks->next;

		free(blocks);
		blocks = next;
	}
	if (blocks) {
		memset(blocks->data, 0, blocks->used < blocks->room ? blocks->used : blocks->room);
		blocks->used = 0;
	}
}

void bytes_put(struct bytes *b, const void *data, uint32_t len)
{
	if (b->len + len > b->room) {
		uint32_t room = (b->len + len) * 2 + 64;
		uint8_t *grown = wire_alloc(room);

		if (b->len)
			memcpy(grown, b->data, b->len);
		b->data = grown;
		b->room = room;
	}
	if (len)
		memcpy(b->data + b->len, data, len);
	b->len += len;
}

uint32_t bytes_find(const struct bytes *b, uint32_t from, const char *what, uint32_t len)
{
	const uint8_t *at;

	if (from >= b->len || len == 0)
		return len == 0 ? from : UINT32_MAX;
	at = memmem(b->data + from, b->len - from, what, len);
	return at ? (uint32_t)(at - b->data) : UINT32_MAX;
}

char *bytes_show(const void *data, uint32_t len, uint32_t most)
{
	const uint8_t *p = data;
	uint32_t n = len < most ? len : most, at = 0;
	char *out = wire_alloc((size_t)n * 4 + 16);

	for (uint32_t i = 0; i < n; i++) {
		if (p[i] == '\r' || p[i] == '\n') {
			out[at++] = '\\';
			out[at++] = p[i] == '\r' ? 'r' : 'n';
		} else if (p[i] >= 0x20 && p[i] < 0x7f) {
			out[at++] = (char)p[i];
		} else {
			at += (uint32_t)snprintf(out + at, 5, "\\x%02x", p[i]);
		}
	}
	if (n < len)
		memcpy(out + at, "…", sizeof("…"));
	return out;
}

void wire_fail(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(message, sizeof(message), format, args);
	va_end(args);
	if (!trying) {
		fprintf(stderr, "wire: %s\n", message);
		abort();
	}
	longjmp(escape, 1);
}

bool wire_try(void (*fn)(void *ctx), void *ctx)
{
	bool well;

	trying = true;
	well = setjmp(escape) == 0;
	if (well)
		fn(ctx);
	trying = false;
	return well;
}

const char *wire_message(void)
{
	return message;
}
