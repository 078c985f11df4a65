/* SPDX-License-Identifier: Apache-2.0 */
/* Method names. The workers know methods by number; text is for people. */
#include "control/config/methods.h"

#include "dataplane/http/message.h"

static const char *const names[HTTP_OTHER] = {
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

int method_parse(struct str name)
{
	for (int i = 0; i < HTTP_OTHER; i++)
		if (str_equal(str_of(names[i]), name))
			return i;
	return -1;
}

const char *method_name(int method)
{
	return method >= 0 && method < HTTP_OTHER ? names[method] : NULL;
}
