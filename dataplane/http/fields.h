/* SPDX-License-Identifier: Apache-2.0 */
/* Field names: which of them the gateway acts on, and what could be taken for one of these. */
#ifndef SLUICE_DATAPLANE_HTTP_FIELDS_H
#define SLUICE_DATAPLANE_HTTP_FIELDS_H

#include "dataplane/http/message.h"

/**
 * The id of a field's name.
 * @param name   a token of at least one byte
 * @param alias  set when only "_" tells it from a known name; the id is then HTTP_FIELD_OTHER
 */
enum http_field_id http_field_find(struct str name, bool *alias);

/** Whether a backend could take one name for the other. */
bool http_name_same(struct str a, struct str b);

/** Whether a field concerns one connection only, by its nature (RFC 9110 §7.6.1, §11.7). */
bool http_field_is_hop(enum http_field_id id);

/** Whether a field may be forwarded as a trailer (RFC 9110 §6.5.1). */
bool http_field_may_trail(const struct http_field *field);

#endif
