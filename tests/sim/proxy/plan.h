/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What client and backend do with one exchange. Drawn for each exchange from the scenario's seed
 * and the exchange's number alone, so that one exchange stays as it is when another parameter
 * shrinks.
 */
#ifndef SLUICE_TESTS_SIM_PROXY_PLAN_H
#define SLUICE_TESTS_SIM_PROXY_PLAN_H

#include <stdbool.h>
#include <stdint.h>

#include "tests/sim/proxy/scenario.h"

enum plan_method { PLAN_GET, PLAN_HEAD, PLAN_POST, PLAN_PUT, PLAN_DELETE };

enum plan_framing { FRAMING_NONE, FRAMING_LENGTH, FRAMING_CHUNKED, FRAMING_CLOSE };

/* What becomes of a message behind a certain byte. */
enum plan_end { END_WHOLE, END_CLOSE, END_RESET, END_STOP };

struct plan_message {
	enum plan_framing framing;
	uint32_t bytes; /* of content */
	uint32_t pad;   /* bytes that make the head longer */
	bool http10, close;
	enum plan_end end;
	uint32_t end_at; /* the message's byte, head included; beyond it: at its end */
};

/* How a try fails that does. */
enum plan_failure { FAILS_BY_STATUS, FAILS_BY_RESET, FAILS_BY_CLOSE, FAILS_BY_SILENCE, FAILURES };

#define PLAN_ROUTES_RETRIED "tuv"

struct plan {
	uint32_t id;
	enum plan_method method;
	char route; /* first letter of the path */
	int key;    /* of the consumer; -1: an open API */
	bool expect;
	struct plan_message request, response;
	uint16_t status;
	uint8_t interim; /* responses before the final one */
	bool broken;     /* the response is malformed */
	bool foreign;    /* its last byte is another's */
	bool early;      /* the response begins when early_at bytes of the content came */
	uint32_t early_at;
	uint32_t extra; /* bytes behind the response */
	bool extra_late;
	uint8_t fails; /* tries that fail before one that does what the rest says */
	enum plan_failure failure;
	uint32_t failure_bytes; /* of the response's content, if it is one */
	bool idle_close;        /* after the response, without having said so */
	bool leave;             /* the client resets, leave_at bytes into the response */
	uint32_t leave_at;
};

const char *plan_method_name(enum plan_method method);
/** @param id  beyond 0 */
void plan_draw(const struct scenario *o, uint32_t id, struct plan *out);

/** Is it for a route with retries? */
bool plan_retried(const struct plan *p);
/** Most requests that backends may get of it: as the route says, and one more for a pooled connection that was
 *  closed where that is not for the route to say. */
uint32_t plan_tries_most(const struct plan *p);

/** A number below @p below that depends on the seed, @p id and @p what alone. */
uint32_t plan_roll(const struct scenario *o, uint32_t id, const char *what, uint64_t below);

/** May a message without a body follow for this status? */
static inline bool plan_no_content(const struct plan *p)
{
	return p->method == PLAN_HEAD || p->status == 204 || p->status == 304;
}

#endif
