/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whether an endpoint gets requests, from what the workers tell: each of them ejects by itself, and
 * one of them checks it for all. Times have no sum: what is left or has passed of them is told.
 */
#include "control/ctl/ctl.h"
#include "control/json.h"

uint64_t stats_ejected(const struct link_client *link, uint32_t slot, uint64_t *next_probe_ms)
{
	uint64_t workers = 0, first_ns = UINT64_MAX, now = stats_now_ns();

	for (uint32_t w = 0; w < link->stats_count; w++) {
		const struct stats *s = &link->stats[w];

		if (!s->segment.base || slot >= s->shape.endpoints ||
			!stats_load(&s->endpoint[slot].ejected))
			continue;
		workers++;
		if (stats_load(&s->endpoint[slot].probe_ns) < first_ns)
			first_ns = stats_load(&s->endpoint[slot].probe_ns);
	}
	*next_probe_ms = workers && first_ns > now ? (first_ns - now) / 1000000 : 0;
	return workers;
}

struct endpoint_health stats_health(const struct link_client *link, uint32_t slot)
{
	const uint64_t now = stats_now_ns();

	for (uint32_t w = 0; w < link->stats_count; w++) {
		const struct stats *s = &link->stats[w];
		const struct stats_endpoint *e;
		uint64_t down_ns;

		if (!s->segment.base || slot >= s->shape.endpoints)
			continue;
		e = &s->endpoint[slot];
		if (!stats_load(&e->checked))
			continue;
		down_ns = stats_load(&e->down_ns);
		return (struct endpoint_health){
			.checked = true,
			.down = stats_load(&e->down) != 0,
			.since_ms = down_ns && down_ns < now ? (now - down_ns) / 1000000 : 0,
			.reason = (enum reason)stats_load(&e->check_reason),
			.status = (unsigned)stats_load(&e->check_status),
		};
	}
	return (struct endpoint_health){ .checked = false };
}

const char *stats_health_why(const struct endpoint_health *health, char *out, size_t bytes)
{
	if (health->status)
		snprintf(out, bytes, "status %u", health->status);
	else
		snprintf(out, bytes, "%s", reason_name(health->reason));
	return out;
}

void stats_add_state(json_t *endpoint, const struct link_client *link, uint32_t slot)
{
	const struct endpoint_health health = stats_health(link, slot);
	uint64_t next_probe_ms, workers = stats_ejected(link, slot, &next_probe_ms);
	char why[HEALTH_WHY_BYTES];

	json_object_del(endpoint, "probe_ns");
	json_object_del(endpoint, "down_ns");
	json_object_del(endpoint, "check_reason");
	json_object_del(endpoint, "check_status");
	json_object_set_new(endpoint, "next_probe_ms",
		workers ? json_integer((json_int_t)next_probe_ms) : json_null());
	json_object_set_new(endpoint, "down_ms",
		health.down ? json_integer((json_int_t)health.since_ms) : json_null());
	json_object_set_new(endpoint, "down_reason",
		health.down ? json_string(stats_health_why(&health, why, sizeof(why)))
			    : json_null());
}
