/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Commands that change the running gateway without an apply: keys, consumers, endpoints and their
 * weights. sluice-control makes the change, and answers when every worker acts on it.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <openssl/crypto.h>

#include "control/ctl/ctl.h"
#include "control/ctl/key.h"
#include "control/ctl/table.h"
#include "lib/base/plural.h"

/* Above what sluice-control waits for the dataplane. */
#define PATIENCE_MS   45000
#define BUSY_PAUSE_US 200000
#define BUSY_TRIES    150 /* an apply may be under way: half a minute */

static bool change_is_busy(const json_t *answer)
{
	const char *kind = json_string_value(json_object_get(answer, "kind"));

	return kind && strcmp(kind, "busy") == 0;
}

/* Ask, again and again while an apply is under way. @return the answer, or NULL after saying why */
static json_t *change_send(const struct ctl *ctl, json_t *request)
{
	json_t *answer = NULL;

	for (unsigned i = 0; i < BUSY_TRIES; i++) {
		json_decref(answer);
		answer = ctl_request(ctl, json_incref(request), PATIENCE_MS, false);
		if (!answer || !change_is_busy(answer))
			break;
		usleep(BUSY_PAUSE_US);
	}
	json_decref(request);
	return answer;
}

static void change_print(const json_t *answer, const char *what)
{
	const char *lost = json_string_value(json_object_get(answer, "not_remembered"));
	const long long workers = json_integer_value(json_object_get(answer, "workers"));

	if (json_is_true(json_object_get(answer, "pending")))
		printf("%s: no dataplane is there; the next one gets it\n", what);
	else
		printf("%s: %lld worker%s act%s on it\n", what, workers, plural((uint64_t)workers),
			workers == 1 ? "s" : "");
	if (lost)
		printf("this could not be remembered (%s): a restart of sluice-control forgets it\n",
			lost);
}

/* @param key  a new one, which the answer shows, or NULL */
static int change_run(const struct ctl *ctl, json_t *request, const char *what, const char *key)
{
	json_t *answer = change_send(ctl, request);
	bool ok = json_is_true(json_object_get(answer, "ok"));

	if (!answer)
		return CTL_FAILED;
	if (ctl->json) {
		if (ok && key)
			json_object_set_new(answer, "key", json_string(key));
		ctl_print_json(answer);
		return ok ? CTL_OK : CTL_FAILED;
	}
	if (ok && key)
		printf("%s\n\nThis is the only time that the key is shown: give it to its owner.\n",
			key);
	if (ok)
		change_print(answer, what);
	else
		fprintf(stderr, "sluicectl: %s\n",
			json_string_value(json_object_get(answer, "error")));
	json_decref(answer);
	return ok ? CTL_OK : CTL_FAILED;
}

static json_t *change_request(const char *what, const char *of, const char *name)
{
	return json_pack("{s:s, s:s, s:s*, s:s*}", "command", "change", "what", what, "of", of,
		"name", name);
}

int ctl_key_add(const struct ctl *ctl, const char *consumer, const char *id)
{
	json_t *request = change_request("key add", consumer, id);
	char key[CTL_KEY_BYTES] = "", hex[CTL_DIGEST_BYTES];
	int rc;

	if (ctl->digest) {
		json_object_set_new(request, "sha256", json_string(ctl->digest));
	} else {
		rc = ctl_key_make(ctl, key, hex);
		if (rc != CTL_OK) {
			json_decref(request);
			return rc;
		}
		json_object_set_new(request, "sha256", json_string(hex));
	}
	if (ctl->expires)
		json_object_set_new(request, "expires", json_string(ctl->expires));
	rc = change_run(ctl, request, "key added", key[0] ? key : NULL);
	OPENSSL_cleanse(key, sizeof(key));
	return rc;
}

int ctl_key_revoke(const struct ctl *ctl, const char *consumer, const char *id)
{
	json_t *request = change_request("key revoke", consumer, id);

	if (ctl->digest)
		json_object_set_new(request, "sha256", json_string(ctl->digest));
	return change_run(ctl, request, "key revoked", NULL);
}

/* @param what  of the request; @param done  said once it is */
static int endpoint_with_weight(
	const struct ctl *ctl, const char *what, const char *weight, const char *done)
{
	json_t *request = change_request(what, ctl->arguments[1], ctl->arguments[2]);
	char *end;
	const unsigned long n = strtoul(weight, &end, 10);

	if (*end || end == weight || *weight == '-' || n > SNAP_WEIGHT_MAX) {
		json_decref(request);
		fprintf(stderr, "sluicectl: a weight is 0 to %u: %s\n", SNAP_WEIGHT_MAX, weight);
		return CTL_USAGE;
	}
	json_object_set_new(request, "weight", json_integer((json_int_t)n));
	return change_run(ctl, request, done, NULL);
}

