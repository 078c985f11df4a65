/* SPDX-License-Identifier: Apache-2.0 */
/* The check of health checks: what goes into their requests, and which statuses pass. */
#include <stdio.h>

#include "dataplane/http/h1/http1.h"

#include "control/config/check_priv.h"
#include "control/config/units.h"
#include "lib/shm/snapshot.h"

/* Behind a decimal status, three digits. Interim ones do not end a response: no check's result is
 * one. @return false when there is none */
static bool health_status(struct str text, uint64_t *out)
{
	return text.len == 3 && unit_number(text, out) == 0 && *out >= 200 && *out <= 599;
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
			"'%.*s' is no status of 200 to 599 and no range such as \"200-299\"",
			(int)text.len, text.data);
	}
}

/* Whether the parser that reads the requests of checks takes them as they are. Their lengths are
 * judged elsewhere. */
static bool health_can_ask(struct str path, struct str host)
{
	const struct http1_limits limits = {
		.head_bytes = HTTP1_MAX_HEAD_BYTES,
		.target_bytes = SNAP_HEALTH_TEXT_BYTES_MAX,
		.fields = HTTP_MAX_FIELDS,
	};
	char text[2 * SNAP_HEALTH_TEXT_BYTES_MAX + 64];
	struct http1_head head;
	enum reason reason;
	const int n = snprintf(text, sizeof(text), "GET %.*s HTTP/1.1\r\nHost: %.*s\r\n\r\n",
		(int)path.len, path.data, (int)host.len, host.data);

	return n > 0 && n < (int)sizeof(text) && !memchr(host.data, ' ', host.len) &&
	       http1_parse_request(text, (size_t)n, 0, &limits, &head, &reason) == HTTP1_DONE &&
	       head.head_bytes == (uint32_t)n;
}

static void check_path(struct check *c, const struct cfg_value *path)
{
	const struct cfg_limits *limits = &c->config->root.limits;
	const struct str text = path->text;

	if (!path->set || !path->valid)
		return;
	if (text.len == 0 || text.data[0] != '/')
		mistake_add(c->mistakes, path->at, "the path of a health check begins with \"/\"");
	else if (text.len > SNAP_HEALTH_TEXT_BYTES_MAX)
		mistake_add(c->mistakes, path->at,
			"the path of a health check has at most %d bytes",
			SNAP_HEALTH_TEXT_BYTES_MAX);
	else if (limits->target.valid && text.len > limits->target.number)
		mistake_add(c->mistakes, path->at,
			"the path of a health check is longer than limits.target");
	else if (!health_can_ask(text, STR("a")))
		mistake_add(c->mistakes, path->at,
			"path '%.*s' of a health check has a byte that no request target has; "
			"write it as %%XX",
			(int)text.len, text.data);
}

static void check_host(struct check *c, const struct cfg_value *host)
{
	const struct str text = host->text;

	if (!host->set || !host->valid)
		return;
	if (text.len > SNAP_HEALTH_TEXT_BYTES_MAX)
		mistake_add(c->mistakes, host->at,
			"the host of a health check has at most %d bytes",
			SNAP_HEALTH_TEXT_BYTES_MAX);
	else if (!health_can_ask(STR("/"), text))
		mistake_add(c->mistakes, host->at,
			"'%.*s' is no host: write \"orders.internal\" or \"10.0.0.1:8080\"",
			(int)text.len, text.data);
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
	if (!health->place.set)
		return;
	if (health->type.valid && health->type.number == SNAP_HEALTH_TCP) {
		check_connection_only(c, health);
		return;
	}
	check_path(c, &health->path);
	check_host(c, &health->host);
	for (uint32_t i = 0; i < health->status.count; i++)
		check_status(c, CFG_ITEM(health->status, struct cfg_value, i));
	if (health->status.count > SNAP_HEALTH_STATUSES_MAX)
		mistake_add(c->mistakes,
			CFG_ITEM(health->status, struct cfg_value, SNAP_HEALTH_STATUSES_MAX)->at,
			"a health check has at most %d statuses and ranges",
			SNAP_HEALTH_STATUSES_MAX);
}
