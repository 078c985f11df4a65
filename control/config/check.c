/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The check: what one setting cannot know alone. This file holds names and references, and the
 * order; check_network.c, check_apis.c and check_callers.c judge their sections.
 */
#include "control/config/config.h"

#include "control/config/check_priv.h"
#include "control/config/nearest.h"
#include "control/config/roll.h"

static const struct cfg_named *check_named(const struct cfg_list *list, size_t bytes, uint32_t i)
{
	return (const struct cfg_named *)((const char *)list->items + i * bytes);
}

struct names *check_names(
	struct check *c, const struct cfg_list *list, size_t bytes, const char *noun)
{
	struct names *names = names_new(list->count);

	if (!names) {
		mistake_add(c->mistakes, list->at, "out of memory");
		return NULL;
	}
	for (uint32_t i = 0; i < list->count; i++) {
		const struct cfg_named *item = check_named(list, bytes, i);

		if (!item->name.valid)
			continue;

		uint32_t first = names_add(names, item->name.text, i);

		if (first != i && first != NAMES_NONE)
			mistake_add(c->mistakes, item->name.at,
				"there is a %s '%.*s' already (line %u)", noun,
				(int)item->name.text.len, item->name.text.data,
				check_named(list, bytes, first)->place.at.line);
	}
	return names;
}

bool check_reference(struct check *c, struct cfg_value *value, const struct names *names,
	const struct cfg_list *list, size_t bytes, const char *noun)
{
	if (!value->valid)
		return false;

	uint32_t found = names_find(names, value->text);

	if (found != NAMES_NONE) {
		value->number = found;
		return true;
	}

	struct nearest near = nearest_begin(value->text);

	value->valid = false;
	for (uint32_t i = 0; i < list->count; i++)
		if (check_named(list, bytes, i)->name.valid)
			nearest_offer(&near, check_named(list, bytes, i)->name.text);
	if (near.best.data)
		mistake_add(c->mistakes, value->at, "no %s is named '%.*s'; did you mean '%.*s'?",
			noun, (int)value->text.len, value->text.data, (int)near.best.len,
			near.best.data);
	else
		mistake_add(c->mistakes, value->at, "no %s is named '%.*s'", noun,
			(int)value->text.len, value->text.data);
	return false;
}

void check_references(struct check *c, const struct cfg_list *values, const struct names *names,
	const struct cfg_list *list, size_t bytes, const char *noun)
{
	for (uint32_t i = 0; i < values->count; i++) {
		struct cfg_value *value = CFG_ITEM(*values, struct cfg_value, i);

		if (!check_reference(c, value, names, list, bytes, noun))
			continue;
		for (uint32_t j = 0; j < i; j++) {
			const struct cfg_value *other = CFG_ITEM(*values, struct cfg_value, j);

			if (other->valid && other->number == value->number) {
				mistake_add(c->mistakes, value->at,
					"%s '%.*s' is in the list already", noun,
					(int)value->text.len, value->text.data);
				break;
			}
		}
	}
}

void config_check(struct config *config, struct mistakes *mistakes)
{
	struct cfg_root *root = &config->root;
	struct check c = { config, mistakes };

	c.ports = check_names(&c, &root->dataplane.ports, sizeof(struct cfg_port), "port");
	c.certificates =
		check_names(&c, &root->certificates, sizeof(struct cfg_certificate), "certificate");
	c.listeners = check_names(&c, &root->listeners, sizeof(struct cfg_listener), "listener");
	c.backends = check_names(&c, &root->backends, sizeof(struct cfg_backend), "backend");
	c.credentials =
		check_names(&c, &root->credentials, sizeof(struct cfg_credential), "credential");
	c.plans = check_names(&c, &root->plans, sizeof(struct cfg_plan), "plan");

	check_dataplane(&c);
	check_kernels(&c);
	check_listeners(&c);
	check_backends(&c);
	check_apis(&c);
	check_route_conflicts(&c);
	check_credentials(&c);
	check_plans(&c);
	check_consumers(&c);
	check_admin(&c);
	check_access_log(&c);
	/* A name that is misspelt would make more parts look unused. */
	if (mistakes->errors == 0)
		check_use(&c);

	names_free(c.ports);
	names_free(c.certificates);
	names_free(c.listeners);
	names_free(c.backends);
	names_free(c.apis);
	names_free(c.credentials);
	names_free(c.plans);
}
