/* SPDX-License-Identifier: Apache-2.0 */
/* Requests that stay where they were received until their response begins, see hold.c. */
#ifndef SLUICE_DATAPLANE_PROXY_HOLD_H
#define SLUICE_DATAPLANE_PROXY_HOLD_H

#include "dataplane/http/h1/http1.h"
#include "dataplane/pipeline/pipeline.h"
#include "dataplane/proxy/stream.h"

struct proxy;
struct exchange;

/** Whether the method may be sent again (RFC 9110 §9.2.2: idempotent). */
bool hold_method_repeats(uint8_t method);
/** Decide whether the request stays in client->rx until its response begins: if it is all there and
 *  may be repeated (EX_REPEATS). Without that its head goes once it is sent. */
void hold_request(struct proxy *p, struct exchange *ex, const struct decision *d);
/** Follow a body from @p offset of the stream on. @return its bytes; 0 when not all of it is here, or
 *  it has more than @p most */
uint32_t hold_body_bytes(
	const struct stream *s, uint32_t offset, struct http1_body *body, uint32_t most);
/** Put the body of a request that is held, if it has one, behind the head. @return false without
 *  memory */
bool hold_append_body(struct proxy *p, struct exchange *ex);
/** Take the request's head, and its body if that is held, off client->rx. */
void hold_drop(struct proxy *p, struct exchange *ex);

#endif
