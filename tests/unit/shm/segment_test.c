/* SPDX-License-Identifier: Apache-2.0 */
/* Segments and secrets: seals, refusals, and what a read-only descriptor cannot do. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/unit/shm/snapshot_fixture.h"

static void a_sealed_segment_is_mapped_again(void **state)
{
	struct segment s, map;

	assert_int_equal(segment_create("test", SEGMENT_SNAPSHOT, 100, 5, &s), 0);
	assert_int_equal(s.length, 128);
	memset((uint8_t *)s.base + 64, 0xab, 64);
	assert_int_equal(segment_map(s.fd, SEGMENT_SNAPSHOT, false, true, &map), -EPERM);
	assert_int_equal(segment_seal(&s, 9), 0);
	assert_false(s.writable);
	assert_int_equal(segment_map(s.fd, SEGMENT_SECRETS, false, true, &map), -EPROTO);
	assert_int_equal(segment_map(dup(s.fd), SEGMENT_SNAPSHOT, false, true, &map), 0);
	assert_int_equal(((struct segment_header *)map.base)->generation, 9);
	assert_int_equal(((struct segment_header *)map.base)->boot_id, 5);
	assert_memory_equal(map.base, s.base, 128);
	segment_close(&map);
	segment_close(&s);
	segment_close(&s);
}

static void a_sealed_segment_cannot_change(void **state)
{
	struct segment s;

	assert_int_equal(fixture_secrets(1, &s), 0);
	assert_int_equal(pwrite(s.fd, "x", 1, 64), -1);
	assert_int_equal(ftruncate(s.fd, 64), -1);
	assert_ptr_equal(mmap(NULL, s.length, PROT_WRITE, MAP_SHARED, s.fd, 0), MAP_FAILED);
	segment_close(&s);
}

static void a_living_segment_keeps_its_size(void **state)
{
	struct segment s;

	assert_int_equal(segment_create("test", SEGMENT_USAGE, 4096, 1, &s), 0);
	assert_int_equal(ftruncate(s.fd, 64), -1);
	assert_int_equal(fcntl(s.fd, F_ADD_SEALS, F_SEAL_FUTURE_WRITE), -1);
	segment_close(&s);
}

/* A memfd with the segment's bytes, but without its seals. */
static int unsealed_copy(const struct segment *s, size_t length)
{
	int fd = memfd_create("copy", MFD_ALLOW_SEALING | MFD_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, s->base, length), length);
	return fd;
}

static void what_is_not_sealed_is_refused(void **state)
{
	struct segment s, map;
	int fd;

	assert_int_equal(fixture_secrets(1, &s), 0);
	fd = unsealed_copy(&s, s.length);
	assert_int_equal(segment_map(fd, SEGMENT_SECRETS, false, true, &map), -EPERM);
	assert_int_equal(segment_map(fd, SEGMENT_SECRETS, false, false, &map), -EPERM);
	fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW);
	assert_int_equal(segment_map(fd, SEGMENT_SECRETS, false, true, &map), -EPERM);
	fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE);
	assert_int_equal(segment_map(fd, SEGMENT_SECRETS, false, true, &map), 0);
	assert_int_equal(map.fd, fd);
	segment_close(&map);

	fd = unsealed_copy(&s, s.length - 64);
	fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE);
	assert_int_equal(segment_map(fd, SEGMENT_SECRETS, false, true, &map), -EBADMSG);
	close(fd);
	fd = memfd_create("empty", MFD_ALLOW_SEALING);
	fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE);
	assert_int_equal(segment_map(fd, SEGMENT_SECRETS, false, true, &map), -EBADMSG);
	close(fd);
	fd = open("/dev/null", O_RDONLY);
	assert_int_equal(segment_map(fd, SEGMENT_SECRETS, false, true, &map), -EPERM);
	close(fd);
	segment_close(&s);
}

