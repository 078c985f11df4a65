/* SPDX-License-Identifier: Apache-2.0 */
/*
 * l7: requests a second of one core and cycles a request by stage, through a whole worker on the
 * self-driven port. Without options the standard cases; with any option that describes a load, that
 * one.
 */
#include <getopt.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <rte_cycles.h>

#include "bench/common/bench_eal.h"
#include "bench/common/report.h"
#include "bench/common/world.h"
#include "bench/self/l7_case.h"

static const char usage[] =
	"Usage: bench l7 [--quick] [--json] [--only=CASE,…] [--seconds=S] [--plain-pages]\n"
	"One load of your own: --connections=N --depth=N --keys=N --zipf=S --head=BYTES "
	"--body=BYTES\n"
	"  --per-connection=N --weights=5:3:2 --limit=PER_SECOND --routes=N --no-events "
	"--no-multi-segs\n"
	"  --tls --offload --no-timestamps --load=SHARE (open loop, of what the closed loop gave)\n"
	"  --workers=2 (each with such a load, beside one worker with it)\n"
	"With --requests=N exactly N requests, the same in each run, of one load: see bench/misses.py.\n";

struct l7_options {
	bool quick, json, plain_pages, custom;
	const char *only;
	double seconds;
	uint64_t requests;
	struct l7_case load;
};

enum {
	OPT_QUICK = 256,
	OPT_JSON,
	OPT_ONLY,
	OPT_SECONDS,
	OPT_REQUESTS,
	OPT_PLAIN_PAGES,
	OPT_CONNECTIONS,
	OPT_DEPTH,
	OPT_KEYS,
	OPT_ZIPF,
	OPT_HEAD,
	OPT_BODY,
	OPT_PER_CONNECTION,
	OPT_WEIGHTS,
	OPT_LIMIT,
	OPT_ROUTES,
	OPT_NO_EVENTS,
	OPT_NO_MULTI_SEGS,
	OPT_OFFLOAD,
	OPT_NO_TIMESTAMPS,
	OPT_LOAD,
	OPT_WORKERS,
	OPT_TLS,
};

static const struct option long_options[] = {
	{ "quick", no_argument, NULL, OPT_QUICK },
	{ "json", no_argument, NULL, OPT_JSON },
	{ "only", required_argument, NULL, OPT_ONLY },
	{ "seconds", required_argument, NULL, OPT_SECONDS },
	{ "requests", required_argument, NULL, OPT_REQUESTS },
	{ "plain-pages", no_argument, NULL, OPT_PLAIN_PAGES },
	{ "connections", required_argument, NULL, OPT_CONNECTIONS },
	{ "depth", required_argument, NULL, OPT_DEPTH },
	{ "keys", required_argument, NULL, OPT_KEYS },
	{ "zipf", required_argument, NULL, OPT_ZIPF },
	{ "head", required_argument, NULL, OPT_HEAD },
	{ "body", required_argument, NULL, OPT_BODY },
	{ "per-connection", required_argument, NULL, OPT_PER_CONNECTION },
	{ "weights", required_argument, NULL, OPT_WEIGHTS },
	{ "limit", required_argument, NULL, OPT_LIMIT },
	{ "routes", required_argument, NULL, OPT_ROUTES },
	{ "no-events", no_argument, NULL, OPT_NO_EVENTS },
	{ "no-multi-segs", no_argument, NULL, OPT_NO_MULTI_SEGS },
	{ "offload", no_argument, NULL, OPT_OFFLOAD },
	{ "no-timestamps", no_argument, NULL, OPT_NO_TIMESTAMPS },
	{ "load", required_argument, NULL, OPT_LOAD },
	{ "workers", required_argument, NULL, OPT_WORKERS },
	{ "tls", no_argument, NULL, OPT_TLS },
	{ NULL, 0, NULL, 0 },
};

static void parse_weights(struct l7_case *c, const char *text)
{
	c->backends = 0;
	while (*text && c->backends < ENGINE_BACKENDS_MAX) {
		c->weights[c->backends++] = (uint32_t)strtoul(text, (char **)&text, 10);
		text += *text == ':';
	}
}

