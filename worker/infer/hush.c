#include "worker/infer/hush.h"

#include "base/assert.h"

#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static struct idn_hush *active; // of the process, as its stdout is

static void on_exit_while_hushed(void)
{
    if (active == NULL)
        return;
    idn_hush_end(active);
    (void)fprintf(stderr, "idunno-infer: libdarknet ended the program while it loaded a model\n");
    _exit(1);
}

void idn_hush_begin(struct idn_hush *ret)
{
    static bool registered = false;

    IDN_ASSERT(active == NULL);
    if (!registered)
        registered = atexit(on_exit_while_hushed) == 0;
    (void)fflush(NULL);
    ret->out = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3);
    ret->err = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3);
    int null = open("/dev/null", O_WRONLY | O_CLOEXEC);
    if (null >= 0) {
        (void)dup2(null, STDOUT_FILENO);
        (void)dup2(null, STDERR_FILENO);
        (void)close(null);
    }
    active = ret;
}

static void put_back(int real, int number)
{
    if (real < 0) {
        (void)close(number); // it was closed before
        return;
    }
    (void)dup2(real, number);
    (void)close(real);
}

void idn_hush_end(struct idn_hush *hush)
{
    (void)fflush(NULL); // what the library left in stdio's buffers goes to /dev/null too
    put_back(hush->out, STDOUT_FILENO);
    put_back(hush->err, STDERR_FILENO);
    active = NULL;
}
