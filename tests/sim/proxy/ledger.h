/* SPDX-License-Identifier: Apache-2.0 */
/* What became of each exchange, as its client, its backends and the gateway's own records tell
 * it. */
#ifndef SLUICE_TESTS_SIM_PROXY_LEDGER_H
#define SLUICE_TESTS_SIM_PROXY_LEDGER_H

#include "tests/sim/proxy/sim.h"

enum fate {
	OUT_NONE,    /* not sent */
	OUT_SENT,    /* something of it, or all */
	OUT_PROXIED, /* the backend's response came as a whole */
	OUT_OWN,     /* a response of the gateway's own */
	OUT_LOST,    /* the connection went before */
};

struct ledger_row {
	enum fate outcome;
	uint16_t status;       /* that the client got */
	uint32_t client_bytes; /* of the response, those before it included */
	uint64_t own_id;       /* the gateway's number for it, of a response of its own */
	uint32_t attempts;     /* heads that backends got */
	uint32_t tried;        /* bits of the endpoints that got them */
	bool failure;          /* its client got the response of a try that failed */
	uint32_t event_attempts;
	bool elder; /* it was under way when a generation came */
	uint32_t events;
	uint64_t event_id;
	uint16_t event_status;
	uint16_t event_reason;
	uint64_t event_bytes_out;
};

struct ledger {
	struct ledger_row rows[SIM_EXCHANGES];
	/* By the gateway's events. */
	struct ledger_row nameless[SIM_EXCHANGES]; /* of heads that never became requests */
	uint32_t nameless_count;
	uint64_t events, by_reason[REASON_COUNT];
	uint64_t by_api[64], by_listener[64];
	uint64_t by_consumer[64];
	uint64_t limited[64]; /* by consumer: those that met their limits */
	/* By consumer: those that a generation refused before their limits, and that an earlier one
	 * may have taken them from: they were decided again. */
	uint64_t refused_later[64];
	uint64_t applied_ns; /* the latest generation began */
};

/** Take what the gateway recorded since the last time. */
void ledger_read(struct sim *s);
/** The exchange that has a path "/a/0000002a"; 0: none. */
uint32_t ledger_exchange(const char *path, uint16_t bytes);
/** At the end: does all of it add up? Calls sim_fail() where it does not. */
void ledger_check(struct sim *s);

/* whole.c */
/** A generation comes: what is under way was decided before. */
void whole_apply(struct sim *s);
/** Does a record fit the generation that it names? Calls sim_fail() where it does not. */
void whole_check(struct sim *s, uint32_t id, const struct event *e);

#endif
