/* SPDX-License-Identifier: Apache-2.0 */
/* The fields by which browsers hold pages of other origins, on all responses of an API with CORS
 * settings; see cors.c. */
#ifndef SLUICE_DATAPLANE_PROXY_CORS_H
#define SLUICE_DATAPLANE_PROXY_CORS_H

#include "dataplane/http/h1/http1.h"
#include "dataplane/pipeline/pipeline.h"

struct exchange;
struct proxy;

#define CORS_LINES_BYTES 2048 /* all lines of a response */

/**
 * Note what the response to a request gets, by the generation that decided it; sets EX_CORS where
 * its route, or its API, has CORS settings. What an earlier decision noted is forgotten.
 * @return false without memory: pages cannot read the response
 */
bool cors_note(struct proxy *p, struct exchange *ex, const struct decision *d);

/* With EX_CORS: the response's own lines are over. */
void cors_forget(struct exchange *ex);

/* With EX_CORS: write the lines of a response that Sluice gives itself. */
void cors_put(const struct exchange *ex, struct http1_writer *w);
/* How many bytes these are at most. */
uint32_t cors_bytes(const struct exchange *ex);

/**
 * With EX_CORS: leave out what the backend says of the kind, and add the lines.
 * @param lines  that are added anyway; edit_response()'s, or at most EDIT_LINES_BYTES
 * @return all that are added; until the next edit
 */
struct str cors_response(
	struct proxy *p, struct exchange *ex, struct http_head *head, struct str lines);

/* Answer a preflight. @param why  REASON_CORS_PREFLIGHT, _METHOD or _FIELD. The client may be gone
 * after it */
void cors_answer(struct proxy *p, struct exchange *ex, enum reason why, const struct decision *d);

#endif
