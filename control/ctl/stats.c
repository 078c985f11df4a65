/* SPDX-License-Identifier: Apache-2.0 */
/* sluicectl stats: the counters as tables. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "control/ctl/ctl.h"
#include "control/ctl/stats_print.h"
#include "control/ctl/table.h"
#include "lib/shm/reason.h"

/* Lines of consumers that a person looks at. */
#define CONSUMERS_SHOWN 50

static uint64_t count_of(const json_t *object, const char *name)
{
	return (uint64_t)json_integer_value(json_object_get(object, name));
}

static const char *text_of(const json_t *object, const char *name)
{
	const char *text = json_string_value(json_object_get(object, name));

	return text ? text : "";
}

/* Seconds with a fitting unit, from microseconds. */
static void cell_latency(struct table *t, const json_t *object, const char *quantile)
{
	uint64_t us = count_of(json_object_get(object, "latency_us"), quantile);

	if (us == 0)
		table_cell(t, "-");
	else if (us < 1000)
		table_cell(t, "%u µs", (unsigned)us);
	else if (us < 1000000)
		table_cell(t, "%.1f ms", (double)us / 1e3);
	else
		table_cell(t, "%.2f s", (double)us / 1e6);
}

struct row {
	const json_t *consumer;
};

static int by_requests(const void *a, const void *b)
{
	const json_t *x = ((const struct row *)a)->consumer;
	const json_t *y = ((const struct row *)b)->consumer;
	uint64_t p = count_of(x, "requests"), q = count_of(y, "requests");

	return p > q ? -1 : p < q ? 1 : strcmp(text_of(x, "name"), text_of(y, "name"));
}

static void print_consumers(const json_t *list, const char *over)
{
	size_t count = json_array_size(list), shown = 0;
	struct row *rows = calloc(count + 1, sizeof(*rows));
	struct table t;

	table_begin(&t, "consumer|plan|>requests|>limited|>bytes out");
	for (size_t i = 0; rows && i < count; i++)
		rows[i].consumer = json_array_get(list, i);
	if (rows)
		qsort(rows, count, sizeof(*rows), by_requests);
	for (; rows && shown < count && shown < CONSUMERS_SHOWN; shown++) {
		const json_t *c = rows[shown].consumer;

		table_cell(&t, "%s", text_of(c, "name"));
		table_cell(&t, "%s", text_of(c, "plan"));
		table_count(&t, count_of(c, "requests"));
		table_count(&t, count_of(c, "limited"));
		table_bytes(&t, count_of(c, "bytes_out"));
	}
	table_end(&t, stdout,
		"Consumers: counts since the dataplane's start, or since they were configured");
	if (shown < count)
		printf("  %zu more: --json lists them, --consumer NAME shows one\n\n",
			count - shown);
	free(rows);
}

static void print_apis(const json_t *list, const char *over)
{
	struct table t;
	json_t *a;
	size_t i;

	table_begin(&t,
		"API|version|>requests|>2xx|>3xx|>4xx|>5xx|>401|>403|>429|>p50|>p99|>p99.9|>bytes out");
	json_array_foreach(list, i, a)
	{
		table_cell(&t, "%s", text_of(a, "name"));
		table_cell(&t, "%s", text_of(a, "version"));
		table_count(&t, count_of(a, "requests"));
		table_count(&t, count_of(a, "status_2xx"));
		table_count(&t, count_of(a, "status_3xx"));
		table_count(&t, count_of(a, "status_4xx"));
		table_count(&t, count_of(a, "status_5xx"));
		table_count(&t, count_of(a, "unauthorized"));
		table_count(&t, count_of(a, "forbidden"));
		table_count(&t, count_of(a, "limited"));
		cell_latency(&t, a, "p50");
		cell_latency(&t, a, "p99");
		cell_latency(&t, a, "p999");
		table_bytes(&t, count_of(a, "bytes_out"));
	}
	table_end(&t, stdout, "APIs: counts since the start; p50 to p99.9: latency of %s", over);
}

/* "ejected 3 s": the time until it is asked again whether it accepts connections; "down 3 s": since
 * its health checks failed. */
