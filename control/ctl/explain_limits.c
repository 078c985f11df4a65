/* SPDX-License-Identifier: Apache-2.0 */
/* How each limit of the caller's plan stands, as a dataplane has it; nothing is taken from them. */
#include <stdio.h>
#include <time.h>

#include "control/ctl/explain.h"
#include "control/ctl/table.h"
#include "control/json.h"
#include "dataplane/policy/gcra.h"
#include "dataplane/policy/quota.h"

/* How a limit stands, whatever its kind. */
struct standing {
	uint64_t left; /* requests that would be admitted at once */
	double reset_s;
};

static struct standing caller_look(const struct snap_limit *l, const _Atomic uint64_t *word)
{
	struct timespec now;

	if (l->kind == SNAP_LIMIT_RATE) {
		struct gcra_result r;

		clock_gettime(CLOCK_MONOTONIC, &now);
		gcra_look(word, l->interval_ns, l->burst_ns,
			(uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec, &r);
		return (struct standing){ r.allowed ? r.remaining + 1 : 0,
			(double)(r.allowed ? r.reset_ns - l->interval_ns : r.reset_ns) / 1e9 };
	}

	struct quota_result q;

	quota_look(word, l->amount, l->window_s, (uint64_t)time(NULL), &q);
	return (struct standing){ q.allowed ? q.remaining + 1 : 0, (double)q.reset_s };
}

static void describe_limit(const struct snap_limit *l, char *out, size_t bytes)
{
	static const struct {
		uint64_t window_s;
		const char *name;
	} units[] = { { 1, "s" }, { 60, "min" }, { 3600, "hour" }, { 86400, "day" },
		{ 7 * 86400, "week" }, { 30 * 86400, "month" } };
	char unit[24];

	snprintf(unit, sizeof(unit), "%llus", (unsigned long long)l->window_s);
	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++)
		if (units[i].window_s == l->window_s)
			snprintf(unit, sizeof(unit), "%s", units[i].name);
	if (l->kind == SNAP_LIMIT_RATE)
		snprintf(out, bytes, "%llu/%s, %llu at once", (unsigned long long)l->amount, unit,
			(unsigned long long)l->burst);
	else
		snprintf(out, bytes, "%llu/%s", (unsigned long long)l->amount, unit);
}

static void describe_standing(struct explain *e, const struct snap_limit *l, json_t *list)
{
	uint32_t slot = e->decision.caller.slot;
	const struct usage *usage = e->source->usage;
	struct str name = snap_str(e->s, l->name);
	json_t *limit = json_pack("{s:o, s:s, s:I, s:I}", "name", json_str(name), "kind",
		l->kind == SNAP_LIMIT_RATE ? "rate" : "quota", "amount", (json_int_t)l->amount,
		"window_s", (json_int_t)l->window_s);
	char text[100], reset[DURATION_BYTES];

	describe_limit(l, text, sizeof(text));
	json_array_append_new(list, limit);
	if (!usage || slot >= usage->capacity) {
		explain_step(e, "limit", "%.*s %s; its state is known to a dataplane only",
			(int)name.len, name.data, text);
		return;
	}

	struct standing now = caller_look(l, &usage->lines[slot].limit[l->word]);

	json_object_set_new(limit, "left", json_integer((json_int_t)now.left));
	json_object_set_new(limit, "reset_s", json_real(now.reset_s));
	explain_step(e, "limit", "%.*s %s: %llu left now, %s in %s", (int)name.len, name.data, text,
		(unsigned long long)now.left,
		l->kind == SNAP_LIMIT_RATE ? "full again" : "begins again",
		duration_text(now.reset_s, reset));
}

void explain_limits(struct explain *e)
{
	const struct snap_plan *plan =
		SNAP_AT(e->s, SNAP_PLANS, snap_plan, e->decision.caller.plan);
	json_t *list = json_array();

	json_object_set_new(e->out, "limits", list);
	for (uint32_t i = 0; i < plan->limits.count; i++)
		describe_standing(
			e, SNAP_AT(e->s, SNAP_LIMITS, snap_limit, plan->limits.first + i), list);
	if (plan->limits.count == 0)
		explain_step(e, "limit", "none");
}
