/* SPDX-License-Identifier: Apache-2.0 */
/* JSON forms that both programs use. */
#ifndef SLUICE_CONTROL_JSON_H
#define SLUICE_CONTROL_JSON_H

#include <jansson.h>

#include "control/source/mistakes.h"
#include "lib/base/str.h"

/** Text of unknown origin: one that is not all UTF-8 is escaped (lib/base/text.h). The caller owns the result. */
json_t *json_str(struct str text);

/**
 * [{"file":…, "line":…, "severity":"error"|"warning", "text":…}, …]
 * @param with_values  false for a user who may not read the files: texts quote nothing of them
 */
json_t *mistakes_to_json(const struct mistakes *mistakes, bool with_values);

/** The same back into lines on @p out. */
void mistakes_print_json(const json_t *list, FILE *out);

#endif
