/* SPDX-License-Identifier: BSD-3-Clause */
#include "job/key.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILE_MAX  4096 /* bytes of a key file that count */
#define HEX_CHARS (2 * WSP_JOB_KEY_BYTES)

static wsp_err fail(char *why, size_t why_size, const char *path, const char *what)
{
    snprintf(why, why_size, "the key file %s %s", path, what);
    return WSP_ERR_CONFIG;
}

static wsp_err fail_errno(char *why, size_t why_size, const char *path, const char *what)
{
    snprintf(why, why_size, "the key file %s cannot be %s: %s", path, what, strerror(errno));
    return WSP_ERR_CONFIG;
}

wsp_err wsp_key_create(const char *path, uint8_t key[WSP_JOB_KEY_BYTES], char *why, size_t why_size)
{
    char text[HEX_CHARS + 1];
    if (RAND_bytes(key, WSP_JOB_KEY_BYTES) != 1)
        return fail(why, why_size, path, "cannot be made: the system gives no random bytes");
    for (size_t i = 0; i < WSP_JOB_KEY_BYTES; i++)
        snprintf(text + 2 * i, 3, "%02x", key[i]);
    text[HEX_CHARS] = '\n';
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0)
        return fail_errno(why, why_size, path, "made");
    bool is_written = write(fd, text, sizeof text) == (ssize_t)sizeof text;
    OPENSSL_cleanse(text, sizeof text);
    if (close(fd) != 0 || !is_written) {
        unlink(path);
        return fail(why, why_size, path, "cannot be written");
    }
    return WSP_OK;
}

static int hex_digit(unsigned char c)
{
    return isdigit(c) ? c - '0' : isxdigit(c) ? tolower(c) - 'a' + 10 : -1;
}

/* The key that 64 hexadecimal digits spell, white space around them left out. */
static bool parse_hex(const uint8_t *bytes, size_t length, uint8_t key[WSP_JOB_KEY_BYTES])
{
    size_t n_digits = 0;
    for (size_t i = 0; i < length; i++) {
        int digit = hex_digit(bytes[i]);
        if (isspace(bytes[i]))
            continue;
        if (digit < 0 || n_digits == HEX_CHARS)
            return false;
        key[n_digits / 2] = (uint8_t)(n_digits % 2 ? key[n_digits / 2] << 4 | digit : digit);
        n_digits++;
    }
    return n_digits == HEX_CHARS;
}

static ssize_t read_all(int fd, uint8_t *bytes, size_t size)
{
    size_t length = 0;
    while (length < size) {
        ssize_t n = read(fd, bytes + length, size - length);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -1;
        if (n == 0)
            break;
        length += (size_t)n;
    }
    return (ssize_t)length;
}

/* Looks at the open file, so that what is checked is what is read. */
static wsp_err check_mode(int fd, const char *path, char *why, size_t why_size)
{
    struct stat status;
    if (fstat(fd, &status) != 0)
        return fail_errno(why, why_size, path, "examined");
    if (!S_ISREG(status.st_mode))
        return fail(why, why_size, path, "is not a plain file");
    if (status.st_uid != geteuid() && geteuid() != 0)
        return fail(why, why_size, path, "belongs to another user");
    if (status.st_mode & 077)
        return fail(why, why_size, path,
                    "can be used by others than its owner: change that with chmod 600");
    return WSP_OK;
}

static wsp_err parse(const uint8_t *bytes, size_t length, uint8_t key[WSP_JOB_KEY_BYTES],
                     const char *path, char *why, size_t why_size)
{
    if (length < WSP_JOB_KEY_BYTES)
        return fail(why, why_size, path, "is too short: 64 hexadecimal digits or 32 bytes needed");
    if (parse_hex(bytes, length, key))
        return WSP_OK;
    if (EVP_Digest(bytes, length, key, NULL, EVP_sha256(), NULL) != 1)
        return fail(why, why_size, path, "cannot be used: SHA-256 is not available");
    return WSP_OK;
}

wsp_err wsp_key_read(const char *path, uint8_t key[WSP_JOB_KEY_BYTES], char *why, size_t why_size)
{
    uint8_t bytes[FILE_MAX];
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    if (fd < 0)
        return fail_errno(why, why_size, path, "opened");
    wsp_err err = check_mode(fd, path, why, why_size);
    ssize_t length = err ? 0 : read_all(fd, bytes, sizeof bytes);
    if (!err && length < 0)
        err = fail_errno(why, why_size, path, "read");
    close(fd);
    if (!err)
        err = parse(bytes, (size_t)length, key, path, why, why_size);
    OPENSSL_cleanse(bytes, sizeof bytes);
    return err;
}
