/* SPDX-License-Identifier: Apache-2.0 */
/* Who calls, and may they: the worker's steps, with its own code, but nothing is taken from a
 * limit. */
#include <openssl/sha.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "control/compile/shape.h"
#include "control/ctl/explain.h"
#include "control/ctl/table.h"
#include "control/json.h"
#include "dataplane/policy/gcra.h"
#include "dataplane/policy/quota.h"
#include "lib/base/plural.h"

static const struct snap_api *api_of(const struct explain *e)
{
	return SNAP_AT(e->s, SNAP_APIS, snap_api, e->api);
}

static const struct snap_credential *credential_at(const struct explain *e, uint32_t i)
{
	return SNAP_AT(e->s, SNAP_CREDENTIALS, snap_credential, i);
}

static const char *where_text(uint32_t where)
{
	static const char *const texts[] = { "header", "query parameter", "cookie",
		"Authorization scheme" };

	return where < 4 ? texts[where] : "?";
}

/* Look for the credential with the key put where @p index says; SNAP_NONE: only what --header gave.
 * */
static enum reason find_with(const struct explain *e, struct credential_set *set,
	struct credential_scratch *scratch, uint32_t index, char *buf,
	struct policy_credential *out)
{
	static struct http1_head head;
	const struct snap_range accepted = api_of(e)->credentials;
	enum reason reason = explain_head(e->ctl, e->s, &e->request, index, buf, &head);

	if (reason != REASON_PROXIED)
		return reason;
	return credential_find(set, scratch, &head.message,
		&SNAP_INDEX_AT(e->s, SNAP_API_CREDENTIALS, accepted.first), accepted.count, out);
}

/* Try the API's credentials in turn: a key belongs where it is recognised. */
static enum reason find_credential(struct explain *e, char *buf, struct policy_credential *out)
{
	const struct snap_api *api = api_of(e);
	char why[200];
	struct credential_set *set = credential_set_create(e->s, NULL, why, sizeof(why));
	struct credential_scratch *scratch = set ? credential_scratch_create(set) : NULL;
	enum reason reason = REASON_OVERLOADED;

	if (!scratch) {
		explain_step(e, "credential", "the patterns cannot be used here: %s",
			set ? "out of memory" : why);
	} else if (!e->ctl->key) {
		reason = find_with(e, set, scratch, SNAP_NONE, buf, out);
	} else {
		for (uint32_t i = 0; i < api->credentials.count && reason != REASON_PROXIED; i++)
			reason = find_with(e, set, scratch,
				snap_named(e->s, SNAP_CREDENTIAL,
					SNAP_INDEX_AT(e->s, SNAP_API_CREDENTIALS,
						api->credentials.first + i)),
				buf, out);
	}
	credential_scratch_destroy(scratch);
	credential_set_destroy(set);
	return reason;
}

/* What the API would have accepted. */
static void describe_accepted(struct explain *e)
{
	const struct snap_api *api = api_of(e);

	for (uint32_t i = 0; i < api->credentials.count; i++) {
		const struct snap_credential *k = snap_credential_of(e->s, api, i);
		struct str name = snap_str(e->s, k->name), field = snap_str(e->s, k->field);
		struct str pattern = snap_str(e->s, k->pattern);

		explain_step(e, "accepted", "%.*s: %s %.*s like %.*s", (int)name.len, name.data,
			where_text(k->where), (int)field.len, field.data, (int)pattern.len,
			pattern.data);
	}
}

static int compare_digest(const void *digest, const void *key)
{
	return memcmp(digest, ((const struct snap_key *)key)->digest, SNAP_DIGEST_BYTES);
}

static enum reason caller_identify(struct explain *e, const struct policy_credential *found)
{
	uint8_t digest[SNAP_DIGEST_BYTES];
	uint32_t count;
	const struct snap_key *keys = snap_records(e->s, SNAP_KEYS, &count), *key;
	const struct snap_consumer *consumer;
	struct str name, id;

