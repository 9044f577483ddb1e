// idunno-ctl status: every broker of the cluster, and how each one sees the other.
#include "client/ctl.h"
#include "client/ctl_brokers.h"
#include "client/human.h"

#include "base/format.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static const char *role_text(uint32_t role)
{
    switch (role) {
    case IDN_ROLE_LEARNER:
        return "learner: lacks facts, and waits for what the other broker has";
    case IDN_ROLE_STANDBY:
        return "standby";
    case IDN_ROLE_ACTIVE:
        return "active, with a standby in sync";
    case IDN_ROLE_ALONE:
        return "active, without a standby in sync";
    default:
        return "of an unknown role";
    }
}

// ---- for people

static void print_peer(const struct idn_peer_info *peer)
{
    char name[IDN_NAME_SIZE + 64], behind[64] = "";

    if (!peer->configured)
        return;
    if (peer->role == 0) {
        idn_ctl_line("peer", "not heard since this broker started");
        return;
    }
    (void)snprintf(name, sizeof(name), "%s, %s", peer->broker, idn_role_name(peer->role));
    if (peer->lag_facts > 0)
        (void)snprintf(behind, sizeof(behind), ", %s fact%s behind",
            idn_human_count(peer->lag_facts).text, idn_plural(peer->lag_facts));
    if (!peer->in_sight)
        idn_ctl_line("peer", "%s when it was last heard, %s ago%s", name,
            idn_human_duration(peer->silent_ms).text, behind);
    else if (!peer->exchanged)
        idn_ctl_line("peer", "%s, in sight; they exchange what the other lacks%s", name, behind);
    else
        idn_ctl_line("peer", "%s, %s%s; heard %s ago", name,
            peer->in_sync ? "in sync" : "not in sync", behind,
            idn_human_duration(peer->silent_ms).text);
}

static void print_work(const struct idn_status_info *status)
{
    if (status->workers_drained == 0)
        idn_ctl_line("workers", "%u, %u of them busy", status->workers, status->workers_busy);
    else if (status->workers_drained < status->workers)
        idn_ctl_line("workers", "%u, %u of them busy, %u drained", status->workers,
            status->workers_busy, status->workers_drained);
    else
        idn_ctl_line(
            "workers", "%u; all workers are drained, see idunno-ctl undrain", status->workers);
    idn_ctl_line("jobs", "%u open, %u known%s", status->jobs_open, status->jobs_known,
        status->refuses_jobs ? "; others are refused while no standby is in sync (mirror = "
                               "required)"
                             : "");
    idn_ctl_line("images", "%s waiting, %s being computed, %s/s in the last 10 s",
        idn_human_count(status->images_pending).text,
        idn_human_count(status->images_in_flight).text, idn_human_rate(status->images_per_s).text);
}

static void print_status(const struct idn_ctl_broker *broker, bool with_policy)
{
    const struct idn_status_info *status = &broker->status;

    idn_ctl_line("broker", "%s (%s), %s", status->broker, status->version, role_text(status->role));
    idn_ctl_line("running", "%s, %s%s, at %s", idn_human_duration(status->uptime_ms).text,
        status->epoch.counter == 0 ? "no epoch yet" : "epoch ",
        status->epoch.counter == 0 ? "" : idn_ctl_epoch(status->epoch).text, broker->address);
    print_peer(&status->peer);
    if (idn_ctl_reigns(broker) || with_policy)
        idn_ctl_line("policy", "%s", status->policy);
    if (idn_ctl_reigns(broker))
        print_work(status);
    idn_ctl_line("store", "%s fact%s in %s; %s free on its disk%s",
        idn_human_count(status->facts).text, idn_plural(status->facts),
        idn_human_bytes(status->store_bytes).text, idn_human_bytes(status->free_bytes).text,
        status->disk_low ? ", which is too little: nothing is taken on" : "");
    if (status->damaged_row != 0)
        idn_ctl_line("damaged",
            "row %" PRIu64 " of the store cannot be read, perhaps others too; docs/OPERATING.md "
            "says what to do",
            status->damaged_row);
}

// ---- what neither broker can say

// A broker's name is its host's, a slash and its letter, or its letter.
static char letter_of(const char *broker)
{
    size_t length = strlen(broker);

    return length == 0 ? '?' : broker[length - 1];
}

struct remark {
    char text[700];
};

// What their configurations must say alike.
enum { POLICY, MIRROR, MODELS, DATASETS, SETTINGS };
static const char *const setting_names[SETTINGS] = {"policy", "mirror", "models", "datasets"};

struct differences {
    bool in[SETTINGS];
    unsigned count;
};

