#include "worker/infer/hush.h"

#include "base/assert.h"

#include <errno.h>
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

// Returns the real one, -1 when it is closed, `number` itself when there is no descriptor left for
// it: better noise than a terminal that is lost.
static int keep(int number)
{
    int real = fcntl(number, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);

    return real >= 0 || errno == EBADF ? real : number;
}

static void divert(int real, int number, int null)
{
    if (real != number)
        (void)dup2(null, number);
}

static void put_back(int real, int number)
{
    if (real == number)
        return;
    if (real < 0) {
        (void)close(number);
        return;
    }
    (void)dup2(real, number);
    (void)close(real);
}

void idn_hush_begin(struct idn_hush *ret)
{
    static bool registered = false;

    IDN_ASSERT(active == NULL);
    if (!registered)
        registered = atexit(on_exit_while_hushed) == 0;
    (void)fflush(NULL);
    ret->out = keep(STDOUT_FILENO);
    ret->err = keep(STDERR_FILENO);
    int null = open("/dev/null", O_WRONLY | O_CLOEXEC);
    if (null >= 0) {
        divert(ret->out, STDOUT_FILENO, null);
        divert(ret->err, STDERR_FILENO, null);
        (void)close(null);
    }
    active = ret;
}

void idn_hush_end(struct idn_hush *hush)
{
    (void)fflush(NULL); // what the library left in stdio's buffers goes to /dev/null too
    put_back(hush->out, STDOUT_FILENO);
    put_back(hush->err, STDERR_FILENO);
    active = NULL;
}