static void cell_health(struct table *t, const json_t *e)
{
	if (count_of(e, "down"))
		table_cell(t, "down %.1f s", (double)count_of(e, "down_ms") / 1000);
	else if (count_of(e, "ejected") == 0)
		table_cell(t, "up");
	else if (count_of(e, "next_probe_ms") == 0)
		table_cell(t, "ejected, probed");
	else
		table_cell(t, "ejected %.1f s", (double)count_of(e, "next_probe_ms") / 1000);
}

static void print_endpoint(struct table *t, const json_t *backend, const json_t *e)
{
	table_cell(t, "%s", text_of(backend, "name"));
	table_cell(t, "%s", text_of(e, "name"));
	cell_health(t, e);
	table_count(t, count_of(e, "weight"));
	table_cell(t, "%.1f %%", json_number_value(json_object_get(e, "weight_percent")));
	if (json_number_value(json_object_get(e, "share_percent")) > 0)
		table_cell(t, "%.1f %%", json_number_value(json_object_get(e, "share_percent")));
	else
		table_cell(t, "-");
	table_count(t, count_of(e, "requests"));
	table_count(t, count_of(e, "status_5xx"));
	table_count(t, count_of(e, "connects"));
	table_count(t, count_of(e, "reused"));
	table_count(t, count_of(e, "connect_failures"));
	table_count(t, count_of(e, "timeouts"));
	table_count(t, count_of(e, "active"));
	table_count(t, count_of(e, "open"));
	cell_latency(t, e, "p50");
	cell_latency(t, e, "p99");
}

static void print_backends(const json_t *list, const char *over)
{
	json_t *backend, *e;
	struct table t;
	size_t i, k;

	table_begin(&t,
		"backend|endpoint|health|>weight|>due|>share|>requests|>5xx|>connects|>reused|"
		">refused|>timeouts|>active|>open|>p50|>p99");
	json_array_foreach(list, i, backend) json_array_foreach(
		json_object_get(backend, "endpoints"), k, e) print_endpoint(&t, backend, e);
	table_end(&t, stdout,
		"Backends: counts since the start; share, p50 and p99 of %s; active, open: now",
		over);
}

static void print_listeners(const json_t *list, const char *over)
{
	struct table t;
	json_t *l;
	size_t i;

	table_begin(
		&t, "listener||>accepted|>open|>requests|>handshakes|>failed|>bytes in|>bytes out");
	json_array_foreach(list, i, l)
	{
		table_cell(&t, "%s", text_of(l, "name"));
		table_cell(&t, "%s", json_is_true(json_object_get(l, "tls")) ? "TLS" : "");
		table_count(&t, count_of(l, "accepted"));
		table_count(&t, count_of(l, "open"));
		table_count(&t, count_of(l, "requests"));
		table_count(&t, count_of(l, "tls_handshakes"));
		table_count(&t, count_of(l, "tls_failures"));
		table_bytes(&t, count_of(l, "bytes_in"));
		table_bytes(&t, count_of(l, "bytes_out"));
	}
	table_end(&t, stdout, "Listeners: counts since the start; open now");
}

static void print_reasons(const json_t *reasons, const char *over)
{
	struct table t;

	table_begin(&t, "reason|status|>requests|meaning");
	for (unsigned i = 0; i < REASON_COUNT; i++) {
		uint64_t n = count_of(reasons, reason_name((enum reason)i));
		unsigned status = reason_status((enum reason)i);

		if (n == 0)
			continue;
		table_cell(&t, "%s", reason_name((enum reason)i));
		if (status)
			table_cell(&t, "%u", status);
		else
			table_cell(&t, "-");
		table_count(&t, n);
		table_cell(&t, "%s", reason_title((enum reason)i));
	}
	table_end(&t, stdout, "Why requests ended, since the start");
}

static void print_drops(const json_t *drops, const char *over)
{
	struct table t;

	table_begin(&t, "drop|>packets|meaning");
	for (unsigned i = 0; i < DROP_COUNT; i++) {
		uint64_t n = count_of(drops, drop_name((enum drop)i));

		if (n == 0)
			continue;
		table_cell(&t, "%s", drop_name((enum drop)i));
		table_count(&t, n);
		table_cell(&t, "%s", drop_text((enum drop)i));
	}
	table_end(&t, stdout, "Packets dropped since the start");
}

