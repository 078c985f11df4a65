/* SPDX-License-Identifier: Apache-2.0 */
/* The check of what routes do with a request: forward it, reply or redirect. */
#include "dataplane/http/methods.h"
#include "lib/shm/snapshot.h"

#include "control/config/check_priv.h"
#include "control/config/template.h"

/* Each route has just one way to a response. */
static void check_ways(struct check *c, const struct cfg_route *route)
{
	const struct {
		const char *name;
		bool set;
		struct cfg_at at;
	} ways[] = {
		{ "backend", route->backend.set, route->backend.at },
		{ "redirect", route->redirect.place.set, route->redirect.place.at },
		{ "reply", route->reply.place.set, route->reply.place.at },
	};
	const char *first = NULL;

	for (unsigned i = 0; i < sizeof(ways) / sizeof(ways[0]); i++) {
		if (ways[i].set && first)
			mistake_add(c->mistakes, ways[i].at,
				"'%s' cannot be in a route beside '%s'", ways[i].name, first);
		else if (ways[i].set)
			first = ways[i].name;
	}
	if (!first)
		mistake_add(c->mistakes, route->place.at,
			"'backend' is missing in a route, or 'redirect' or 'reply' in its place");
}

/* A byte that stands for itself in a URI, or "%XX". */
static bool is_uri(struct str text, uint32_t at)
{
	const char ch = text.data[at];

	if (ch == '%')
		return text.len - at > 2 && strchr("0123456789abcdefABCDEF", text.data[at + 1]) &&
		       strchr("0123456789abcdefABCDEF", text.data[at + 2]);
	return ch > ' ' && ch < 0x7f && !strchr("\"<>\\^`|", ch);
}

/* Where the path of "https://host/path" begins; 0 for another text.
 * @param host  set to what is before the path */
static uint32_t uri_path(struct str to, struct str *host)
{
	const uint32_t scheme = str_starts(to, STR("https://")) ? 8 : 7;
	uint32_t at = scheme;

	if (scheme == 7 && !str_starts(to, STR("http://")))
		return 0;
	while (at < to.len && !strchr("/?{", to.data[at]))
		at++;
	*host = (struct str){ to.data + scheme, at - scheme };
	return at > scheme ? at : 0;
}

/* Why it is no place to redirect to, or NULL. What comes with a request must not choose the host. */
static const char *location_flaw(struct str to)
{
	struct str host = STR("");
	const uint32_t path = to.data[0] == '/' ? 0 : uri_path(to, &host);

	if (to.data[0] != '/' && path == 0)
		return "must begin with '/', or with \"https://\" or \"http://\" and a host";
	if (str_starts(to, STR("//")))
		return "begins with '//', behind which clients read a host";
	if (path < to.len && to.data[path] == '{')
		return "may have '{' only behind the slash that ends the host";
	for (uint32_t i = 0; i < to.len; i++) {
		if (to.data[i] == '#')
			return "may have no '#': the request's query could not follow";
		if (!is_uri(to, i))
			return "has a byte that no URI has; write it as %XX";
	}
	if (path && !check_is_authority(host))
		return "has no host name or address, or no port of 1 to 65535";
	return NULL;
}

static void check_redirect(struct check *c, const struct cfg_route *route)
{
	const struct cfg_redirect *redirect = &route->redirect;
	const struct str to = redirect->to.text, path = route->path.text;
	const char *flaw = redirect->to.valid ? location_flaw(to) : NULL;
	struct template template;

	if (redirect->status.valid && !snap_status_redirects((uint32_t)redirect->status.number))
		mistake_add(c->mistakes, redirect->status.at,
			"'status' of a redirect must be 301, 302, 303, 307 or 308, not %.*s",
			(int)redirect->status.text.len, redirect->status.text.data);
	if (flaw)
		mistake_add(c->mistakes, redirect->to.at, "'%.*s' %s", (int)to.len, to.data, flaw);
	else if (redirect->to.valid && route->path.valid)
		template_read(&redirect->to, TEMPLATE_OF_PATH, path, c->mistakes, &template);
}

/* "text/html; charset=utf-8": RFC 9110 §8.3.1, as far as a mistake of writing goes. */
static bool is_media_type(struct str type)
{
	const char *slash = memchr(type.data, '/', type.len);

	for (uint32_t i = 0; i < type.len; i++)
		if (type.data[i] < ' ' || type.data[i] > '~')
			return false;
	return slash && slash > type.data && slash + 1 < type.data + type.len && slash[1] != ' ' &&
	       type.len <= SNAP_REPLY_TYPE_BYTES;
}

static void check_reply(struct check *c, const struct cfg_reply *reply)
{
	const unsigned status = (unsigned)reply->status.number;

	if (reply->status.valid && status / 100 == 3)
		mistake_add(c->mistakes, reply->status.at,
			"'status' of a reply must not be %u: write 'redirect' instead", status);
	if (reply->status.valid && (status == 204 || status == 205) && reply->body.text.len)
		mistake_add(
			c->mistakes, reply->body.at, "a response of status %u has no body", status);
	if (reply->type.valid && !is_media_type(reply->type.text))
		mistake_add(c->mistakes, reply->type.at,
			"'type' must be a media type such as \"text/plain\", not '%.*s'",
			(int)reply->type.text.len, reply->type.text.data);
	if (reply->type.set && reply->body.text.len == 0)
		mistake_warn(
			c->mistakes, reply->type.at, "'type' is not sent: the reply has no body");
}

/* What only a route with a backend can have, and a WebSocket with GET. */
static void check_forwarding_only(struct check *c, const struct cfg_route *route)
{
	const bool websocket =
		route->websocket.set && route->websocket.valid && route->websocket.number;

	if (websocket && route->methods.bits && !(route->methods.bits >> HTTP_GET & 1))
		mistake_add(c->mistakes, route->websocket.at,
			"'websocket' needs GET among the methods of its route (RFC 6455)");
	if (!route->redirect.place.set && !route->reply.place.set)
		return;
	if (websocket)
		mistake_add(c->mistakes, route->websocket.at,
			"'websocket' needs a 'backend' in its route");
	if (route->timeout.set)
		mistake_add(
			c->mistakes, route->timeout.at, "'timeout' needs a 'backend' in its route");
}

void check_replies(struct check *c, const struct cfg_route *route)
{
	check_ways(c, route);
	check_forwarding_only(c, route);
	if (route->redirect.place.set)
		check_redirect(c, route);
	if (route->reply.place.set)
		check_reply(c, &route->reply);
}
