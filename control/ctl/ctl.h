/* SPDX-License-Identifier: Apache-2.0 */
/* sluicectl: what its commands share. */
#ifndef SLUICE_CONTROL_CTL_CTL_H
#define SLUICE_CONTROL_CTL_CTL_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include <time.h>

#include "control/link_client.h"

/* Exit codes. */
enum { CTL_OK = 0, CTL_FAILED = 1, CTL_USAGE = 2 };

/* Parts of `stats`. */
enum stats_view {
	VIEW_CONSUMERS,
	VIEW_APIS,
	VIEW_BACKENDS,
	VIEW_LISTENERS,
	VIEW_REASONS,
	VIEW_DROPS,
	VIEW_WORKERS,
	VIEW_PORTS,
	VIEW_TCP,
	VIEW_COUNT
};

#define CTL_HEADERS_MAX 64

/* The command line. */
struct ctl {
	const char *config;         /* --config, or NULL */
	const char *socket;         /* the dataplane's */
	const char *control_socket; /* sluice-control's */
	bool json;
	unsigned views;   /* bits 1 << enum stats_view; 0: all */
	const char *only; /* stats: the one consumer, API or backend; explain: the consumer */
	const char *key;  /* explain; never printed */
	const char *listener;
	const char *headers[CTL_HEADERS_MAX];
	unsigned header_count;
	const char *prefix;  /* key new, key add */
	const char *digest;  /* key add, key revoke */
	const char *expires; /* key add */
	const char *plan;    /* consumer add */
	const char *weight;  /* endpoint add */
	double interval;     /* top: seconds */
	bool since_start; /* loads, latencies and shares since the start instead of the last seconds */
	unsigned long count; /* top: 0 for ever */
	char **arguments;    /* after the command */
	int argument_count;
};

/* Commands; each returns an exit code. */
int ctl_check(const struct ctl *ctl);
int ctl_apply(const struct ctl *ctl);
int ctl_status(const struct ctl *ctl);
int ctl_stats(const struct ctl *ctl);
int ctl_top(const struct ctl *ctl);
int ctl_explain(const struct ctl *ctl);
int ctl_key(const struct ctl *ctl);
int ctl_consumer(const struct ctl *ctl);
int ctl_endpoint(const struct ctl *ctl);
int ctl_changes(const struct ctl *ctl);

/** Show the answer to an apply. @param answer  taken over; NULL: there was none @return an exit code */
int ctl_apply_answer(const struct ctl *ctl, json_t *answer);

/** Print to standard output and free. */
void ctl_print_json(json_t *tree);

/** Say what went wrong on standard error; with --json also as {"ok": false, "error": TEXT} on standard
 * output, so that who reads JSON gets JSON. */
void ctl_complain(const struct ctl *ctl, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/**
 * Ask sluice-control. What went wrong is said on standard error, unless @p quiet.
 * @param request     taken over
 * @param timeout_ms  for the whole exchange
 * @return the answer, owned by the caller, or NULL with errno
 */
json_t *ctl_request(const struct ctl *ctl, json_t *request, int timeout_ms, bool quiet);

/**
 * Attach to the dataplane's memory as a reader. What went wrong is said on standard error, unless
 * @p quiet. @return 0, or -errno with nothing to close
 */
int ctl_attach(const struct ctl *ctl, struct link_client *link, bool quiet);

/* Statistics, which workers go on writing. */

/** A counter as it is now. */
static inline uint64_t stats_load(const uint64_t *counter)
{
	return __atomic_load_n(counter, __ATOMIC_RELAXED);
}

/** CLOCK_MONOTONIC, as the workers' times are. */
static inline uint64_t stats_now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

/* tree.c: statistics as JSON, added up over all workers. */

/** Everything, or the parts in @p views (bits). The caller owns the result. */
json_t *stats_tree(const struct link_client *link, unsigned views, const char *only);

/**
 * Whether workers have ejected an endpoint: it refused a connection and gets no request until it accepts one.
 * @param next_probe_ms  set to the time until the next connection that finds out; 0 while that is under way
 * @return in how many workers; each finds out for itself
 */
uint64_t stats_ejected(const struct link_client *link, uint32_t slot, uint64_t *next_probe_ms);

/* What health checks found of an endpoint. */
struct endpoint_health {
	bool checked, down;
	uint64_t since_ms;  /* that it is down, or up again */
	enum reason reason; /* of the latest check that failed */
	unsigned status;    /* of that check's response; 0: none */
};

/** What the worker that checks the endpoint tells. */
struct endpoint_health stats_health(const struct link_client *link, uint32_t slot);

#define HEALTH_WHY_BYTES 64
/** Why the latest check failed: "status 503", or a reason's name. @return @p out */
const char *stats_health_why(const struct endpoint_health *health, char *out, size_t bytes);

/** Whether an endpoint gets requests, in place of the counters that say so in numbers. */
void stats_add_state(json_t *endpoint, const struct link_client *link, uint32_t slot);

/** stats_tree() by what the command line asks for, read again when an apply came between.
 *  @param link  attached; may be attached anew @return NULL when the dataplane has gone, which is said */
json_t *stats_read(
	const struct ctl *ctl, struct link_client *link, unsigned views, const char *only);

/** Seconds that loads, latencies and shares are of; null: the time since the start. */
json_t *stats_over_s(const struct link_client *link);

/** What the workers did, each and together: the gauges of `status`. */
json_t *stats_workers(const struct link_client *link);
json_t *stats_ports(const struct link_client *link);
json_t *stats_totals(const struct link_client *link);
/** Busy share of the workers' cycles, and cycles by stage for each request. */
json_t *stats_stages(const struct link_client *link);

#endif
