/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An HTTP message as routes, policy and the proxy see it, whichever version of the protocol carries
 * it (RFC 9110): a head of views into received bytes. Its content is not here: it moves as chains
 * of mbufs, which this folder does not know. How a head is read from bytes and written to them, and
 * where content ends, is a codec's matter: h1/ for HTTP/1.
 */
#ifndef SLUICE_DATAPLANE_HTTP_MESSAGE_H
#define SLUICE_DATAPLANE_HTTP_MESSAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/str.h"

#define HTTP_MAX_FIELDS     128 /* room in struct http_head; the configured limit may be lower */
#define HTTP_LENGTH_UNKNOWN UINT64_MAX

enum http_method {
	HTTP_GET,
	HTTP_HEAD,
	HTTP_POST,
	HTTP_PUT,
	HTTP_DELETE,
	HTTP_PATCH,
	HTTP_OPTIONS,
	HTTP_TRACE,
	HTTP_CONNECT,
	HTTP_OTHER, /* a valid token that is none of the above */
	HTTP_METHOD_COUNT
};

/* Bits of the methods that may be repeated (RFC 9110 §9.2.2). */
#define HTTP_METHODS_IDEMPOTENT                                                                    \
	(1u << HTTP_GET | 1u << HTTP_HEAD | 1u << HTTP_PUT | 1u << HTTP_DELETE |                   \
		1u << HTTP_OPTIONS | 1u << HTTP_TRACE)

/* Fields that are recognised while a head is read, so that their names are compared once. */
enum http_field_id {
	HTTP_FIELD_OTHER,
	HTTP_FIELD_HOST,
	HTTP_FIELD_CONNECTION,
	HTTP_FIELD_CONTENT_LENGTH,
	HTTP_FIELD_TRANSFER_ENCODING,
	HTTP_FIELD_TE,
	HTTP_FIELD_TRAILER,
	HTTP_FIELD_UPGRADE,
	HTTP_FIELD_EXPECT,
	HTTP_FIELD_KEEP_ALIVE,
	HTTP_FIELD_PROXY_CONNECTION,
	HTTP_FIELD_PROXY_AUTHORIZATION,
	HTTP_FIELD_PROXY_AUTHENTICATE,
	HTTP_FIELD_AUTHORIZATION,
	HTTP_FIELD_COOKIE,
	HTTP_FIELD_VIA,
	HTTP_FIELD_DATE,
	HTTP_FIELD_FORWARDED,
	HTTP_FIELD_X_FORWARDED_FOR,
	HTTP_FIELD_X_FORWARDED_PROTO,
	HTTP_FIELD_X_FORWARDED_HOST,
	HTTP_FIELD_MAX_FORWARDS,
	HTTP_FIELD_ADDRESS,  /* what a proxy says about the client: X-Real-IP, X-Forwarded-*, … */
	HTTP_FIELD_OVERRIDE, /* takes the place of path, host or method: X-Original-URL, … */
	HTTP_FIELD_SLUICE,   /* any name that begins with "Sluice-": ours to set, never a peer's */
	HTTP_FIELD_COUNT
};

/* Sets of known fields have a bit for each id. */
_Static_assert(HTTP_FIELD_COUNT <= 64, "a set of known fields is one word");
#define HTTP_FIELD_BIT(id) (UINT64_C(1) << (id))

enum http_field_flag {
	/* Not forwarded: hop-by-hop by its nature, named in Connection, or an alias. */
	HTTP_IS_HOP = 1 << 0,
	/* Sent as name ": " value CRLF, in one piece: may be copied as it lies there. */
	HTTP_IS_PLAIN = 1 << 1,
};

/*
 * A field line, in 16 bytes: a burst's heads are read again when its requests are decided and
 * written, and should not push each other out of the cache meanwhile. Name and value lie in one
 * piece of received bytes, of less than 64 KiB.
 */
struct http_field {
	const char *name_at; /* name as sent */
	uint16_t name_bytes;
	uint16_t value_from; /* name_at; value without white space around it */
	uint8_t id;          /* enum http_field_id */
	uint8_t flags;       /* enum http_field_flag */
	uint16_t value_bytes;
};
_Static_assert(sizeof(struct http_field) == 16, "four fields a cache line");

static inline struct str http_field_name(const struct http_field *field)
{
	return (struct str){ field->name_at, field->name_bytes };
}

static inline struct str http_field_value(const struct http_field *field)
{
	return (struct str){ field->name_at + field->value_from, field->value_bytes };
}

/*
 * The head of a request, of a response, or a trailer section. All str point into the caller's
 * buffer, but for a path that the target of a request lacks, which is "/" (or "*" for OPTIONS, RFC
 * 9112 §3.2.4).
 *
 * A field is HTTP_IS_HOP when it concerns this connection only (Connection, Transfer-Encoding, TE,
 * Upgrade, Keep-Alive, Proxy-*), when Connection names it (which Host, Authorization,
 * Content-Length and Sluice-* ignore), and when it is an underscore alias of a recognised name
 * (Transfer_Encoding, Sluice_Consumer), which CGI-like backends could take for the real one; an
 * alias has HTTP_FIELD_OTHER for its id.
 */
struct http_head {
	/* Requests. */
	struct str method;
	struct str path;  /* without the query; "*" for OPTIONS * */
	struct str query; /* after "?", without it; .data is NULL if there is no "?" */
	struct str host;  /* host without port, as sent; brackets of an IPv6 literal kept */
	/* Host's value: host with its port as sent; empty as is host where a request names none. */
	struct str authority;
	uint8_t method_id; /* enum http_method */
	bool has_max_forwards;
	bool expect_continue;  /* 100 Continue is waited for, with content to come */
	uint32_t max_forwards; /* of OPTIONS and TRACE */

	/* Responses. */
	uint16_t status;

	/* Both. */
	uint32_t field_count;
	/* Bytes of content; HTTP_LENGTH_UNKNOWN where only its end tells. Of a response without
	 * content it is what HEAD's or 304 announces. */
	uint64_t content_length;
	uint64_t known;    /* HTTP_FIELD_BIT() of each known field that there is */
	uint64_t repeated; /* and of those that come more than once */
	struct http_field fields[HTTP_MAX_FIELDS];
};

static inline bool http_head_has(const struct http_head *head, enum http_field_id id)
{
	return (head->known >> id & 1) != 0;
}

static inline bool http_head_repeats(const struct http_head *head, enum http_field_id id)
{
	return (head->repeated >> id & 1) != 0;
}

#endif
