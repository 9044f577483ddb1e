#include "client/ctl_commands.h"

#include "base/text.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

const struct idn_option idn_ctl_options[] = {
    {"all", NULL, IDN_CTL_ALL},
    {"broker", "HOST[:PORT]", IDN_CTL_BROKER},
    {"config", "FILE", IDN_CTL_CONFIG},
    {"failed", NULL, IDN_CTL_FAILED},
    {"format", "csv|jsonl", IDN_CTL_FORMAT},
    {"help", NULL, IDN_CTL_HELP},
    {"json", NULL, IDN_CTL_JSON},
    {"list", "FILE", IDN_CTL_LIST},
    {"missing", NULL, IDN_CTL_MISSING},
    {"quarantined", NULL, IDN_CTL_QUARANTINED},
    {"timeout", "SECONDS", IDN_CTL_TIMEOUT},
    {"version", NULL, IDN_CTL_VERSION},
    {NULL, NULL, 0},
};

#define BIT(option) IDN_CTL_BIT(IDN_CTL_##option)

#define JOB_FIELDS                                                                              \
    "  job state model dataset client first last images ok failed quarantined in_flight\n"      \
    "  pending weight batch workers conflicts created_ms finished_ms elapsed_ms images_per_s\n" \
    "  images_per_s_mean compute_us digest why left_ms\n"                                       \
    "left_ms: as TIME LEFT of rates, or null; dataset is null for an uploaded list; failed "    \
    "includes quarantined; times in ms, the first\n"                                            \
    "two UTC since 1970.\n"

