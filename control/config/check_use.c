/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The check of what works but is probably not meant: parts that no other part refers to, an API
 * that no caller may call, keys that have ended, more workers than the machine has cores for.
 */
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "control/config/check_priv.h"
#include "control/config/roll.h"

/* Which items of a list something refers to. */
struct uses {
	bool *used;
	uint32_t count;
};

static struct uses uses_new(struct check *c, const struct cfg_list *list)
{
	return (struct uses){ config_alloc(c->config, list->count + 1), list->count };
}

static void uses_note(struct uses *uses, const struct cfg_value *reference)
{
	if (uses->used && reference->valid && reference->number < uses->count)
		uses->used[reference->number] = true;
}

static void uses_note_all(struct uses *uses, const struct cfg_list *references)
{
	for (uint32_t i = 0; i < references->count; i++)
		uses_note(uses, CFG_ITEM(*references, struct cfg_value, i));
}

/* @param text  what is the matter with those that are not used: "is used by no route" */
static void uses_warn(struct check *c, const struct uses *uses, const struct cfg_list *list,
	size_t bytes, const char *noun, const char *text)
{
	for (uint32_t i = 0; i < list->count && uses->used; i++) {
		const struct cfg_named *item =
			(const struct cfg_named *)((const char *)list->items + i * bytes);

		if (!uses->used[i] && item->name.valid)
			mistake_warn(c->mistakes, item->name.at, "%s '%.*s' %s", noun,
				(int)item->name.text.len, item->name.text.data, text);
	}
}

static void check_used_certificates(struct check *c)
{
	const struct cfg_root *root = &c->config->root;
	struct uses uses = uses_new(c, &root->certificates);

	for (uint32_t i = 0; i < root->listeners.count; i++)
		uses_note_all(&uses,
			&CFG_ITEM(root->listeners, struct cfg_listener, i)->tls.certificates);
	for (uint32_t i = 0; i < root->backends.count; i++)
		uses_note(&uses, &CFG_ITEM(root->backends, struct cfg_backend, i)->tls.certificate);
	uses_warn(c, &uses, &root->certificates, sizeof(struct cfg_certificate), "certificate",
		"is used by no listener and no backend");
}

/* What APIs refer to. */
static void check_used_by_apis(struct check *c)
{
	const struct cfg_root *root = &c->config->root;
	struct uses listeners = uses_new(c, &root->listeners);
	struct uses credentials = uses_new(c, &root->credentials);
	struct uses backends = uses_new(c, &root->backends);
	bool all_listeners = root->apis.count == 0;

	for (uint32_t i = 0; i < root->apis.count; i++) {
		const struct cfg_api *api = CFG_ITEM(root->apis, struct cfg_api, i);

		all_listeners |= api->listeners.count == 0;
		uses_note_all(&listeners, &api->listeners);
		uses_note_all(&credentials, &api->auth);
		for (uint32_t r = 0; r < api->routes.count; r++)
			uses_note(&backends, &CFG_ITEM(api->routes, struct cfg_route, r)->backend);
	}
	if (!all_listeners)
		uses_warn(c, &listeners, &root->listeners, sizeof(struct cfg_listener), "listener",
			"serves no API");
	uses_warn(c, &credentials, &root->credentials, sizeof(struct cfg_credential), "credential",
		"is asked for by no API");
	uses_warn(c, &backends, &root->backends, sizeof(struct cfg_backend), "backend",
		"is used by no route");
}

/* "orders" in a plan opens all versions of the API, "orders/v2" one. */
static bool use_opens(const struct cfg_value *opened, const struct cfg_api *api)
{
	const struct str name = api->name.text, version = api->version.text;
	struct str rest = opened->text;

	if (!str_starts(rest, name))
		return false;
	rest = (struct str){ rest.data + name.len, rest.len - name.len };
	return rest.len == 0 ||
	       (rest.data[0] == '/' &&
		       str_equal((struct str){ rest.data + 1, rest.len - 1 }, version));
}

static bool is_in_a_plan(const struct cfg_root *root, const struct cfg_api *api)
{
	for (uint32_t p = 0; p < root->plans.count; p++) {
		const struct cfg_list *apis = &CFG_ITEM(root->plans, struct cfg_plan, p)->apis;

		for (uint32_t i = 0; i < apis->count; i++)
			if (use_opens(CFG_ITEM(*apis, struct cfg_value, i), api))
				return true;
	}
	return false;
}