/* @return false for what is no option of a load */
static bool parse_load(struct l7_case *c, int opt, const char *value)
{
	uint32_t n = value ? (uint32_t)strtoul(value, NULL, 10) : 0;

	switch (opt) {
	case OPT_CONNECTIONS:
		c->connections = n;
		return true;
	case OPT_DEPTH:
		c->depth = n;
		return true;
	case OPT_KEYS:
		c->keys = n;
		return true;
	case OPT_ZIPF:
		c->zipf = strtod(value, NULL);
		return true;
	case OPT_HEAD:
		c->head_bytes = n;
		return true;
	case OPT_BODY:
		c->body_bytes = n;
		return true;
	case OPT_PER_CONNECTION:
		c->per_connection = n;
		return true;
	case OPT_WEIGHTS:
		parse_weights(c, value);
		return true;
	case OPT_LIMIT:
		c->limit = n;
		return true;
	case OPT_ROUTES:
		c->routes = n ? n : 1;
		return true;
	case OPT_NO_EVENTS:
		c->no_events = true;
		return true;
	case OPT_NO_MULTI_SEGS:
		c->no_multi_segs = true;
		return true;
	case OPT_OFFLOAD:
		c->offload = true;
		return true;
	case OPT_NO_TIMESTAMPS:
		c->no_timestamps = true;
		return true;
	case OPT_LOAD:
		c->loads[0] = strtod(value, NULL);
		return true;
	case OPT_TLS:
		c->tls = true;
		return true;
	case OPT_WORKERS:
		c->workers = RTE_MIN(n, (uint32_t)WORLD_WORKERS_MAX);
		return true;
	default:
		return false;
	}
}

static void parse_options(int argc, char **argv, struct l7_options *o)
{
	int opt;

	while ((opt = getopt_long(argc, argv, "", long_options, NULL)) != -1) {
		switch (opt) {
		case OPT_QUICK:
			o->quick = true;
			break;
		case OPT_JSON:
			o->json = true;
			break;
		case OPT_ONLY:
			o->only = optarg;
			break;
		case OPT_SECONDS:
			o->seconds = strtod(optarg, NULL);
			break;
		case OPT_REQUESTS:
			o->requests = strtoull(optarg, NULL, 10);
			break;
		case OPT_PLAIN_PAGES:
			o->plain_pages = true;
			break;
		default:
			if (!parse_load(&o->load, opt, optarg)) {
				fputs(usage, stderr);
				exit(2);
			}
			o->custom = true;
		}
	}
}

static bool chosen(const struct l7_options *o, const struct l7_case *c)
{
	const char *at = o->only;
	size_t n = strlen(c->name);

	if (!at)
		return !o->quick || c->quick;
	while ((at = strstr(at, c->name))) {
		if ((at == o->only || at[-1] == ',') && (at[n] == ',' || at[n] == 0))
			return true;
		at += n;
	}
	return false;
}

static void run(const struct l7_options *o, const struct l7_case *c, struct report *report)
{
	if (o->requests)
		l7_requests(c, o->requests, report);
	else
		l7_run(c, o->seconds, report);
}

int main(int argc, char **argv)
{
	struct l7_options o = { .load = l7_default };
	struct bench_eal eal = { .lcores = "0" };
	uint32_t most_keys = 0, most_workers = 1;
	struct report *report;
	bool huge;

	parse_options(argc, argv, &o);
	if (o.seconds <= 0)
		o.seconds = o.quick ? 1 : 3;
	o.load.name = "custom";
	for (const struct l7_case *c = l7_cases; c->name; c++)
		if (chosen(&o, c)) {
			most_keys = RTE_MAX(most_keys, c->keys);
			most_workers = RTE_MAX(most_workers, c->workers);
		}
	if (o.custom) {
		most_keys = o.load.keys;
		most_workers = RTE_MAX(o.load.workers, 1u);
	}
	if (most_workers > 1 && sysconf(_SC_NPROCESSORS_ONLN) > 1)
		eal.lcores = "0@0,1@1";
	eal.memory_mb = world_memory_mb(most_keys, most_workers);
	eal.plain_pages = o.plain_pages;
	huge = bench_eal_start(&eal);
	report = report_new("l7", o.json);
	report_note(report,
		"One worker on the self-driven port, %s, TSC %.0f MHz. Cycles are the worker's alone.",
		huge ? "2 MB pages" : "4 KB pages", (double)rte_get_tsc_hz() / 1e6);
	if (o.custom) {
		run(&o, &o.load, report);
	} else {
		for (const struct l7_case *c = l7_cases; c->name; c++)
			if (chosen(&o, c))
				run(&o, c, report);
	}
	return report_finish(report);
}
