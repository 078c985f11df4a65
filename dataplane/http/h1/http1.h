/* SPDX-License-Identifier: Apache-2.0 */
/*
 * HTTP/1.1 messages (RFC 9110, RFC 9112), sans I/O: bytes in, verdict out. No clock, no allocator,
 * no log. Strict on purpose: whatever two implementations could frame differently is refused,
 * because a gateway and a backend that disagree about where a request ends is how requests are
 * smuggled.
 */
#ifndef SLUICE_DATAPLANE_HTTP_H1_HTTP1_H
#define SLUICE_DATAPLANE_HTTP_H1_HTTP1_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "dataplane/http/edits.h"
#include "dataplane/http/message.h"
#include "lib/base/bytes.h"
#include "lib/base/str.h"
#include "lib/shm/reason.h"

#define HTTP1_MAX_HEAD_BYTES (64 * 1024) /* offsets fit 32 bits; the limit is configured */

/* Limits that are not configured. */
#define HTTP1_MAX_METHOD_BYTES    32   /* longer methods are METHOD_INVALID */
#define HTTP1_MAX_OPTIONS         32   /* names in Connection; each is sought among all fields */
#define HTTP1_MAX_EXTENSION_BYTES 256  /* of one chunk, from its ";" */
#define HTTP1_MAX_TRAILER_BYTES   4096 /* all trailer lines together */

enum http1_verdict {
	HTTP1_DONE,     /* the head (or the body) is complete */
	HTTP1_MORE,     /* all well so far, more bytes are needed */
	HTTP1_BAD,      /* refuse: the reason says why */
	HTTP1_TRAILERS, /* of http1_body_feed(): the byte that is next begins a trailer section */
};

#define HTTP1_KEEP_ALIVE_UNSAID UINT32_MAX

enum http1_framing {
	HTTP1_BODY_NONE,
	HTTP1_BODY_LENGTH,      /* Content-Length */
	HTTP1_BODY_CHUNKED,     /* Transfer-Encoding: chunked */
	HTTP1_BODY_UNTIL_CLOSE, /* responses only */
};

/* A parsed head with what HTTP/1 says around it. All str point into the caller's buffer. */
struct http1_head {
	struct str target;     /* of a request, as sent: path and query are taken from it */
	struct str phrase;     /* of a response */
	uint32_t head_bytes;   /* length of the head including the empty line */
	uint32_t keep_alive_s; /* that Keep-Alive announces, HTTP1_KEEP_ALIVE_UNSAID if nothing */
	uint8_t version_minor; /* HTTP/1.x */
	uint8_t framing;       /* enum http1_framing */
	bool keep_alive;       /* what this message says about the connection (RFC 9112 §9.3) */
	bool absolute_form;
	bool upgrade; /* Connection names Upgrade */
	struct http_head message;
};

struct http1_limits {
	uint32_t head_bytes;   /* longest head, at most HTTP1_MAX_HEAD_BYTES */
	uint32_t target_bytes; /* longest request target */
	uint32_t fields;       /* most field lines, at most HTTP_MAX_FIELDS */
	bool upgrade; /* responses: the request asked for WebSocket, so that 101 may agree to it */
};

/**
 * Parse a request head that begins at @p data.
 *
 * Up to one CRLF before the request line is skipped and counted in head_bytes (RFC 9112 §2.2).
 * Stateless: after HTTP1_MORE call again with the longer buffer; @p seen is then the length that
 * was given before (0 the first time), so that the search for the end goes on from there. A head
 * that is certain to be refused (bad byte, too long, a bad request line) is refused before it is
 * complete, and verdict and reason are the same however the bytes were cut into calls.
 *
 * Stricter than the grammar on purpose: hosts are letters, digits, ".", "-", "_" or an IPv6 literal
 * with an optional port that is not empty; targets hold RFC 3986's characters only, "#" and
 * userinfo excluded; methods and lists of connection options are bounded. Percent-encoding and dot
 * segments are left to the router. Upgrade is ignored, for no other protocol is spoken here (RFC
 * 9110 §7.8), and so is Expect in HTTP/1.0 (§10.1.1).
 *
 * @param data    the bytes received; none is read at or beyond data + len
 * @param len     bytes
 * @param seen    bytes that an earlier call with the same data has looked at
 * @param limits  configured limits
 * @param head    filled on HTTP1_DONE; undefined otherwise
 * @param reason  set on HTTP1_BAD
 * @return HTTP1_DONE, HTTP1_MORE or HTTP1_BAD
 */
