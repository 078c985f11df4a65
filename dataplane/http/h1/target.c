/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Request targets and hosts (RFC 9112 §3.2, RFC 3986 §3.2). The target's bytes were checked by the
 * scan; here it is split. Percent-encoding is left as it is: what a path means is the router's
 * matter.
 *
 * A host is narrower than RFC 3986's reg-name: letters, digits, ".", "-" and "_", or an IPv6
 * literal. Names that need more are not in the DNS, and what is compared with certificates and
 * routes should have one spelling.
 */
#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#include "dataplane/http/h1/http1_priv.h"

#define HOST_BYTES_MAX 255 /* RFC 1035 §2.3.4 */

static const bool host_byte[256] = {
	['0' ... '9'] = true,
	['A' ... 'Z'] = true,
	['a' ... 'z'] = true,
	['-'] = true,
	['.'] = true,
	['_'] = true,
};

static bool port_valid(struct str port)
{
	uint32_t n = 0;

	if (port.len == 0 || port.len > 5)
		return false;
	for (uint32_t i = 0; i < port.len; i++) {
		if (port.data[i] < '0' || port.data[i] > '9')
			return false;
		n = n * 10 + (uint32_t)(port.data[i] - '0');
	}
	return n <= UINT16_MAX;
}

static bool ipv6_parse(struct str s, struct in6_addr *address)
{
	char text[INET6_ADDRSTRLEN];

	if (s.len >= sizeof(text))
		return false;
	memcpy(text, s.data, s.len);
	text[s.len] = '\0';
	return inet_pton(AF_INET6, text, address) == 1;
}

/* The length of the literal with its brackets, 0 where it is none. */
static uint32_t ipv6_literal(struct str s)
{
	const char *close = memchr(s.data, ']', s.len);
	struct in6_addr address;
	uint32_t len = close == NULL ? 0 : (uint32_t)(close - s.data) - 1;

	return close != NULL && ipv6_parse((struct str){ s.data + 1, len }, &address) ? len + 2 : 0;
}

/* uri-host [ ":" port ]; the port is empty where there is none. A colon without a port is taken off
 * the authority, which means the same (RFC 3986 §6.2.3): backends need not know it. */
static bool authority_split(struct str *authority, struct str *host, struct str *port)
{
	const char *data = authority->data;
	uint32_t len = 0;

	if (authority->len != 0 && data[0] == '[') {
		len = ipv6_literal(*authority);
	} else {
		while (len < authority->len && host_byte[(uint8_t)data[len]])
			len++;
	}
	if (len == 0 || len > HOST_BYTES_MAX)
		return false;
	*host = (struct str){ data, len };
	*port = (struct str){ data + len, 0 };
	if (len == authority->len)
		return true;
	if (data[len] != ':')
		return false;
	*port = (struct str){ data + len + 1, authority->len - len - 1 };
	if (port->len == 0)
		authority->len = len;
	return port->len == 0 || port_valid(*port);
}

static void path_split(struct http1_head *head, const char *from, const char *end)
{
	const char *mark = memchr(from, '?', (size_t)(end - from));
	const char *stop = mark != NULL ? mark : end;

	head->message.path = (struct str){ from, (uint32_t)(stop - from) };
	if (mark != NULL)
		head->message.query = (struct str){ mark + 1, (uint32_t)(end - mark - 1) };
}

/* RFC 9112 §3.2.2; an empty path is "/", and for OPTIONS "*" (§3.2.4). */
static enum reason absolute_form(struct http1_head *head, uint32_t scheme_len)
{
	const char *from = head->target.data + scheme_len;
	const char *end = head->target.data + head->target.len;
	const char *slash = from;
	struct str port;

	while (slash < end && *slash != '/' && *slash != '?')
		slash++;
	head->absolute_form = true;
	head->message.authority = (struct str){ from, (uint32_t)(slash - from) };
	if (!authority_split(&head->message.authority, &head->message.host, &port))
		return REASON_TARGET_INVALID;
	path_split(head, slash, end);
	if (head->message.path.len == 0)
		head->message.path =
			head->message.method_id == HTTP_OPTIONS && head->message.query.data == NULL
				? STR("*")
				: STR("/");
	return HTTP1_FINE;
}

