/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sluicectl top: what happens now. Two readings, a while apart, subtracted: rates instead of sums.
 */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "control/ctl/ctl.h"
#include "control/ctl/stats_print.h"
#include "control/ctl/table.h"
#include "control/ctl/terminal.h"
#include "lib/shm/reason.h"

#define VIEWS                                                                                      \
	(1u << VIEW_WORKERS | 1u << VIEW_APIS | 1u << VIEW_BACKENDS | 1u << VIEW_CONSUMERS |       \
		1u << VIEW_REASONS)
#define ROWS_SHOWN 12

struct reading {
	json_t *tree;
	double at_s;
};

static double now_s(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static double top_value(const json_t *object, const char *name)
{
	return json_number_value(json_object_get(object, name));
}

static const json_t *top_find(const json_t *list, const char *name)
{
	const char *other;
	json_t *item;
	size_t i;

	json_array_foreach((json_t *)list, i, item)
	{
		other = json_string_value(json_object_get(item, "name"));
		if (other && name && strcmp(other, name) == 0)
			return item;
	}
	return NULL;
}

/* The same entry in the reading before. Usually it has the same place, but for an apply between. */
static const json_t *entry_of(const json_t *list, const json_t *item, size_t i)
{
	const json_t *same = json_array_get(list, i);

	if (same && json_equal(json_object_get(same, "name"), json_object_get(item, "name")) &&
		json_equal(json_object_get(same, "version"), json_object_get(item, "version")))
		return same;
	if (json_object_get(item, "version") == NULL)
		return top_find(list, json_string_value(json_object_get(item, "name")));
	json_array_foreach(
		(json_t *)list, i, same) if (json_equal(json_object_get(same, "name"),
						     json_object_get(item, "name")) &&
					     json_equal(json_object_get(same, "version"),
						     json_object_get(item, "version"))) return same;
	return NULL;
}

/* Growth a second of one counter. A restarted dataplane counts anew: no negative rates. */
static double top_rate(const json_t *now, const json_t *before, const char *name, double seconds)
{
	double grown = top_value(now, name) - top_value(before, name);

	return grown > 0 && seconds > 0 ? grown / seconds : 0;
}

static void cell_rate(struct table *t, double r)
{
	if (r < 0.005)
		table_cell(t, "-");
	else if (r < 100)
		table_cell(t, "%.1f", r);
	else
		table_count(t, (uint64_t)(r + 0.5));
}

static void show_head(const struct reading *now, const struct reading *before, double seconds)
{
	const json_t *a = json_object_get(now->tree, "totals"),
		     *b = json_object_get(before->tree, "totals");
	const json_t *x = json_object_get(json_object_get(now->tree, "stages"), "cycles");
	const json_t *y = json_object_get(json_object_get(before->tree, "stages"), "cycles");
	double busy = 0, requests = top_value(a, "requests") - top_value(b, "requests");
	double idle = top_value(x, "idle") - top_value(y, "idle");
	const char *name;
	json_t *cycles;

	json_object_foreach((json_t *)x, name, cycles) if (strcmp(name, "idle") != 0) busy +=
		json_number_value(cycles) - top_value(y, name);
	printf("generation %.0f   %.0f requests/s   load %.1f %%   %.0f cycles/request\n"
	       "%.0f clients   %.0f backend connections   mbufs free %.0f of %.0f\n\n",
		top_value(a, "generation"), top_rate(a, b, "requests", seconds),
		busy + idle > 0 ? 100 * busy / (busy + idle) : 0,
		requests > 0 ? busy / requests : 0, top_value(a, "client_connections"),
		top_value(a, "backend_connections"), top_value(a, "mbufs_free"),
		top_value(a, "mbufs_total"));
}

static void show_apis(const struct reading *now, const struct reading *before, double seconds)
{
	const json_t *list = json_object_get(now->tree, "apis");
	char over[STATS_OVER_BYTES];
	struct table t;
	json_t *a;
	size_t i;

	table_begin(&t, "API|version|>requests/s|>2xx/s|>4xx/s|>5xx/s|>429/s|>p50 µs|>p99 µs");
	stats_over(now->tree, over);
	json_array_foreach((json_t *)list, i, a)
	{
		const json_t *b = entry_of(json_object_get(before->tree, "apis"), a, i);
		const json_t *latency = json_object_get(a, "latency_us");

		table_cell(&t, "%s", json_string_value(json_object_get(a, "name")));
		table_cell(&t, "%s", json_string_value(json_object_get(a, "version")));
		cell_rate(&t, top_rate(a, b, "requests", seconds));
		cell_rate(&t, top_rate(a, b, "status_2xx", seconds));
		cell_rate(&t, top_rate(a, b, "status_4xx", seconds));
		cell_rate(&t, top_rate(a, b, "status_5xx", seconds));
		cell_rate(&t, top_rate(a, b, "limited", seconds));
		table_count(&t, (uint64_t)top_value(latency, "p50"));
		table_count(&t, (uint64_t)top_value(latency, "p99"));
	}
	table_end(&t, stdout, "APIs: rates of the last %.1f s; latency of %s", seconds, over);
}

static void show_endpoints(const struct reading *now, const struct reading *before, double seconds)
{
	json_t *backend, *e;
	struct table t;
	size_t i, k;

	table_begin(&t,
		"backend|endpoint|>weight|>requests/s|>5xx/s|>refused/s|>timeouts/s|>active|>open");
	json_array_foreach(json_object_get(now->tree, "backends"), i, backend)
	{
		const json_t *old = entry_of(json_object_get(before->tree, "backends"), backend, i);

		json_array_foreach(json_object_get(backend, "endpoints"), k, e)
		{
			const json_t *b = entry_of(json_object_get(old, "endpoints"), e, k);

			table_cell(&t, "%s", json_string_value(json_object_get(backend, "name")));
			table_cell(&t, "%s", json_string_value(json_object_get(e, "name")));
			table_cell(&t, "%.0f", top_value(e, "weight"));
			cell_rate(&t, top_rate(e, b, "requests", seconds));
			cell_rate(&t, top_rate(e, b, "status_5xx", seconds));
			cell_rate(&t, top_rate(e, b, "connect_failures", seconds));
			cell_rate(&t, top_rate(e, b, "timeouts", seconds));
			table_count(&t, (uint64_t)top_value(e, "active"));
			table_count(&t, (uint64_t)top_value(e, "open"));
		}
	}
	table_end(&t, stdout, "Backends: rates of the last %.1f s; active and open now", seconds);
}

/* The consumers that call most now. */
static void show_consumers(const struct reading *now, const struct reading *before, double seconds)
{
	const json_t *list = json_object_get(now->tree, "consumers");
	const json_t *old = json_object_get(before->tree, "consumers");
	double ceiling = INFINITY;
	struct table t;

	table_begin(&t, "consumer|plan|>requests/s|>limited/s");
	for (unsigned row = 0; row < ROWS_SHOWN && json_array_size(list) <= 100000; row++) {
		const json_t *best = NULL;
		double best_rate = 0;
		json_t *c;
		size_t i;

		json_array_foreach((json_t *)list, i, c)
		{
			double r = top_rate(c, entry_of(old, c, i), "requests", seconds);

			if (r > best_rate && r < ceiling) {
				best = c;
				best_rate = r;
			}
		}
		if (!best)
			break;
		ceiling = best_rate;
		table_cell(&t, "%s", json_string_value(json_object_get(best, "name")));
		table_cell(&t, "%s", json_string_value(json_object_get(best, "plan")));
		cell_rate(&t, best_rate);
		cell_rate(
			&t, top_rate(best,
				    top_find(old, json_string_value(json_object_get(best, "name"))),
				    "limited", seconds));
	}
	table_end(&t, stdout, "Consumers that call most: rates of the last %.1f s", seconds);
}

static void show_reasons(const struct reading *now, const struct reading *before, double seconds)
{
	const json_t *a = json_object_get(now->tree, "reasons");
	const json_t *b = json_object_get(before->tree, "reasons");
	struct table t;

	table_begin(&t, "reason|>requests/s|meaning");
	for (unsigned i = 0; i < REASON_COUNT; i++) {
		const char *name = reason_name((enum reason)i);
		double r = top_rate(a, b, name, seconds);

		if (r <= 0)
			continue;
		table_cell(&t, "%s", name);
		cell_rate(&t, r);
		table_cell(&t, "%s", reason_title((enum reason)i));
	}
	table_end(&t, stdout, "Why requests end: rates of the last %.1f s", seconds);
}

/* The growth a second of every counter, in the shape of the tree that it is read from. Texts, which name
 * things, stay. */
static json_t *top_growth(const json_t *now, const json_t *before, double seconds)
{
	json_t *out = NULL, *part;
	const char *key;
	size_t i;

	if (json_is_object(now)) {
		out = json_object();
		json_object_foreach((json_t *)now, key, part) json_object_set_new(
			out, key, top_growth(part, json_object_get(before, key), seconds));
	} else if (json_is_array(now)) {
		out = json_array();
		json_array_foreach((json_t *)now, i, part) json_array_append_new(
			out, top_growth(part, entry_of(before, part, i), seconds));
	} else if (json_is_number(now)) {
		double grown = json_number_value(now) - json_number_value(before);

		out = json_real(grown > 0 && seconds > 0 ? grown / seconds : 0);
	} else {
		out = json_deep_copy(now);
	}
	return out;
}

static int read_now(const struct ctl *ctl, struct reading *out)
{
	struct link_client link;
	int rc = ctl_attach(ctl, &link, false);

	if (rc < 0)
		return rc;
	out->tree = stats_read(ctl, &link, VIEWS, NULL);
	out->at_s = now_s();
	link_client_close(&link);
	return out->tree ? 0 : -EIO;
}

int ctl_top(const struct ctl *ctl)
{
	struct reading before, now;
	bool screen = isatty(STDOUT_FILENO) && !ctl->json;

	if (read_now(ctl, &before) < 0)
		return CTL_FAILED;
	for (unsigned long n = 0; ctl->count == 0 || n < ctl->count; n++) {
		double seconds;

		usleep((useconds_t)(ctl->interval * 1e6));
		if (read_now(ctl, &now) < 0)
			break;
		seconds = now.at_s - before.at_s;
		if (screen)
			terminal_clear();
		if (ctl->json) {
			ctl_print_json(json_pack("{s:f, s:o, s:O}", "seconds", seconds,
				"per_second", top_growth(now.tree, before.tree, seconds), "now",
				now.tree));
		} else {
			show_head(&now, &before, seconds);
			show_apis(&now, &before, seconds);
			show_endpoints(&now, &before, seconds);
			show_consumers(&now, &before, seconds);
			show_reasons(&now, &before, seconds);
		}
		fflush(stdout);
		json_decref(before.tree);
		before = now;
	}
	json_decref(before.tree);
	return CTL_OK;
}