int ctl_endpoint(const struct ctl *ctl)
{
	char **a = ctl->arguments;

	if (ctl->argument_count == 4 && strcmp(a[0], "weight") == 0)
		return endpoint_with_weight(ctl, "endpoint weight", a[3],
			strcmp(a[3], "0") == 0 ? "endpoint drained" : "weight changed");
	if (ctl->argument_count == 3 && strcmp(a[0], "drain") == 0)
		return endpoint_with_weight(ctl, "endpoint weight", "0", "endpoint drained");
	if (ctl->argument_count == 3 && strcmp(a[0], "add") == 0)
		return endpoint_with_weight(
			ctl, "endpoint add", ctl->weight ? ctl->weight : "1", "endpoint added");
	if (ctl->argument_count == 3 && strcmp(a[0], "remove") == 0)
		return change_run(ctl, change_request("endpoint remove", a[1], a[2]),
			"endpoint removed", NULL);
	fprintf(stderr,
		"sluicectl endpoint: 'endpoint add BACKEND ADDRESS [--weight N]', 'endpoint remove BACKEND "
		"ADDRESS', 'endpoint weight BACKEND ADDRESS N' or 'endpoint drain BACKEND ADDRESS'\n");
	return CTL_USAGE;
}

int ctl_consumer(const struct ctl *ctl)
{
	char **a = ctl->arguments;

	if (ctl->argument_count == 2 && strcmp(a[0], "add") == 0 && ctl->plan)
		return change_run(ctl, change_request("consumer add", a[1], ctl->plan),
			"consumer added", NULL);
	if (ctl->argument_count == 2 && strcmp(a[0], "remove") == 0)
		return change_run(ctl, change_request("consumer remove", a[1], NULL),
			"consumer removed", NULL);
	if (ctl->argument_count == 3 && strcmp(a[0], "plan") == 0)
		return change_run(
			ctl, change_request("consumer plan", a[1], a[2]), "plan changed", NULL);
	fprintf(stderr,
		"sluicectl consumer: 'consumer add NAME --plan PLAN', 'consumer remove NAME' or "
		"'consumer plan NAME PLAN'\n");
	return CTL_USAGE;
}

/* A text of a change, or what stands for none. */
static const char *changes_text(const json_t *change, const char *key)
{
	const char *text = json_string_value(json_object_get(change, key));

	return text ? text : "-";
}

static void changes_print_one(struct table *t, const json_t *c)
{
	const time_t at = (time_t)json_integer_value(json_object_get(c, "at"));
	const json_t *weight = json_object_get(c, "weight");
	const bool backend = json_object_get(c, "backend") != NULL;
	char when[40];
	struct tm tm;

	if (!gmtime_r(&at, &tm) || !strftime(when, sizeof(when), "%Y-%m-%d %H:%M:%S", &tm))
		when[0] = '\0';
	table_cell(t, "%lld", (long long)json_integer_value(json_object_get(c, "number")));
	table_cell(t, "%s", when);
	table_cell(t, "%s", changes_text(c, "what"));
	table_cell(t, "%s", changes_text(c, backend ? "backend" : "consumer"));
	table_cell(t, "%s", changes_text(c, backend ? "endpoint" : "key"));
	if (weight)
		table_cell(t, "%lld", (long long)json_integer_value(weight));
	else
		table_cell(t, "%s", changes_text(c, "plan"));
}

static void changes_print(const json_t *list)
{
	struct table t;
	json_t *c;
	size_t i;

	if (json_array_size(list) == 0) {
		puts("no change by command lies over the file");
		return;
	}
	table_begin(&t, ">number|since (UTC)|change|of|name|value");
	json_array_foreach(list, i, c) changes_print_one(&t, c);
	table_end(&t, stdout, "Changes by command, which lie over the file");
}

static int changes_list(const struct ctl *ctl)
{
	json_t *answer =
		ctl_request(ctl, json_pack("{s:s}", "command", "changes"), PATIENCE_MS, false);
	const bool ok = json_is_true(json_object_get(answer, "ok"));

	if (!answer)
		return CTL_FAILED;
	if (ctl->json) {
		ctl_print_json(answer);
		return ok ? CTL_OK : CTL_FAILED;
	}
	if (ok)
		changes_print(json_object_get(answer, "changes"));
	else
		fprintf(stderr, "sluicectl: %s\n",
			json_string_value(json_object_get(answer, "error")));
	json_decref(answer);
	return ok ? CTL_OK : CTL_FAILED;
}

/* What changes hid is applied; sluice-control answers as it does to an apply. */
static int changes_forget(const struct ctl *ctl, const char *which)
{
	char *end = NULL;
	const unsigned long long number = strcmp(which, "all") == 0 ? 0 : strtoull(which, &end, 10);

	if (end && (*end || end == which || number == 0)) {
		fprintf(stderr,
			"sluicectl changes forget: 'all', or a number of 'sluicectl changes': %s\n",
			which);
		return CTL_USAGE;
	}
	return ctl_apply_answer(ctl, change_send(ctl, json_pack("{s:s, s:I}", "command", "forget",
							      "number", (json_int_t)number)));
}

int ctl_changes(const struct ctl *ctl)
{
	if (ctl->argument_count == 0)
		return changes_list(ctl);
	if (ctl->argument_count == 2 && strcmp(ctl->arguments[0], "forget") == 0)
		return changes_forget(ctl, ctl->arguments[1]);
	fprintf(stderr, "sluicectl changes: alone, or 'changes forget NUMBER|all'\n");
	return CTL_USAGE;
}
