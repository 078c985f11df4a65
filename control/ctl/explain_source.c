/* SPDX-License-Identifier: Apache-2.0 */
/* What explain works with: a configuration, and a request made of the command line. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "control/compile/compile.h"
#include "control/config/units.h"
#include "control/ctl/explain.h"

static int open_file(const char *path, struct explain_source *out)
{
	struct compile_input input = { .generation = 1, .boot_id = 1 };
	struct mistakes mistakes = { 0 };
	struct compiled compiled;
	struct config config;
	int rc = compile_file(path, &input, &config, &mistakes, &compiled);

	if (rc < 0) {
		mistakes_print(&mistakes, stderr);
	} else {
		out->snapshot = compiled.snapshot;
		out->s = &out->snapshot;
		segment_close(&compiled.secrets);
	}
	config_free(&config);
	mistakes_free(&mistakes);
	return rc;
}

int explain_open(const struct ctl *ctl, struct explain_source *out)
{
	int rc;

	*out = (struct explain_source){ .link.fd = -1 };
	if (ctl->config)
		return open_file(ctl->config, out);
	rc = ctl_attach(ctl, &out->link, false);
	if (rc < 0)
		return rc;
	if (!out->link.has_snapshot) {
		ctl_complain(ctl, "explain: the dataplane has no configuration yet");
		link_client_close(&out->link);
		return -ENODATA;
	}
	out->s = &out->link.snapshot;
	out->usage = out->link.has_usage ? &out->link.usage : NULL;
	return 0;
}

void explain_close(struct explain_source *source)
{
	if (source->link.fd >= 0)
		link_client_close(&source->link);
	snapshot_close(&source->snapshot);
}

static struct str take_until(const char **text, const char *ends)
{
	size_t len = strcspn(*text, ends);
	struct str out = { *text, (uint32_t)len };

	*text += len;
	return out;
}

/* Cut ":port" off the authority, but nothing out of an IPv6 literal's brackets. */
static int parse_port(struct str authority, struct explain_request *out)
{
	uint32_t end = authority.len;
	uint64_t port;

	out->host = authority;
	while (end > 0 && authority.data[end - 1] != ':' && authority.data[end - 1] != ']')
		end--;
	if (end == 0 || authority.data[end - 1] == ']')
		return 0;
	if (end == authority.len) { /* "host:" is the scheme's port (RFC 3986 §3.2.3) */
		out->host.len = end - 1;
		return 0;
	}
	if (unit_number((struct str){ authority.data + end, authority.len - end }, &port) < 0 ||
		port < 1 || port > 65535)
		return -EINVAL;
	out->port = (uint16_t)port;
	out->host.len = end - 1;
	return 0;
}

int explain_parse(const char *text, struct explain_request *out)
{
	*out = (struct explain_request){ .method = STR("GET") };
	if (strncmp(text, "http://", 7) != 0 && strncmp(text, "https://", 8) != 0) {
		out->method = take_until(&text, " ");
		text += strspn(text, " ");
	}
	if (strncmp(text, "http://", 7) == 0) {
		out->scheme = STR("http");
		out->port = 80;
	} else if (strncmp(text, "https://", 8) == 0) {
		out->scheme = STR("https");
		out->port = 443;
		out->tls = true;
	} else {
		return -EINVAL;
	}
	text += out->scheme.len + 3;
	out->authority = take_until(&text, "/?# ");
	out->target = str_of(*text == '/' ? text : "/");
	if (*text == '?' || *text == '#' || out->authority.len == 0 || out->method.len == 0)
		return -EINVAL;
	return parse_port(out->authority, out);
}

/* The key as a header field, query parameter or cookie. */
static void put_key(const struct ctl *ctl, const struct snapshot *s, uint32_t credential, FILE *out)
{
	const struct snap_credential *k = SNAP_AT(s, SNAP_CREDENTIALS, snap_credential, credential);
	struct str field = snap_str(s, k->field);

	if (k->where == SNAP_IN_HEADER)
		fprintf(out, "%.*s: %s\r\n", (int)field.len, field.data, ctl->key);
	else if (k->where == SNAP_IN_COOKIE)
		fprintf(out, "Cookie: %.*s=%s\r\n", (int)field.len, field.data, ctl->key);
	else if (k->where == SNAP_IN_AUTHORIZATION)
		fprintf(out, "Authorization: %.*s %s\r\n", (int)field.len, field.data, ctl->key);
}

/* As a query's name or value is sent: all but RFC 3986's unreserved characters encoded. */
static void put_encoded(struct str text, FILE *out)
{
	for (uint32_t i = 0; i < text.len; i++) {
		const unsigned char c = (unsigned char)text.data[i];
		const char lower = ascii_lower((char)c);

		if ((c >= '0' && c <= '9') || (lower >= 'a' && lower <= 'z') ||
			(c != '\0' && strchr("-._~", c) != NULL))
			fputc(c, out);
		else
			fprintf(out, "%%%02X", c);
	}
}

static void put_target(const struct ctl *ctl, const struct snapshot *s,
	const struct explain_request *r, uint32_t credential, FILE *out)
{
	fprintf(out, "%.*s", (int)r->target.len, r->target.data);
	if (credential == SNAP_NONE)
		return;

	const struct snap_credential *k = SNAP_AT(s, SNAP_CREDENTIALS, snap_credential, credential);
	struct str field = snap_str(s, k->field);

	if (k->where != SNAP_IN_QUERY)
		return;
	fputc(memchr(r->target.data, '?', r->target.len) ? '&' : '?', out);
	put_encoded(field, out);
	fputc('=', out);
	put_encoded(str_of(ctl->key), out);
}

enum reason explain_head(const struct ctl *ctl, const struct snapshot *s,
	const struct explain_request *r, uint32_t credential, char *buf, struct http1_head *head)
{
	const struct snap_settings *settings = snap_settings(s);
	struct http1_limits limits = { settings->head_bytes_max, settings->target_bytes_max,
		settings->fields_max };
	FILE *out = fmemopen(buf, EXPLAIN_HEAD_BYTES, "w");
	enum reason reason = REASON_PROXIED;
	enum http1_verdict verdict;
	long len;

	if (!out)
		return REASON_OVERLOADED;
	fprintf(out, "%.*s ", (int)r->method.len, r->method.data);
	put_target(ctl, s, r, credential, out);
	fprintf(out, " HTTP/1.1\r\nHost: %.*s\r\n", (int)r->authority.len, r->authority.data);
	for (unsigned i = 0; i < ctl->header_count; i++)
		fprintf(out, "%s\r\n", ctl->headers[i]);
	if (credential != SNAP_NONE)
		put_key(ctl, s, credential, out);
	fprintf(out, "\r\n");
	fflush(out);
	len = ftell(out);
	fclose(out);
	verdict = http1_parse_request(buf, (size_t)len, 0, &limits, head, &reason);
	if (verdict == HTTP1_DONE)
		return REASON_PROXIED;
	return verdict == HTTP1_BAD ? reason : REASON_HEAD_TOO_LARGE;
}
