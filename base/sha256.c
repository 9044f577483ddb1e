#include "base/sha256.h"

#include "base/assert.h"
#include "base/error.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct idn_sha256_stream {
    EVP_MD_CTX *context; // owned
};

int idn_sha256_new(struct idn_sha256_stream **ret)
{
    struct idn_sha256_stream *stream = malloc(sizeof(*stream));

    IDN_ASSERT(stream != NULL);
    stream->context = EVP_MD_CTX_new();
    IDN_ASSERT(stream->context != NULL);
    if (EVP_DigestInit_ex(stream->context, EVP_sha256(), NULL) != 1) {
        EVP_MD_CTX_free(stream->context);
        free(stream);
        return -ENOTSUP;
    }
    *ret = stream;
    return 0;
}

void idn_sha256_update(struct idn_sha256_stream *stream, const void *bytes, size_t size)
{
    IDN_ASSERT(EVP_DigestUpdate(stream->context, bytes, size) == 1);
}

void idn_sha256_final(struct idn_sha256_stream **stream, struct idn_sha256 *ret)
{
    unsigned size = IDN_SHA256_SIZE;

    if (*stream == NULL)
        return;
    IDN_ASSERT(EVP_DigestFinal_ex((*stream)->context, ret->bytes, &size) == 1);
    EVP_MD_CTX_free((*stream)->context);
    free(*stream);
    *stream = NULL;
}

void idn_sha256_of(const void *bytes, size_t size, struct idn_sha256 *ret)
{
    unsigned ret_size = IDN_SHA256_SIZE;

    IDN_ASSERT(EVP_Digest(bytes, size, ret->bytes, &ret_size, EVP_sha256(), NULL) == 1);
}

int idn_sha256_of_file(const char *path, struct idn_sha256 *ret, uint64_t *ret_size)
{
    enum { CHUNK = 1 << 20 };
    IDN_CLEANUP(idn_closep) int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    IDN_CLEANUP(idn_freep) uint8_t *chunk = malloc(CHUNK);
    IDN_ASSERT(chunk != NULL);

    struct idn_sha256_stream *stream = NULL;
    struct idn_sha256 digest;
    uint64_t total = 0;
    int error = idn_sha256_new(&stream);
    if (error < 0)
        return error;
    ssize_t n;
    while ((n = read(fd, chunk, CHUNK)) > 0 || (n < 0 && errno == EINTR)) {
        if (n < 0)
            continue;
        idn_sha256_update(stream, chunk, (size_t)n);
        total += (uint64_t)n;
    }
    error = n < 0 ? -errno : 0;
    idn_sha256_final(&stream, &digest);
    if (error < 0)
        return error;
    *ret = digest;
    if (ret_size != NULL)
        *ret_size = total;
    return 0;
}

void idn_sha256_to_hex(const struct idn_sha256 *digest, char hex[static IDN_SHA256_HEX_SIZE])
{
    static const char digits[] = "0123456789abcdef";

    for (int i = 0; i < IDN_SHA256_SIZE; i++) {
        hex[2 * i] = digits[digest->bytes[i] >> 4];
        hex[2 * i + 1] = digits[digest->bytes[i] & 15];
    }
    hex[2 * IDN_SHA256_SIZE] = '\0';
}

static int digit_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

int idn_sha256_from_hex(const char *hex, struct idn_sha256 *ret)
{
    struct idn_sha256 digest;

    if (strlen(hex) != 2 * (size_t)IDN_SHA256_SIZE)
        return -EINVAL;
    for (int i = 0; i < IDN_SHA256_SIZE; i++) {
        int high = digit_value(hex[2 * i]), low = digit_value(hex[2 * i + 1]);
        if (high < 0 || low < 0)
            return -EINVAL;
        digest.bytes[i] = (uint8_t)(high << 4 | low);
    }
    *ret = digest;
    return 0;
}
