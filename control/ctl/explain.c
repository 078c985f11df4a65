/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sluicectl explain: what would happen to a request, and why, step by step as a worker takes them,
 * with the code that the workers run. Reads the limits of a running dataplane, takes nothing from
 * them.
 */
#include "control/ctl/explain.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "control/config/schema.h"
#include "control/ctl/table.h"
#include "control/json.h"
#include "dataplane/http/methods.h"
#include "dataplane/route/template.h"

void explain_step(struct explain *e, const char *name, const char *format, ...)
{
	char *text;
	va_list args;

	va_start(args, format);
	if (vasprintf(&text, format, args) < 0)
		text = NULL;
	va_end(args);
	json_array_append_new(e->steps,
		json_pack("{s:s, s:o}", "step", name, "text", json_str(str_of(text ? text : ""))));
	free(text);
}

#define EXPLAIN_SETTINGS_BYTES 1024

static const struct snap_listener *listener_at(const struct snapshot *s, uint32_t i)
{
	return SNAP_AT(s, SNAP_LISTENERS, snap_listener, i);
}

/* By name, or the first one that speaks the scheme on the port. */
static uint32_t find_listener(const struct explain *e)
{
	uint32_t count = e->s->sections[SNAP_LISTENERS].count;

	for (uint32_t i = 0; i < count; i++) {
		const struct snap_listener *l = listener_at(e->s, i);

		if (e->ctl->listener ? str_equal(snap_str(e->s, l->name), str_of(e->ctl->listener))
				     : l->tcp_port == e->request.port && !!l->tls == e->request.tls)
			return i;
	}
	return SNAP_NONE;
}

static bool choose_listener(struct explain *e)
{
	const struct snap_listener *l;
	char address[IP_TEXT_BYTES];
	struct str name;

	e->listener = find_listener(e);
	if (e->listener != SNAP_NONE && !!listener_at(e->s, e->listener)->tls != e->request.tls) {
		explain_step(e, "listener", "%s speaks %s, not %.*s: the connection fails",
			e->ctl->listener, e->request.tls ? "clear text" : "TLS",
			(int)e->request.scheme.len, e->request.scheme.data);
		return false;
	}
	if (e->listener == SNAP_NONE) {
		if (e->ctl->listener)
			explain_step(e, "listener", "none is named '%s'", e->ctl->listener);
		else
			explain_step(e, "listener",
				"none speaks %.*s on port %u: the connection fails",
				(int)e->request.scheme.len, e->request.scheme.data,
				e->request.port);
		return false;
	}
	l = listener_at(e->s, e->listener);
	name = snap_str(e->s, l->name);
	ip_format(&l->addr, address);
	json_object_set_new(e->out, "listener", json_str(name));
	explain_step(e, "listener", "%.*s: %s port %u, %s", (int)name.len, name.data, address,
		l->tcp_port, l->tls ? "TLS" : "clear");
	return true;
}

static void describe_methods(uint32_t methods, char *out, size_t bytes)
{
	size_t len = 0;

	out[0] = '\0';
	for (unsigned i = 0; http_method_name(i) && len < bytes; i++)
		if (methods & 1u << i)
			len += (size_t)snprintf(out + len, bytes - len, "%s%s", len ? " " : "",
				http_method_name(i));
	if (!methods)
		snprintf(out, bytes, "any method but TRACE");
}

/* The settings of a record, as its rows in lib/schema name them. @param name  of the step */
static void describe_settings(
	struct explain *e, const char *name, const struct schema_group *group, const void *record)
{
	json_t *settings = json_object();
	char line[EXPLAIN_SETTINGS_BYTES], value[DURATION_BYTES + 32];
	size_t len = 0;

	for (const struct schema_field *f = group->fields; f->name; f++) {
		if (!f->snap || f->snap->store == SNAP_IS_text)
			continue;
		schema_show(f, snap_row_number(f->snap, record), value, sizeof(value));
		json_object_set_new(settings, f->name, json_string(value));
		if (len < sizeof(line))
			len += (size_t)snprintf(line + len, sizeof(line) - len, "%s%s %s",
				len ? ", " : "", f->name, value);
	}
	json_object_set_new(e->out, name, settings);
	explain_step(e, name, "%s", line);
}

