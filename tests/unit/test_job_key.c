/* SPDX-License-Identifier: BSD-3-Clause */
#include "unit.h"

#include "job/key.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char folder[] = "/tmp/wsp-key-XXXXXX", path[64], why[512];
static uint8_t key[WSP_JOB_KEY_BYTES], other[WSP_JOB_KEY_BYTES];

static void make_folder(void)
{
    ck_assert_ptr_nonnull(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/key", folder);
}

static void remove_folder(void)
{
    unlink(path);
    ck_assert_int_eq(rmdir(folder), 0);
}

static void write_file(const void *bytes, size_t length, mode_t mode)
{
    unlink(path);
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(fchmod(fd, mode), 0);
    ck_assert_int_eq(write(fd, bytes, length), (ssize_t)length);
    close(fd);
}

START_TEST(a_key_that_was_made_is_read_back)
{
    struct stat status;
    ck_assert_int_eq(wsp_key_create(path, key, why, sizeof why), WSP_OK);
    ck_assert_int_eq(stat(path, &status), 0);
    ck_assert_uint_eq(status.st_mode & 0777, 0600);
    ck_assert_int_eq(wsp_key_read(path, other, why, sizeof why), WSP_OK);
    ck_assert_mem_eq(key, other, sizeof key);
}
END_TEST

START_TEST(a_file_that_is_there_is_not_replaced)
{
    write_file("mine", 4, 0600);
    ck_assert_int_eq(wsp_key_create(path, key, why, sizeof why), WSP_ERR_CONFIG);
}
END_TEST

START_TEST(hexadecimal_digits_are_the_key_itself)
{
    char text[80] = "";
    for (int i = 0; i < 32; i++)
        snprintf(text + 2 * i, 3, i % 2 ? "%02x" : "%02X", 0xa0 + i);
    strcat(text, "\n");
    write_file(text, strlen(text), 0600);
    ck_assert_int_eq(wsp_key_read(path, key, why, sizeof why), WSP_OK);
    for (int i = 0; i < 32; i++)
        ck_assert_uint_eq(key[i], 0xa0 + i);
}
END_TEST

START_TEST(other_bytes_are_hashed_all_of_them)
{
    uint8_t bytes[48];
    memset(bytes, 0, sizeof bytes);
    write_file(bytes, sizeof bytes, 0600);
    ck_assert_int_eq(wsp_key_read(path, key, why, sizeof why), WSP_OK);
    bytes[47] = 1;
    write_file(bytes, sizeof bytes, 0400);
    ck_assert_int_eq(wsp_key_read(path, other, why, sizeof why), WSP_OK);
    ck_assert_mem_ne(key, other, sizeof key);
}
END_TEST

static void check_refused(const char *said)
{
    ck_assert_int_eq(wsp_key_read(path, key, why, sizeof why), WSP_ERR_CONFIG);
    ck_assert_msg(strstr(why, said) != NULL, "%s", why);
}

START_TEST(keys_that_are_no_secret_are_refused)
{
    char text[] = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
    write_file(text, strlen(text), 0640);
    check_refused("chmod 600");
    write_file(text, strlen(text), 0602);
    check_refused("chmod 600");
    write_file(text, 31, 0600);
    check_refused("too short");
    unlink(path);
    check_refused("cannot be opened");
    ck_assert_int_eq(mkdir(path, 0700), 0);
    check_refused("is not a plain file");
    rmdir(path);
}
END_TEST

void test_cases(TCase *cases)
{
    tcase_add_checked_fixture(cases, make_folder, remove_folder);
    tcase_add_test(cases, a_key_that_was_made_is_read_back);
    tcase_add_test(cases, a_file_that_is_there_is_not_replaced);
    tcase_add_test(cases, hexadecimal_digits_are_the_key_itself);
    tcase_add_test(cases, other_bytes_are_hashed_all_of_them);
    tcase_add_test(cases, keys_that_are_no_secret_are_refused);
}