	SHA256((const unsigned char *)found->value.data, found->value.len, digest);
	key = count ? bsearch(digest, keys, count, sizeof(*keys), compare_digest) : NULL;
	if (!key) {
		explain_step(e, "consumer", "none of %u key%s has this one's SHA-256", count,
			plural(count));
		return REASON_KEY_UNKNOWN;
	}
	consumer = SNAP_AT(e->s, SNAP_CONSUMERS, snap_consumer, key->consumer);
	name = snap_str(e->s, consumer->name);
	id = snap_str(e->s, key->id);
	json_object_set_new(e->out, "consumer", json_str(name));
	json_object_set_new(e->out, "key_id", json_str(id));
	if (key->expires && key->expires <= (uint64_t)time(NULL)) {
		explain_step(e, "consumer", "%.*s: its key '%.*s' has expired", (int)name.len,
			name.data, (int)id.len, id.data);
		return REASON_KEY_EXPIRED;
	}
	if (id.len)
		explain_step(e, "consumer", "%.*s, by its key '%.*s'", (int)name.len, name.data,
			(int)id.len, id.data);
	else
		explain_step(e, "consumer",
			"%.*s, by a key that was added by command since the apply", (int)name.len,
			name.data);
	e->consumer = key->consumer;
	e->plan = consumer->plan;
	return REASON_PROXIED;
}

/* A million names are looked through once. */
static uint32_t find_consumer(const struct explain *e)
{
	for (uint32_t i = 0; i < e->s->sections[SNAP_CONSUMERS].count; i++)
		if (str_equal(snap_str(e->s, SNAP_AT(e->s, SNAP_CONSUMERS, snap_consumer, i)->name),
			    str_of(e->ctl->only)))
			return i;
	return SNAP_NONE;
}

/* Its keys that are still good. */
static void describe_keys(struct explain *e)
{
	uint32_t count, good = 0, expired = 0;
	const struct snap_key *keys = snap_records(e->s, SNAP_KEYS, &count);

	for (uint32_t i = 0; i < count; i++) {
		bool past = keys[i].expires && keys[i].expires <= (uint64_t)time(NULL);

		if (keys[i].consumer != e->consumer)
			continue;
		good += !past;
		expired += past;
	}
	explain_step(e, "consumer", "%s: %u key%s, and %u that expired", e->ctl->only, good,
		plural(good), expired);
}

/* @return REASON_PROXIED, or KEY_UNKNOWN when no consumer has that name */
static enum reason take_consumer(struct explain *e)
{
	e->consumer = find_consumer(e);
	if (e->consumer == SNAP_NONE) {
		explain_step(e, "consumer", "none is named '%s'", e->ctl->only);
		return REASON_KEY_UNKNOWN;
	}
	e->plan = SNAP_AT(e->s, SNAP_CONSUMERS, snap_consumer, e->consumer)->plan;
	json_object_set_new(e->out, "consumer", json_string(e->ctl->only));
	describe_keys(e);
	return REASON_PROXIED;
}

static enum reason check_plan(struct explain *e)
{
	const struct snap_plan *plan = SNAP_AT(e->s, SNAP_PLANS, snap_plan, e->plan);
	struct str name = snap_str(e->s, plan->name), api = snap_str(e->s, api_of(e)->name);
	struct str version = snap_str(e->s, api_of(e)->version);
	bool open = false;

	for (uint32_t i = 0; i < plan->apis.count; i++)
		open |= SNAP_INDEX_AT(e->s, SNAP_PLAN_APIS, plan->apis.first + i) ==
			api_of(e)->slot;
	json_object_set_new(e->out, "plan", json_str(name));
	explain_step(e, "plan", "%.*s: %s API %.*s %.*s%s", (int)name.len, name.data,
		open ? "opens" : "does not open", (int)api.len, api.data, (int)version.len,
		version.data, plan->soft ? "; soft: counts, but refuses nothing" : "");
	return open ? REASON_PROXIED : REASON_API_NOT_IN_PLAN;
}

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