static bool both_answer(const struct idn_ctl_brokers *brokers)
{
    return brokers->count == 2 && brokers->item[0].code == IDUNNO_OK &&
           brokers->item[1].code == IDUNNO_OK;
}

static const char *mirror_name(const struct idn_status_info *status)
{
    return status->mirror_required ? "required" : "preferred";
}

static struct differences compare(const struct idn_ctl_brokers *brokers)
{
    const struct idn_status_info *one = &brokers->item[0].status, *two = &brokers->item[1].status;
    struct differences differ = {.count = 0};

    if (!both_answer(brokers))
        return differ;
    differ.in[POLICY] = strcmp(one->policy, two->policy) != 0;
    differ.in[MIRROR] = one->mirror_required != two->mirror_required;
    differ.in[MODELS] = one->models_hash != two->models_hash;
    differ.in[DATASETS] = one->datasets_hash != two->datasets_hash;
    for (int i = 0; i < SETTINGS; i++)
        differ.count += differ.in[i];
    return differ;
}

static struct remark remark_on_settings(
    const struct idn_ctl_brokers *brokers, const struct differences *differ)
{
    const struct idn_status_info *one = &brokers->item[0].status, *two = &brokers->item[1].status;
    struct remark what[SETTINGS] = {0}, remark = {""};
    size_t used = 0;

    if (differ->count == 0)
        return remark;
    (void)snprintf(
        what[POLICY].text, sizeof(remark.text), "policy (%s, %s)", one->policy, two->policy);
    (void)snprintf(what[MIRROR].text, sizeof(remark.text), "mirror (%s, %s)", mirror_name(one),
        mirror_name(two));
    (void)snprintf(what[MODELS].text, sizeof(remark.text), "the models they can use");
    (void)snprintf(what[DATASETS].text, sizeof(remark.text), "the data sets they can use");
    used += (size_t)snprintf(
        remark.text, sizeof(remark.text), "%s and %s differ in ", one->broker, two->broker);
    for (int i = 0; i < SETTINGS; i++)
        if (differ->in[i])
            used += (size_t)snprintf(
                remark.text + used, sizeof(remark.text) - used, "%.150s, ", what[i].text);
    (void)snprintf(remark.text + used - 2, sizeof(remark.text) - used + 2,
        ": whichever reigns goes by its own; give both the same configuration and files (see "
        "idunno-broker --check), and restart them");
    return remark;
}

// Of two that both answer: what is wrong between them; "" when nothing is.
static struct remark remark_on(const struct idn_ctl *ctl, const struct idn_ctl_brokers *brokers)
{
    const struct idn_ctl_broker *one = &brokers->item[0], *two = &brokers->item[1];
    const char *first = one->status.broker, *second = two->status.broker;
    struct remark remark = {""};
    size_t size = sizeof(remark.text);

    if (!both_answer(brokers))
        return remark;
    char letter = letter_of(first);
    if (strcmp(first, second) == 0)
        (void)snprintf(remark.text, size,
            "both addresses answer as broker %s: they lead to one broker, or both have the letter "
            "%c (one of two needs --letter b)",
            first, letter);
    else if (letter == letter_of(second))
        (void)snprintf(remark.text, size,
            "both call themselves %c: one of the two needs --letter %c", letter,
            letter == 'a' ? 'b' : 'a');
    else if (idn_ctl_reigns(one) && idn_ctl_reigns(two))
        (void)snprintf(remark.text, size,
            "two brokers reign: %s goes on when they hear each other again; see port_mirror (%u) "
            "and firewalls",
            idn_epoch_compare(one->status.epoch, two->status.epoch) > 0 ? first : second,
            ctl->cluster.settings.port_mirror);
    else if (!one->status.peer.configured || !two->status.peer.configured)
        (void)snprintf(remark.text, size,
            "both brokers answer, but %s knows of no other one: it needs cluster/b in its "
            "configuration, and a restart",
            one->status.peer.configured ? second : first);
    else if (!one->status.peer.in_sight || !two->status.peer.in_sight)
        (void)snprintf(remark.text, size,
            "both brokers answer, but do not hear each other: see port_mirror (%u), letters and "
            "firewalls",
            ctl->cluster.settings.port_mirror);
    return remark;
}

static void print_all(const struct idn_ctl *ctl, const struct idn_ctl_brokers *brokers)
{
    struct differences differ = compare(brokers);
    struct remark link = remark_on(ctl, brokers), settings = remark_on_settings(brokers, &differ);

    for (uint32_t i = 0; i < brokers->count; i++) {
        const struct idn_ctl_broker *broker = &brokers->item[i];
        if (i > 0)
            (void)putchar('\n');
        if (broker->code == IDUNNO_OK)
            print_status(broker, differ.in[POLICY]);
        else
            idn_ctl_line("broker", "%s", idunno_error(broker->idunno));
    }
    if (link.text[0] != '\0')
        (void)printf("\n%s\n", link.text);
    if (settings.text[0] != '\0')
        (void)printf("\n%s\n", settings.text);
}

