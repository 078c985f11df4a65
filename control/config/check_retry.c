/* SPDX-License-Identifier: Apache-2.0 */
/* The check of a route's retries: what they follow, and whether any request may be tried again. */
#include "control/config/check_retry.h"

#include "control/config/check_priv.h"
#include "control/config/nearest.h"
#include "control/config/units.h"
#include "dataplane/http/message.h"
#include "lib/shm/snapshot.h"

#define RETRY_CLASS "5xx"

static const char *const words[SNAP_RETRY_ONS] = { [SNAP_RETRY_CONNECT] = "connect",
	[SNAP_RETRY_RESET] = "reset",
	[SNAP_RETRY_TIMEOUT] = "timeout" };

static bool retry_word(struct str text, uint64_t *out)
{
	for (uint64_t i = 0; i < SNAP_RETRY_ONS; i++)
		if (str_equal(text, str_of(words[i]))) {
			*out = i;
			return true;
		}
	return false;
}

/* A word's number, a status, or RETRY_ALL_5XX becomes the value's number. */
static void check_on(struct check *c, struct cfg_value *on)
{
	const struct str text = on->text;
	struct nearest near = nearest_begin(text);

	if (!on->valid || retry_word(text, &on->number))
		return;
	if (str_equal(text, STR(RETRY_CLASS))) {
		on->number = RETRY_ALL_5XX;
		return;
	}
	if (text.len == 3 && unit_number(text, &on->number) == 0 &&
		on->number >= SNAP_RETRY_STATUS_LEAST && on->number <= SNAP_RETRY_STATUS_MOST)
		return;
	on->valid = false;
	for (unsigned i = 0; i < SNAP_RETRY_ONS; i++)
		nearest_offer(&near, str_of(words[i]));
	if (near.best.data)
		mistake_add(c->mistakes, on->at,
			"'%.*s' is nothing that a retry follows; did you mean '%.*s'?",
			(int)text.len, text.data, (int)near.best.len, near.best.data);
	else
		mistake_add(c->mistakes, on->at,
			"'%.*s' is nothing that a retry follows: write \"connect\", \"reset\", "
			"\"timeout\", a status of %d to %d, or \"" RETRY_CLASS "\"",
			(int)text.len, text.data, SNAP_RETRY_STATUS_LEAST, SNAP_RETRY_STATUS_MOST);
}

static void check_times(struct check *c, const struct cfg_route *route)
{
	const struct cfg_retry *retry = &route->retry;

	if (retry->per_try_timeout.set && retry->per_try_timeout.valid && route->timeout.valid &&
		retry->per_try_timeout.number >= route->timeout.number)
		mistake_add(c->mistakes, retry->per_try_timeout.at,
			"'per_try_timeout' must be below the route's 'timeout', which is for all tries");
	for (uint32_t i = 0; i < retry->on.count && !retry->per_try_timeout.set; i++) {
		const struct cfg_value *on = CFG_ITEM(retry->on, struct cfg_value, i);

		if (on->valid && on->number == SNAP_RETRY_TIMEOUT)
			mistake_add(c->mistakes, on->at,
				"\"timeout\" needs 'per_try_timeout': the route's 'timeout' ends all "
				"tries");
	}
}

void check_retry(struct check *c, const struct cfg_route *route)
{
	const struct cfg_retry *retry = &route->retry;
	const uint32_t methods = route->methods.bits;

	if (!retry->place.set)
		return;
	if (!route->backend.set)
		mistake_add(c->mistakes, retry->place.at,
			"'retry' is of what a backend gets, and this route has no backend");
	if (methods && !(methods & HTTP_METHODS_IDEMPOTENT))
		mistake_add(c->mistakes, retry->place.at,
			"'retry' does nothing here: none of the route's methods is idempotent");
	for (uint32_t i = 0; i < retry->on.count; i++)
		check_on(c, CFG_ITEM(retry->on, struct cfg_value, i));
	check_times(c, route);
}
