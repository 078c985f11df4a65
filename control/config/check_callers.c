/* SPDX-License-Identifier: Apache-2.0 */
/* The check of credentials, plans and consumers: who calls, how that is seen, and how much they
 * may. */
#include "control/config/check_priv.h"
#include "control/config/nearest.h"
#include "control/config/roll.h"
#include "control/config/units.h"
#include "lib/shm/snapshot.h"

#define AMOUNT_END  (UINT64_C(1) << 40) /* of requests in a limit */
#define BURST_MAX_S 0.95e9 /* filling an empty burst: below 2^60 ns, what a snapshot may hold */

/* A token of RFC 9110 §5.6.2, which field names, schemes and cookie names are. */
static bool is_token(struct str text)
{
	for (uint32_t i = 0; i < text.len; i++) {
		char ch = text.data[i];

		if (ch <= ' ' || ch >= 0x7f || strchr("()<>@,;:\\\"/[]?={}", ch))
			return false;
	}
	return text.len > 0 && text.len <= 64;
}

/* Fields that the gateway makes or removes itself: a key in them would never arrive, or not alone.
 * */
static bool is_reserved_field(struct str name)
{
	static const char *const fields[] = { "host", "connection", "content-length",
		"transfer-encoding", "te", "trailer", "upgrade", "expect", "keep-alive",
		"proxy-connection", "via", "forwarded", "x-forwarded-for", "x-forwarded-proto",
		"x-forwarded-host", "cookie" };

	for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++)
		if (str_equal_nocase(str_of(fields[i]), name))
			return true;
	return name.len >= 7 && str_equal_nocase((struct str){ name.data, 7 }, STR("sluice-"));
}

static void check_place(struct check *c, struct cfg_credential *k)
{
	const struct cfg_value *places[] = { &k->header, &k->parameter, &k->cookie, &k->scheme };
	static const char *const settings[] = { "header", "parameter", "cookie", "scheme" };

	for (unsigned i = 0; i < 4 && k->in.valid; i++)
		if (places[i]->valid && !is_token(places[i]->text))
			mistake_add(c->mistakes, places[i]->at,
				"'%s' must be a token of letters, digits and !#$%%&'*+-.^_`|~",
				settings[i]);
	if (k->header.valid && is_reserved_field(k->header.text))
		mistake_add(c->mistakes, k->header.at, "field '%.*s' cannot carry a credential%s",
			(int)k->header.text.len, k->header.text.data,
			str_equal_nocase(k->header.text, STR("cookie")) ? "; use in = \"cookie\""
									: "");
	if (k->header.valid && str_equal_nocase(k->header.text, STR("authorization")))
		mistake_add(c->mistakes, k->header.at,
			"for the Authorization field use in = \"authorization\" with a scheme");
}

/* A character of a pattern that stands for itself and that a query has only encoded; 0: none. */
static char encoded_in_query(struct str pattern)
{
	bool class = false;

	for (uint32_t i = 0; i < pattern.len; i++) {
		const char ch = pattern.data[i];

		if (ch == '\\' && i + 1 < pattern.len) {
			if (strchr("+&#%", pattern.data[++i]) != NULL)
				return pattern.data[i];
		} else if (class ? ch == ']' : ch == '[') {
			class = !class;
		} else if (strchr("&#% ", ch) != NULL || (class && ch == '+')) {
			return ch;
		}
	}
	return 0;
}

void check_credentials(struct check *c)
{
	const struct cfg_root *root = &c->config->root;

	for (uint32_t i = 0; i < root->credentials.count; i++) {
		struct cfg_credential *k = CFG_ITEM(root->credentials, struct cfg_credential, i);
		struct str pattern = k->pattern.text;

		check_place(c, k);
		if (k->pattern.valid &&
			(pattern.data[0] != '^' || pattern.data[pattern.len - 1] != '$'))
			mistake_warn(c->mistakes, k->pattern.at,
				"the pattern is not held by '^' and '$': whatever contains a match is "
				"taken for a credential as a whole");
		if (k->pattern.valid && k->in.valid && k->in.number == CFG_IN_QUERY &&
			encoded_in_query(pattern))
			mistake_warn(c->mistakes, k->pattern.at,
				"a client must write '%c' as %%%02X in a query: keys without it need no encoding",
				encoded_in_query(pattern), (unsigned)encoded_in_query(pattern));
	}
}

static void check_limit(struct check *c, const struct cfg_limit *l)
{
	if (l->rate.set && l->quota.set)
		mistake_add(
			c->mistakes, l->quota.at, "a limit is a rate or a quota: write two limits");
	if (!l->rate.set && !l->quota.set)
		mistake_add(c->mistakes, l->place.at, "a limit needs 'rate' or 'quota'");
	if (l->burst.set && !l->rate.set)
		mistake_add(c->mistakes, l->burst.at, "'burst' belongs to a rate");
	if (l->rate.valid && l->rate.number > l->rate.window_s * UINT64_C(1000000000))
		mistake_add(c->mistakes, l->rate.at, "'rate' must be at most 1000000000/s");
	if (l->rate.valid && l->rate.number >= AMOUNT_END)
		mistake_add(c->mistakes, l->rate.at, "'rate' must be below 1099511627776 requests");
	if (l->quota.valid && l->quota.number >= AMOUNT_END)
		mistake_add(
			c->mistakes, l->quota.at, "'quota' must be below 1099511627776 requests");
	if (l->rate.valid && l->burst.valid &&
		l->burst.number * (double)l->rate.window_s > l->rate.number * BURST_MAX_S)
		mistake_add(c->mistakes, l->burst.at,
			"'burst' is too large for this rate: it fills in more than 30 years");
}

