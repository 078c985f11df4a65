/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sluicectl status: are both processes there, and how do they do? The dataplane is asked directly,
 * so that its state is known when control is down, and the other way round.
 */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "control/ctl/ctl.h"
#include "control/ctl/stats_print.h"
#include "control/ctl/table.h"
#include "control/json.h"
#include "lib/base/plural.h"

#define PATIENCE_MS 10000 /* control answers at once; the machine may be busy */

static const char *state_name(const struct link_client *link)
{
	switch (link->state) {
	case LINK_STATE_EMPTY:
		return "waiting for a configuration";
	case LINK_STATE_RUNNING:
		return "running";
	case LINK_STATE_STOPPING:
		return "stopping";
	}
	return "unknown";
}

#define UNANSWERED_NS UINT64_C(3000000000) /* of pings, of which a worker sends one a second */

/* A control that holds its connection and does nothing. */
static void alarm_unanswered(const struct link_client *link, json_t *list)
{
	for (uint32_t w = 0; w < link->stats_count; w++) {
		const struct stats_worker *s = link->stats[w].worker;
		uint64_t beat, answered;

		if (!link->stats[w].segment.base ||
			!__atomic_load_n(&s->control_connected, __ATOMIC_RELAXED))
			continue;
		answered = __atomic_load_n(&s->control_answered_ns, __ATOMIC_RELAXED);
		beat = __atomic_load_n(&s->heartbeat_ns, __ATOMIC_RELAXED);
		if (beat > answered + UNANSWERED_NS)
			json_array_append_new(list,
				json_sprintf("control is connected, but has not answered worker %u "
					     "for %llu s: what it would be asked gets the fallback",
					w, (unsigned long long)(beat - answered) / 1000000000));
	}
}

/* What an operator should look into, in words. */
static json_t *status_alarms(const struct link_client *link)
{
	json_t *ports = stats_ports(link), *list = json_array(), *p;
	size_t i;

	alarm_unanswered(link, list);

	json_array_foreach(ports, i, p)
	{
		if (json_integer_value(json_object_get(p, "missteering")) == 0)
			continue;
		json_array_append_new(list,
			json_sprintf("port %s: RSS brings packets to wrong workers (%lld so far); "
				     "handing them over costs both",
				json_string_value(json_object_get(p, "name")),
				(long long)json_integer_value(json_object_get(p, "missteered"))));
	}
	json_decref(ports);
	return list;
}

static json_t *dataplane_tree(const struct link_client *link)
{
	json_t *out = json_pack("{s:i, s:s, s:I}", "pid", (int)link->dataplane_pid, "state",
		state_name(link), "generation", (json_int_t)link->generation);

	if (link->stats_count) {
		json_object_set_new(out, "workers", stats_workers(link));
		json_object_set_new(out, "totals", stats_totals(link));
		json_object_set_new(out, "stages", stats_stages(link));
		json_object_set_new(out, "alarms", status_alarms(link));
		json_object_set_new(out, "over_s", stats_over_s(link));
	}
	return out;
}

static uint64_t count_of(const json_t *object, const char *name)
{
	return (uint64_t)json_integer_value(json_object_get(object, name));
}

static bool is_absent(int err)
{
	return err == ENOENT || err == ECONNREFUSED;
}

/* What keeps us from a process. @param err  errno @param absent  for one that is not there */
static const char *status_obstacle(int err, const char *absent)
{
	return err == EACCES      ? "unknown: not allowed to ask at"
	       : err == EBUSY     ? "unknown: too many connections at"
	       : err == ETIMEDOUT ? "hung: no answer in time from"
	       : is_absent(err)   ? absent
				  : "unknown: no answer from";
}

/* The same for programs; null for a process that answered. */
static json_t *obstacle_json(const json_t *tree, int err)
{
	if (tree && !json_is_null(tree))
		return json_null();
	return json_string(err == EACCES      ? "not_allowed"
			   : err == EBUSY     ? "too_many_connections"
			   : err == ETIMEDOUT ? "hung"
			   : is_absent(err)   ? "down"
					      : "no_answer");
}