static enum reason explain_limit(struct explain *e, const struct snap_limit *l, json_t *list)
{
	uint32_t slot = SNAP_AT(e->s, SNAP_CONSUMERS, snap_consumer, e->consumer)->slot;
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
		return REASON_PROXIED;
	}

	struct standing now = caller_look(l, &usage->lines[slot].limit[l->word]);

	json_object_set_new(limit, "left", json_integer((json_int_t)now.left));
	json_object_set_new(limit, "reset_s", json_real(now.reset_s));
	explain_step(e, "limit", "%.*s %s: %llu left now, %s in %s", (int)name.len, name.data, text,
		(unsigned long long)now.left,
		l->kind == SNAP_LIMIT_RATE ? "full again" : "begins again",
		duration_text(now.reset_s, reset));
	if (now.left)
		return REASON_PROXIED;
	return l->kind == SNAP_LIMIT_RATE ? REASON_RATE_LIMITED : REASON_QUOTA_EXCEEDED;
}

static enum reason check_limits(struct explain *e)
{
	const struct snap_plan *plan = SNAP_AT(e->s, SNAP_PLANS, snap_plan, e->plan);
	enum reason verdict = REASON_PROXIED;
	json_t *list = json_array();

	json_object_set_new(e->out, "limits", list);
	for (uint32_t i = 0; i < plan->limits.count; i++) {
		enum reason reason = explain_limit(
			e, SNAP_AT(e->s, SNAP_LIMITS, snap_limit, plan->limits.first + i), list);

		if (verdict == REASON_PROXIED)
			verdict = reason;
	}
	if (plan->limits.count == 0)
		explain_step(e, "limit", "none");
	return plan->soft ? REASON_PROXIED : verdict;
}

bool explain_consumer(struct explain *e)
{
	const struct snap_plan *plan;
	struct str name;

	if (take_consumer(e) != REASON_PROXIED)
		return false;
	plan = SNAP_AT(e->s, SNAP_PLANS, snap_plan, e->plan);
	name = snap_str(e->s, plan->name);
	json_object_set_new(e->out, "plan", json_str(name));
	explain_step(e, "plan", "%.*s%s", (int)name.len, name.data,
		plan->soft ? "; soft: counts, but refuses nothing" : "");
	for (uint32_t i = 0; i < plan->apis.count; i++) {
		const struct snap_api *api = SNAP_AT(e->s, SNAP_APIS, snap_api,
			snap_named(e->s, SNAP_API,
				SNAP_INDEX_AT(e->s, SNAP_PLAN_APIS, plan->apis.first + i)));
		struct str text = snap_str(e->s, api->name), version = snap_str(e->s, api->version);

		explain_step(e, "opens", "%.*s %.*s", (int)text.len, text.data, (int)version.len,
			version.data);
	}
	check_limits(e);
	return true;
}

enum reason explain_caller(struct explain *e)
{
	struct policy_credential found;
	enum reason reason;
	char *buf;

	if (api_of(e)->credentials.count == 0) {
		explain_step(e, "credential", "none is asked for: the API is open to everyone");
		return REASON_PROXIED;
	}
	if (e->ctl->only) {
		reason = take_consumer(e);
		if (reason == REASON_PROXIED)
			reason = check_plan(e);
		return reason == REASON_PROXIED ? check_limits(e) : reason;
	}
	buf = malloc(EXPLAIN_HEAD_BYTES);
	reason = buf ? find_credential(e, buf, &found) : REASON_OVERLOADED;
	if (reason == REASON_PROXIED) {
		const struct snap_credential *k = credential_at(e, found.credential);
		struct str name = snap_str(e->s, k->name), field = snap_str(e->s, k->field);

		json_object_set_new(e->out, "credential", json_str(name));
		explain_step(e, "credential", "%.*s, in %s %.*s", (int)name.len, name.data,
			where_text(k->where), (int)field.len, field.data);
		reason = caller_identify(e, &found);
	} else if (reason == REASON_KEY_MISSING) {
		explain_step(e, "credential",
			e->ctl->key ? "the key looks like none that the API accepts"
				    : "none was found");
		describe_accepted(e);
	}
	free(buf);
	if (reason == REASON_PROXIED)
		reason = check_plan(e);
	return reason == REASON_PROXIED ? check_limits(e) : reason;
}
