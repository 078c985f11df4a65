/* SPDX-License-Identifier: Apache-2.0 */
/* Builds and frees the tables of a generation; runs on the main core, off the packet path. */
#include "dataplane/proxy/tables.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool any_tls_listener(const struct snapshot *snapshot)
{
	uint32_t n;
	const struct snap_listener *listeners = snap_records(snapshot, SNAP_LISTENERS, &n);

	for (uint32_t i = 0; i < n; i++)
		if (listeners[i].tls)
			return true;
	return false;
}

static bool build_tls(struct tables *t, const struct tables_config *config,
	const struct secrets *secrets, char *why, size_t why_bytes)
{
	if (!any_tls_listener(&t->snapshot))
		return true;
	for (uint32_t w = 0; w < config->worker_count; w++) {
		struct tls_config tls = { .pool = config->pools[w], .tickets = config->tickets };

		t->tls[w] = tls_contexts_create(&tls, &t->snapshot, secrets, why, why_bytes);
		if (!t->tls[w])
			return false;
	}
	return true;
}

struct tables *tables_create(const struct tables_config *config, struct snapshot *snapshot,
	const struct secrets *secrets, struct tables *previous, char *why, size_t why_bytes)
{
	struct tables *t = calloc(1, sizeof(*t));

	snprintf(why, why_bytes, "out of memory");
	if (!t)
		return NULL;
	t->snapshot = *snapshot;
	t->usage = config->usage;
	t->worker_count = config->worker_count;
	t->routes = route_table_create(&t->snapshot);
	if (!t->routes || !tables_index_slots(t, previous))
		goto fail;
	t->policy = policy_create(
		&t->snapshot, previous ? previous->policy : NULL, config->compiler, why, why_bytes);
	if (!t->policy || !build_tls(t, config, secrets, why, why_bytes))
		goto fail;
	return t;
fail:
	/* The snapshot stays the caller's. */
	memset(&t->snapshot, 0, sizeof(t->snapshot));
	t->snapshot.segment.fd = -1;
	tables_destroy(t);
	return NULL;
}

void tables_destroy(struct tables *t)
{
	if (!t)
		return;
	for (uint32_t w = 0; w < t->worker_count; w++)
		if (t->tls[w])
			tls_contexts_destroy(t->tls[w]);
	if (t->policy)
		policy_destroy(t->policy);
	if (t->routes)
		route_table_destroy(t->routes);
	tables_free_slots(t);
	snapshot_close(&t->snapshot);
	free(t);
}
