/* SPDX-License-Identifier: Apache-2.0 */
/* The list of drivers, see driver.h. */
#include "dataplane/io/driver.h"

#include <ctype.h>
#include <errno.h>
#include <linux/capability.h>
#include <net/if.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "dataplane/io/eal.h"

#define CAP_BIT(capability) (UINT64_C(1) << (capability))

enum argument_kind {
	ARGUMENT_WORD,      /* letters, digits and a few signs */
	ARGUMENT_INTERFACE, /* name of a network interface */
	ARGUMENT_SOCKET,    /* path of a UNIX socket, or of one to be made */
	ARGUMENT_VHOST,     /* the same, or /dev/vhost-net */
};

struct argument {
	const char *name;
	enum argument_kind kind;
};

struct driver {
	const char *name;  /* DPDK's, and what its devices' names begin with */
	const char *alias; /* devices may begin with this, too */
	const struct argument *arguments;
	struct driver_needs needs;
};

static const struct argument af_packet_arguments[] = {
	{ "iface", ARGUMENT_INTERFACE },
	{ "qpairs", ARGUMENT_WORD },
	{ "blocksz", ARGUMENT_WORD },
	{ "framesz", ARGUMENT_WORD },
	{ "framecnt", ARGUMENT_WORD },
	{ "qdisc_bypass", ARGUMENT_WORD },
	{ NULL },
};

/* Not xdp_prog: it names a program that root would load into the kernel. */
static const struct argument af_xdp_arguments[] = {
	{ "iface", ARGUMENT_INTERFACE },
	{ "start_queue", ARGUMENT_WORD },
	{ "queue_count", ARGUMENT_WORD },
	{ "shared_umem", ARGUMENT_WORD },
	{ "force_copy", ARGUMENT_WORD },
	{ "busy_budget", ARGUMENT_WORD },
	{ NULL },
};

static const struct argument memif_arguments[] = {
	{ "id", ARGUMENT_WORD },
	{ "role", ARGUMENT_WORD },
	{ "bsize", ARGUMENT_WORD },
	{ "rsize", ARGUMENT_WORD },
	{ "socket", ARGUMENT_SOCKET },
	{ "socket-abstract", ARGUMENT_WORD },
	{ "mac", ARGUMENT_WORD },
	{ "secret", ARGUMENT_WORD },
	{ "zero-copy", ARGUMENT_WORD },
	{ NULL },
};

static const struct argument tap_arguments[] = {
	{ "iface", ARGUMENT_INTERFACE },
	{ "mac", ARGUMENT_WORD },
	{ "remote", ARGUMENT_INTERFACE },
	{ NULL },
};

static const struct argument virtio_user_arguments[] = {
	{ "path", ARGUMENT_VHOST },
	{ "iface", ARGUMENT_INTERFACE },
	{ "mac", ARGUMENT_WORD },
	{ "queues", ARGUMENT_WORD },
	{ "queue_size", ARGUMENT_WORD },
	{ "cq", ARGUMENT_WORD },
	{ "server", ARGUMENT_WORD },
	{ "mrg_rxbuf", ARGUMENT_WORD },
	{ "in_order", ARGUMENT_WORD },
	{ "packed_vq", ARGUMENT_WORD },
	{ "speed", ARGUMENT_WORD },
	{ "vectorized", ARGUMENT_WORD },
	{ NULL },
};

static const struct argument no_arguments[] = { { NULL } };

static const struct driver drivers[] = {
	{ "net_af_packet", "eth_af_packet", af_packet_arguments, { 0, DRIVER_CALLS_SOCKET } },
	/* At the end its program is taken off the interface (iface_xdp_detach()). */
	{ "net_af_xdp", "eth_af_xdp", af_xdp_arguments,
		{ CAP_BIT(CAP_NET_ADMIN), DRIVER_CALLS_SOCKET } },
	{ "net_memif", NULL, memif_arguments, { 0, DRIVER_CALLS_CONNECT } },
	{ "net_ring", "eth_ring", no_arguments, { 0, 0 } },
	{ "net_null", "eth_null", no_arguments, { 0, 0 } },
	/* At the end it sets its interface down. */
	{ "net_tap", "eth_tap", tap_arguments,
		{ CAP_BIT(CAP_NET_ADMIN), DRIVER_CALLS_SOCKET | DRIVER_CALLS_DEVICE } },
	{ "net_virtio_user", "virtio_user", virtio_user_arguments,
		{ CAP_BIT(CAP_NET_ADMIN),
			DRIVER_CALLS_SOCKET | DRIVER_CALLS_DEVICE | DRIVER_CALLS_CONNECT } },
};

#define DRIVER_COUNT (sizeof(drivers) / sizeof(drivers[0]))

