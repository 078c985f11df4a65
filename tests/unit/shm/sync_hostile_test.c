/* SPDX-License-Identifier: Apache-2.0 */
/* The link server against a fake control that speaks the protocol by hand, and breaks it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/base/crc32c.h"
#include "tests/unit/shm/snapshot_fixture.h"
#include "tests/unit/shm/sync_fixture.h"

static int descriptors_open(void)
{
	DIR *dir = opendir("/proc/self/fd");
	int count = 0;

	while (readdir(dir))
		count++;
	closedir(dir);
	return count;
}

static int raw_connect(void)
{
	int fd = link_connect(program_path);

	assert_true(fd >= 0);
	program_run(NULL);
	return fd;
}

/* The parts of a snapshot of generation 6, then their root. */
static void raw_apply(int fd, const struct segment segments[SNAP_KINDS])
{
	struct link_message m = link_message_make(LINK_SEGMENT, 3);

	m.segment = SEGMENT_SNAPSHOT;
	for (m.index = 0; m.index < SNAP_KINDS; m.index++)
		assert_int_equal(link_send(fd, &m, segments[m.index].fd), 0);
	m = link_message_make(LINK_ROOT, 3);
	m.generation = 6;
	for (unsigned kind = 0; kind < SNAP_KINDS; kind++)
		m.parts[kind] = 6;
	assert_int_equal(link_send(fd, &m, -1), 0);
}

static void raw_send(int fd, enum link_type type, uint32_t value, int pass_fd)
{
	struct link_message m = link_message_make(type, 3);

	m.role = m.segment = value;
	m.generation = 6;
	assert_int_equal(link_send(fd, &m, pass_fd), 0);
}

static void segments_close(struct segment segments[SNAP_KINDS])
{
	for (unsigned kind = 0; kind < SNAP_KINDS; kind++)
		segment_close(&segments[kind]);
}

/* The next message's type, after its descriptor was closed; or the error. */
static int raw_next(int fd, struct link_message *m)
{
	int pass, got = link_receive(fd, m, &pass);

	if (pass >= 0)
		close(pass);
	return got == 1 ? (int)m->type : got;
}

static int raw_control(void)
{
	struct link_message m;
	int fd = raw_connect();

	raw_send(fd, LINK_HELLO, LINK_ROLE_CONTROL, -1);
	program_run(NULL);
	while (raw_next(fd, &m) != LINK_READY)
		assert_int_equal(m.magic, LINK_MAGIC);
	return fd;
}

static void the_protocol_has_its_order(void **state)
{
	static const uint32_t order[][2] = { { LINK_WELCOME, 0 },
		{ LINK_SEGMENT, SEGMENT_SNAPSHOT }, { LINK_SEGMENT, SEGMENT_SNAPSHOT },
		{ LINK_SEGMENT, SEGMENT_SNAPSHOT }, { LINK_SEGMENT, SEGMENT_SNAPSHOT },
		{ LINK_ROOT, 0 }, { LINK_SEGMENT, SEGMENT_SECRETS },
		{ LINK_SEGMENT, SEGMENT_USAGE }, { LINK_BELL, 0 }, { LINK_SEGMENT, SEGMENT_STATS },
		{ LINK_SEGMENT, SEGMENT_EVENTS }, { LINK_SEGMENT, SEGMENT_ASK },
		{ LINK_SEGMENT, SEGMENT_STATS }, { LINK_SEGMENT, SEGMENT_EVENTS },
		{ LINK_SEGMENT, SEGMENT_ASK }, { LINK_READY, 0 } };
	struct link_message m;
	struct link_client c;
	int fd;

	control_start(&c, 5);
	link_client_close(&c);
	fd = raw_connect();
	raw_send(fd, LINK_HELLO, LINK_ROLE_CONTROL, -1);
	program_run(NULL);
	for (size_t i = 0; i < sizeof(order) / sizeof(order[0]); i++) {
		assert_int_equal(raw_next(fd, &m), order[i][0]);
		assert_int_equal(m.segment, order[i][1]);
	}
	assert_int_equal(raw_next(fd, &m), 0);
	close(fd);
}

static void workers_come_before_the_first_answer(void **state)
{
	static const uint32_t order[] = { LINK_SEGMENT, LINK_SEGMENT, LINK_SEGMENT, LINK_SEGMENT,
		LINK_SEGMENT, LINK_SEGMENT, LINK_READY, LINK_ACK };
	struct link_message m;
	struct segment segments[SNAP_KINDS];
	int fd = raw_control();

	settings_build(6, 0, 4, segments);
	raw_apply(fd, segments);
	program_run(NULL);
	for (size_t i = 0; i < sizeof(order) / sizeof(order[0]); i++)
		assert_int_equal(raw_next(fd, &m), order[i]);
	assert_int_equal(m.status, 0);
	assert_int_equal(m.generation, 6);
	segments_close(segments);
	close(fd);
}