// ---- for programs

static void put_peer(struct idn_json *json, const struct idn_peer_info *peer)
{
    if (!peer->configured) {
        idn_json_null(json, "peer");
        return;
    }
    idn_json_object(json, "peer");
    idn_json_string(json, "broker", peer->broker);
    if (peer->role == 0)
        idn_json_null(json, "role");
    else
        idn_json_string(json, "role", idn_role_name(peer->role));
    idn_json_string(json, "epoch", idn_ctl_epoch(peer->epoch).text);
    idn_json_bool(json, "in_sight", peer->in_sight);
    idn_json_bool(json, "exchanged", peer->exchanged);
    idn_json_bool(json, "in_sync", peer->in_sync);
    idn_json_u64(json, "silent_ms", peer->silent_ms);
    idn_json_u64(json, "lag_facts", peer->lag_facts);
    idn_json_end(json);
}

static void put_members(struct idn_json *json, const struct idn_status_info *status)
{
    idn_json_string(json, "broker", status->broker);
    idn_json_string(json, "version", status->version);
    idn_json_string(json, "role", idn_role_name(status->role));
    idn_json_string(json, "epoch", idn_ctl_epoch(status->epoch).text);
    idn_json_u64(json, "uptime_ms", status->uptime_ms);
    idn_json_string(json, "policy", status->policy);
    idn_json_u64(json, "workers", status->workers);
    idn_json_u64(json, "workers_busy", status->workers_busy);
    idn_json_u64(json, "jobs_open", status->jobs_open);
    idn_json_u64(json, "jobs_known", status->jobs_known);
    idn_json_u64(json, "images_pending", status->images_pending);
    idn_json_u64(json, "images_in_flight", status->images_in_flight);
    idn_json_double(json, "images_per_s", status->images_per_s);
    idn_json_u64(json, "facts", status->facts);
    idn_json_u64(json, "store_bytes", status->store_bytes);
    idn_json_u64(json, "free_bytes", status->free_bytes);
    idn_json_bool(json, "disk_low", status->disk_low);
    if (status->damaged_row != 0)
        idn_json_u64(json, "damaged_row", status->damaged_row);
    else
        idn_json_null(json, "damaged_row");
    idn_json_u64(json, "workers_drained", status->workers_drained);
    idn_json_bool(json, "refuses_jobs", status->refuses_jobs);
    idn_json_string(json, "mirror", mirror_name(status));
    put_peer(json, &status->peer);
}

static void put_broker(struct idn_json *json, const struct idn_ctl_broker *broker)
{
    idn_json_object(json, NULL);
    idn_json_string(json, "address", broker->address);
    idn_json_string(
        json, "problem", broker->code == IDUNNO_OK ? NULL : idunno_error(broker->idunno));
    if (broker->code == IDUNNO_OK)
        put_members(json, &broker->status);
    idn_json_end(json);
}

static void print_json(const struct idn_ctl *ctl, const struct idn_ctl_brokers *brokers,
    const struct idn_ctl_broker *spokesman)
{
    struct differences differ = compare(brokers);
    struct remark remark = remark_on(ctl, brokers);
    struct idn_json json;

    if (remark.text[0] == '\0')
        remark = remark_on_settings(brokers, &differ);

    idn_json_init(&json, stdout);
    idn_json_object(&json, NULL);
    put_members(&json, &spokesman->status);
    idn_json_string(&json, "remark", remark.text[0] == '\0' ? NULL : remark.text);
    idn_json_array(&json, "differ");
    for (int i = 0; i < SETTINGS; i++)
        if (differ.in[i])
            idn_json_string(&json, NULL, setting_names[i]);
    idn_json_end(&json);
    idn_json_array(&json, "brokers");
    for (uint32_t i = 0; i < brokers->count; i++)
        put_broker(&json, &brokers->item[i]);
    idn_json_end(&json);
    idn_json_end(&json);
}

static int print(struct idn_ctl *ctl, struct idn_ctl_brokers *brokers)
{
    const struct idn_ctl_broker *spokesman = idn_ctl_active(brokers);

    if (spokesman == NULL)
        spokesman = brokers->item[0].code == IDUNNO_OK ? &brokers->item[0] : &brokers->item[1];
    if (ctl->json)
        print_json(ctl, brokers, spokesman);
    else
        print_all(ctl, brokers);
    return IDN_EXIT_OK;
}

int idn_ctl_status(struct idn_ctl *ctl)
{
    return idn_ctl_with_brokers(ctl, print);
}
