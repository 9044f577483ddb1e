// idunno-infer: the computing child of idunno-worker. A hostile image may crash it and a hostile
// network file may end it; its agent sees that and starts another.
#include "base/program.h"
#include "worker/infer/options.h"
#include "worker/infer/selftest.h"
#include "worker/infer/serve.h"

#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>

#define PROGRAM "idunno-infer"

// Ctrl-C and SIGTERM reach the whole process group: the agent decides what becomes of us. Should
// it die, so do we, even in the middle of a slice; an agent that is gone already has closed the
// socket.
static void follow_agent(void)
{
    (void)signal(SIGINT, SIG_IGN);
    (void)signal(SIGTERM, SIG_IGN);
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
}

static int run(const struct idn_infer_options *options, struct idn_reason *reason)
{
    struct idn_engine *engine;

    if (!options->selftest)
        follow_agent();
    int error = idn_engine_open(options->engine_ops, &options->engine, &engine, reason);
    if (error != 0)
        return error;
    error = options->selftest ? idn_selftest(options, engine, reason)
                              : idn_serve(options->socket, engine, reason);
    idn_engine_close(&engine);
    return error;
}

int main(int argc, char **argv)
{
    struct idn_infer_options options;
    struct idn_reason reason = {""};

    if (idn_infer_options_read(argc, argv, &options, &reason) != 0)
        return idn_program_usage(PROGRAM, "%s", reason.text);
    if (options.help)
        idn_infer_help();
    else if (options.version)
        (void)puts(PROGRAM " " IDN_VERSION);
    else if (run(&options, &reason) != 0)
        return idn_program_fail(PROGRAM, "%s", reason.text);
    return idn_program_end(PROGRAM, IDN_EXIT_OK);
}
