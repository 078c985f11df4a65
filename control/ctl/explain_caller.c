/* SPDX-License-Identifier: Apache-2.0 */
/* Who calls: the credential, and the consumer that its digest belongs to. */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "control/ctl/explain.h"
#include "control/json.h"
#include "dataplane/policy/digest.h"
#include "lib/base/plural.h"

static const struct snap_api *api_of(const struct explain *e)
{
	return SNAP_AT(e->s, SNAP_APIS, snap_api, e->decision.plan->api);
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

void explain_credential(struct explain *e)
{
	const struct decision *d = &e->decision;

	if (e->ctl->only)
		return;
	if (d->verdict == REASON_KEY_MISSING) {
		explain_step(e, "credential",
			e->ctl->key ? "the key looks like none that the API accepts"
				    : "none was found");
		describe_accepted(e);
	}
	if (d->verdict != REASON_PROXIED)
		return;

	const struct snap_credential *k = credential_at(e, d->credential.credential);
	struct str name = snap_str(e->s, k->name), field = snap_str(e->s, k->field);

	json_object_set_new(e->out, "credential", json_str(name));
	explain_step(e, "credential", "%.*s, in %s %.*s", (int)name.len, name.data,
		where_text(k->where), (int)field.len, field.data);
}

/* Its keys that are still good. */
static void describe_keys(struct explain *e)
{
	uint32_t count, good = 0, expired = 0;
	const struct snap_key *keys = snap_records(e->s, SNAP_KEYS, &count);

	for (uint32_t i = 0; i < count; i++) {
		bool past = keys[i].expires && keys[i].expires <= (uint64_t)time(NULL);

		if (keys[i].consumer != e->decision.caller.consumer)
			continue;
		good += !past;
		expired += past;
	}
	explain_step(e, "consumer", "%s: %u key%s, and %u that expired", e->ctl->only, good,
		plural(good), expired);
}

/* The id of the key that was recognised; empty when it was added since the apply. */
static struct str key_id(const struct explain *e)
{
	uint8_t digest[SNAP_DIGEST_BYTES];
	const struct snap_key *key;

	digest_sha256(e->decision.credential.value, digest);
	key = snap_find_key(e->s, digest);
	return key ? snap_str(e->s, key->id) : STR("");
}

static void describe_key(struct explain *e)
{
	const struct decision *d = &e->decision;
	const uint32_t keys = e->s->sections[SNAP_KEYS].count;
	const struct str name = d->caller.name;
	struct str id;

	if (d->verdict == REASON_KEY_UNKNOWN) {
		explain_step(e, "consumer", "none of %u key%s has this one's SHA-256", keys,
			plural(keys));
		return;
	}
	id = key_id(e);
	json_object_set_new(e->out, "consumer", json_str(name));
	json_object_set_new(e->out, "key_id", json_str(id));
	if (d->verdict == REASON_KEY_EXPIRED)
		explain_step(e, "consumer", "%.*s: its key '%.*s' has expired", (int)name.len,
			name.data, (int)id.len, id.data);
	else if (id.len)
		explain_step(e, "consumer", "%.*s, by its key '%.*s'", (int)name.len, name.data,
			(int)id.len, id.data);
	else
		explain_step(e, "consumer",
			"%.*s, by a key that was added by command since the apply", (int)name.len,
			name.data);
}

bool explain_take_consumer(struct explain *e)
{
	struct decision *d = &e->decision;
	const uint32_t index = snap_find_name(
		e->s, SNAP_CONSUMERS, offsetof(struct snap_consumer, name), str_of(e->ctl->only));
	const struct snap_consumer *consumer;

	if (index == SNAP_NONE)
		return false;
	consumer = SNAP_AT(e->s, SNAP_CONSUMERS, snap_consumer, index);
	d->caller = (struct policy_caller){ index, consumer->plan, consumer->slot, 0,
		snap_str(e->s, consumer->name) };
	d->has_caller = true;
	return true;
}

/* The one that --consumer names. */
static void describe_consumer(struct explain *e)
{
	if (!e->decision.has_caller) {
		explain_step(e, "consumer", "none is named '%s'", e->ctl->only);
		return;
	}
	json_object_set_new(e->out, "consumer", json_string(e->ctl->only));
	describe_keys(e);
}

void explain_caller(struct explain *e)
{
	if (e->ctl->only)
		describe_consumer(e);
	else
		describe_key(e);
}

void explain_plan(struct explain *e)
{
	const struct snap_plan *plan =
		SNAP_AT(e->s, SNAP_PLANS, snap_plan, e->decision.caller.plan);
	struct str name = snap_str(e->s, plan->name), api = snap_str(e->s, api_of(e)->name);
	struct str version = snap_str(e->s, api_of(e)->version);

	json_object_set_new(e->out, "plan", json_str(name));
	explain_step(e, "plan", "%.*s: %s API %.*s %.*s%s", (int)name.len, name.data,
		e->decision.verdict == REASON_PROXIED ? "opens" : "does not open", (int)api.len,
		api.data, (int)version.len, version.data,
		plan->soft ? "; soft: counts, but refuses nothing" : "");
}

bool explain_consumer(struct explain *e)
{
	const struct snap_plan *plan;
	struct str name;

	explain_take_consumer(e);
	describe_consumer(e);
	if (!e->decision.has_caller)
		return false;
	plan = SNAP_AT(e->s, SNAP_PLANS, snap_plan, e->decision.caller.plan);
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
	explain_limits(e);
	return true;
}
