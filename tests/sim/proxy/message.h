/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Messages whose every byte says what they belong to: heads carry the exchange's id, and a byte of
 * content follows from id, direction and offset. The reader is plain on purpose; it shares nothing
 * with the gateway's own parser.
 */
#ifndef SLUICE_TESTS_SIM_PROXY_MESSAGE_H
#define SLUICE_TESTS_SIM_PROXY_MESSAGE_H

#include "tests/sim/proxy/plan.h"
#include "tests/wire/base.h"

enum message_way { WAY_REQUEST, WAY_RESPONSE };

/* Byte number @p at of the content of an exchange's request or response. */
static inline uint8_t message_byte(uint32_t id, enum message_way way, uint32_t at)
{
	return (uint8_t)(at * 31 + (at >> 8) * 17 + (at >> 16) * 7 + id * 101 + (id >> 8) * 57 +
			 (way == WAY_RESPONSE ? 43 : 0));
}

/** Append the whole request; the caller sends of it what it wants. @return length of its head */
uint32_t message_request(const struct plan *p, struct bytes *out);
/** Append the whole response, responses before it and bytes behind it. @return where the response
 * itself ends */
uint32_t message_response(const struct plan *p, struct bytes *out);
/** Append the response of a try that fails by its status. @return where it ends */
uint32_t message_failure(const struct plan *p, struct bytes *out);
/** Append what is behind the response and belongs to nobody. */
void message_extra(const struct plan *p, struct bytes *out);

/* The text of the keys that the configuration knows. */
#define MESSAGE_KEY "ak_test_%06d"

enum reader_state {
	READ_HEAD,
	READ_LENGTH,
	READ_SIZE,
	READ_CHUNK,
	READ_CHUNK_END,
	READ_TRAILER,
	READ_CLOSE
};

enum reader_event {
	READER_MORE,    /* all was taken */
	READER_HEAD,    /* head is complete: reader_content() follows */
	READER_CONTENT, /* a piece of content */
	READER_DONE,    /* the message is complete */
	READER_BAD,
};

/* Cuts a stream into messages. */
struct reader {
	enum reader_state state;
	struct bytes head; /* terminated once complete */
	struct bytes line; /* of a chunk's size or the trailer */
	uint64_t left;
	uint32_t at;    /* content so far */
	uint32_t bytes; /* of the message so far, head and framing included */
	const uint8_t *content;
	uint32_t content_len;
};

/** Take some of @p data, at most up to the next event. @param used  set to how much */
enum reader_event reader_feed(struct reader *r, const uint8_t *data, uint32_t len, uint32_t *used);
/**
 * After READER_HEAD: how the content is framed, by the head's fields.
 * @param none      there is none in any case
 * @param response  without framing fields it goes on until the close
 * @return READER_DONE when it has none
 */
enum reader_event reader_content(struct reader *r, bool none, bool response);
/** For the next message. */
void reader_again(struct reader *r);
/** The stream ended. @return true when a message ended with it */
bool reader_closed(const struct reader *r);

/** Value of a field of the head, or NULL; ends with "\r\n". */
/* What the page of a request is from, if it is of one. */
const char *message_origin(uint32_t id);
#define MESSAGE_ORIGIN "https://a.test" /* that may use routes a and t, and no other */

const char *reader_field(const struct reader *r, const char *name);

#endif