/* An answer that is a refusal, as the errno of what it means. @return 0 for an answer */
static int refusal_errno(const json_t *answer)
{
	const char *kind = json_string_value(json_object_get(answer, "kind"));

	if (json_is_true(json_object_get(answer, "ok")))
		return 0;
	return kind && strcmp(kind, "refused") == 0 ? EACCES
	       : kind && strcmp(kind, "busy") == 0  ? EBUSY
						    : EPROTO;
}

/* How long control takes to answer a worker: the quickest and the slowest. */
static void print_answers(const json_t *workers)
{
	uint64_t least = UINT64_MAX, most = 0;
	json_t *w;
	size_t i;

	json_array_foreach(workers, i, w)
	{
		const uint64_t us = count_of(w, "control_rtt_us");

		if (us == 0)
			continue;
		least = us < least ? us : least;
		most = us > most ? us : most;
	}
	if (most > 0 && least == most)
		printf("            control answers its workers in %llu µs\n",
			(unsigned long long)most);
	else if (most > 0)
		printf("            control answers its workers in %llu to %llu µs\n",
			(unsigned long long)least, (unsigned long long)most);
}

static void print_dataplane(const json_t *tree, const char *socket, int err)
{
	const json_t *totals = json_object_get(tree, "totals");
	const json_t *stages = json_object_get(tree, "stages");
	char over[STATS_OVER_BYTES];
	json_t *alarm;
	size_t i;

	if (!tree || json_is_null(tree)) {
		printf("dataplane   %s %s\n", status_obstacle(err, "down: nobody listens on"),
			socket);
		return;
	}
	printf("dataplane   %s (pid %u), generation %llu\n",
		json_string_value(json_object_get(tree, "state")), (unsigned)count_of(tree, "pid"),
		(unsigned long long)count_of(tree, "generation"));
	if (!totals)
		return;
	printf("            load %.1f %%, %.0f cycles a request (%s)\n",
		json_number_value(json_object_get(stages, "load_percent")),
		json_number_value(json_object_get(stages, "cycles_per_request")),
		stats_over(tree, over));
	printf("            %llu requests since the start, %llu of %llu mbufs free\n",
		(unsigned long long)count_of(totals, "requests"),
		(unsigned long long)count_of(totals, "mbufs_free"),
		(unsigned long long)count_of(totals, "mbufs_total"));
	print_answers(json_object_get(tree, "workers"));
	json_array_foreach(json_object_get(tree, "alarms"), i, alarm)
	{
		printf("alarm       ");
		text_wrap(stdout, json_string_value(alarm), 12, 12);
	}
}

static void print_log(const json_t *log)
{
	const char *path = json_string_value(json_object_get(log, "path"));

	if (!path)
		return;
	printf("access log  %s: %llu lines", path, (unsigned long long)count_of(log, "written"));
	if (count_of(log, "lost"))
		printf(", %llu lost", (unsigned long long)count_of(log, "lost"));
	if (count_of(log, "dropped"))
		printf(", %llu dropped by full rings",
			(unsigned long long)count_of(log, "dropped"));
	puts(json_is_true(json_object_get(log, "failing")) ? ", cannot be written now" : "");
}

/* What sluice-control does with a configuration at this moment. */
static void print_under_way(const json_t *under_way)
{
	const char *step = json_string_value(json_object_get(under_way, "step"));
	const char *file = json_string_value(json_object_get(under_way, "file"));
	const uint64_t queued = count_of(under_way, "queued");
	char text[PATH_MAX + 100];
	int n;

	if (!step)
		return;
	n = snprintf(text, sizeof(text), "%s %s",
		strcmp(step, "reading") == 0    ? "reading"
		: strcmp(step, "sent") == 0     ? "waiting for the dataplane to run"
		: strcmp(step, "changing") == 0 ? "waiting for workers to act on"
						: "recording",
		file                                                        ? file
		: strcmp(step, "reading") == 0 || strcmp(step, "sent") == 0 ? "a file"
									    : "a change");
	if (queued && n > 0 && (size_t)n < sizeof(text))
		snprintf(text + n, sizeof(text) - (size_t)n, "; %llu more appl%s",
			(unsigned long long)queued, queued == 1 ? "y waits" : "ies wait");
	printf("under way   ");
	text_wrap(stdout, text, 12, 12);
}

