#include "proto/messages.h"

#define NAME_OF(table, value) ((value) < sizeof(table) / sizeof((table)[0]) ? (table)[value] : NULL)

const char *idn_refusal_name(unsigned refusal)
{
    static const char *const names[IDN_REFUSED_COUNT] = {
        [IDN_REFUSED_UNSUPPORTED] = "unsupported",
        [IDN_REFUSED_MALFORMED] = "malformed",
        [IDN_REFUSED_UNKNOWN_MODEL] = "unknown_model",
        [IDN_REFUSED_UNKNOWN_DATASET] = "unknown_dataset",
        [IDN_REFUSED_RANGE] = "range",
        [IDN_REFUSED_TOO_LARGE] = "too_large",
        [IDN_REFUSED_UNKNOWN_JOB] = "unknown_job",
        [IDN_REFUSED_AMBIGUOUS] = "ambiguous",
        [IDN_REFUSED_CONFLICT] = "conflict",
        [IDN_REFUSED_CLUSTER_FULL] = "cluster_full",
        [IDN_REFUSED_CLIENT_FULL] = "client_full",
        [IDN_REFUSED_HISTORY_FULL] = "history_full",
        [IDN_REFUSED_SLOW_DOWN] = "slow_down",
        [IDN_REFUSED_DISK_LOW] = "disk_low",
        [IDN_REFUSED_NOT_ACTIVE] = "not_active",
        [IDN_REFUSED_UNKNOWN_HERE] = "unknown_here",
        [IDN_REFUSED_NAME_IN_USE] = "name_in_use",
        [IDN_REFUSED_INCOMPLETE] = "incomplete",
        [IDN_REFUSED_JOB_OPEN] = "job_open",
        [IDN_REFUSED_MODEL_UNAVAILABLE] = "model_unavailable",
        [IDN_REFUSED_MANY_WORKERS] = "many_workers",
        [IDN_REFUSED_NO_MIRROR] = "no_mirror",
        [IDN_REFUSED_FORGOTTEN] = "forgotten",
        [IDN_REFUSED_CANCELLED] = "cancelled",
        [IDN_REFUSED_UNKNOWN_SETTING] = "unknown_setting",
        [IDN_REFUSED_VALUE] = "value",
        [IDN_REFUSED_UNKNOWN_WORKER] = "unknown_worker",
        [IDN_REFUSED_DRAINED_FULL] = "drained_full",
        [IDN_REFUSED_DAMAGED] = "damaged",
    };
    return NAME_OF(names, refusal);
}

const char *idn_job_state_name(unsigned state)
{
    static const char *const names[] = {[IDN_JOB_OPEN] = "open",
        [IDN_JOB_FINISHED] = "finished",
        [IDN_JOB_CANCELLED] = "cancelled"};
    return NAME_OF(names, state);
}

const char *idn_worker_state_name(unsigned state)
{
    static const char *const names[] = {
        [IDN_WORKER_IDLE] = "idle",
        [IDN_WORKER_BUSY] = "busy",
        [IDN_WORKER_SUSPECTED] = "suspected",
        [IDN_WORKER_DRAINING] = "draining",
        [IDN_WORKER_DEAD] = "dead",
        [IDN_WORKER_BENCHED] = "benched",
        [IDN_WORKER_DRAINED] = "drained",
        [IDN_WORKER_AWAY] = "away",
    };
    return NAME_OF(names, state);
}

const char *idn_change_name(unsigned change)
{
    static const char *const names[] = {
        [IDN_CHANGE_REIGN] = "reign",
        [IDN_CHANGE_JOB_ACCEPTED] = "job_accepted",
        [IDN_CHANGE_JOB_ENDED] = "job_ended",
        [IDN_CHANGE_JOB_CANCELLED] = "job_cancelled",
        [IDN_CHANGE_WORKER_JOINED] = "worker_joined",
        [IDN_CHANGE_WORKER_LEFT] = "worker_left",
        [IDN_CHANGE_WEIGHT] = "weight",
        [IDN_CHANGE_BATCH] = "batch",
        [IDN_CHANGE_DRAIN] = "drain",
    };
    return NAME_OF(names, change);
}

const char *idn_why_name(unsigned code)
{
    static const char *const names[IDN_WHY_COUNT] = {
        [IDN_WHY_FINISHED] = "finished",
        [IDN_WHY_CANCELLED] = "cancelled",
        [IDN_WHY_UPLOADING] = "uploading",
        [IDN_WHY_MODEL_CHANGED] = "model_changed",
        [IDN_WHY_DATASET_CHANGED] = "dataset_changed",
        [IDN_WHY_READ_BACK] = "read_back",
        [IDN_WHY_DISK_LOW] = "disk_low",
        [IDN_WHY_HANDING_OVER] = "handing_over",
        [IDN_WHY_UNCONFIRMED] = "unconfirmed",
        [IDN_WHY_STARTING] = "starting",
        [IDN_WHY_NO_WORKER] = "no_worker",
        [IDN_WHY_NONE_ABLE] = "none_able",
        [IDN_WHY_BEHIND] = "behind",
        [IDN_WHY_SHARES] = "shares",
        [IDN_WHY_SET_ASIDE] = "set_aside",
        [IDN_WHY_WORKING] = "working",
        [IDN_WHY_DEAD] = "dead",
        [IDN_WHY_LEAVING] = "leaving",
        [IDN_WHY_SUSPECTED] = "suspected",
        [IDN_WHY_STUCK] = "stuck",
        [IDN_WHY_BENCHED] = "benched",
        [IDN_WHY_DRAINED] = "drained",
        [IDN_WHY_UNREACHABLE] = "unreachable",
        [IDN_WHY_OTHER_CLASS] = "other_class",
        [IDN_WHY_MODEL_MISSING] = "model_missing",
        [IDN_WHY_LIST_MISSING] = "list_missing",
        [IDN_WHY_UNAVAILABLE] = "unavailable",
        [IDN_WHY_ALONE] = "alone",
        [IDN_WHY_QUARANTINED] = "quarantined",
        [IDN_WHY_RIVALS] = "rivals",
        [IDN_WHY_NO_STANDBY] = "no_standby",
        [IDN_WHY_EXPECTED] = "expected",
    };
    return NAME_OF(names, code);
}

const char *idn_role_name(unsigned role)
{
    static const char *const names[] = {
        [IDN_ROLE_LEARNER] = "learner",
        [IDN_ROLE_STANDBY] = "standby",
        [IDN_ROLE_ACTIVE] = "active",
        [IDN_ROLE_ALONE] = "alone",
    };
    return NAME_OF(names, role);
}
