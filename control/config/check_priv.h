/* SPDX-License-Identifier: Apache-2.0 */
/* What the parts of the check share: the names of everything that can be referred to. */
#ifndef SLUICE_CONTROL_CONFIG_CHECK_PRIV_H
#define SLUICE_CONTROL_CONFIG_CHECK_PRIV_H

#include "control/config/config.h"
#include "control/config/names.h"

struct check {
	struct config *config;
	struct mistakes *mistakes;
	struct names *ports, *certificates, *listeners, *backends, *apis, *credentials, *plans;
};

/**
 * Enter the names of a list of groups that begin with struct cfg_named; a name twice is a mistake.
 * @param bytes  of one item
 * @param noun   "listener"
 */
struct names *check_names(
	struct check *c, const struct cfg_list *list, size_t bytes, const char *noun);

/** Resolve a reference into value->number; the nearest of @p list's names is offered when there is
 *  none. @return false when it refers to nothing (value->valid is false then) */
bool check_reference(struct check *c, struct cfg_value *value, const struct names *names,
	const struct cfg_list *list, size_t bytes, const char *noun);

/** Resolve each of a list of references, which may name nothing twice. */
void check_references(struct check *c, const struct cfg_list *values, const struct names *names,
	const struct cfg_list *list, size_t bytes, const char *noun);

void check_admin(struct check *c);
void check_dataplane(struct check *c);
void check_kernels(struct check *c);
void check_listeners(struct check *c);
void check_backends(struct check *c);
void check_health(struct check *c, const struct cfg_health *health);
void check_apis(struct check *c);
/** "*", "name.example" or "*.name.example", of labels that DNS knows. */
bool check_is_host(struct str host);
/** A host as Host has it: a name or an address, with or without a port of 1 to 65535. */
bool check_is_authority(struct str host);
/** What an API, and a route, changes of messages. */
void check_api_edits(struct check *c, const struct cfg_api *api);
void check_route_edits(struct check *c, const struct cfg_api *api, const struct cfg_route *route);
/** Names of methods, into list->bits. */
void check_methods(struct check *c, struct cfg_list *methods);
/** Which pages may use an API or a route. */
void check_cors(struct check *c, struct cfg_cors *cors);
/** Fields of responses that CORS settings write are not changed beside them. */
void check_cors_edits(struct check *c, const struct cfg_edit_fields *response);
/** How a route's requests are tried again. */
void check_retry(struct check *c, const struct cfg_route *route);
/** What a route does with a request. */
void check_replies(struct check *c, const struct cfg_route *route);
void check_route_conflicts(struct check *c);
void check_credentials(struct check *c);
void check_plans(struct check *c);
void check_consumers(struct check *c);
void check_access_log(struct check *c);
void check_use(struct check *c);

#endif