static const struct idn_ctl_command commands[] = {
    {"status", NULL, BIT(JSON), true, idn_ctl_status,
        "the brokers: their roles, their load, their disks",
        "Every broker of the cluster is asked for itself.\n\n"
        "  learner    lacks facts; it never reigns before it has what the other one has\n"
        "  standby    has what the active one has, and takes over when that falls silent\n"
        "  active     gives the work to the workers; alone (in JSON): no standby is in sync\n"
        "  in sync    the other broker has stored all that this one has stored\n"
        "  behind     facts stored here that are not known to be stored there\n\n"
        "JSON members, of the broker that reigns, else of the first that answers:\n"
        "  broker version role epoch uptime_ms policy workers workers_busy jobs_open jobs_known\n"
        "  images_pending images_in_flight images_per_s facts store_bytes free_bytes disk_low\n"
        "  damaged_row  null, or the first row of its store that could not be read\n"
        "  workers_drained refuses_jobs (mirror = required, and no standby is in sync) mirror\n"
        "  peer     null, or how it sees the other broker: broker role epoch in_sight exchanged\n"
        "           in_sync silent_ms lag_facts\n"
        "  remark   null, or what is wrong between two brokers that both answer\n"
        "  differ   in what the two differ that must be alike: policy mirror models datasets "
        "(that\n"
        "           they can use)\n"
        "  brokers  of each broker: address, problem (null, or why it does not answer), and the\n"
        "           members above\n"
        "An epoch 0- is none yet. Exit status: 1 when no broker answers.\n"},
    {"jobs", NULL, BIT(JSON) | BIT(ALL), false, idn_ctl_jobs,
        "open jobs; --all: the ended ones too",
        "In the order of submission; WEIGHT is shown when one of them has another than 1.\n\n"
        "JSON: an array of objects with the members\n" JOB_FIELDS},
    {"job", "ID", BIT(JSON), false, idn_ctl_job, "one job in full", "JSON members:\n" JOB_FIELDS},
    {"why", "ID", BIT(JSON), false, idn_ctl_why, "why a job waits, or how fast it is",
        "What holds it back, the weightiest first; then the jobs that share workers with it:\n"
        "SHARE is the part of all tasks that the policy promises (static: of the workers).\n\n"
        "JSON members: job state model images done in_flight facts jobs shares\n"
        "  facts   of each: code text count total ms workers (names; docs/PROTOCOL.md has the\n"
        "          codes and what their numbers mean; 0: none)\n"
        "  jobs    that share the workers, this one included\n"
        "  shares  of the first 16: job model weight share (0 to 1) workers images_per_s "
        "images_left\n"
        "state is uploading, and model null, while a list is uploaded and no job yet.\n"},
    {"workers", NULL, BIT(JSON), false, idn_ctl_workers, "workers, and what each is doing",
        "  MODELS, DATA SETS  how many it holds the same as the broker, of those that the broker\n"
        "                     has registered and can use; without a data set it can only work on\n"
        "                     lists that clients upload\n"
        "  draining           gets nothing new, finishes what it has begun; then drained\n"
        "  drained, not here  names that are drained while no worker has them; in JSON their "
        "state\n"
        "                     is away, and all but name and note means nothing\n\n"
        "JSON: an array of objects with the members\n"
        "  name state threads class job lease_first lease_count lease_done leases images_done\n"
        "  images_per_s silent_ms models_ready models_lacking datasets_ready datasets_lacking\n"
        "  drained note\n"
        "job is null for a worker without a lease.\n"},
    {"rates", NULL, BIT(JSON), false, idn_ctl_rates, "how fast open jobs get on, and how equally",
        "Images a second, and tasks (batches) a minute: over the last 10 s and 60 s; since the\n"
        "job's first result after the last change (a job came or ended, a worker joined or left, "
        "a\n"
        "weight, batch or drain was set, this broker began to reign); and since the jobs that "
        "share\n"
        "do: those with images left that some worker can be given, from when each of them has had "
        "a\n"
        "result until one comes or goes, or a weight or batch is set.\n"
        "  WORKERS    that work on the job now; each is counted for one job\n"
        "  gap        1 - least / most task rate (by weight: for a unit of it), of the jobs that\n"
        "             shared all the time\n"
        "  WANTED     whole workers by the formula, weight * time of a task, of the jobs that "
        "share;\n"
        "             in fractions behind it, or alone when there are more jobs than workers. "
        "Nothing\n"
        "             is decided by it\n"
        "  TIME LEFT  at the rate of the last 60 s, or since the first result after the last "
        "change\n"
        "             if that is less, but of the last 10 s at least; a time before the job's "
        "first\n"
        "             result, or a pause of 10 s, does not count. The same wherever it is told\n"
        "  -          not known; CHANGE, SHARED and gap also in the first 5 s of their time\n\n"
        "JSON members: jobs models workers present hindered_by hindered changed_by sharing awaited "
        "gaps\n"
        "  jobs         of each: job model weight batch ok failed quarantined in_flight pending\n"
        "               images_per_s tasks_per_s workers wanted_workers wanted_share left_ms\n"
        "               measured_ms change_ms (since its first result after the last change) "
        "sharing\n"
        "  models       of the open jobs of each: model jobs ok failed in_flight pending\n"
        "               images_per_s tasks_per_s\n"
        "  measured_ms  since its first result in this reign; null: none came. The 10s and 60s of\n"
        "               a younger job are over that time\n"
        "  workers      that can be given work, of those present; hindered_by: why none can, or "
        "null\n"
        "  hindered     how many cannot: suspected drained benched stuck unreachable\n"
        "  sharing      jobs that share; awaited: of them, without a result since\n"
        "  gaps         of each window: window_ms jobs (0: no gap is known) gap (0 to 1, or null)\n"
        "The windows are 10s 60s change shared. null: not known. failed includes quarantined.\n"},
    {"times", "[MODEL]", BIT(JSON), false, idn_ctl_times, "how long the tasks of models take",
        "Of all models, or of one, and of its open jobs. A task's time is the sum of the times "
        "that\n"
        "its images' slices took to compute. Only tasks of a whole batch count that this broker "
        "saw\n"
        "whole, since it began to reign or the batch was set. Quantiles are right within 1.6 %.\n\n"
        "JSON members: models jobs\n"
        "  models  of each: model batch tasks mean_us deviation_us median_us p90_us p95_us p99_us\n"
        "  jobs    of each: job model tasks mean_us deviation_us\n"
        "null, or -: no task was seen yet; deviation: fewer than two.\n"},
    {"assignment", NULL, BIT(JSON), false, idn_ctl_assignment, "who works on which images",
        "A line for what each worker works on, and one for what it does next; in the order of\n"
        "the workers' names.\n\n"
        "JSON: an array of objects with the members\n"
        "  worker state leases in_child silent_ms note\n"
        "  leases  of each: job model first count done held_ms confirmed trimming alone returned\n"
        "in_child: images in its inference process now. trimming: what is not begun is being "
        "taken\n"
        "back; alone: a process died with this image; returned: from a worker that fell silent.\n"},
    {"models", NULL, BIT(JSON), false, idn_ctl_models, "models that the cluster knows",
        "FROM: what the batch comes from: it is built in, or the broker's configuration says it, "
        "or\n"
        "it was set by idunno-ctl batch (then what it was in brackets; idunno-ctl batch MODEL\n"
        "default returns to that).\n\n"
        "JSON: an array of objects with the members\n"
        "  name digest batch batch_configured batch_set batch_from workers path problem\n"
        "batch_from: built_in, configuration or operator; batch_configured: without the operator.\n"
        "digest is null when there is a problem.\n"},
    {"datasets", NULL, BIT(JSON), false, idn_ctl_datasets, "data sets that the cluster knows",
        "JSON: an array of objects with the members\n"
        "  name digest images workers path problem\n"
        "digest is null when there is a problem.\n"},
    {"results", "ID",
        BIT(JSON) | BIT(FORMAT) | BIT(LIST) | BIT(FAILED) | BIT(MISSING) | BIT(QUARANTINED), false,
        idn_ctl_results, "results of a job so far, a line an image",
        "  --format csv|jsonl  (csv); --json is --format jsonl\n"
        "  --list FILE         with the paths: the list that the job was submitted with, or that "
        "of\n"
        "                      its data set. It must be the same; the brokers do not send it\n"
        "  --failed            only images that could not be classified\n"
        "  --missing           only index (and path) of images that have no result\n"
        "  --quarantined       only images that were given up: they kill the process\n"
        "CSV: index, path (with --list), status, then five times class, probability and, where\n"
        "the model's labels can be read here, label. JSON members: index path status top, of "
        "which\n"
        "each: class probability label.\n\n"
        "The index is the image's line in the list, from 0. Status, when it is not ok:\n"
        "  missing      the worker has no such file    corrupt      cannot be decoded\n"
        "  unreadable   permission, or no plain file   changed      not as the list says\n"
        "  unsupported  neither JPEG nor PNG           not_finite   the network gave no numbers\n"
        "  too_large    over 64 MiB or 100 Mpixel      quarantined  killed its process thrice\n"},
    {"wait", "ID", BIT(JSON), false, idn_ctl_wait, "waits until a job has ended",
        "  --timeout SECONDS   gives up after that (exit status 1); without it waits for ever\n"
        "Exit status: 0 all images classified, 3 finished with failed images, 1 cancelled or\n"
        "still open. JSON members:\n" JOB_FIELDS},
    {"cancel", "ID", 0, false, idn_ctl_cancel, "ends a job early; its results are kept", ""},
    {"forget", "ID", 0, false, idn_ctl_forget, "removes a job that has ended, with its results",
        "It is forgotten for ever: its key is refused from then on.\n"},
    {"quarantine list", "[ID]", BIT(JSON), false, idn_ctl_quarantine_list,
        "images given up because they kill their process",
        "Of one job, or of all. JSON: an array of objects with the members\n"
        "  job model dataset images\n"
        "dataset is null for an uploaded list; images: their indexes.\n"},
    {"quarantine retry", "ID", BIT(JSON), false, idn_ctl_quarantine_retry,
        "lets such images of a job be tried again",
        "For example when the file was repaired or the workers were. A job that had finished is\n"
        "open again until these images have results. JSON members: job images (that left it).\n"},
    {"weight", "ID N", BIT(JSON), false, idn_ctl_weight, "sets a job's share, 1 to 1000",
        "A job of weight 2 completes two tasks while one of weight 1 completes one; usual is 1.\n"
        "It counts from now on; the policy fifo does not look at it. JSON members: job weight\n"
        "durable.\n"
        "durable: by how many brokers it is stored.\n"},
    {"batch", "MODEL [N]", BIT(JSON), false, idn_ctl_batch, "shows or sets the images a task",
        "N, 1 to 10000, or default (what the configuration says, or what is built in), applies\n"
        "to tasks that are given out from now on, also of open jobs. Jobs complete tasks at equal\n"
        "rates, so a smaller batch of a model makes its jobs slower.\n"
        "JSON members: model batch durable.\n"
        "durable: by how many brokers it is stored; null when it was only shown.\n"},
    {"drain", "WORKER", BIT(JSON), false, idn_ctl_drain, "gives a worker nothing new",
        "What it has begun it finishes, some 100 ms of work; the rest goes to others at once. It\n"
        "stays drained, restarted or not, until idunno-ctl undrain WORKER. JSON members: worker\n"
        "drained leases others durable.\n"
        "leases: what it still holds; null when it is not there now. others: other workers that\n"
        "can work now. durable: by how many brokers it is stored.\n"},
    {"undrain", "WORKER", BIT(JSON), false, idn_ctl_undrain, "gives a drained worker work again",
        "JSON members as of drain.\n"},
    {"switch", NULL, 0, true, idn_ctl_switch, "the standby takes over from the active broker",
        "The active broker gives out nothing new, waits until its standby has everything, and\n"
        "hands over; clients and workers follow. When that does not succeed within 5 s it goes\n"
        "on as before. Use it before maintenance, and to return after it: no broker does so by\n"
        "itself.\n"},
    {"bootstrap", NULL, 0, true, idn_ctl_bootstrap, "a learner begins without the other broker",
        "A broker with an empty or damaged store waits for what the other one has. When that one\n"
        "is lost for good, or both are new and cannot hear each other, this makes the learner\n"
        "begin with what it has. What only the other one knew is unknown until it comes back:\n"
        "then both have everything again. When both are learners, --broker says which.\n"},
};
enum { COMMANDS = sizeof(commands) / sizeof(*commands) };

