/* SPDX-License-Identifier: Apache-2.0 */
/*
 * HTTP/1.1 messages (RFC 9110, RFC 9112), sans I/O: bytes in, verdict out. No clock, no allocator,
 * no log. Strict on purpose: whatever two implementations could frame differently is refused,
 * because a gateway and a backend that disagree about where a request ends is how requests are
 * smuggled.
 */
#ifndef SLUICE_DATAPLANE_HTTP_HTTP1_H
#define SLUICE_DATAPLANE_HTTP_HTTP1_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/bytes.h"
#include "lib/base/str.h"
#include "lib/shm/reason.h"

#define HTTP1_MAX_FIELDS     128 /* room in struct http1_head; the configured limit may be lower */
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

enum http1_method {
	HTTP1_GET,
	HTTP1_HEAD,
	HTTP1_POST,
	HTTP1_PUT,
	HTTP1_DELETE,
	HTTP1_PATCH,
	HTTP1_OPTIONS,
	HTTP1_TRACE,
	HTTP1_CONNECT,
	HTTP1_OTHER, /* a valid token that is none of the above */
	HTTP1_METHOD_COUNT
};

/* Fields that the parser recognises while it walks, so that nobody compares names again. */
enum http1_field_id {
	HTTP1_FIELD_OTHER,
	HTTP1_FIELD_HOST,
	HTTP1_FIELD_CONNECTION,
	HTTP1_FIELD_CONTENT_LENGTH,
	HTTP1_FIELD_TRANSFER_ENCODING,
	HTTP1_FIELD_TE,
	HTTP1_FIELD_TRAILER,
	HTTP1_FIELD_UPGRADE,
	HTTP1_FIELD_EXPECT,
	HTTP1_FIELD_KEEP_ALIVE,
	HTTP1_FIELD_PROXY_CONNECTION,
	HTTP1_FIELD_PROXY_AUTHORIZATION,
	HTTP1_FIELD_PROXY_AUTHENTICATE,
	HTTP1_FIELD_AUTHORIZATION,
	HTTP1_FIELD_COOKIE,
	HTTP1_FIELD_VIA,
	HTTP1_FIELD_DATE,
	HTTP1_FIELD_FORWARDED,
	HTTP1_FIELD_X_FORWARDED_FOR,
	HTTP1_FIELD_X_FORWARDED_PROTO,
	HTTP1_FIELD_X_FORWARDED_HOST,
	HTTP1_FIELD_MAX_FORWARDS,
	HTTP1_FIELD_ADDRESS, /* what a proxy says about the client: X-Real-IP, X-Forwarded-*, … */
	HTTP1_FIELD_OVERRIDE, /* takes the place of path, host or method: X-Original-URL, … */
	HTTP1_FIELD_SLUICE,   /* any name that begins with "Sluice-": ours to set, never a peer's */
	HTTP1_FIELD_COUNT
};

#define HTTP1_KEEP_ALIVE_UNSAID UINT32_MAX

struct http1_field {
	struct str name;  /* as sent */
	struct str value; /* without white space around it */
	uint8_t id;       /* enum http1_field_id */
	bool hop;   /* not forwarded: hop-by-hop by its nature, named in Connection, or an alias */
	bool plain; /* sent as name ": " value CRLF, in one piece: may be copied as it lies there */
};

enum http1_framing {
	HTTP1_BODY_NONE,
	HTTP1_BODY_LENGTH,      /* Content-Length */
	HTTP1_BODY_CHUNKED,     /* Transfer-Encoding: chunked */
	HTTP1_BODY_UNTIL_CLOSE, /* responses only */
};

/*
 * A parsed head. All str point into the caller's buffer, but for the path of an absolute-form
 * target that has none, which is "/" (or "*" for OPTIONS, RFC 9112 §3.2.4).
 *
 * A field is marked hop when it concerns this connection only (Connection, Transfer-Encoding, TE,
 * Upgrade, Keep-Alive, Proxy-*), when Connection names it (which Host, Authorization,
 * Content-Length and Sluice-* ignore), and when it is an underscore alias of a recognised name
 * (Transfer_Encoding, Sluice_Consumer), which CGI-like backends could take for the real one; an
 * alias has HTTP1_FIELD_OTHER for its id.
 */
struct http1_head {
	/* Requests. */
	struct str method;
	struct str target; /* as sent */
	struct str path;   /* origin-form path without the query; "*" for OPTIONS * */
	struct str query;  /* after "?", without it; .data is NULL if there is no "?" */
	struct str host;   /* host without port, as sent; brackets of an IPv6 literal kept */
	/* Host's value: host with its port as sent; without Host, which HTTP/1.0 allows, taken from
	 * an absolute-form target, or else empty as is host. */
	struct str authority;
	uint8_t method_id; /* enum http1_method */
	bool absolute_form;
	bool has_max_forwards;
	uint32_t max_forwards; /* of OPTIONS and TRACE */
	bool expect_continue;  /* Expect: 100-continue, in HTTP/1.1 and with a body to come */

	/* Responses. */
	uint16_t status;
	struct str phrase;
	bool has_date;
	uint32_t keep_alive_s; /* that Keep-Alive announces, HTTP1_KEEP_ALIVE_UNSAID if nothing */

	/* Both. */
	uint8_t version_minor;   /* HTTP/1.x */
	bool keep_alive;         /* what this message says about the connection (RFC 9112 §9.3) */
	uint8_t framing;         /* enum http1_framing */
	uint64_t content_length; /* also what a body-less answer to HEAD, or 304, announced */
	uint32_t head_bytes;     /* length of the head including the empty line */
	uint32_t field_count;
	struct http1_field fields[HTTP1_MAX_FIELDS];
};