/* Messages that end the connection of whoever sends them. */
static void who_breaks_the_protocol_is_closed(void **state)
{
	static const struct {
		enum link_role role;
		enum link_type type;
		uint32_t value;
		bool with_fd;
	} cases[] = {
		{ 0, LINK_PING, 0, false },
		{ 0, LINK_HELLO, 3, false },
		{ 0, LINK_HELLO, LINK_ROLE_CONTROL, true },
		{ 0, LINK_SEGMENT, SEGMENT_USAGE, true },
		{ LINK_ROLE_READER, LINK_SEGMENT, SEGMENT_SNAPSHOT, true },
		{ LINK_ROLE_READER, LINK_HELLO, LINK_ROLE_CONTROL, false },
		{ LINK_ROLE_CONTROL, LINK_HELLO, LINK_ROLE_CONTROL, false },
		{ LINK_ROLE_CONTROL, LINK_WELCOME, 0, false },
		{ LINK_ROLE_CONTROL, LINK_PING, 0, true },
		{ LINK_ROLE_CONTROL, LINK_SEGMENT, SEGMENT_SNAPSHOT, false },
		{ LINK_ROLE_CONTROL, LINK_ROOT, 0, true },
		{ LINK_ROLE_READER, LINK_ROOT, 0, false },
		{ LINK_ROLE_CONTROL, LINK_SEGMENT, SEGMENT_STATS, true },
		{ LINK_ROLE_CONTROL, LINK_SEGMENT, SEGMENT_USAGE, true },
		{ LINK_ROLE_CONTROL, LINK_SEGMENT, SEGMENT_DELTA, true },
		{ LINK_ROLE_CONTROL, LINK_SEGMENT, SEGMENT_ASK, true },
		{ LINK_ROLE_CONTROL, LINK_BELL, 0, true },
		{ LINK_ROLE_CONTROL, LINK_SEGMENT, 99, true },
	};
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	struct link_message m;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		int before = descriptors_open();
		int fd = raw_connect(), got;

		if (cases[i].role)
			raw_send(fd, LINK_HELLO, cases[i].role, -1);
		raw_send(fd, cases[i].type, cases[i].value, cases[i].with_fd ? null : -1);
		program_run(NULL);
		while ((got = raw_next(fd, &m)) > 0)
			assert_int_not_equal(m.type, LINK_ACK);
		if (got != -ECONNRESET)
			fail_msg("case %zu: %d", i, got);
		close(fd);
		assert_int_equal(descriptors_open(), before);
	}
	close(null);
}

static void garbage_closes_its_sender(void **state)
{
	static const char garbage[300] = "GET / HTTP/1.1\r\n\r\n";
	struct link_message m;
	int control = raw_control(), fd = raw_connect();

	assert_int_equal(send(fd, garbage, sizeof(garbage), 0), sizeof(garbage));
	program_run(NULL);
	assert_int_equal(raw_next(fd, &m), -ECONNRESET);
	raw_send(control, LINK_PING, 0, -1);
	program_run(NULL);
	assert_int_equal(raw_next(control, &m), LINK_PONG);
	close(fd);
	close(control);
}

static int damaged_memfd(const struct segment *s, size_t at)
{
	int fd = memfd_create("damaged", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	uint8_t *copy = malloc(s->length);

	memcpy(copy, s->base, s->length);
	copy[at] ^= 0x40;
	((struct segment_header *)(void *)copy)->crc32c = crc32c(0, copy + 64, s->length - 64);
	assert_int_equal(write(fd, copy, s->length), s->length);
	fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE);
	free(copy);
	return fd;
}

/* Damaged parts in good envelopes: an answer with the place, and the connection goes on. */
static void a_damaged_snapshot_is_answered(void **state)
{
	struct segment good[SNAP_KINDS], sent[SNAP_KINDS];
	struct link_message m;
	int control = raw_control();

	assert_int_equal(fixture_build(6, good), 0);
	for (unsigned kind = 0; kind < SNAP_KINDS; kind++) {
		for (size_t at = 64; at < good[kind].length; at += 61) {
			memcpy(sent, good, sizeof(sent));
			sent[kind].fd = damaged_memfd(&good[kind], at);
			raw_apply(control, sent);
			close(sent[kind].fd);
			program_run(NULL);
			assert_int_equal(raw_next(control, &m), LINK_ACK);
			assert_int_not_equal(
				m.status, 0); /* no secrets came, so that none is accepted */
			assert_int_not_equal(m.text[0], 0);
		}
	}
	assert_int_equal(program.applies, 0);
	segments_close(good);
	close(control);
}

