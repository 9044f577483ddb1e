// idunno-submit: from the submission to the job's end.
#include "client/call.h"
#include "client/human.h"
#include "client/submit.h"

#include <stdio.h>
#include <string.h>

enum { WATCH_MS = 1000, AGAIN_MS = 1000, PATIENCE_MS_DEFAULT = 600 * 1000 };

static void show(struct idn_submit *submit)
{
    const struct idunno_info *info = &submit->info;
    struct idn_progress_view view = {.total = idn_job_images(info),
        .done = info->ok + idn_job_failed(info),
        .failed = idn_job_failed(info),
        .images_per_s = info->images_per_s,
        .left_ms = idn_job_left_ms(info),
        .note = submit->note[0] != '\0' ? submit->note : info->why};

    idn_progress_show(&submit->progress, &view, idn_call_now());
}

// On a terminal the note beside the bar comes and goes; elsewhere a lost broker is one line, and
// the progress lines that follow show that it is back. A take-over is one line anywhere.
void idn_submit_notice(void *context, enum idunno_notice notice, const char *sentence)
{
    struct idn_submit *submit = context;

    submit->note[0] = '\0';
    submit->moved |= notice == IDUNNO_MOVED;
    if (notice == IDUNNO_LOST && submit->progress.terminal && submit->accepted)
        (void)snprintf(submit->note, sizeof(submit->note), "%s", sentence);
    else if (notice != IDUNNO_BACK)
        idn_progress_say(&submit->progress, sentence);
    if (submit->accepted && submit->progress.terminal)
        show(submit);
}

int idn_submit_fail(struct idn_submit *submit, enum idunno_code code)
{
    const char *id = submit->info.job.id;

    idn_progress_end(&submit->progress);
    if (code == IDUNNO_STOPPED) {
        int signal = idn_signals_take(submit->signal_fd);
        if (submit->accepted)
            (void)fprintf(stderr, "job %.8s %s; return to it with: " IDN_SUBMIT " --attach %.8s\n",
                id, submit->info.state <= IDUNNO_OPEN ? "goes on" : "has ended", id);
        else if (id[0] != '\0')
            (void)fprintf(stderr,
                "interrupted before the broker confirmed job %.8s; whether it"
                " runs says: idunno-ctl job %.8s\n",
                id, id);
        return IDN_EXIT_SIGNAL + signal;
    }
    int status = idn_program_fail_call(IDN_SUBMIT, submit->idunno, code);
    if (submit->accepted && code == IDUNNO_UNREACHABLE)
        (void)fprintf(stderr,
            "job %.8s is stored and goes on when the broker does; return to it"
            " with: " IDN_SUBMIT " --attach %.8s\n",
            id, id);
    return status;
}

const char *idn_submit_durable_text(const struct idn_submit *submit)
{
    if (submit->durable >= 2)
        return "stored by both brokers";
    if (submit->durable == 1 && submit->cluster.brokers > 1)
        return "stored by one broker only: the other one is not in sync with it";
    return "";
}

static bool is_refusal(const struct idn_submit *submit, const char *const *names)
{
    for (; *names != NULL; names++)
        if (strcmp(idunno_refusal(submit->idunno), *names) == 0)
            return true;
    return false;
}

// The same key is the same job, so that this is harmless where the job is known, and right where it
// was lost. A job that somebody has forgotten is refused, not begun again.
static enum idunno_code submit_again(struct idn_submit *submit)
{
    struct idunno_job job;

    return submit->query.model == NULL
               ? IDUNNO_OK
               : idunno_submit(submit->idunno, &submit->query, &job, &submit->durable);
}

// After a take-over. What only hinders a submission does not end the watch of a job that may well
// be there; the list file may have changed meanwhile.
static enum idunno_code tell_new_broker(struct idn_submit *submit)
{
    static const char *const final[] = {"forgotten", "conflict", NULL};

    submit->moved = false;
    enum idunno_code code = submit_again(submit);
    if (code == IDUNNO_INVALID || (code == IDUNNO_REFUSED && !is_refusal(submit, final)))
        return IDUNNO_OK;
    return code;
}

// slow_down: a little later. unknown_here: the broker does not know the job but another may; after
// a take-over the new active may not have heard of it yet. unknown_job: it was lost with the disk
// of the one broker that had it, or forgotten.
static enum idunno_code after_refusal(struct idn_submit *submit)
{
    static const char *const unknown[] = {"unknown_here", "unknown_job", NULL};
    static const char *const busy[] = {"slow_down", "unknown_here", "not_active", "no_mirror",
        "disk_low", "cluster_full", "client_full", "history_full", NULL};
    bool lost = is_refusal(submit, unknown);

    if (!is_refusal(submit, busy) && (!lost || submit->query.model == NULL))
        return IDUNNO_REFUSED;
    if (idn_signals_wait(submit->signal_fd, AGAIN_MS))
        return IDUNNO_STOPPED;
    enum idunno_code code = lost ? submit_again(submit) : IDUNNO_OK;
    return code == IDUNNO_REFUSED && is_refusal(submit, busy) ? IDUNNO_OK : code;
}

// One look at the job, and what is to be done before the next. known_ms: when it was last seen.
static enum idunno_code look(struct idn_submit *submit, uint32_t patience_ms, uint64_t *known_ms)
{
    enum idunno_code code = submit->moved ? tell_new_broker(submit) : IDUNNO_OK;

    if (code == IDUNNO_OK)
        code = idunno_watch(submit->idunno, &submit->info.job, WATCH_MS, &submit->info);
    if (code == IDUNNO_OK)
        *known_ms = idn_call_now();
    else if (code == IDUNNO_REFUSED && idn_call_now() - *known_ms < patience_ms)
        code = after_refusal(submit);
    return code;
}

int idn_submit_watch(struct idn_submit *submit)
{
    uint64_t known_ms = idn_call_now();
    uint32_t patience_ms = submit->options.timeout_ms == 0 ? (uint32_t)PATIENCE_MS_DEFAULT
                                                           : submit->options.timeout_ms;

    idunno_set_timeout(submit->idunno, patience_ms);
    submit->info.version = 0;
    do {
        enum idunno_code code = look(submit, patience_ms, &known_ms);
        if (code != IDUNNO_OK)
            return idn_submit_fail(submit, code);
        if (submit->info.version != 0)
            show(submit);
    } while (submit->info.state == IDUNNO_OPEN || submit->info.version == 0);
    idn_progress_end(&submit->progress);
    return IDN_SUBMIT_GO_ON;
}
