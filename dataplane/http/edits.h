/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How a message is changed on its way (RFC 9110 §7.6): what the gateway takes from a request and
 * what it adds. A codec writes the head accordingly; how a body is framed is its own matter.
 */
#ifndef SLUICE_DATAPLANE_HTTP_EDITS_H
#define SLUICE_DATAPLANE_HTTP_EDITS_H

#include "dataplane/http/message.h"

/* Of a forwarded request. Empty strs are left out. */
struct http_edits {
	struct str path;       /* instead of the head's path; empty: that one */
	struct str host;       /* instead of the head's authority; empty: that one, if any */
	struct str client_ip;  /* text; goes into X-Forwarded-For and Forwarded. Empty: no client */
	struct str proto;      /* "http" or "https" */
	struct str via_name;   /* our pseudonym in Via, e.g. "sluice" */
	struct str consumer;   /* Sluice-Consumer */
	struct str plan;       /* Sluice-Plan */
	struct str request_id; /* Sluice-Request-Id */
	struct str lines;      /* complete field lines */
	struct str strip_field; /* name of a field to leave out: the credential's, if configured */
	/* Append to X-Forwarded-For and Forwarded instead of replacing them, and let the sender's
	 * X-Forwarded-Proto and -Host, and what else it says about the client, stand. */
	bool trust_forwarded;
	bool pass_overrides; /* forward fields that take the place of path, host or method */
	bool upgrade;        /* ask to become a WebSocket */
};

/** The known fields of a request that are not forwarded as they came: HTTP_FIELD_BIT() of each. */
static inline uint64_t http_edits_removed(
	const struct http_edits *edits, const struct http_head *head)
{
	uint64_t removed =
		HTTP_FIELD_BIT(HTTP_FIELD_HOST) | HTTP_FIELD_BIT(HTTP_FIELD_CONTENT_LENGTH) |
		HTTP_FIELD_BIT(HTTP_FIELD_EXPECT) | HTTP_FIELD_BIT(HTTP_FIELD_SLUICE) |
		HTTP_FIELD_BIT(HTTP_FIELD_X_FORWARDED_FOR) | HTTP_FIELD_BIT(HTTP_FIELD_FORWARDED);

	if (!edits->trust_forwarded)
		removed |= HTTP_FIELD_BIT(HTTP_FIELD_X_FORWARDED_PROTO) |
			   HTTP_FIELD_BIT(HTTP_FIELD_X_FORWARDED_HOST) |
			   HTTP_FIELD_BIT(HTTP_FIELD_ADDRESS);
	if (!edits->pass_overrides)
		removed |= HTTP_FIELD_BIT(HTTP_FIELD_OVERRIDE);
	if (__builtin_expect(head->has_max_forwards, 0))
		removed |= HTTP_FIELD_BIT(HTTP_FIELD_MAX_FORWARDS);
	return removed;
}

#endif
