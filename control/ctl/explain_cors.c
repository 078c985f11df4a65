/* SPDX-License-Identifier: Apache-2.0 */
/* What a page of another origin gets. */
#include "control/ctl/explain.h"
#include "dataplane/http/methods.h"
#include "dataplane/route/cors.h"

static void explain_preflight(struct explain *e, const struct snap_cors *cors)
{
	const struct decision *d = &e->decision;
	const struct str fields = snap_str(e->s, cors->fields);
	char room[HTTP_METHODS_BYTES];
	struct str methods = http_method_list(cors_methods(cors, &d->match), room);

	if (d->verdict == REASON_CORS_ORIGIN)
		return;
	explain_step(e, "cors", "a preflight: answered with methods %.*s", (int)methods.len,
		methods.data);
	if (fields.len)
		explain_step(e, "cors", "and fields %.*s", (int)fields.len, fields.data);
	if (d->verdict == REASON_CORS_METHOD)
		explain_step(e, "cors",
			"the method that is asked for is not among them: a browser "
			"does not send the request");
	else if (d->verdict == REASON_CORS_FIELD)
		explain_step(e, "cors",
			"a field that is asked for is not among them: a browser "
			"does not send the request");
}

void explain_cors(struct explain *e)
{
	const struct decision *d = &e->decision;
	const struct snap_cors *cors = cors_of_match(e->s, &d->match);
	const struct str origin = cors_origin(d->head);

	if (!origin.data)
		return;
	if (cors_allows_origin(e->s, cors, origin))
		explain_step(e, "cors", "pages of %.*s may read the response%s", (int)origin.len,
			origin.data, cors->credentials ? ", and send cookies" : "");
	else
		explain_step(e, "cors", "%.*s is no origin that is allowed", (int)origin.len,
			origin.data);
	if (d->match.preflight)
		explain_preflight(e, cors);
}