enum http1_verdict http1_parse_request(const char *data, size_t len, size_t seen,
	const struct http1_limits *limits, struct http1_head *head, enum reason *reason);

/**
 * What to tell about a request whose target was refused, for a log that escapes what clients send:
 * where the first byte is that no target may have, and how the target begins. Queries may hold keys
 * and are left out: "@7:/orders|1".
 * @param data  the request, from its first byte; @p len bytes of it
 * @return bytes of @p out that were filled; 0 when there is no target
 */
uint32_t http1_describe_target(const char *data, size_t len, char *out, uint32_t size);

/**
 * Parse a response head that begins at @p data; the rules of http1_parse_request() hold.
 *
 * A missing phrase is let pass, with or without the space before it. An interim response (1xx) is a
 * head of its own, the final one begins at head_bytes; 101 is refused because Upgrade is never
 * forwarded. 1xx and 204 have no body whatever they announce; keep_alive is false where they do,
 * for the backend may send one.
 *
 * @param request_method  enum http_method of the request: a response to HEAD has no body
 *                        (RFC 9112 §6.3). 1xx, 204 and 304 have none either.
 * @param reason          on HTTP1_BAD: REASON_BACKEND_INVALID, or what is wrong with the framing
 */
enum http1_verdict http1_parse_response(const char *data, size_t len, size_t seen,
	const struct http1_limits *limits, uint8_t request_method, struct http1_head *head,
	enum reason *reason);

/** Whether a request that was parsed asks to become a WebSocket (RFC 6455 §4.2.1). What its key and
 *  version are is the server's to judge. */
bool http1_asks_websocket(const struct http1_head *head);

/**
 * Parse the trailer section that begins at @p data, after http1_body_feed() returned
 * HTTP1_TRAILERS; the rules of http1_parse_request() hold for its field lines.
 * @param head  its fields and head_bytes are filled
 * @return HTTP1_DONE, HTTP1_MORE or HTTP1_BAD, which more than HTTP1_MAX_TRAILER_BYTES are
 */
enum http1_verdict http1_parse_trailers(
	const char *data, size_t len, size_t seen, struct http1_head *head);

/**
 * A body's framing, followed byte by byte without touching the bytes: the caller forwards what it
 * was told is wanted. Chunked framing is validated here and forwarded as received, with its
 * extensions; its octets are safe because every one was checked:
 *  - sizes are 1 to 16 hex digits up to 2^63-1, followed by ";" or CRLF and nothing else;
 *  - extensions are at most HTTP1_MAX_EXTENSION_BYTES a chunk, quoted strings in them are closed;
 * A trailer section is the caller's to parse (http1_parse_trailers()) and to write.
 */
struct http1_body {
	uint8_t framing;     /* enum http1_framing */
	uint8_t state;       /* private */
	uint8_t digits;      /* private: digits of the size */
	bool is_request;     /* decides the reasons */
	uint16_t line_bytes; /* private: bytes of the extension so far */
	uint8_t fault;       /* private: enum reason of what was refused, for each later call */
	uint64_t left;       /* bytes left of the length or of the chunk */
};

/** Begin a body as @p head framed it. */
void http1_body_begin(struct http1_body *body, const struct http1_head *head, bool is_request);

/**
 * Follow @p len bytes. Once it was DONE or BAD it stays so.
 *
 * @param used    how many bytes belong to this body; on HTTP1_DONE what follows is the next message
 * @param reason  set on HTTP1_BAD: a reason of the body group for requests, REASON_BACKEND_INVALID
 *                for responses
 * @return HTTP1_DONE when the body ended within these bytes (at once, with *used 0, where there is
 *         none), HTTP1_MORE when it goes on, HTTP1_TRAILERS, HTTP1_BAD
 */
enum http1_verdict http1_body_feed(
	struct http1_body *body, const char *data, size_t len, size_t *used, enum reason *reason);

/** True between the last chunk and the end of the trailer section: the rest is not followed byte by
 * byte. */
bool http1_body_at_trailers(const struct http1_body *body);