static void check_callable(struct check *c)
{
	const struct cfg_root *root = &c->config->root;

	for (uint32_t i = 0; i < root->apis.count; i++) {
		const struct cfg_api *api = CFG_ITEM(root->apis, struct cfg_api, i);
		int len = (int)api->name.text.len;

		if (!api->name.valid)
			continue;
		if (api->auth.set && api->auth.count == 0)
			mistake_warn(c->mistakes, api->auth.at,
				"'auth' is empty: API '%.*s' is open to everyone; leave it out to say so",
				len, api->name.text.data);
		if (api->auth.count && !is_in_a_plan(root, api))
			mistake_warn(c->mistakes, api->name.at,
				"API '%.*s/%.*s' asks for a key, but no plan opens it: no consumer may call it",
				len, api->name.text.data, (int)api->version.text.len,
				api->version.text.data);
	}
	for (uint32_t i = 0; i < root->plans.count; i++) {
		const struct cfg_plan *plan = CFG_ITEM(root->plans, struct cfg_plan, i);

		if (plan->name.valid && plan->apis.count == 0)
			mistake_warn(c->mistakes, plan->name.at,
				"plan '%.*s' opens no API: its consumers may call nothing",
				(int)plan->name.text.len, plan->name.text.data);
	}
}

/* A key file may hold a million keys that ended: one line for each file. */
static void check_ended_in_file(
	struct check *c, const char *file, uint32_t first_line, uint32_t count)
{
	if (count == 1)
		mistake_warn(
			c->mistakes, (struct cfg_at){ file, first_line }, "this key has expired");
	else if (count)
		mistake_warn(c->mistakes, (struct cfg_at){ file, first_line },
			"this key has expired, and %u more of this file", count - 1);
}

static void check_ended_keys(struct check *c)
{
	const struct roll *roll = c->config->roll;
	const struct roll_key *first = NULL;
	uint64_t now_s = (uint64_t)time(NULL);
	uint32_t count = 0;

	/* In the order of reading: a file's keys are together. */
	for (uint32_t i = 0; i < roll->key_count; i++) {
		const struct roll_key *key = &roll->keys[i];

		if (key->expires == 0 || key->expires > now_s)
			continue;
		if (first && first->file != key->file) {
			check_ended_in_file(c, first->file, first->line, count);
			count = 0;
		}
		first = count++ ? first : key;
	}
	if (first)
		check_ended_in_file(c, first->file, first->line, count);
}

static void check_used_by_consumers(struct check *c)
{
	const struct cfg_root *root = &c->config->root;
	const struct roll *roll = c->config->roll;
	struct uses plans = uses_new(c, &root->plans);
	bool *has_key = config_alloc(c->config, roll->consumer_count + 1);

	for (uint32_t i = 0; i < roll->consumer_count && plans.used; i++)
		if (roll->consumers[i].plan < plans.count)
			plans.used[roll->consumers[i].plan] = true;
	for (uint32_t i = 0; i < roll->key_count && has_key; i++)
		has_key[roll->keys[i].consumer] = true;
	uses_warn(c, &plans, &root->plans, sizeof(struct cfg_plan), "plan", "is no consumer's");
	for (uint32_t i = 0; i < roll->consumer_count && has_key; i++)
		if (!has_key[i])
			mistake_warn(c->mistakes,
				(struct cfg_at){ roll->consumers[i].file, roll->consumers[i].line },
				"consumer '%.*s' has no key", (int)roll->consumers[i].name.len,
				roll->consumers[i].name.data);
}

static void check_processors(struct check *c)
{
	const struct cfg_dataplane *d = &c->config->root.dataplane;
	long cores = sysconf(_SC_NPROCESSORS_ONLN), all = sysconf(_SC_NPROCESSORS_CONF);

	if (cores > 0 && d->workers.set && d->workers.valid && d->workers.number > (uint64_t)cores)
		mistake_warn(c->mistakes, d->workers.at,
			"%u workers, but this machine has %ld cores: each worker takes one for itself",
			(unsigned)d->workers.number, cores);
	for (uint32_t i = 0; i < d->lcores.count && all > 0; i++) {
		const struct cfg_value *core = CFG_ITEM(d->lcores, struct cfg_value, i);

		if (core->valid && core->number >= (uint64_t)all)
			mistake_warn(c->mistakes, core->at,
				"there is no core %u: this machine has %ld cores, from 0 on",
				(unsigned)core->number, all);
	}
}

void check_use(struct check *c)
{
	check_used_certificates(c);
	check_used_by_apis(c);
	check_callable(c);
	if (c->config->roll) {
		check_used_by_consumers(c);
		check_ended_keys(c);
	}
	if (!c->config->without_files)
		check_processors(c);
}
