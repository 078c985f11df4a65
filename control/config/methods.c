/* SPDX-License-Identifier: Apache-2.0 */
/* Method names. The workers know methods by number; text is for people. */
#include "control/config/methods.h"

#include "dataplane/http/http1.h"

static const char *const names[HTTP1_OTHER] = {
	[HTTP1_GET] = "GET",
	[HTTP1_HEAD] = "HEAD",
	[HTTP1_POST] = "POST",
	[HTTP1_PUT] = "PUT",
	[HTTP1_DELETE] = "DELETE",
	[HTTP1_PATCH] = "PATCH",
	[HTTP1_OPTIONS] = "OPTIONS",
	[HTTP1_TRACE] = "TRACE",
	[HTTP1_CONNECT] = "CONNECT",
};

int method_parse(struct str name)
{
	for (int i = 0; i < HTTP1_OTHER; i++)
		if (str_equal(str_of(names[i]), name))
			return i;
	return -1;
}

const char *method_name(int method)
{
	return method >= 0 && method < HTTP1_OTHER ? names[method] : NULL;
}
