/* SPDX-License-Identifier: Apache-2.0 */
/* Routes' retries as snapshot records. */
#include "control/compile/compile_priv.h"
#include "control/config/check_retry.h"

static void retry_add_status(struct snap_retry *record, uint32_t status)
{
	const uint32_t bit = status - SNAP_RETRY_STATUS_LEAST;

	record->statuses[bit / 32] |= 1u << bit % 32;
}

static void retry_add(struct snap_retry *record, uint32_t on)
{
	if (on < SNAP_RETRY_ONS) {
		record->on |= 1u << on;
	} else if (on == RETRY_ALL_5XX) {
		for (uint32_t status = 500; status <= SNAP_RETRY_STATUS_MOST; status++)
			retry_add_status(record, status);
	} else {
		retry_add_status(record, on);
	}
}

uint32_t compile_retry(struct compile *c, const struct cfg_retry *retry)
{
	struct snap_retry record = { 0 };

	if (!retry->place.set)
		return SNAP_NONE;
	compile_rows(c, SNAP_KIND_ROUTING, &schema_retry, retry, &record);
	for (uint32_t i = 0; i < retry->on.count; i++)
		retry_add(&record, (uint32_t)CFG_ITEM(retry->on, struct cfg_value, i)->number);
	if (!retry->on.set)
		record.on = 1u << SNAP_RETRY_CONNECT | 1u << SNAP_RETRY_RESET;
	if (record.per_try_timeout_ms)
		record.on |= 1u << SNAP_RETRY_TIMEOUT;
	return snapshot_builder_add(c->builder, SNAP_RETRIES, &record);
}