void print_workers(const json_t *list, const char *over)
{
	struct table t;
	json_t *w;
	size_t i;

	char age[DURATION_BYTES];

	table_begin(&t, ">worker|>heartbeat|>generation|>load|>requests|>clients|>backends|>idle|"
			">mbufs free|>of|>long loops|>events lost");
	json_array_foreach(list, i, w)
	{
		table_cell(&t, "%u", (unsigned)count_of(w, "worker"));
		table_cell(&t, "%s",
			duration_text(
				json_number_value(json_object_get(w, "heartbeat_age_ms")) / 1e3,
				age));
		table_cell(&t, "%u", (unsigned)count_of(w, "generation"));
		table_cell(&t, "%.1f %%", json_number_value(json_object_get(w, "load_percent")));
		table_count(&t, count_of(w, "requests"));
		table_count(&t, count_of(w, "client_connections"));
		table_count(&t, count_of(w, "backend_connections"));
		table_count(&t, count_of(w, "backend_idle"));
		table_count(&t, count_of(w, "mbufs_free"));
		table_count(&t, count_of(w, "mbufs_total"));
		table_count(&t, count_of(w, "long_loops"));
		table_count(&t, count_of(w, "events_dropped"));
	}
	table_end(&t, stdout,
		"Workers: load of %s; requests, long loops and events since the start", over);
}

/* What workers asked control. */
static void print_questions(const json_t *list)
{
	struct table t;
	json_t *w;
	size_t i;

	table_begin(&t,
		">worker|>asked|>answered|>too many|>late|>no control|>stray replies|>round trip");
	json_array_foreach(list, i, w)
	{
		table_cell(&t, "%u", (unsigned)count_of(w, "worker"));
		table_count(&t, count_of(w, "asks"));
		table_count(&t, count_of(w, "asks_answered"));
		table_count(&t, count_of(w, "asks_full"));
		table_count(&t, count_of(w, "asks_late"));
		table_count(&t, count_of(w, "asks_no_control"));
		table_count(&t, count_of(w, "asks_stray"));
		table_cell(&t, "%llu µs", (unsigned long long)count_of(w, "control_rtt_us"));
	}
	table_end(&t, stdout, "Questions to control since the start; the latest round trip");
}

static void print_workers_and_questions(const json_t *list, const char *over)
{
	print_workers(list, over);
	print_questions(list);
}

static void print_stages(const json_t *stages, const char *over)
{
	const json_t *each = json_object_get(stages, "cycles_per_request_by_stage");
	double all = json_number_value(json_object_get(stages, "cycles_per_request"));
	struct table t;

	table_begin(&t, "stage|>cycles/request|>share");
	for (unsigned i = 0; i < STAGE_COUNT; i++) {
		const char *name = stage_name((enum stage)i);
		double cycles = json_number_value(json_object_get(each, name));

		if (i == STAGE_IDLE)
			continue;
		table_cell(&t, "%s", name);
		table_count(&t, (uint64_t)(cycles + 0.5));
		table_cell(&t, "%.1f %%", all > 0 ? 100 * cycles / all : 0);
	}
	table_cell(&t, "all");
	table_count(&t, (uint64_t)(all + 0.5));
	table_cell(&t, "%s", all > 0 ? "100.0 %" : "-");
	table_end(&t, stdout, "Stages: cycles of %s", over);
}

static void print_kernels(const json_t *list, const char *over)
{
	struct table t;
	json_t *p;
	size_t i;

	table_begin(&t, "kernel's side of|>sent|>full"
#define KERNEL_CLASS(NAME, name, rate, text) "|>" #name
#include "lib/shm/kernel_class.def"
#undef KERNEL_CLASS
	);
	json_array_foreach(list, i, p)
	{
		if (!json_is_true(json_object_get(p, "kernel")))
			continue;
		table_cell(&t, "%s", text_of(p, "name"));
		table_count(&t, count_of(p, "kernel_sent"));
		table_count(&t, count_of(p, "kernel_full"));
#define KERNEL_CLASS(NAME, name, rate, text) table_count(&t, count_of(p, "kernel_" #name));
#include "lib/shm/kernel_class.def"
#undef KERNEL_CLASS
	}
	table_end(&t, stdout, "Kernel: packets since the start");
}