/** The trailer section was parsed: the body is complete. */
void http1_body_end(struct http1_body *body);

/**
 * How many of the next bytes are content and not framing: lets a caller take chunked framing off.
 * @return 0 when the next byte is framing or the body is over; UINT64_MAX for "until close"
 */
uint64_t http1_body_content_ahead(const struct http1_body *body);

/** True when a connection's end now is a complete body: framing "until close". */
bool http1_body_ends_at_close(const struct http1_body *body);

/* Writes a head into a fixed buffer; past its end it counts only and http1_writer_ok() is false. */
struct http1_writer {
	char *buf;
	uint32_t size; /* bytes of room */
	uint32_t len;  /* bytes written or wanted */
};

/** What http1_put() is. */
static inline __attribute__((always_inline)) void http1_put_pieces(
	struct http1_writer *w, const struct str *pieces, unsigned count)
{
	size_t end = w->len;

#pragma GCC unroll 16
	for (unsigned i = 0; i < count; i++)
		end += pieces[i].len;
	if (__builtin_expect(end <= w->size, 1)) {
		char *at = w->buf + w->len;

#pragma GCC unroll 16
		for (unsigned i = 0; i < count; i++) {
			bytes_copy(at, pieces[i].data, pieces[i].len);
			at += pieces[i].len;
		}
		w->len = (uint32_t)end;
	} else {
		w->len = end < UINT32_MAX ? (uint32_t)end : UINT32_MAX;
	}
}

/** Append the strs that follow @p w, at most 16, as they are: constant ones are a few moves, and
 *  there is one look at the room for all. */
#define http1_put(w, ...)                                                                          \
	http1_put_pieces(w, (const struct str[]){ __VA_ARGS__ },                                   \
		sizeof((const struct str[]){ __VA_ARGS__ }) / sizeof(struct str))

/** Append name ": " value CRLF; neither may hold a CR or LF, which is not checked here. */
static inline __attribute__((always_inline)) void http1_put_field(
	struct http1_writer *w, struct str name, struct str value)
{
	http1_put(w, name, STR(": "), value, STR("\r\n"));
}

/** Append @p n in decimal. */
void http1_put_number(struct http1_writer *w, uint64_t n);

/** True while everything that was put is in the buffer. */
static inline bool http1_writer_ok(const struct http1_writer *w)
{
	return w->len <= w->size;
}

/**
 * Write the head of the request for the backend (RFC 9110 §7.6): request line in origin
 * form with HTTP/1.1, Host, the end-to-end fields in their order, framing fields made from the
 * verdict and not from the client's bytes, then Via, X-Forwarded-For, X-Forwarded-Proto,
 * X-Forwarded-Host, Forwarded (RFC 7239) and the identity. All fields that begin with "Sluice-" and
 * came from the client are gone. Expect is not forwarded (the gateway answers it itself). The
 * connection towards the backend is kept alive. A client's Via fields stay where they were, ours is
 * a line after them, which is the same list.
 */
void http1_write_request(
	struct http1_writer *w, const struct http1_head *head, const struct http_edits *edits);

/**
 * Write a trailer section with its empty line: of the parsed one the fields that may be in one (RFC
 * 9110 §6.5.1) and are not named in @p strip.
 * @param strip  names of credentials' fields; @p strip_count of them
 */
void http1_write_trailers(struct http1_writer *w, const struct http_head *trailers,
	const struct str *strip, uint32_t strip_count);

/**
 * Write the head of the response for the client: status line with HTTP/1.1 and the
 * backend's phrase, end-to-end fields but for "Sluice-*", framing from the verdict, Via, then @p
 * extra (complete field lines with CRLF, may be empty). Where there is no body, Content-Length is
 * kept for a response to HEAD and for 304.
 *
 * @param keep_alive  false adds Connection: close; so does a body that only the connection's end
 *                    ends: framing UNTIL_CLOSE, and CHUNKED when http10
 * @param http10      the client speaks HTTP/1.0: "Connection: keep-alive" is written when kept; a
 *                    body that was chunked cannot be sent as such, so no framing is written and the
 *                    caller strips the chunks and closes at the end
 */
void http1_write_response(struct http1_writer *w, const struct http1_head *head,
	struct str via_name, struct str extra, bool keep_alive, bool http10);

#endif
