/* SPDX-License-Identifier: Apache-2.0 */
/* What a route changes of its messages, see edit.c. */
#ifndef SLUICE_DATAPLANE_PROXY_EDIT_H
#define SLUICE_DATAPLANE_PROXY_EDIT_H

#include "dataplane/pipeline/pipeline.h"
#include "dataplane/proxy/cors.h"
#include "dataplane/route/template.h"

struct exchange;
struct proxy;

#define EDIT_LINES_BYTES 1024 /* and what the gateway adds to a response by itself */

/* What edit.c makes of the request that is being dispatched, or of a response. */
struct edit_scratch {
	struct str path, host, lines; /* of the request; host: empty where it stays */
	uint32_t used;                /* of text; more than TEMPLATE_BYTES_MAX: it was too long */
	char request_id[16];
	char text[EDIT_LINES_BYTES + TEMPLATE_BYTES_MAX + CORS_LINES_BYTES];
};

/* The request's route has edits: make p->edit of it, and keep what its response is changed by. Before its
 * head is written. @return REASON_PROXIED, or why it cannot be forwarded */
enum reason edit_request(struct proxy *p, struct exchange *ex, struct decision *d);
/* With EX_EDIT_RESPONSE: change the response's head. @param lines  that are added anyway, at most
 * EDIT_LINES_BYTES @return all that are added; until the next edit */
struct str edit_response(
	struct proxy *p, struct exchange *ex, struct http_head *head, struct str lines);
/* The lines that the route adds to its responses, for one that it makes itself; until the next edit.
 * @return false when they are too long */
bool edit_reply_lines(
	struct proxy *p, const struct exchange *ex, const struct decision *d, struct str *lines);
/* Whether the route leaves the field out of its responses, for one that it makes itself. */
bool edit_leaves_out(const struct proxy *p, const struct decision *d, struct str name);
/* With EX_EDIT_RESPONSE: there will be no response. */
void edit_forget(struct exchange *ex);

#endif