static void check_plan_apis(struct check *c, struct cfg_plan *plan)
{
	const struct cfg_list *apis = &c->config->root.apis;

	for (uint32_t i = 0; i < plan->apis.count; i++) {
		struct cfg_value *api = CFG_ITEM(plan->apis, struct cfg_value, i);

		if (!check_reference(c, api, c->apis, apis, sizeof(struct cfg_api), "API"))
			continue;
		for (uint32_t j = 0; j < i; j++)
			if (str_equal(CFG_ITEM(plan->apis, struct cfg_value, j)->text, api->text))
				mistake_add(c->mistakes, api->at,
					"API '%.*s' is in the list already", (int)api->text.len,
					api->text.data);
	}
}

static void check_limit_names(struct check *c, const struct cfg_plan *plan)
{
	for (uint32_t i = 0; i < plan->limits.count; i++) {
		const struct cfg_limit *a = CFG_ITEM(plan->limits, struct cfg_limit, i);

		for (uint32_t j = 0; j < i; j++) {
			const struct cfg_limit *b = CFG_ITEM(plan->limits, struct cfg_limit, j);

			if (a->name.valid && b->name.valid && str_equal(a->name.text, b->name.text))
				mistake_add(c->mistakes, a->name.at,
					"there is a limit '%.*s' in this plan already (line %u)",
					(int)a->name.text.len, a->name.text.data, b->name.at.line);
		}
	}
}

void check_plans(struct check *c)
{
	const struct cfg_root *root = &c->config->root;

	for (uint32_t i = 0; i < root->plans.count; i++) {
		struct cfg_plan *plan = CFG_ITEM(root->plans, struct cfg_plan, i);

		check_plan_apis(c, plan);
		check_limit_names(c, plan);
		if (plan->limits.count > SNAP_LIMITS_PER_PLAN)
			mistake_add(c->mistakes, plan->limits.at, "a plan has at most %u limits",
				SNAP_LIMITS_PER_PLAN);
		for (uint32_t j = 0; j < plan->limits.count; j++)
			check_limit(c, CFG_ITEM(plan->limits, struct cfg_limit, j));
	}
}

static void enroll_keys(
	struct check *c, struct roll *roll, const struct cfg_consumer *consumer, uint32_t index)
{
	for (uint32_t i = 0; i < consumer->keys.count; i++) {
		const struct cfg_key *k = CFG_ITEM(consumer->keys, struct cfg_key, i);
		struct roll_key key = { .expires = k->expires.valid ? k->expires.number : 0,
			.id = k->id.text,
			.consumer = index,
			.line = k->sha256.at.line,
			.file = k->sha256.at.file };

		for (uint32_t j = 0; j < i && k->id.valid; j++) {
			const struct cfg_key *other = CFG_ITEM(consumer->keys, struct cfg_key, j);

			if (other->id.valid && str_equal(other->id.text, k->id.text))
				mistake_add(c->mistakes, k->id.at,
					"consumer '%.*s' has a key '%.*s' already (line %u)",
					(int)consumer->name.text.len, consumer->name.text.data,
					(int)k->id.text.len, k->id.text.data, other->id.at.line);
		}
		if (!k->sha256.valid || index == NAMES_NONE)
			continue;
		unit_hex(k->sha256.text, key.digest, sizeof(key.digest));
		if (roll_add_key(roll, &key) == NAMES_NONE)
			mistake_add(c->mistakes, k->place.at, "out of memory");
	}
}

static void enroll_consumers(struct check *c, struct roll *roll)
{
	const struct cfg_root *root = &c->config->root;

	for (uint32_t i = 0; i < root->consumers.count; i++) {
		struct cfg_consumer *consumer = CFG_ITEM(root->consumers, struct cfg_consumer, i);
		bool plan = check_reference(c, &consumer->plan, c->plans, &root->plans,
			sizeof(struct cfg_plan), "plan");
		uint32_t known = NAMES_NONE, index = NAMES_NONE;

		if (consumer->name.valid)
			known = names_find(roll->names, consumer->name.text);
		if (known != NAMES_NONE)
			mistake_add(c->mistakes, consumer->name.at,
				"there is a consumer '%.*s' already (line %u)",
				(int)consumer->name.text.len, consumer->name.text.data,
				roll->consumers[known].line);
		else if (consumer->name.valid && plan)
			index = roll_add_consumer(
				roll, &(struct roll_consumer){ consumer->name.text,
					      (uint32_t)consumer->plan.number,
					      consumer->place.at.line, consumer->place.at.file });
		enroll_keys(c, roll, consumer, index);
	}
}

void check_consumers(struct check *c)
{
	const struct cfg_root *root = &c->config->root;
	const struct cfg_value *capacity = &root->dataplane.capacity.consumers;
	struct roll *roll = roll_new();

	if (!roll) {
		mistake_add(c->mistakes, root->consumers.at, "out of memory");
		return;
	}
	c->config->roll = roll;
	enroll_consumers(c, roll);
	for (uint32_t i = 0; i < root->key_files.count && !c->config->without_files; i++) {
		const struct cfg_value *file = CFG_ITEM(root->key_files, struct cfg_value, i);
		const char *path = file->valid ? config_path(c->config, file->text) : NULL;

		if (path)
			roll_read_file(roll, path, file->at, c->plans, &root->plans, c->mistakes);
	}
	roll_find_duplicates(roll, c->mistakes);
	if (capacity->valid && capacity->number && roll->consumer_count > capacity->number)
		mistake_add(c->mistakes, capacity->at,
			"%u consumers are configured, but dataplane.capacity has room for %u",
			roll->consumer_count, (unsigned)capacity->number);
}
