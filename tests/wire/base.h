/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What all files of the wire ring stand on: memory that lives as long as one script, growing byte
 * strings, and the one way to fail a script from any depth.
 */
#ifndef SLUICE_TESTS_WIRE_BASE_H
#define SLUICE_TESTS_WIRE_BASE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/** Zeroed memory that wire_free_all() frees. Never NULL. */
void *wire_alloc(size_t bytes);
char *wire_text(const char *format, ...) __attribute__((format(printf, 1, 2), nonnull(1)));
void wire_free_all(void);

struct bytes {
	uint8_t *data;
	uint32_t len, room;
};

void bytes_put(struct bytes *b, const void *data, uint32_t len);
/** Offset of @p what in @p b from @p from on, or UINT32_MAX. */
uint32_t bytes_find(const struct bytes *b, uint32_t from, const char *what, uint32_t len);
/** @return the bytes as text for a message: \r, \n and others escaped, cut after @p most */
char *bytes_show(const void *data, uint32_t len, uint32_t most);

/** End the running script with this message. */
_Noreturn void wire_fail(const char *format, ...) __attribute__((format(printf, 1, 2)));
/** Run @p fn; false when it called wire_fail(), whose message wire_message() gives. */
bool wire_try(void (*fn)(void *ctx), void *ctx);
const char *wire_message(void);

#endif
