/* SPDX-License-Identifier: Apache-2.0 */
/* One question to sluice-control: a line of JSON there, a line of JSON back. */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "control/ctl/ctl.h"
#include "control/ctl/terminal.h"
#include "lib/base/peer.h"

#define WORD_AFTER_MS    3000
#define ANSWER_BYTES_MAX (16 * 1024 * 1024)

/* DEL is the one character that JSON leaves as it is and terminal.c does not: it is only ever in a string. */
void ctl_print_json(json_t *tree)
{
	char *text = json_dumps(tree, JSON_INDENT(2) | JSON_REAL_PRECISION(6) | JSON_ENSURE_ASCII);

	for (const char *at = text; at && *at; at++)
		if (*at == '\177')
			fputs("\\u007f", stdout);
		else
			putchar(*at);
	putchar('\n');
	free(text);
	json_decref(tree);
}

/* Connecting waits while more connections than the kernel keeps have not been accepted. */
static int connect_control(const char *path, int timeout_ms)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	const struct timeval longest = { timeout_ms / 1000, timeout_ms % 1000 * 1000 };
	int fd, err;

	if (strlen(path) >= sizeof(address.sun_path))
		return -ENAMETOOLONG;
	snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	(void)setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &longest, sizeof(longest));
	if (connect(fd, (const struct sockaddr *)&address, sizeof(address)) == 0)
		return fd;
	err = errno == EAGAIN ? ETIMEDOUT : errno;
	close(fd);
	return -err;
}

static int send_line(int fd, const char *text)
{
	size_t len = strlen(text), done = 0;

	while (done <= len) {
		const char *from = done < len ? text + done : "\n";
		ssize_t n = send(fd, from, done < len ? len - done : 1, MSG_NOSIGNAL);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		done += (size_t)n;
	}
	return 0;
}

/* Wait for the next bytes, and say so where it takes long. @return 0 when time is up */
static int wait_readable(int fd, int timeout_ms, bool quiet)
{
	struct pollfd wait = { .fd = fd, .events = POLLIN };
	const int first_ms = timeout_ms < WORD_AFTER_MS ? timeout_ms : WORD_AFTER_MS;
	struct peer_user peer;
	int n = poll(&wait, 1, first_ms);

	if (n != 0 || first_ms == timeout_ms)
		return n;
	if (!quiet && peer_user_get(fd, &peer) == 0)
		fprintf(stderr, "sluicectl: waiting for sluice-control (pid %d), %d s at most\n",
			(int)peer.pid, timeout_ms / 1000);
	return poll(&wait, 1, timeout_ms - first_ms);
}

/* Read until the line ends. @return text for free(), or NULL with errno */
static char *receive_line(int fd, int timeout_ms, bool quiet)
{
	size_t used = 0, room = 4096;
	char *text = malloc(room);

	while (text) {
		ssize_t n;

		if (wait_readable(fd, timeout_ms, quiet) == 0) {
			errno = ETIMEDOUT;
			break;
		}
		n = recv(fd, text + used, room - used - 1, 0);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0) {
			errno = n < 0 ? errno : ECONNRESET;
			break;
		}
		used += (size_t)n;
		text[used] = '\0';
		if (memchr(text + used - n, '\n', (size_t)n))
			return text;
		if (used + 1 == room) {
			char *more = room < ANSWER_BYTES_MAX ? realloc(text, room * 2) : NULL;

			if (!more) {
				errno = EMSGSIZE;
				break;
			}
			text = more;
			room *= 2;
		}
	}
	free(text);
	return NULL;
}

static void explain_failure(const struct ctl *ctl, int err)
{
	const char *path = ctl->control_socket;

	if (err == ETIMEDOUT)
		ctl_complain(ctl,
			"sluice-control at %s does not answer in time: it hangs or is stopped; end it and start it "
			"again, the dataplane goes on meanwhile",
			path);
	else if (err == ENOENT || err == ECONNREFUSED)
		ctl_complain(
			ctl, "no sluice-control at %s: start it, or give --control-socket", path);
	else if (err == EACCES)
		ctl_complain(ctl, "%s: not allowed; be root or in the socket's group", path);
	else
		ctl_complain(ctl, "sluice-control at %s: %s", path, strerror(err));
}

json_t *ctl_request(const struct ctl *ctl, json_t *request, int timeout_ms, bool quiet)
{
	char *text = json_dumps(request, JSON_COMPACT), *line = NULL;
	int fd = connect_control(ctl->control_socket, timeout_ms), err = fd < 0 ? -fd : 0;
	json_t *answer = NULL;

	json_decref(request);
	if (fd >= 0 && text) {
		err = -send_line(fd, text);
		/* A refusal may come before the question, from an end that is closed already. */
		if (!err || err == EPIPE || err == ECONNRESET)
			line = receive_line(fd, timeout_ms, quiet);
		if (line)
			err = 0;
		else if (!err)
			err = errno;
	}
	if (line)
		answer = json_loads(line, 0, NULL);
	if (!ctl->json)
		terminal_one_line(answer);
	if (!answer && !quiet)
		explain_failure(ctl, err ? err : EPROTO);
	if (fd >= 0)
		close(fd);
	free(line);
	free(text);
	errno = err ? err : EPROTO;
	return answer;
}
