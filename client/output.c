#include "client/output.h"

#include "base/assert.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct idn_output {
    char *path, *temporary; // owned
    FILE *file;             // owned
    enum idn_rows_format format;
};

static int refuse_write(const char *path, int error, struct idn_reason *reason)
{
    return idn_reason_set(reason, -error, "cannot write %.300s: %s", path, strerror(error));
}

int idn_output_open(const char *path, struct idn_output **ret, struct idn_reason *reason)
{
    const char *slash = strrchr(path, '/'), *dot = strrchr(slash == NULL ? path : slash, '.');
    struct stat status;
    enum idn_rows_format format;

    if (dot == NULL || idn_rows_format_of(dot + 1, &format, NULL) != 0)
        return idn_reason_set(reason, -EINVAL,
            "the output file's name must end with .csv or .jsonl, not '%.300s'", path);
    if (stat(path, &status) == 0 && !S_ISREG(status.st_mode))
        return idn_reason_set(reason, -EINVAL, "%.300s is there and is not a regular file", path);
    struct idn_output *output = calloc(1, sizeof(*output));
    IDN_ASSERT(output != NULL);
    output->format = format;
    output->path = strdup(path);
    int length = asprintf(&output->temporary, "%s.part-%ld", path, (long)getpid());
    IDN_ASSERT(output->path != NULL && length >= 0);
    int fd = open(output->temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0666);
    if (fd < 0) {
        int error = errno;
        free(output->temporary);
        free(output->path);
        free(output);
        return refuse_write(path, error, reason);
    }
    output->file = fdopen(fd, "w");
    IDN_ASSERT(output->file != NULL);
    *ret = output;
    return 0;
}

FILE *idn_output_file(const struct idn_output *output)
{
    return output->file;
}

enum idn_rows_format idn_output_format(const struct idn_output *output)
{
    return output->format;
}

void idn_output_abandon(struct idn_output **output)
{
    if (*output == NULL)
        return;
    if ((*output)->file != NULL)
        (void)fclose((*output)->file);
    if ((*output)->temporary != NULL)
        (void)unlink((*output)->temporary);
    free((*output)->temporary);
    free((*output)->path);
    free(*output);
    *output = NULL;
}

int idn_output_commit(struct idn_output **output, struct idn_reason *reason)
{
    struct idn_output *out = *output;
    int error = 0;

    errno = EIO; // of an earlier write, where stdio does not say
    if (fflush(out->file) != 0 || ferror(out->file) || fsync(fileno(out->file)) != 0)
        error = errno;
    if (fclose(out->file) != 0 && error == 0)
        error = errno;
    out->file = NULL;
    if (error == 0 && rename(out->temporary, out->path) != 0)
        error = errno;
    if (error != 0)
        error = refuse_write(out->path, error, reason);
    else
        idn_freep(&out->temporary); // there is nothing to remove any more
    idn_output_abandon(output);
    return error;
}