/* What lets another try follow: words, and statuses in ranges. */
static void describe_retry_on(const struct snap_retry *retry, char *out, size_t bytes)
{
	static const char *const words[SNAP_RETRY_ONS] = { [SNAP_RETRY_CONNECT] = "connect",
		[SNAP_RETRY_RESET] = "reset",
		[SNAP_RETRY_TIMEOUT] = "timeout" };
	size_t len = 0;

	out[0] = '\0';
	for (unsigned i = 0; i < SNAP_RETRY_ONS; i++)
		if (retry->on & 1u << i)
			len += (size_t)snprintf(
				out + len, bytes - len, "%s%s", len ? ", " : "", words[i]);
	for (uint32_t first = SNAP_RETRY_STATUS_LEAST; first <= SNAP_RETRY_STATUS_MOST; first++) {
		uint32_t last = first;

		if (!snap_retry_has_status(retry, first))
			continue;
		while (snap_retry_has_status(retry, last + 1))
			last++;
		if (len < bytes)
			len += (size_t)snprintf(out + len, bytes - len,
				last > first ? "%s%u-%u" : "%s%u", len ? ", " : "", first, last);
		first = last;
	}
}

static void describe_retry(struct explain *e, const struct snap_retry *retry)
{
	char on[EXPLAIN_SETTINGS_BYTES];

	describe_settings(e, "retry", &schema_retry, retry);
	describe_retry_on(retry, on, sizeof(on));
	json_object_set_new(json_object_get(e->out, "retry"), "on", json_string(on));
	explain_step(e, "retry", "after %s", on);
}

static void describe_route(struct explain *e)
{
	const struct route_match *match = &e->decision.match;
	const struct snap_api *api = SNAP_AT(e->s, SNAP_APIS, snap_api, match->api);
	const struct snap_route *r = SNAP_AT(e->s, SNAP_ROUTES, snap_route, match->route);
	struct str name = snap_str(e->s, api->name), version = snap_str(e->s, api->version);
	struct str path = snap_str(e->s, r->path);
	const char *star = snap_path_is_prefix(r->kind) ? "/*" : "";
	char methods[100], timeout[DURATION_BYTES], *text;

	describe_methods(r->methods, methods, sizeof(methods));
	json_object_set_new(e->out, "api", json_str(name));
	json_object_set_new(e->out, "version", json_str(version));
	explain_step(e, "api", "%.*s %.*s, by host %.*s", (int)name.len, name.data,
		(int)version.len, version.data, (int)e->request.host.len, e->request.host.data);
	if (r->reply == SNAP_NONE)
		explain_step(e, "route", "%.*s%s, %s; the backend has %s to answer", (int)path.len,
			path.data, star, methods, duration_text(r->timeout_ms / 1e3, timeout));
	else
		explain_step(e, "route", "%.*s%s, %s; without a backend", (int)path.len, path.data,
			star, methods);
	describe_settings(e, "settings", &schema_route, r);
	if (r->retry != SNAP_NONE)
		describe_retry(e, SNAP_AT(e->s, SNAP_RETRIES, snap_retry, r->retry));
	if (asprintf(&text, "%.*s%s", (int)path.len, path.data, star) >= 0) {
		json_object_set_new(e->out, "route", json_str(str_of(text)));
		free(text);
	}
}

/* The path that is forwarded, where it is not the one that was sent. */
static void describe_path(struct explain *e, struct str sent)
{
	char *room = malloc(sent.len + 1);
	struct str path;

	if (room && route_path_normalise(sent, listener_at(e->s, e->listener)->paths, room,
			    sent.len, &path) == REASON_PROXIED)
		explain_step(e, "path", "rewritten to %.*s", (int)path.len, path.data);
	free(room);
}

static void explain_health(struct explain *e, struct str address, uint32_t slot)
{
	const struct endpoint_health health = stats_health(&e->source->link, slot);
	char why[HEALTH_WHY_BYTES];

	if (health.down)
		explain_step(e, "backend",
			"%.*s: down by its health checks for %.1f s (%s); gets requests only while no "
			"other endpoint is up",
			(int)address.len, address.data, (double)health.since_ms / 1000,
			stats_health_why(&health, why, sizeof(why)));
}

/* What kept the request from a route. */
static void describe_refusal(struct explain *e)
{
	const struct decision *d = &e->decision;
	const struct http_head *head = d->head;
	char room[HTTP_METHODS_BYTES];
	struct str methods;

	if (d->verdict == REASON_PATH_AMBIGUOUS)
		explain_step(e, "path",
			"%.*s is read in different ways, which 'paths' of the listener refuses",
			(int)head->path.len, head->path.data);
	else if (d->verdict == REASON_HOST_UNKNOWN)
		explain_step(e, "api", "no API on this listener has host %.*s", (int)head->host.len,
			head->host.data);
	else if (d->verdict == REASON_ROUTE_UNKNOWN)
		explain_step(e, "route", "host %.*s has no path like %.*s", (int)head->host.len,
			head->host.data, (int)head->path.len, head->path.data);
	else if (d->verdict == REASON_METHOD_NOT_ALLOWED) {
		methods = http_method_list(d->match.allowed_methods, room);
		explain_step(e, "route", "the path is known, but only with %.*s", (int)methods.len,
			methods.data);
	} else if (d->verdict == REASON_BODY_TOO_LARGE) {
		explain_step(e, "body", "%llu bytes are announced, which is more than %s allows",
			(unsigned long long)head->content_length,
			d->plan && d->plan->body_max_own ? "the route" : "'limits.body'");
	}
}

