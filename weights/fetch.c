#include "weights/fetch.h"

#include "base/assert.h"
#include "weights/new_file.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

enum { CHUNK = 64 * 1024, COMPLAINT_SIZE = 300 };

struct curl {
    pid_t pid;
    int out, err; // what it sends and what it says
};

static char *const *arguments(const struct idn_fetch *fetch)
{
    static char url[4096], seconds[16];
    // Too slow to be alive: under a byte a second for half a minute.
    static char *items[] = {"curl", "--fail", "--silent", "--show-error", "--location",
        "--max-redirs", "5", "--proto", "=http,https", "--connect-timeout", "10", "--speed-limit",
        "1", "--speed-time", "30", "--max-time", seconds, "--output", "-", "--url", url, NULL};

    (void)snprintf(url, sizeof(url), "%s", fetch->url);
    (void)snprintf(seconds, sizeof(seconds), "%" PRIu32, fetch->seconds_max);
    return items;
}

static int spawn_failed(int error, struct idn_reason *reason)
{
    if (error == ENOENT)
        return idn_reason_set(reason, -error,
            "the program curl is not installed; install it (apt-get install curl) to fetch "
            "weights");
    return idn_reason_set(reason, -error, "cannot start curl: %s", strerror(error));
}

static int start(const struct idn_fetch *fetch, struct curl *ret, struct idn_reason *reason)
{
    posix_spawn_file_actions_t actions;
    int out[2], err[2];

    if (pipe2(out, O_CLOEXEC) < 0)
        return spawn_failed(errno, reason);
    if (pipe2(err, O_CLOEXEC) < 0) {
        int error = errno;
        (void)close(out[0]);
        (void)close(out[1]);
        return spawn_failed(error, reason);
    }
    IDN_ASSERT(posix_spawn_file_actions_init(&actions) == 0);
    int error = posix_spawn_file_actions_adddup2(&actions, out[1], 1);
    if (error == 0)
        error = posix_spawn_file_actions_adddup2(&actions, err[1], 2);
    if (error == 0)
        error = posix_spawnp(&ret->pid, "curl", &actions, NULL, arguments(fetch), environ);
    (void)posix_spawn_file_actions_destroy(&actions);
    (void)close(out[1]);
    (void)close(err[1]);
    ret->out = out[0];
    ret->err = err[0];
    if (error == 0)
        return 0;
    (void)close(out[0]);
    (void)close(err[0]);
    return spawn_failed(error, reason);
}

static ssize_t read_some(int fd, void *bytes, size_t size)
{
    ssize_t n;

    do
        n = read(fd, bytes, size);
    while (n < 0 && errno == EINTR);
    return n;
}

// Copies what comes into the file, not a byte more than there should be. *ret_done: the bytes that
// came.
static int receive(const struct idn_fetch *fetch, int from, FILE *to, idn_fetch_progress *progress,
    void *context, uint64_t *ret_done, struct idn_sha256 *ret_digest, struct idn_reason *reason)
{
    struct idn_sha256_stream *stream = NULL;
    char chunk[CHUNK];
    uint64_t done = 0;
    ssize_t n;
    int error = idn_sha256_new(&stream);

    if (error < 0)
        return idn_reason_set(reason, error, "OpenSSL offers no SHA-256");
    while (error == 0 && done <= fetch->size && (n = read_some(from, chunk, sizeof(chunk))) > 0) {
        idn_sha256_update(stream, chunk, (size_t)n);
        done += (uint64_t)n;
        if (fwrite(chunk, 1, (size_t)n, to) != (size_t)n)
            error =
                idn_reason_set(reason, -errno, "cannot write %s: %s", fetch->file, strerror(errno));
        if (progress != NULL)
            progress(context, done, fetch->size);
    }
    idn_sha256_final(&stream, ret_digest);
    *ret_done = done;
    return error;
}

// What curl said, without its name and number: "curl: (22) The requested URL returned error: 404".
static void read_complaint(int fd, char ret[static COMPLAINT_SIZE])
{
    char text[COMPLAINT_SIZE] = "";
    size_t size = 0;
    ssize_t n;

    while (size < sizeof(text) - 1 && (n = read_some(fd, text + size, sizeof(text) - 1 - size)) > 0)
        size += (size_t)n;
    text[size] = '\0';
    const char *from = strncmp(text, "curl: (", 7) == 0 ? strstr(text, ") ") : NULL;
    from = from == NULL ? text : from + 2;
    (void)snprintf(ret, COMPLAINT_SIZE, "%.*s", (int)strcspn(from, "\n"), from);
}

static int finish(
    const struct idn_fetch *fetch, struct curl *curl, bool too_much, struct idn_reason *reason)
{
    char complaint[COMPLAINT_SIZE];
    int status = 0;

    (void)close(curl->out); // a curl that would send more ends by it
    read_complaint(curl->err, complaint);
    (void)close(curl->err);
    while (waitpid(curl->pid, &status, 0) < 0 && errno == EINTR)
        continue;
    if (too_much || (WIFEXITED(status) && WEXITSTATUS(status) == 0))
        return 0;
    if (WIFSIGNALED(status))
        return idn_reason_set(reason, -ECANCELED,
            "cannot fetch %.150s: curl was ended by signal %d", fetch->url, WTERMSIG(status));
    return idn_reason_set(reason, -EIO, "cannot fetch %.150s: %s", fetch->url,
        *complaint == '\0' ? "curl failed without a word" : complaint);
}

static int compare(const struct idn_fetch *fetch, uint64_t done, const struct idn_sha256 *digest,
    struct idn_reason *reason)
{
    char is[IDN_SHA256_HEX_SIZE], should[IDN_SHA256_HEX_SIZE];

    if (done > fetch->size)
        return idn_reason_set(reason, -EINVAL,
            "%.150s has more than the expected %" PRIu64 " bytes; nothing was kept", fetch->url,
            fetch->size);
    if (done < fetch->size)
        return idn_reason_set(reason, -EINVAL,
            "%.150s has %" PRIu64 " bytes instead of %" PRIu64 "; nothing was kept", fetch->url,
            done, fetch->size);
    if (memcmp(digest, &fetch->digest, sizeof(*digest)) == 0)
        return 0;
    idn_sha256_to_hex(digest, is);
    idn_sha256_to_hex(&fetch->digest, should);
    return idn_reason_set(reason, -EINVAL,
        "%.150s has the SHA-256 %s instead of %s; nothing was kept", fetch->url, is, should);
}

int idn_fetch(const struct idn_fetch *fetch, idn_fetch_progress *progress, void *context,
    struct idn_reason *reason)
{
    struct idn_new_file out = {0};
    struct idn_sha256 digest = {0};
    struct curl curl = {.out = -1, .err = -1};
    uint64_t done = 0;
    int error = idn_new_file_open(fetch->file, &out, reason);

    if (error < 0)
        return error;
    error = start(fetch, &curl, reason);
    if (error == 0) {
        error = receive(fetch, curl.out, out.file, progress, context, &done, &digest, reason);
        int ended = finish(fetch, &curl, error < 0 || done > fetch->size, reason);
        error = error < 0 ? error : ended;
    }
    if (error == 0)
        error = compare(fetch, done, &digest, reason);
    if (error == 0)
        return idn_new_file_commit(&out, reason);
    idn_new_file_abort(&out);
    return error;
}
