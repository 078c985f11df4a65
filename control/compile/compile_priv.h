/* SPDX-License-Identifier: Apache-2.0 */
/* What the parts of the compiler share. */
#ifndef SLUICE_CONTROL_COMPILE_COMPILE_PRIV_H
#define SLUICE_CONTROL_COMPILE_COMPILE_PRIV_H

#include "control/compile/authorities.h"
#include "control/compile/certs.h"
#include "control/compile/compile.h"
#include "control/compile/patterns.h"
#include "control/compile/slots.h"
#include "control/config/schema.h"

struct compile {
	const struct compile_input *input;
	const struct cfg_root *root;
	struct mistakes *mistakes;
	struct snapshot_builder *builder;
	struct snap_settings settings;
	struct pattern_shapes patterns;
	struct certs certs;
	struct authorities authorities;
};

/** Slots for one section, the previous generation's entered. @return NULL (a mistake too) without
 *  memory */
struct slots *compile_slots(struct compile *c, enum snap_section_id id, uint32_t capacity);

#define LISTENER_KEY_BYTES (IP_TEXT_BYTES + 8)
/** What a listener has its slot by: its address and port, whatever it is called.
 *  @param room  LISTENER_KEY_BYTES, holds the texts */
struct slot_name compile_listener_key(const struct ip_addr *addr, uint32_t port, char *room);

/** Fill the members of @p record that are settings of a group: its rows say where each goes.
 *  @param kind  of the record's section
 *  @param from  the group's struct cfg_… */
void compile_rows(struct compile *c, enum snap_kind kind, const struct schema_group *group,
	const void *from, void *record);

void compile_settings(struct compile *c);
void compile_network(struct compile *c);
void compile_credentials(struct compile *c);
void compile_backends(struct compile *c);
void compile_apis(struct compile *c);
void compile_callers(struct compile *c);

/** The pieces of a text with names in braces. @param of_field  it is a field's value, not a path */
struct snap_range compile_pieces(
	struct compile *c, const struct cfg_value *value, bool of_field, struct str path);

/* What the routes of an API share that have no edits of their own. */
struct api_edits {
	uint32_t edit; /* index into SNAP_EDITS; SNAP_NONE: not written yet, or there are none */
	struct snap_range request, response;
};
/** The edits of a route. @return index into SNAP_EDITS; SNAP_NONE: none */
uint32_t compile_edit(struct compile *c, const struct cfg_api *api, const struct cfg_route *route,
	struct api_edits *shared);

/** What pages of other origins may do. @return index into SNAP_CORS; SNAP_NONE: nothing is said */
uint32_t compile_cors(struct compile *c, const struct cfg_cors *cors);
/** How a route's requests are tried again. @return index into SNAP_RETRIES; SNAP_NONE: no setting of its own */
uint32_t compile_retry(struct compile *c, const struct cfg_retry *retry);

/** What cannot change while the dataplane runs is a mistake. */
void compile_check_restart(struct compile *c, const struct snapshot *now);

/** Text in lower case. */
struct snap_text compile_lower(struct compile *c, enum snap_kind kind, struct str text);

/** A text for a record of this kind. */
static inline struct snap_text compile_text(struct compile *c, enum snap_kind kind, struct str text)
{
	return snapshot_builder_text(c->builder, kind, text);
}

/** The slot of a listener, credential, backend or API that was written; SNAP_NONE after an
 * error. */
uint32_t compile_slot_of(const struct compile *c, enum snap_section_id id, uint32_t index);

#endif