__attribute__((format(printf, 3, 4))) static int refuse(
	char *why, size_t why_bytes, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(why, why_bytes, format, args);
	va_end(args);
	return -EACCES;
}

static bool is_word(const char *text, size_t len, const char *signs)
{
	for (size_t i = 0; i < len; i++)
		if (!isalnum((unsigned char)text[i]) && !strchr(signs, text[i]))
			return false;
	return len > 0;
}

int driver_interface_allowed(const char *name, char *why, size_t why_bytes)
{
	size_t len = strlen(name);

	return len < IF_NAMESIZE && is_word(name, len, "_-.@")
		       ? 0
		       : refuse(why, why_bytes, "'%s' cannot be the name of an interface", name);
}

/* The driver would connect there, or make and remove it: no file may be lost by that. */
static int socket_allowed(const char *path, bool vhost, char *why, size_t why_bytes)
{
	struct stat st;

	if (vhost && strcmp(path, "/dev/vhost-net") == 0)
		return 0;
	if (path[0] != '/' || strstr(path, "/../") || strncmp(path, "/dev/", 5) == 0)
		return refuse(why, why_bytes, "'%s' is no absolute path of a socket", path);
	if (lstat(path, &st) == 0 && !S_ISSOCK(st.st_mode))
		return refuse(why, why_bytes, "%s is no socket", path);
	return 0;
}

static int value_allowed(const struct argument *a, const char *value, char *why, size_t why_bytes)
{
	switch (a->kind) {
	case ARGUMENT_WORD:
		return value[0] == 0 || is_word(value, strlen(value), "_-:.")
			       ? 0
			       : refuse(why, why_bytes, "'%s' is no value of '%s'", value, a->name);
	case ARGUMENT_INTERFACE:
		return driver_interface_allowed(value, why, why_bytes);
	case ARGUMENT_SOCKET:
	case ARGUMENT_VHOST:
		return socket_allowed(value, a->kind == ARGUMENT_VHOST, why, why_bytes);
	}
	return -EACCES;
}

/* One "name=value". It is cut in place. */
static int argument_allowed(const struct driver *d, char *text, char *why, size_t why_bytes)
{
	char *value = strchr(text, '=');

	if (value)
		*value++ = 0;
	for (const struct argument *a = d->arguments; a->name; a++)
		if (strcmp(a->name, text) == 0)
			return value_allowed(a, value ? value : "", why, why_bytes);
	return refuse(why, why_bytes, "%s takes no argument '%s' here", d->name, text);
}

static const struct driver *driver_of(const char *name)
{
	for (size_t i = 0; i < DRIVER_COUNT; i++) {
		const struct driver *d = &drivers[i];

		if (strncmp(name, d->name, strlen(d->name)) == 0 ||
			(d->alias && strncmp(name, d->alias, strlen(d->alias)) == 0))
			return d;
	}
	return NULL;
}

static int software_allowed(char *device, char *why, size_t why_bytes)
{
	char *rest = device, *name = strsep(&rest, ",");
	const struct driver *d = driver_of(name);

	if (!d)
		return refuse(why, why_bytes,
			"no driver of '%s' is allowed; sluice-dataplane --allow-driver NAME allows one more",
			name);
	if (!is_word(name, strlen(name), "_-."))
		return refuse(why, why_bytes, "'%s' is no name of a device", name);
	for (char *text; (text = strsep(&rest, ",")) != NULL;) {
		int err = argument_allowed(d, text, why, why_bytes);

		if (err)
			return err;
	}
	return 0;
}

int driver_allowed(const char *device, const char *const *more, uint32_t more_count, char *why,
	size_t why_bytes)
{
	static const char automatic[] = "auto:";
	char copy[256];

	if (strlen(device) >= sizeof(copy))
		return refuse(why, why_bytes, "longer than %zu bytes", sizeof(copy) - 1);
	if (strncmp(device, automatic, sizeof(automatic) - 1) == 0)
		return driver_interface_allowed(device + sizeof(automatic) - 1, why, why_bytes);
	/* Arguments of hardware's drivers tune it; none of those that name a file. */
	if (eal_is_pci(device))
		return is_word(device, strlen(device), ":.,=_-[]")
			       ? 0
			       : refuse(why, why_bytes, "an argument is not allowed");
	for (uint32_t i = 0; i < more_count; i++)
		if (strncmp(device, more[i], strlen(more[i])) == 0)
			return 0;
	memcpy(copy, device, strlen(device) + 1);
	return software_allowed(copy, why, why_bytes);
}

struct driver_needs driver_needs(const char *driver)
{
	const struct driver *d = driver_of(driver);

	return d ? d->needs : (struct driver_needs){ 0 };
}
