/* SPDX-License-Identifier: Apache-2.0 */
/* Regular files are read as they are, and nothing else is, without waiting for anybody. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#include <errno.h>
#include <string.h>

#include "lib/base/file.h"

static char folder[] = "/tmp/file-test.XXXXXX";

static int enter_folder(void **state)
{
	return mkdtemp(folder) && chdir(folder) == 0 ? 0 : -1;
}

static int leave_folder(void **state)
{
	static const char *const names[] = { "full", "empty", "pipe", "socket", "circle" };

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		unlink(names[i]);
	return chdir("/") == 0 ? rmdir(folder) : -1;
}

static void write_file(const char *name, const char *data, size_t len)
{
	FILE *f = fopen(name, "w");

	assert_non_null(f);
	assert_int_equal(fwrite(data, 1, len, f), len);
	assert_int_equal(fclose(f), 0);
}

static void a_file_is_read_with_its_zeros(void **state)
{
	struct file_text text;
	char why[FILE_WHY_BYTES];
	struct stat st;

	write_file("full", "a\0b\n", 4);
	assert_int_equal(file_read("full", 4, &text, why), 0);
	assert_int_equal(text.len, 4);
	assert_memory_equal(text.data, "a\0b\n", 5);
	assert_int_equal(stat("full", &st), 0);
	assert_true(text.dev == st.st_dev && text.ino == st.st_ino && text.mode == st.st_mode);
	free(text.data);
	write_file("empty", "", 0);
	assert_int_equal(file_read("empty", 0, &text, why), 0);
	assert_int_equal(text.len, 0);
	assert_string_equal(text.data, "");
	free(text.data);
}

static void a_file_beyond_the_limit_is_refused(void **state)
{
	struct file_text text;
	char why[FILE_WHY_BYTES];

	assert_int_equal(file_read("full", 3, &text, why), -EFBIG);
	assert_null(text.data);
	/* Its size is said to be 0, so that only reading finds the end. */
	assert_int_equal(file_read("/proc/self/status", 64, &text, why), -EFBIG);
	assert_int_equal(file_read("/proc/self/status", 1 << 20, &text, why), 0);
	assert_true(text.len > 64);
	free(text.data);
}

static void refuses(const char *path, int error, const char *expected)
{
	struct file_text text;
	char why[FILE_WHY_BYTES] = "";

	assert_int_equal(file_read(path, 100, &text, why), error);
	assert_string_equal(why, expected);
	assert_null(text.data);
}

static void what_is_no_file_is_named(void **state)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX, .sun_path = "socket" };
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	assert_int_equal(bind(fd, (const struct sockaddr *)&address, sizeof(address)), 0);
	close(fd);
	assert_int_equal(mkfifo("pipe", 0600), 0);
	assert_int_equal(symlink("circle", "circle"), 0);
	refuses(".", -EISDIR, "it is a folder");
	refuses("pipe", -EINVAL, "it is a named pipe");
	refuses("socket", -EINVAL, "it is a socket");
	refuses("/dev/zero", -EINVAL, "it is a device");
	refuses("circle", -ELOOP, "its symbolic links lead in a circle");
	refuses("gone", -ENOENT, "No such file or directory");
	refuses("", -ENOENT, "No such file or directory");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_file_is_read_with_its_zeros),
		cmocka_unit_test(a_file_beyond_the_limit_is_refused),
		cmocka_unit_test(what_is_no_file_is_named),
	};

	return cmocka_run_group_tests(tests, enter_folder, leave_folder);
}
