/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The dataplane's main core: turns the first snapshot into ports and workers and every later one
 * into a new generation of tables. All of it runs outside the packet path.
 */
#ifndef SLUICE_DATAPLANE_GATEWAY_H
#define SLUICE_DATAPLANE_GATEWAY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "dataplane/policy/patterns.h"
#include "dataplane/privileges.h"
#include "lib/shm/ask.h"
#include "lib/shm/delta.h"
#include "lib/shm/events.h"
#include "lib/shm/snapshot.h"
#include "lib/shm/stats.h"
#include "lib/shm/usage.h"

/* What the command line says. */
struct gateway_options {
	bool no_huge;
	const char *lcores;      /* EAL map that overrides the configuration's, or NULL */
	const char *file_prefix; /* of the EAL's runtime files */
	const char *eal_log_level;
	uint32_t extra_count;
	const char *const *extra; /* further EAL arguments */
	uint32_t driver_count;
	const char *const *drivers; /* allowed beside those of io/driver.c */
	struct privileges privileges;
	const struct pattern_compiler *compiler;
};

struct gateway;

/** @return NULL when out of memory. @p options is kept. */
struct gateway *gateway_create(const struct gateway_options *options);

/** Mark the segments that the gateway makes with this start's number. */
void gateway_set_boot_id(struct gateway *gateway, uint64_t boot_id);

/**
 * Run a configuration: the first call starts the EAL, ports and workers; later ones publish new
 * tables and return when every worker runs them. On failure what ran before goes on.
 * @param snapshot  taken over on success
 * @param secrets   read during the call only
 * @param usage     the usage segment, the same object in every call; NULL where no consumers are
 *                  reserved
 * @param why       on failure, a sentence; @p why_bytes of room
 * @return 0 or -errno; -EOPNOTSUPP for a change that needs a restart of the dataplane
 */
int gateway_apply(struct gateway *gateway, struct snapshot *snapshot, const struct secrets *secrets,
	struct usage *usage, char *why, size_t why_bytes);

/** Change one key, consumer or endpoint of the running generation. @return 0 or -errno */
int gateway_delta(struct gateway *gateway, const struct delta *delta);
/** Does every worker act on what gateway_delta() changed? */
bool gateway_settled(struct gateway *gateway);

/** True once a start has failed half way: ports and memory cannot be taken twice, so that the
 * process has to end. */
bool gateway_failed(const struct gateway *gateway);

/** Workers that run; 0 before the first apply. */
uint32_t gateway_workers(const struct gateway *gateway);
struct stats *gateway_stats(struct gateway *gateway, uint32_t worker);
/** The worker's statistics of some seconds ago. */
struct stats *gateway_history(struct gateway *gateway, uint32_t worker);
struct event_ring *gateway_events(struct gateway *gateway, uint32_t worker);
struct ask_ring *gateway_asks(struct gateway *gateway, uint32_t worker);
/** The eventfd by which workers wake control; -1: none. */
int gateway_ask_bell(const struct gateway *gateway);
/** Tell the workers whether control is connected, so that they ask it or do not. */
void gateway_set_control(struct gateway *gateway, bool connected);

/** What the main core does now and then: wall clock, port counters, stuck workers. */
void gateway_housekeeping(struct gateway *gateway);

/** Stop accepting and let requests finish. */
void gateway_drain(struct gateway *gateway);
/** True when nothing is left to drain. */
bool gateway_drained(const struct gateway *gateway);

/** Stop the workers and release ports and memory. */
void gateway_destroy(struct gateway *gateway);

#endif