struct http1_limits {
	uint32_t head_bytes;   /* longest head, at most HTTP1_MAX_HEAD_BYTES */
	uint32_t target_bytes; /* longest request target */
	uint32_t fields;       /* most field lines, at most HTTP1_MAX_FIELDS */
};

/**
 * Parse a request head that begins at @p data.
 *
 * Up to one CRLF before the request line is skipped and counted in head_bytes (RFC 9112 §2.2).
 * Stateless: after HTTP1_MORE call again with the longer buffer; @p seen is then the length that
 * was given before (0 the first time), so that the search for the end does not begin anew. A head
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
 * A missing phrase is let pass, with or without the space before it. An interim answer (1xx) is a
 * head of its own, the final one begins at head_bytes; 101 is refused because Upgrade is never
 * forwarded. 1xx and 204 have no body whatever they announce; keep_alive is false where they do,
 * for the backend may send one.
 *
 * @param request_method  enum http1_method of the request it answers: HEAD's answer has no body
 *                        (RFC 9112 §6.3). 1xx, 204 and 304 have none either.
 * @param reason          on HTTP1_BAD: REASON_BACKEND_INVALID, or what is wrong with the framing
 */
enum http1_verdict http1_parse_response(const char *data, size_t len, size_t seen,
	const struct http1_limits *limits, uint8_t request_method, struct http1_head *head,
	enum reason *reason);

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

/** Append the strs that follow @p w, at most 16, as they are: constant ones are a few moves, and there is one
 *  look at the room for all. */
#define http1_put(w, ...)                                                                          \
	http1_put_pieces(w, (const struct str[]){ __VA_ARGS__ },                                   \
		sizeof((const struct str[]){ __VA_ARGS__ }) / sizeof(struct str))

/** Append name ": " value CRLF; neither may hold a CR or LF, which nobody checks here. */
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

/* What the gateway adds to a forwarded request. Empty strs are left out. */
struct http1_forward {
	struct str path;       /* instead of the head's path; empty: that one */
	struct str client_ip;  /* text; goes into X-Forwarded-For and Forwarded */
	struct str proto;      /* "http" or "https" */
	struct str via_name;   /* our pseudonym in Via, e.g. "sluice" */
	struct str consumer;   /* Sluice-Consumer */
	struct str plan;       /* Sluice-Plan */
	struct str request_id; /* Sluice-Request-Id */
	struct str
		strip_field; /* name of a header field to leave out: the credential's, if configured */
	bool trust_forwarded; /* append to X-Forwarded-For and Forwarded instead of replacing them, and
				    let the sender's X-Forwarded-Proto and -Host, and what else it says about
				    the client, stand where present */
	bool pass_overrides; /* forward fields that take the place of path, host or method */
};

/**
 * Write the head of the request anew towards the backend (RFC 9110 §7.6): request line in origin
 * form with HTTP/1.1, Host, the end-to-end fields in their order, framing fields made from the
 * verdict and not from the client's bytes, then Via, X-Forwarded-For, X-Forwarded-Proto,
 * X-Forwarded-Host, Forwarded (RFC 7239) and the identity. All fields that begin with "Sluice-" and
 * came from the client are gone. Expect is not forwarded (the gateway answers it itself). The
 * connection towards the backend is kept alive. A client's Via fields stay where they were, ours is
 * a line after them, which is the same list.
 */
void http1_write_request(
	struct http1_writer *w, const struct http1_head *head, const struct http1_forward *forward);

/**
 * Write a trailer section with its empty line: of the parsed one the fields that may be in one (RFC
 * 9110 §6.5.1) and are not named in @p strip.
 * @param strip  names of credentials' fields; @p strip_count of them
 */
void http1_write_trailers(struct http1_writer *w, const struct http1_head *trailers,
	const struct str *strip, uint32_t strip_count);

/**
 * Write the head of the response anew towards the client: status line with HTTP/1.1 and the
 * backend's phrase, end-to-end fields but for "Sluice-*", framing from the verdict, Via, then @p
 * extra (complete field lines with CRLF, may be empty). Where there is no body, Content-Length is
 * kept for what answers HEAD and for 304.
 *
 * @param keep_alive  false adds Connection: close; so does a body that only the connection's end
 *                    ends: framing UNTIL_CLOSE, and CHUNKED when http10
 * @param http10      the client speaks HTTP/1.0: "Connection: keep-alive" is written when kept; a
 *                    body that was chunked cannot be sent as such, so no framing is written and the
 *                    caller strips the chunks and closes at the end
 */
void http1_write_response(struct http1_writer *w, const struct http1_head *head,
	struct str via_name, struct str extra, bool keep_alive, bool http10);

/**
 * Take the next parameter of this name off a query, or the next cookie. Names and values of a query
 * are compared and given as application/x-www-form-urlencoded is decoded ("%XX", "+"); cookies as
 * they are.
 * @param rest   what is left of the query; moved on
 * @param value  as sent; of a query to be decoded by http1_query_decode(). Empty without "="
 * @return false at the end
 */
bool http1_query_next(struct str *rest, struct str name, struct str *value);

/**
 * Decode a query's value.
 * @param buf  room for a value that changes
 * @return @p value itself where nothing changes; .data NULL for a "%" without two digits, or when
 *         @p size bytes are not enough
 */
struct str http1_query_decode(struct str value, char *buf, size_t size);

/* Where http1_cookie_next() goes on; zero at the start. */
struct http1_cookies {
	uint32_t field;
	struct str rest;
};

/** The next cookie of this name, of all Cookie fields. @return false at the end */
bool http1_cookie_next(const struct http1_head *head, struct http1_cookies *at, struct str name,
	struct str *value);

#endif
