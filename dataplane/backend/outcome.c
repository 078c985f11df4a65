/* SPDX-License-Identifier: Apache-2.0 */
/* The one place that learns what became of attempts at endpoints, see outcome.h. */
#include "dataplane/backend/outcome.h"

#include "dataplane/backend/eject.h"

/* Show in the statistics whether the endpoint is ejected. */
static void outcome_show_ejection(struct backends *b, uint32_t slot, uint32_t index)
{
	struct stats_endpoint *stats = backends_stats(b, slot);
	const uint64_t until_ns = eject_until(b->balance, index);

	stats->ejected = until_ns != 0;
	stats->probe_ns = until_ns;
}

void outcome_connecting(struct backends *b, uint32_t slot, bool probe)
{
	struct stats_endpoint *stats = backends_stats(b, slot);

	stats->open++;
	stats->connects++;
	stats->probes += probe;
}

void outcome_probe_skipped(struct backends *b, uint32_t slot, uint64_t now_ns)
{
	const uint32_t index = backends_index(b, slot);

	if (index != SNAP_NONE)
		eject_failed(b->balance, index, false, now_ns);
}

void outcome_connected(struct backends *b, uint32_t slot)
{
	const uint32_t index = backends_index(b, slot);

	if (index == SNAP_NONE)
		return;
	eject_succeeded(b->balance, index);
	outcome_show_ejection(b, slot, index);
}

void outcome_connect_failed(struct backends *b, uint32_t slot, bool silent, uint64_t now_ns)
{
	const uint32_t index = backends_index(b, slot);
	struct stats_endpoint *stats = backends_stats(b, slot);

	stats->connect_failures++;
	if (index == SNAP_NONE)
		return;
	if (eject_failed(b->balance, index, silent, now_ns))
		stats->ejections++;
	outcome_show_ejection(b, slot, index);
}

void outcome_tls(struct backends *b, uint32_t slot, bool resumed)
{
	struct stats_endpoint *stats = backends_stats(b, slot);

	stats->tls_handshakes++;
	stats->tls_resumed += resumed;
}

void outcome_tls_failed(struct backends *b, uint32_t slot)
{
	backends_stats(b, slot)->tls_failures++;
}

void outcome_closed(struct backends *b, uint32_t slot)
{
	backends_stats(b, slot)->open--;
}

void outcome_sent(struct backends *b, uint32_t slot, bool reused)
{
	struct stats_endpoint *stats = backends_stats(b, slot);

	stats->requests++;
	stats->active++;
	stats->reused += reused;
}

void outcome_response(struct backends *b, uint32_t slot, unsigned status, uint64_t latency_ns)
{
	struct stats_endpoint *stats = backends_stats(b, slot);

	if (status < 300)
		stats->status_2xx++;
	else if (status >= 500)
		stats->status_5xx++;
	else if (status >= 400)
		stats->status_4xx++;
	stats->latency_us[hist_bucket(latency_ns / 1000)]++;
}

void outcome_retried(struct backends *b, uint32_t slot)
{
	backends_stats(b, slot)->retried++;
}

void outcome_ended(struct backends *b, uint32_t slot, enum outcome outcome)
{
	struct stats_endpoint *stats = backends_stats(b, slot);

	stats->active--;
	if (outcome == OUTCOME_TIMEOUT)
		stats->timeouts++;
	else if (outcome == OUTCOME_INVALID)
		stats->invalid++;
}