static void what_is_not_sealed_is_answered(void **state)
{
	struct segment segments[SNAP_KINDS], sent[SNAP_KINDS], s;
	struct link_message m;
	int control = raw_control();

	assert_int_equal(segment_create("open", SEGMENT_SNAPSHOT, 4096, 1, &s), 0);
	settings_build(6, 0, 1, segments);
	memcpy(sent, segments, sizeof(sent));
	sent[SNAP_KIND_ROUTING].fd = s.fd;
	raw_send(control, LINK_SEGMENT, SEGMENT_SECRETS, s.fd);
	raw_apply(control, sent);
	program_run(NULL);
	assert_int_equal(raw_next(control, &m), LINK_ACK);
	assert_int_equal(m.status, -EPERM);
	raw_send(control, LINK_SEGMENT, SEGMENT_SECRETS, segments[0].fd);
	raw_apply(control, segments);
	program_run(NULL);
	assert_int_equal(raw_next(control, &m), LINK_ACK);
	assert_int_equal(m.status, -EPROTO);
	assert_non_null(strstr(m.text, "the secrets cannot be read"));
	raw_apply(control, segments); /* the error is forgotten */
	program_run(NULL);
	while (raw_next(control, &m) != LINK_ACK)
		assert_int_equal(m.magic, LINK_MAGIC);
	assert_int_equal(m.status, 0);
	segment_close(&s);
	segments_close(segments);
	close(control);
}

/* @return the answer to a root that names these generations */
static struct link_message root_answer(
	int control, uint64_t generation, const uint64_t parts[SNAP_KINDS])
{
	struct link_message m = link_message_make(LINK_ROOT, 3);

	m.generation = generation;
	memcpy(m.parts, parts, sizeof(m.parts));
	assert_int_equal(link_send(control, &m, -1), 0);
	program_run(NULL);
	while (raw_next(control, &m) != LINK_ACK)
		assert_int_equal(m.magic, LINK_MAGIC);
	return m;
}

static void a_root_names_what_is_there(void **state)
{
	static const uint64_t none[SNAP_KINDS] = { 0 }, all[SNAP_KINDS] = { 6, 6, 6, 6 },
			      other[SNAP_KINDS] = { 6, 6, 5, 6 },
			      later[SNAP_KINDS] = { 6, 6, 6, 7 };
	struct segment segments[SNAP_KINDS];
	struct link_message m;
	int control = raw_control();

	m = root_answer(control, 6, none);
	assert_int_equal(m.status, -ENOENT);
	settings_build(6, 0, 1, segments);
	raw_apply(control, segments);
	program_run(NULL);
	while (raw_next(control, &m) != LINK_ACK)
		assert_int_equal(m.magic, LINK_MAGIC);
	assert_int_equal(m.status, 0);
	m = root_answer(control, 7, other);
	assert_int_equal(m.status, -ENOENT);
	assert_string_equal(
		m.text, "the root names generation 5 of kind callers, which is not here");
	m = root_answer(control, 7, later);
	assert_int_equal(m.status, -ENOENT);
	m = root_answer(control, 6, all);
	assert_int_equal(m.status, -ESTALE);
	/* Nothing is new but the root. */
	m = root_answer(control, 7, all);
	assert_int_equal(m.status, 0);
	assert_int_equal(program.snapshot.generation, 7);
	assert_int_equal(program.snapshot.parts[SNAP_KIND_CALLERS]->generation, 6);
	assert_int_equal(program.applies, 2);
	segments_close(segments);
	close(control);
}

/* A part under the number of another. */
static void a_part_is_what_it_says(void **state)
{
	struct link_message m = link_message_make(LINK_SEGMENT, 3);
	struct segment segments[SNAP_KINDS];
	int control = raw_control();

	settings_build(6, 0, 1, segments);
	m.segment = SEGMENT_SNAPSHOT;
	m.index = SNAP_KIND_CALLERS;
	assert_int_equal(link_send(control, &m, segments[SNAP_KIND_ROUTING].fd), 0);
	raw_apply(control, segments);
	program_run(NULL);
	while (raw_next(control, &m) != LINK_ACK)
		assert_int_equal(m.magic, LINK_MAGIC);
	assert_int_equal(m.status, -EINVAL);
	assert_string_equal(m.text, "a segment of kind routing is announced as 2");
	segments_close(segments);
	close(control);
}

/* A client whose dataplane is us. @return our end */
static int raw_dataplane(enum link_role role, struct link_client *c)
{
	int ends[2];

	assert_int_equal(link_client_connect(program_path, role, 5, c), 0);
	close(c->fd);
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0, ends), 0);
	c->fd = ends[0];
	raw_send(ends[1], LINK_WELCOME, 0, -1);
	return ends[1];
}