void explain_route(struct explain *e)
{
	const struct decision *d = &e->decision;

	if (d->plan && d->match.rewritten)
		describe_path(e, d->head->path);
	if (d->plan)
		describe_route(e);
	if (d->verdict != REASON_PROXIED)
		describe_refusal(e);
	else if (d->plan && d->plan->credential_count == 0)
		explain_step(e, "credential", "none is asked for: the API is open to everyone");
}

/* Candidates and their shares. */
static void describe_backend(struct explain *e, struct str path)
{
	const uint32_t backend = e->decision.match.backend;
	const struct snap_backend *b = SNAP_AT(e->s, SNAP_BACKENDS, snap_backend, backend);
	struct str name = snap_str(e->s, b->name);
	const struct snap_range endpoints = e->s->endpoints[backend];
	json_t *list = json_array();
	uint64_t weights = 0;

	(void)path;
	json_object_set_new(e->out, "backend", json_str(name));
	json_object_set_new(e->out, "endpoints", list);
	for (uint32_t i = 0; i < endpoints.count; i++)
		weights +=
			SNAP_AT(e->s, SNAP_ENDPOINTS, snap_endpoint, endpoints.first + i)->weight;
	for (uint32_t i = 0; i < endpoints.count; i++) {
		const struct snap_endpoint *p =
			SNAP_AT(e->s, SNAP_ENDPOINTS, snap_endpoint, endpoints.first + i);
		struct str address = snap_str(e->s, p->name);
		double share = weights ? 100.0 * p->weight / (double)weights : 0;

		uint64_t next_probe_ms,
			ejected = stats_ejected(&e->source->link, p->slot, &next_probe_ms);

		json_array_append_new(list,
			json_pack("{s:o, s:I, s:f, s:b, s:I, s:o}", "name", json_str(address),
				"weight", (json_int_t)p->weight, "share_percent", share, "down",
				stats_health(&e->source->link, p->slot).down, "ejected",
				(json_int_t)ejected, "next_probe_ms",
				ejected ? json_integer((json_int_t)next_probe_ms) : json_null()));
		explain_step(e, "backend", "%.*s: %.*s, weight %u: %.1f %%", (int)name.len,
			name.data, (int)address.len, address.data, p->weight, share);
		explain_health(e, address, p->slot);
		if (ejected)
			explain_step(e, "backend",
				"%.*s: ejected by %lu of %u workers since it refused a connection; "
				"asked again in %.1f s",
				(int)address.len, address.data, (unsigned long)ejected,
				e->source->link.stats_count, (double)next_probe_ms / 1000);
	}
}

static void describe_location(struct explain *e, const struct snap_reply *reply, struct str path)
{
	const struct template_values values = { .path = path };
	const uint32_t size = EXPLAIN_HEAD_BYTES;
	char *text = malloc(size);
	struct str location = { text, 0 };

	if (text)
		location.len = template_location(
			e->s, reply->location, &values, e->decision.head->query, text, size);
	if (location.len > 0 && location.len <= size) {
		json_object_set_new(e->out, "location", json_str(location));
		explain_step(e, "answer", "%u, redirected to %.*s", reply->status,
			(int)location.len, location.data);
	}
	free(text);
}

static void describe_reply(struct explain *e, struct str path)
{
	const struct snap_reply *reply = snap_reply_of(e->s, e->decision.match.route);
	const struct str type = snap_str(e->s, reply->type);

	json_object_set_new(e->out, "status", json_integer((json_int_t)reply->status));
	if (reply->location.count)
		describe_location(e, reply, path);
	else if (reply->body.length)
		explain_step(e, "answer", "%u, the route's reply: %u bytes of %.*s", reply->status,
			reply->body.length, (int)type.len, type.data);
	else
		explain_step(e, "answer", "%u, the route's reply, without a body", reply->status);
}