static bool starts_nocase(struct str s, struct str prefix)
{
	return s.len >= prefix.len && str_equal_nocase((struct str){ s.data, prefix.len }, prefix);
}

/** Split head->target; method and target are set and the target is not empty. */
enum reason http1_target_parse(struct http1_head *head)
{
	struct str target = head->target;

	if (http_unlikely(head->message.method_id == HTTP_CONNECT))
		return REASON_CONNECT_REFUSED;
	if (http_likely(target.data[0] == '/')) {
		path_split(head, target.data, target.data + target.len);
		return HTTP1_FINE;
	}
	if (target.len == 1 && target.data[0] == '*' && head->message.method_id == HTTP_OPTIONS) {
		head->message.path = target;
		return HTTP1_FINE;
	}
	if (starts_nocase(target, STR("http://")))
		return absolute_form(head, sizeof("http://") - 1);
	if (starts_nocase(target, STR("https://")))
		return absolute_form(head, sizeof("https://") - 1);
	return REASON_TARGET_INVALID;
}

/* The port to compare by: one that is the scheme's own is the same as none. */
static struct str port_told(struct str port, bool secure)
{
	if (str_equal(port, secure ? STR("443") : STR("80")))
		port.len = 0;
	return port;
}

/* Names without case, IPv6 literals as addresses. */
static bool host_same(struct str a, struct str b)
{
	struct in6_addr x, y;

	if (a.data[0] != '[' || b.data[0] != '[')
		return str_equal_nocase(a, b);
	return ipv6_parse((struct str){ a.data + 1, a.len - 2 }, &x) &&
	       ipv6_parse((struct str){ b.data + 1, b.len - 2 }, &y) &&
	       memcmp(&x, &y, sizeof(x)) == 0;
}

/** The rules on Host (RFC 9112 §3.2) and its agreement with an absolute-form target. */
enum reason http1_host_check(struct http1_head *head, const struct http1_places *places)
{
	struct str asked = head->message.authority, asked_host = head->message.host, port,
		   asked_port;
	bool secure;

	if (!http_head_has(&head->message, HTTP_FIELD_HOST))
		return head->version_minor == 0 ? HTTP1_FINE : REASON_HOST_MISSING;
	if (http_head_repeats(&head->message, HTTP_FIELD_HOST))
		return REASON_HOST_REPEATED;
	head->message.authority =
		http_field_value(&head->message.fields[places->at[HTTP_FIELD_HOST]]);
	if (!authority_split(&head->message.authority, &head->message.host, &port))
		return REASON_HOST_INVALID;
	if (http_likely(!head->absolute_form))
		return HTTP1_FINE;
	secure = ascii_lower(head->target.data[4]) == 's'; /* "http:" or "https" */
	if (!authority_split(&asked, &asked_host, &asked_port) ||
		!host_same(head->message.host, asked_host) ||
		!str_equal(port_told(port, secure), port_told(asked_port, secure)))
		return REASON_HOST_CONFLICT;
	return HTTP1_FINE;
}

static bool byte_of_target(char c)
{
	return c > ' ' && c < 0x7f && strchr("\"#<>\\^`{|}", c) == NULL;
}

uint32_t http1_describe_target(const char *data, size_t len, char *out, uint32_t size)
{
	const char *end = data + len, *space = memchr(data, ' ', len), *at, *from;
	uint32_t n;

	if (space == NULL || size < sizeof("@4294967295:"))
		return 0;
	from = at = space + 1;
	while (at < end && byte_of_target(*at))
		at++;
	n = (uint32_t)snprintf(out, size, "@%u:", (unsigned)(at - from));
	while (from < end && n < size && memchr("? \r\n", *from, 4) == NULL)
		out[n++] = *from++;
	return n;
}