void idn_ctl_print_help(void)
{
    (void)printf("usage: idunno-ctl COMMAND [OPERAND]... [OPTION]...\n\n"
                 "Looks at an IDunno cluster and tells it what to do.\n\n");
    for (size_t i = 0; i < COMMANDS; i++)
        (void)printf("  %s %-*s %s\n", commands[i].name, (int)(20 - strlen(commands[i].name)),
            commands[i].operand == NULL ? "" : commands[i].operand, commands[i].summary);
    (void)fputs(
        "\n"
        "ID is a job's id, or at least its first 8 characters; N a number.\n\n"
        "  --json                for programs: JSON instead of a table\n"
        "  --broker HOST[:PORT]  where the cluster is; twice for its two brokers (configuration)\n"
        "  --config FILE         configuration (else $IDUNNO_CONFIG, ./idunno.conf,\n"
        "                        ~/.config/idunno/idunno.conf, /etc/idunno/idunno.conf)\n"
        "  --timeout SECONDS     give up when no broker answers for so long; 0: never (10)\n"
        "  --help, --version     COMMAND --help says more about one command\n\n"
        "Exit status: 0 done, 1 failure, 2 wrong usage.\n",
        stdout);
}

void idn_ctl_print_command_help(const struct idn_ctl_command *command)
{
    (void)printf("usage: idunno-ctl %s%s%s%s%s%s\n\n%c%s.\n%s%s", command->name,
        command->operand == NULL ? "" : " ", command->operand == NULL ? "" : command->operand,
        (command->options & BIT(JSON)) != 0 ? " [--json]" : "",
        (command->options & BIT(ALL)) != 0 ? " [--all]" : "",
        (command->options & BIT(FORMAT)) != 0 ? " [OPTION]..." : "",
        command->summary[0] - 'a' + 'A', command->summary + 1, command->help[0] == '\0' ? "" : "\n",
        command->help);
}

