/* SPDX-License-Identifier: Apache-2.0 */
/* JSON forms that both programs use. */
#include "control/json.h"

#include <stdlib.h>

#include "lib/base/text.h"

json_t *json_str(struct str text)
{
	json_t *out = json_stringn(text.data ? text.data : "", text.len);
	size_t len;
	char *copy;

	if (out)
		return out;
	copy = malloc(4 * (size_t)text.len + 1);
	len = copy ? text_escape_line(text.data, text.len, copy, 4 * (size_t)text.len + 1) : 0;
	out = copy ? json_stringn(copy, len) : NULL;
	free(copy);
	return out ? out : json_string("");
}

json_t *mistakes_to_json(const struct mistakes *mistakes, bool with_values)
{
	json_t *list = json_array();

	for (uint32_t i = 0; i < mistakes->count; i++) {
		const struct mistake *m = &mistakes->list[i];
		const char *text = with_values ? m->text : m->form;

		json_array_append_new(
			list, json_pack("{s:o, s:i, s:s, s:o}", "file",
				      json_str(str_of(m->file ? m->file : "?")), "line",
				      (int)m->line, "severity", m->warning ? "warning" : "error",
				      "text", json_str(str_of(text ? text : "out of memory"))));
	}
	return list;
}

void mistakes_print_json(const json_t *list, FILE *out)
{
	size_t i;
	json_t *m;

	json_array_foreach(list, i, m)
	{
		const char *severity = json_string_value(json_object_get(m, "severity"));
		const char *file = json_string_value(json_object_get(m, "file"));
		const char *text = json_string_value(json_object_get(m, "text"));

		fprintf(out, "%s:%lld: %s%s\n", file ? file : "?",
			(long long)json_integer_value(json_object_get(m, "line")),
			severity && severity[0] == 'w' ? "warning: " : "", text ? text : "");
	}
}