static void another_header_is_refused(void **state)
{
	struct segment_header header;
	struct segment s;
	uint8_t bytes[128];

	assert_int_equal(segment_create("test", SEGMENT_SNAPSHOT, 128, 5, &s), 0);
	assert_int_equal(segment_seal(&s, 1), 0);
	memcpy(bytes, s.base, sizeof(bytes));
	memcpy(&header, bytes, sizeof(header));
	assert_int_equal(segment_check(bytes, 128, SEGMENT_SNAPSHOT, true), 0);
	assert_int_equal(segment_check(bytes, 63, SEGMENT_SNAPSHOT, true), -EBADMSG);
	bytes[100] ^= 1;
	assert_int_equal(segment_check(bytes, 128, SEGMENT_SNAPSHOT, true), -EBADMSG);
	assert_int_equal(segment_check(bytes, 128, SEGMENT_SNAPSHOT, false), 0);
	header.abi_minor++;
	memcpy(bytes, &header, sizeof(header));
	assert_int_equal(segment_check(bytes, 128, SEGMENT_SNAPSHOT, false), 0);
	header.layout ^= 1;
	memcpy(bytes, &header, sizeof(header));
	assert_int_equal(segment_check(bytes, 128, SEGMENT_SNAPSHOT, false), -EPROTO);
	header.layout ^= 1;
	header.abi_major++;
	memcpy(bytes, &header, sizeof(header));
	assert_int_equal(segment_check(bytes, 128, SEGMENT_SNAPSHOT, false), -EPROTO);
	segment_close(&s);
}

static void a_read_only_descriptor_stays_one(void **state)
{
	struct segment s;
	struct stat st;
	int fd;

	assert_int_equal(segment_create("test", SEGMENT_USAGE, 4096, 1, &s), 0);
	fd = segment_reopen_readonly(&s);
	assert_true(fd >= 0);
	assert_int_equal(fcntl(fd, F_GETFL) & O_ACCMODE, O_RDONLY);
	assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
	assert_ptr_equal(mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0), MAP_FAILED);
	assert_int_equal(fstat(fd, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0644);
	close(fd);
	segment_close(&s);
}

static void secrets_come_back_as_they_were(void **state)
{
	struct secrets secrets;
	struct segment s, map;
	struct stat st;

	assert_int_equal(fixture_secrets(3, &s), 0);
	assert_int_equal(fstat(s.fd, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	assert_int_equal(segment_map(dup(s.fd), SEGMENT_SECRETS, false, true, &map), 0);
	assert_int_equal(secrets_open(&map, &secrets), 0);
	assert_int_equal(map.fd, -1);
	assert_int_equal(secrets.count, 1);
	assert_memory_equal((uint8_t *)secrets.segment.base + secrets.entries[0].key_offset,
		"-----BEGIN PRIVATE KEY-----", 27);
	assert_memory_equal(secrets.entries[0].fingerprint, "fingerprint", 11);
	assert_true(secrets_walk(&secrets) > 0);
	secrets_close(&secrets);
	segment_close(&s);
}

static void secrets_outside_of_their_segment_are_refused(void **state)
{
	_Alignas(64) uint8_t copy[320];
	struct segment s, view;
	struct secrets secrets;

	assert_int_equal(fixture_secrets(3, &s), 0);
	assert_true(s.length <= sizeof(copy));
	for (size_t i = 64; i < 192; i++) {
		for (unsigned mask = 1; mask < 256; mask <<= 1) {
			memcpy(copy, s.base, s.length);
			copy[i] ^= (uint8_t)mask;
			view = (struct segment){ .fd = -1, .base = copy, .length = s.length };
			if (secrets_open(&view, &secrets) == 0)
				secrets_walk(&secrets);
		}
	}
	memcpy(copy, s.base, s.length);
	copy[128 + 7] = 1; /* cert_offset */
	view = (struct segment){ .fd = -1, .base = copy, .length = s.length };
	assert_int_equal(secrets_open(&view, &secrets), -EBADMSG);
	copy[128 + 7] = 0;
	copy[64] = 200; /* count */
	assert_int_equal(secrets_open(&view, &secrets), -EBADMSG);
	segment_close(&s);
}

static void no_secrets_are_secrets_too(void **state)
{
	const struct secrets_input empty = { STR("pem"), { NULL, 0 }, { 0 } };
	struct secrets secrets;
	struct segment s;

	assert_int_equal(secrets_build(NULL, 0, 1, 1, &s), 0);
	assert_int_equal(secrets_open(&s, &secrets), 0);
	assert_int_equal(secrets.count, 0);
	secrets_close(&secrets);
	assert_int_equal(secrets_build(&empty, 1, 1, 1, &s), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_sealed_segment_is_mapped_again),
		cmocka_unit_test(a_sealed_segment_cannot_change),
		cmocka_unit_test(a_living_segment_keeps_its_size),
		cmocka_unit_test(what_is_not_sealed_is_refused),
		cmocka_unit_test(another_header_is_refused),
		cmocka_unit_test(a_read_only_descriptor_stays_one),
		cmocka_unit_test(secrets_come_back_as_they_were),
		cmocka_unit_test(secrets_outside_of_their_segment_are_refused),
		cmocka_unit_test(no_secrets_are_secrets_too),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
