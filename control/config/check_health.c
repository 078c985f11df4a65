/* SPDX-License-Identifier: Apache-2.0 */
/* The check of health checks: what goes into their requests, and which statuses pass. */
#include "control/config/check_priv.h"
#include "control/config/units.h"
#include "lib/shm/snapshot.h"

/* Behind a decimal status, three digits. @return false when there is none */
static bool health_status(struct str text, uint64_t *out)
{
	return text.len == 3 && unit_number(text, out) == 0 && *out >= 100 && *out <= 599;
}

/* "204" or "200-299". The range becomes the value's number. */
static void check_status(struct check *c, struct cfg_value *status)
{
	const struct str text = status->text;
	uint64_t least, most;

	if (!status->valid)
		return;
	if (text.len == 7 && text.data[3] == '-' &&
		health_status((struct str){ text.data, 3 }, &least) &&
		health_status((struct str){ text.data + 4, 3 }, &most) && least <= most) {
		status->number = least << 16 | most;
	} else if (health_status(text, &least)) {
		status->number = least << 16 | least;
	} else {
		status->valid = false;
		mistake_add(c->mistakes, status->at,
			"'%.*s' is no status of 100 to 599 and no range such as \"200-299\"",
			(int)text.len, text.data);
	}
}

/* Both stand in a request's head as they are. */
static void check_plain(struct check *c, const struct cfg_value *value, const char *noun)
{
	bool plain = value->text.len <= SNAP_HEALTH_TEXT_BYTES_MAX;

	if (!value->set || !value->valid)
		return;
	for (uint32_t i = 0; i < value->text.len; i++)
		plain &= value->text.data[i] > ' ' && value->text.data[i] <= '~';
	if (!plain)
		mistake_add(c->mistakes, value->at,
			"%s of a health check has visible ASCII characters only, %d at most; encode "
			"others as \"%%20\"",
			noun, SNAP_HEALTH_TEXT_BYTES_MAX);
}

/* Of a check that sends no request. */
static void check_connection_only(struct check *c, const struct cfg_health *health)
{
	const struct cfg_value *values[] = { &health->path, &health->host };

	for (unsigned i = 0; i < sizeof(values) / sizeof(values[0]); i++)
		if (values[i]->set)
			mistake_add(c->mistakes, values[i]->at,
				"a health check with type \"tcp\" sends no request: it has neither "
				"path, host nor status");
	if (health->status.count)
		mistake_add(c->mistakes, CFG_ITEM(health->status, struct cfg_value, 0)->at,
			"a health check with type \"tcp\" sends no request: it has neither path, "
			"host nor status");
}

void check_health(struct check *c, const struct cfg_health *health)
{
	const struct cfg_limits *limits = &c->config->root.limits;

	if (!health->place.set)
		return;
	if (health->type.valid && health->type.number == SNAP_HEALTH_TCP) {
		check_connection_only(c, health);
		return;
	}
	check_plain(c, &health->path, "path");
	check_plain(c, &health->host, "host");
	if (health->path.set && health->path.valid &&
		(health->path.text.len == 0 || health->path.text.data[0] != '/'))
		mistake_add(c->mistakes, health->path.at,
			"the path of a health check begins with \"/\"");
	if (health->path.valid && limits->target.valid &&
		health->path.text.len > limits->target.number)
		mistake_add(c->mistakes, health->path.at,
			"the path of a health check is longer than limits.target");
	for (uint32_t i = 0; i < health->status.count; i++)
		check_status(c, CFG_ITEM(health->status, struct cfg_value, i));
	if (health->status.count > SNAP_HEALTH_STATUSES_MAX)
		mistake_add(c->mistakes,
			CFG_ITEM(health->status, struct cfg_value, SNAP_HEALTH_STATUSES_MAX)->at,
			"a health check has at most %d statuses and ranges",
			SNAP_HEALTH_STATUSES_MAX);
}
