/* SPDX-License-Identifier: Apache-2.0 */
/* Reading the configuration file into what the dataplane is to run. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "control/daemon/daemon.h"
#include "control/json.h"
#include "lib/base/log.h"
#include "lib/base/socket_file.h"

static void log_mistakes(const struct daemon *d, const struct mistakes *mistakes)
{
	char line[600];

	/* An operator at a terminal waits for the start: all of them, unlimited by the log. */
	if (!d->started) {
		mistakes_print(mistakes, stderr);
		return;
	}

	for (uint32_t i = 0; i < mistakes->count; i++) {
		mistake_format(&mistakes->list[i], line, sizeof(line));
		if (mistakes->list[i].warning)
			log_warning("%s", line);
		else
			log_error("%s", line);
	}
}

/* The log's path may have changed with the file. */
static void configure_log(struct daemon *d, struct config *config)
{
	const struct cfg_access_log *set = &config->root.access_log;
	const char *path = d->options.access_log;
	bool off = set->enabled.set && !set->enabled.number;

	if (!path && set->path.valid)
		path = str_equal(set->path.text, STR("-")) ? "-"
							   : config_path(config, set->path.text);
	if (off)
		path = NULL;
	if (path && d->log.path && strcmp(path, d->log.path) == 0)
		return;
	if (!path && !d->log.path)
		return;

	struct access_log fresh;

	if (access_log_init(&fresh, path) == -ENOMEM)
		return;
	access_log_flush(&d->log);
	fresh.written = d->log.written;
	fresh.lost = d->log.lost;
	access_log_free(&d->log);
	d->log = fresh;
}

/* Who may ask this process, and with it the mode of its socket's file. */
static void configure_admin(struct daemon *d, const struct config *config)
{
	mode_t mode = admin_configure(&d->admin, &config->root.admin);
	int rc = socket_file_chmod(d->options.control_socket, mode);

	if (rc < 0)
		log_error("%s: its mode cannot be set to %04o: %s", d->options.control_socket,
			(unsigned)mode, strerror(-rc));
}

int daemon_configure(struct daemon *d, const char *path)
{
	bool running = d->attached && d->has_ran && d->link.state == LINK_STATE_RUNNING;
	struct compile_input input = {
		.previous = d->has_ran ? &d->ran.snapshot : NULL,
		.running = running,
		.want_access_log = d->options.access_log != NULL,
		.generation = d->generation + 1,
		.boot_id = d->boot_id,
	};
	struct mistakes mistakes = { 0 };
	struct compiled compiled;
	struct config config;
	int rc = compile_file(path, &input, &config, &mistakes, &compiled);

	log_mistakes(d, &mistakes);
	json_decref(d->mistakes);
	json_decref(d->mistakes_bare);
	d->mistakes = mistakes_to_json(&mistakes, true);
	d->mistakes_bare = mistakes_to_json(&mistakes, false);
	if (rc == 0) {
		configure_log(d, &config);
		configure_admin(d, &config);
		compiled_free(&d->wanted);
		d->wanted = compiled;
		d->generation++;
		d->changed = true;
	} else {
		compiled_free(&compiled);
	}
	config_free(&config);
	mistakes_free(&mistakes);
	return rc == 0 ? 0 : -EINVAL;
}

void daemon_remember(struct daemon *d)
{
	d->forgotten[0] = '\0';
	if (state_remember(d->state, d->options.config, d->config, d->forgotten) < 0)
		log_error("that %s was applied cannot be remembered (%s): the next start reads %s",
			d->config, d->forgotten, d->options.config);
}
