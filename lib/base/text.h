/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Text that came from elsewhere, on its way to a terminal or a log. What could move the cursor,
 * hide or reorder text (C0 and C1 controls, DEL, line and paragraph separators, bidirectional
 * controls) and what is no UTF-8 is shown escaped, everywhere in the same form.
 */
#ifndef SLUICE_LIB_BASE_TEXT_H
#define SLUICE_LIB_BASE_TEXT_H

#include <stdbool.h>
#include <stddef.h>

#define TEXT_ESCAPED_BYTES 16 /* the longest escaped character */

/**
 * The character that text begins with.
 * @param take  filled: its bytes; 0 when more bytes are needed to tell
 * @return true when it may be shown as it is
 */
bool text_is_safe(const char *text, size_t len, unsigned *take);

/** One unsafe character of @p take bytes as \xNN or \uNNNN. @param out TEXT_ESCAPED_BYTES @return
 * its length */
size_t text_escape(const char *text, unsigned take, char *out);

/**
 * Make a line safe: each unsafe character, a line feed too, is escaped by text_escape().
 * @param out of @p bytes; always terminated, ends before the first character without room. 4 * @p
 * len + 1
 *             bytes are enough for all
 * @return bytes written without the terminating zero
 */
size_t text_escape_line(const char *text, size_t len, char *out, size_t bytes);

/** The same into memory of its own, for free(). @return NULL without memory, or for NULL */
char *text_escaped(const char *text);

#endif