/* The client's snapshot points into what it made of them: another ring would be laid over freed
 * memory, and control would keep such a snapshot. */
static void changes_come_once_and_not_to_control(void **state)
{
	const struct delta delta = {
		.sequence = 1, .base_generation = 6, .op = DELTA_KEY_REMOVE, .digest = { 1 }
	};
	struct segment segments[SNAP_KINDS];
	struct delta_ring ring;
	struct link_client c;
	int fd;

	assert_int_equal(fixture_build(6, segments), 0);
	assert_int_equal(delta_ring_create(4, 3, &ring), 0);
	assert_int_equal(delta_ring_push(&ring, &delta), 0);
	fd = raw_dataplane(LINK_ROLE_READER, &c);
	raw_apply(fd, segments);
	raw_send(fd, LINK_SEGMENT, SEGMENT_DELTA, ring.segment.fd);
	assert_int_equal(link_client_step(&c), 2 + SNAP_KINDS + 1);
	raw_send(fd, LINK_SEGMENT, SEGMENT_DELTA, ring.segment.fd);
	assert_int_equal(link_client_step(&c), -EPROTO);
	link_client_close(&c);
	close(fd);
	fd = raw_dataplane(LINK_ROLE_CONTROL, &c);
	raw_apply(fd, segments);
	raw_send(fd, LINK_SEGMENT, SEGMENT_DELTA, ring.segment.fd);
	assert_int_equal(link_client_step(&c), -EPROTO);
	link_client_close(&c);
	close(fd);
	delta_ring_close(&ring);
	segments_close(segments);
}

static void usage_that_runs_is_not_exchanged(void **state)
{
	struct link_client c;
	struct usage usage;

	control_start(&c, 5);
	assert_int_equal(usage_create(16, 1, &usage), 0);
	assert_int_equal(link_client_send_usage(&c, &usage), 0);
	assert_int_equal(program_run(&c), -ECONNRESET);
	assert_int_equal(link_server_generation(program.server), 5);
	usage_close(&usage);
	link_client_close(&c);
}

static void who_does_not_read_holds_nobody_up(void **state)
{
	struct link_message ping = link_message_make(LINK_PING, 1), m;
	struct link_client reader;
	int control = raw_control(), sent = 0, pongs = 0;

	for (int turn = 0; turn < 300; turn++) {
		for (int i = 0; i < 100 && link_send_now(control, &ping, -1) == 0; i++)
			sent++;
		assert_int_equal(link_server_poll(program.server, 0), 0);
	}
	assert_int_equal(link_send_now(control, &ping, -1), -EAGAIN);
	assert_int_equal(link_client_connect(program_path, LINK_ROLE_READER, 1, &reader), 0);
	assert_int_equal(program_run(&reader), 0);
	assert_true(reader.ready);
	link_client_close(&reader);
	for (int turn = 0; turn < 1000 && pongs < sent; turn++) {
		while (raw_next(control, &m) == LINK_PONG)
			pongs++;
		assert_int_equal(link_server_poll(program.server, 0), 0);
	}
	assert_int_equal(pongs, sent);
	close(control);
}

static void the_silent_make_room(void **state)
{
	struct link_client control;
	int silent[40];

	for (int i = 0; i < 40; i++)
		silent[i] = raw_connect();
	assert_int_equal(link_client_connect(program_path, LINK_ROLE_CONTROL, 1, &control), 0);
	assert_int_equal(program_run(&control), 0);
	assert_true(control.ready);
	link_client_close(&control);
	for (int i = 0; i < 40; i++)
		close(silent[i]);
}

static void a_second_dataplane_is_refused(void **state)
{
	static const struct link_server_ops none = { NULL, NULL, NULL };
	const struct link_access access = { .control = LINK_NOBODY, .readers = LINK_NOBODY };
	struct link_server *second;
	char why[200];

	assert_int_equal(
		link_server_create(program_path, &access, &none, NULL, &second, why, sizeof(why)),
		-EADDRINUSE);
	assert_null(second);
	link_server_destroy(second);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, program_setup, program_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(the_protocol_has_its_order),
		TEST(workers_come_before_the_first_answer),
		TEST(who_breaks_the_protocol_is_closed),
		TEST(garbage_closes_its_sender),
		TEST(a_damaged_snapshot_is_answered),
		TEST(what_is_not_sealed_is_answered),
		TEST(a_root_names_what_is_there),
		TEST(a_part_is_what_it_says),
		TEST(changes_come_once_and_not_to_control),
		TEST(usage_that_runs_is_not_exchanged),
		TEST(who_does_not_read_holds_nobody_up),
		TEST(the_silent_make_room),
		TEST(a_second_dataplane_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