static void print_control(const json_t *tree, const char *socket, int err)
{
	time_t applied = (time_t)count_of(tree, "applied_at");
	const char *refusal = json_string_value(json_object_get(tree, "refusal"));
	const char *not_recalled = json_string_value(json_object_get(tree, "not_recalled"));
	char when[40] = "";
	struct tm tm;

	if (!tree || json_is_null(tree)) {
		printf("control     %s %s%s\n", status_obstacle(err, "down: nobody answers on"),
			socket, is_absent(err) ? "; the dataplane goes on without it" : "");
		return;
	}
	if (applied && gmtime_r(&applied, &tm))
		strftime(when, sizeof(when), ", since %Y-%m-%d %H:%M:%S UTC", &tm);
	printf("control     up (pid %u): %s\n", (unsigned)count_of(tree, "pid"),
		json_string_value(json_object_get(tree, "state")));
	printf("            %s\n            generation %llu%s\n",
		json_string_value(json_object_get(tree, "config")),
		(unsigned long long)count_of(tree, "generation"), when);
	if (not_recalled)
		printf("            this file was taken since it is not known which one was applied last: %s\n",
			not_recalled);
	if (refusal)
		printf("            the dataplane refused the last apply: %s\n", refusal);
	print_under_way(json_object_get(tree, "under_way"));
	if (count_of(tree, "changes"))
		printf("            %llu change%s by command lie%s over the file: see 'sluicectl changes'\n",
			(unsigned long long)count_of(tree, "changes"),
			plural(count_of(tree, "changes")),
			count_of(tree, "changes") == 1 ? "s" : "");
	mistakes_print_json(json_object_get(tree, "mistakes"), stdout);
	print_log(json_object_get(tree, "access_log"));
}

int ctl_status(const struct ctl *ctl)
{
	struct link_client link;
	json_t *dataplane = NULL, *control = NULL, *answer;
	char over[STATS_OVER_BYTES];
	int dataplane_err, control_err;
	bool served = false, up;

	dataplane_err = -ctl_attach(ctl, &link, true);
	if (dataplane_err == 0) {
		if (ctl->since_start)
			link_client_forget_before(&link);
		dataplane = dataplane_tree(&link);
		served = link.state == LINK_STATE_RUNNING;
		link_client_close(&link);
	}
	answer = ctl_request(ctl, json_pack("{s:s}", "command", "status"), PATIENCE_MS, true);
	control_err = errno;
	if (answer) {
		control = json_incref(json_object_get(answer, "status"));
		control_err = refusal_errno(answer);
	}
	json_decref(answer);
	up = served && control;
	if (ctl->json) {
		ctl_print_json(json_pack("{s:o?, s:o?, s:{s:o, s:o}}", "dataplane", dataplane,
			"control", control, "obstacle", "dataplane",
			obstacle_json(dataplane, dataplane_err), "control",
			obstacle_json(control, control_err)));
		return up ? CTL_OK : CTL_FAILED;
	}
	print_dataplane(dataplane, ctl->socket, dataplane_err);
	print_control(control, ctl->control_socket, control_err);
	if (dataplane && json_object_get(dataplane, "workers")) {
		putchar('\n');
		print_workers(json_object_get(dataplane, "workers"), stats_over(dataplane, over));
	}
	json_decref(dataplane);
	json_decref(control);
	return up ? CTL_OK : CTL_FAILED;
}