// ---- finding one

// "list" for "quarantine list" when the group is "quarantine"; NULL: it is of another group.
static const char *word_of(const struct idn_ctl_command *command, const char *group)
{
    size_t length = group == NULL ? 0 : strlen(group);

    if (group == NULL)
        return command->name;
    return strncmp(command->name, group, length) == 0 && command->name[length] == ' '
               ? command->name + length + 1
               : NULL;
}

static bool is_group(const char *word)
{
    for (size_t i = 0; i < COMMANDS; i++)
        if (word_of(&commands[i], word) != NULL)
            return true;
    return false;
}

void idn_ctl_print_group_help(const char *group)
{
    bool first = true;

    for (size_t i = 0; i < COMMANDS; i++)
        if (word_of(&commands[i], group) != NULL) {
            if (!first)
                (void)putchar('\n');
            first = false;
            idn_ctl_print_command_help(&commands[i]);
        }
}

void idn_ctl_list_group(const char *group, char *text, size_t size)
{
    size_t used = 0;

    text[0] = '\0';
    for (size_t i = 0; i < COMMANDS && used < size; i++)
        if (word_of(&commands[i], group) != NULL)
            used += (size_t)snprintf(text + used, size - used, "%s%s%s%s", used == 0 ? "" : ", ",
                commands[i].name, commands[i].operand == NULL ? "" : " ",
                commands[i].operand == NULL ? "" : commands[i].operand);
}

int idn_ctl_find(const char *group, const char *word, const struct idn_ctl_command **ret,
    struct idn_reason *reason)
{
    const char *words[COMMANDS], *nearest;
    size_t count = 0;

    *ret = NULL;
    for (size_t i = 0; i < COMMANDS; i++) {
        const char *candidate = word_of(&commands[i], group);
        if (candidate == NULL)
            continue;
        words[count++] = candidate;
        if (strcmp(word, candidate) == 0) {
            *ret = &commands[i];
            return 0;
        }
    }
    if (group == NULL && is_group(word))
        return 0;
    nearest = idn_nearest(word, words, count);
    if (nearest == NULL)
        return idn_reason_set(reason, -EINVAL,
            "there is no command '%s%s%.100s'; --help lists them", group == NULL ? "" : group,
            group == NULL ? "" : " ", word);
    return idn_reason_set(reason, -EINVAL, "there is no command '%s%s%.100s'; did you mean %s%s%s?",
        group == NULL ? "" : group, group == NULL ? "" : " ", word, group == NULL ? "" : group,
        group == NULL ? "" : " ", nearest);
}
