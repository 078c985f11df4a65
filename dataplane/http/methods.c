/* SPDX-License-Identifier: Apache-2.0 */
#include "dataplane/http/methods.h"

static const char *const method_names[HTTP_OTHER] = {
	[HTTP_GET] = "GET",
	[HTTP_HEAD] = "HEAD",
	[HTTP_POST] = "POST",
	[HTTP_PUT] = "PUT",
	[HTTP_DELETE] = "DELETE",
	[HTTP_PATCH] = "PATCH",
	[HTTP_OPTIONS] = "OPTIONS",
	[HTTP_TRACE] = "TRACE",
	[HTTP_CONNECT] = "CONNECT",
};

const char *http_method_name(unsigned method)
{
	return method < HTTP_OTHER ? method_names[method] : NULL;
}

struct str http_method_list(uint32_t methods, char *out)
{
	uint32_t len = 0;

	for (unsigned i = 0; i < HTTP_OTHER; i++) {
		const struct str name = str_of(method_names[i]);

		if (!(methods & 1u << i))
			continue;
		if (len > 0) {
			memcpy(out + len, ", ", 2);
			len += 2;
		}
		memcpy(out + len, name.data, name.len);
		len += name.len;
	}
	return (struct str){ out, len };
}