/* What the route does with the request. @param tell  the rest, with the path as it was matched */
static void explain_way(struct explain *e, void (*tell)(struct explain *e, struct str path))
{
	struct decision *d = &e->decision;
	const struct str sent = d->head->path;
	char *room = malloc(sent.len + 1);
	enum reason reason = REASON_OVERLOADED;
	struct str path;

	if (room) {
		route_path_normalise(
			sent, listener_at(e->s, e->listener)->paths, room, sent.len, &path);
		reason = explain_edits(e, path);
	}
	if (reason == REASON_PROXIED)
		tell(e, path);
	else
		d->verdict = reason;
	free(room);
}

void explain_reply(struct explain *e)
{
	explain_way(e, describe_reply);
}

static enum reason explain_walk(struct explain *e)
{
	static struct http1_head head;
	char *buf = malloc(EXPLAIN_HEAD_BYTES);
	enum reason reason = REASON_OVERLOADED;

	if (buf)
		reason = explain_head(e->ctl, e->s, &e->request, SNAP_NONE, buf, &head);
	if (reason != REASON_PROXIED) {
		explain_step(e, "request", "refused by the parser");
		free(buf);
		return reason;
	}
	explain_stages(e, &head.message);
	if (e->decision.verdict == REASON_PROXIED)
		explain_way(e, describe_backend);
	explain_stages_end();
	free(buf);
	return e->decision.verdict;
}

static void explain_verdict(struct explain *e, enum reason reason)
{
	json_object_set_new(e->out, "reason", json_string(reason_name(reason)));
	if (reason == REASON_REDIRECTED || reason == REASON_REPLIED)
		return;
	if (reason == REASON_CORS_PREFLIGHT || reason == REASON_CORS_METHOD ||
		reason == REASON_CORS_FIELD) {
		json_object_set_new(e->out, "status", json_integer(204));
		explain_step(e, "answer", "204 %s: %s", reason_name(reason), reason_title(reason));
		return;
	}
	json_object_set_new(e->out, "status", json_integer((json_int_t)reason_status(reason)));
	if (reason == REASON_PROXIED)
		explain_step(e, "answer", "the backend's");
	else
		explain_step(e, "answer", "%u %s: %s", reason_status(reason), reason_name(reason),
			reason_title(reason));
}

static void print_steps(const json_t *steps)
{
	const char *last = "";
	json_t *step;
	size_t i;

	json_array_foreach((json_t *)steps, i, step)
	{
		const char *name = json_string_value(json_object_get(step, "step"));

		printf("%-12s", strcmp(name, last) == 0 ? "" : name);
		text_wrap(stdout, json_string_value(json_object_get(step, "text")), 12, 14);
		last = name;
	}
}

/* "--key -": a line of standard input, so that the key stays out of the shell's history. */
static bool read_key(struct ctl *ctl, char *room, size_t bytes)
{
	if (!ctl->key || strcmp(ctl->key, "-") != 0)
		return true;
	if (!fgets(room, (int)bytes, stdin))
		return false;
	room[strcspn(room, "\r\n")] = '\0';
	ctl->key = room;
	return true;
}

int ctl_explain(const struct ctl *options)
{
	struct ctl copy = *options, *ctl = &copy;
	char key[4096];
	struct explain_source source;
	struct explain e = { .ctl = ctl,
		.source = &source,
		.out = json_object(),
		.steps = json_array(),
		.listener = SNAP_NONE };
	bool reached;

	bool alone = ctl->only && ctl->argument_count == 0;

	if ((!alone && (ctl->argument_count == 0 ||
			       explain_parse(ctl->arguments[0], &e.request) < 0)) ||
		(ctl->only && ctl->key) || !read_key(ctl, key, sizeof(key))) {
		fprintf(stderr,
			"sluicectl explain: write 'METHOD http://host/path' or https, or "
			"--consumer NAME, or both;\nwith --key - instead the key on standard "
			"input\n");
		json_decref(e.out);
		json_decref(e.steps);
		return CTL_USAGE;
	}
	if (explain_open(ctl, &source) < 0) {
		json_decref(e.out);
		json_decref(e.steps);
		return CTL_FAILED;
	}
	e.s = source.s;
	reached = alone ? explain_consumer(&e) : choose_listener(&e);
	if (reached && !alone)
		explain_verdict(&e, explain_walk(&e));
	json_object_set_new(e.out, "steps", json_incref(e.steps));
	if (ctl->json) {
		ctl_print_json(e.out);
	} else {
		print_steps(e.steps);
		json_decref(e.out);
	}
	json_decref(e.steps);
	explain_close(&source);
	return reached ? CTL_OK : CTL_FAILED;
}