static void print_ports(const json_t *list, const char *over)
{
	struct table t;
	json_t *p;
	size_t i;

	table_begin(&t,
		"port|device|>rx packets|>rx bytes|>tx packets|>tx bytes|>tx full|>rx missed|>rx no mbuf|>missteered");
	json_array_foreach(list, i, p)
	{
		table_cell(&t, "%s", text_of(p, "name"));
		table_cell(&t, "%s", text_of(p, "device"));
		table_count(&t, count_of(p, "rx_packets"));
		table_bytes(&t, count_of(p, "rx_bytes"));
		table_count(&t, count_of(p, "tx_packets"));
		table_bytes(&t, count_of(p, "tx_bytes"));
		table_count(&t, count_of(p, "tx_full"));
		table_count(&t, count_of(p, "rx_missed"));
		table_count(&t, count_of(p, "rx_no_mbuf"));
		table_count(&t, count_of(p, "missteered"));
	}
	table_end(&t, stdout, "Ports: since the start");
	print_kernels(list, over);
}

static void print_tcp(const json_t *counters, const char *over)
{
	const char *name;
	struct table t;
	json_t *value;

	table_begin(&t, "TCP|>count");
	json_object_foreach((json_t *)counters, name, value)
	{
		if (json_integer_value(value) == 0)
			continue;
		table_cell(&t, "%s", name);
		table_count(&t, (uint64_t)json_integer_value(value));
	}
	table_end(&t, stdout, "TCP: since the start");
}

const char *stats_over(const json_t *tree, char *out)
{
	const json_t *over = json_object_get(tree, "over_s");
	char text[DURATION_BYTES];

	if (json_is_number(over))
		snprintf(out, STATS_OVER_BYTES, "the last %s",
			duration_text(json_number_value(over), text));
	else
		snprintf(out, STATS_OVER_BYTES, "all since the start");
	return out;
}

void print_stats(const json_t *tree)
{
	static const struct {
		const char *part;
		void (*print)(const json_t *part, const char *over);
	} parts[] = {
		{ "consumers", print_consumers },
		{ "apis", print_apis },
		{ "backends", print_backends },
		{ "listeners", print_listeners },
		{ "reasons", print_reasons },
		{ "drops", print_drops },
		{ "workers", print_workers_and_questions },
		{ "stages", print_stages },
		{ "ports", print_ports },
		{ "tcp", print_tcp },
	};

	char over[STATS_OVER_BYTES];

	stats_over(tree, over);
	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
		const json_t *part = json_object_get(tree, parts[i].part);

		if (part)
			parts[i].print(part, over);
	}
}

/* Who asks for one wants to hear that there is none. */
static bool only_exists(const struct ctl *ctl, const json_t *tree)
{
	static const struct {
		unsigned view;
		const char *part, *what;
	} kinds[] = {
		{ VIEW_CONSUMERS, "consumers", "consumer" },
		{ VIEW_APIS, "apis", "API" },
		{ VIEW_BACKENDS, "backends", "backend" },
	};

	for (size_t i = 0; ctl->only && i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		if (!(ctl->views & 1u << kinds[i].view) ||
			json_array_size(json_object_get(tree, kinds[i].part)) > 0)
			continue;
		ctl_complain(ctl, "no %s is named '%s'", kinds[i].what, ctl->only);
		return false;
	}
	return true;
}

int ctl_stats(const struct ctl *ctl)
{
	unsigned views = ctl->views ? ctl->views : (1u << VIEW_COUNT) - 1;
	struct link_client link;
	json_t *tree;

	if (ctl_attach(ctl, &link, false) < 0)
		return CTL_FAILED;
	tree = stats_read(ctl, &link, views, ctl->only);
	link_client_close(&link);
	if (!tree)
		return CTL_FAILED;
	if (!only_exists(ctl, tree)) {
		json_decref(tree);
		return CTL_FAILED;
	}
	if (ctl->json) {
		ctl_print_json(tree);
		return CTL_OK;
	}
	print_stats(tree);
	json_decref(tree);
	return CTL_OK;
}
