// A store in a directory of its own, for the store's tests: facts made in one line, waiting for
// completions with a deadline, reading back what a restart would see.
#ifndef IDN_TESTS_UNIT_STORE_KIT_H
#define IDN_TESTS_UNIT_STORE_KIT_H

#include "broker/store.h"
#include "broker/store_schema.h"
#include "proto/codec.h"
#include "tests/lib/check.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum { KIT_DEADLINE_MS = 20 * 1000, KIT_SEEN_MAX = 20 * 1000, KIT_HELD_MAX = 16 };

struct kit {
    char directory[256];
    bool has_peer;
    uint32_t letter; // 0: whoever's
    struct idn_store *store;
    struct idn_store_report report;
    struct idn_reason reason;
    struct idn_job_spec spec;       // of whatever job: its results are of this one
    uint64_t incarnation, sequence; // of the last fact committed
    uint64_t copies;                // facts committed since the start that are another broker's
    uint32_t failed, damaged;       // completions seen while waiting for others
    char text[IDN_TEXT_SIZE];       // of the last of these
};

// What a restore fed.
struct kit_seen {
    uint32_t held_count; // before the first fact
    struct idn_held held[KIT_HELD_MAX];
    uint32_t count, summaries;
    uint32_t kind[KIT_SEEN_MAX]; // of each fact; 0: a summary
    struct idn_origin origin[KIT_SEEN_MAX];
    struct idn_fact last; // without its bytes
    struct idn_summary summary;
    uint32_t rows;
    uint64_t list_bytes;
};

static const struct idn_epoch kit_epoch = {.counter = 3, .broker = 'a'};

static inline struct idn_job_spec kit_spec(uint32_t first, uint32_t last)
{
    return (struct idn_job_spec){.model = "alexnet",
        .dataset = "photos",
        .first = first,
        .last = last,
        .client = "c",
        .weight = 1};
}

static inline void kit_init(struct kit *kit)
{
    const char *parent = getenv("TMPDIR");

    *kit = (struct kit){.incarnation = 0xfedcba9876543210u, .spec = kit_spec(0, 9)};
    (void)snprintf(kit->directory, sizeof(kit->directory), "%s/idn-store-XXXXXX",
        parent != NULL ? parent : "/tmp");
    CHECK(mkdtemp(kit->directory) != NULL);
}

static inline int kit_open_only(struct kit *kit, bool accept_lost_tail)
{
    struct idn_store_config config = {.directory = kit->directory,
        .accept_lost_tail = accept_lost_tail,
        .has_peer = kit->has_peer,
        .letter = kit->letter};

    kit->reason.text[0] = '\0';
    kit->incarnation++, kit->sequence = kit->copies = 0; // as every start draws a fresh one
    return idn_store_open(&config, &kit->store, &kit->report, &kit->reason);
}

static inline void kit_open(struct kit *kit)
{
    if (kit_open_only(kit, false) < 0)
        (void)printf("  %s\n", kit->reason.text);
    CHECK(kit->store != NULL);
    CHECK_INT(idn_store_start(kit->store, &kit->reason), 0);
}

static inline void kit_remove(const char *directory)
{
    DIR *files = opendir(directory);
    const struct dirent *file;
    char path[1024];

    while (files != NULL && (file = readdir(files)) != NULL) {
        (void)snprintf(path, sizeof(path), "%s/%s", directory, file->d_name);
        (void)unlink(path);
    }
    if (files != NULL)
        (void)closedir(files);
    (void)rmdir(directory);
}

static inline void kit_fini(struct kit *kit)
{
    idn_store_close(&kit->store);
    kit_remove(kit->directory);
}

static inline const char *kit_path(const struct kit *kit, const char *name)
{
    static char path[512];

    (void)snprintf(path, sizeof(path), "%s/%s", kit->directory, name);
    return path;
}

static inline struct idn_key kit_key(uint8_t number)
{
    return (struct idn_key){.bytes = {[0] = number, [15] = 1}};
}

static inline struct idn_fact kit_fact(struct kit *kit, uint32_t kind, uint8_t job)
{
    return (struct idn_fact){
        .origin = {.incarnation = kit->incarnation, .sequence = ++kit->sequence},
        .epoch = kit_epoch,
        .wall_ms = 1700000000000 + kit->sequence,
        .kind = kind,
        .job = kit_key(job)};
}

// A row that tells its image; `flavour` makes competing ones unequal.
static inline void kit_row(uint8_t *row, uint32_t image, uint8_t status, uint32_t flavour)
{
    struct idn_result result = {.index = image, .status = status};

    for (int i = 0; i < IDN_TOP; i++)
        result.class_id[i] = IDN_NO_CLASS;
    if (status == IDN_STATUS_OK) {
        result.class_id[0] = flavour;
        result.probability[0] = 0.5f;
    }
    idn_result_pack(&result, row);
}

// Rows of images first .. first + count - 1; count <= IDN_REPORT_ROWS_MAX. The rows are the
// caller's next call's too.
static inline struct idn_fact kit_results(
    struct kit *kit, uint8_t job, uint32_t first, uint32_t count, uint8_t status, uint32_t flavour)
{
    static uint8_t rows[8][IDN_REPORT_ROWS_MAX * IDN_ROW_BYTES];
    static unsigned turn;
    uint8_t *mine = rows[turn++ % 8];
    struct idn_fact fact = kit_fact(kit, IDN_FACT_RESULTS, job);

    for (uint32_t i = 0; i < count; i++)
        kit_row(mine + (size_t)i * IDN_ROW_BYTES, first + i, status, flavour);
    fact.u.results.count = count;
    fact.u.results.rows = mine;
    fact.u.results.class_hash = 77;
    fact.u.results.compute_us = 1000;
    fact.u.results.spec_hash = idn_spec_hash(&kit->spec);
    (void)snprintf(fact.u.results.worker, IDN_NAME_SIZE, "host/0");
    return fact;
}

static inline void kit_commit(struct kit *kit, struct idn_fact fact)
{
    struct idn_stored_fact own = {.fact = fact, .decoded = true};

    idn_store_commit(kit->store, &own, 1);
}

// Several in one transaction.
static inline void kit_commit_all(struct kit *kit, const struct idn_fact *facts, size_t count)
{
    struct idn_stored_fact own[8] = {0};

    CHECK(count <= 8);
    for (size_t i = 0; i < count; i++)
        own[i] = (struct idn_stored_fact){.fact = facts[i], .decoded = true};
    idn_store_commit(kit->store, own, count);
}

// The fact as another broker would send it: with an origin of its own, encoded. Its body is the
// caller's next call's too.
static inline struct idn_stored_fact kit_foreign(
    struct idn_fact fact, uint64_t incarnation, uint64_t sequence)
{
    static struct idn_codec *codec;
    static uint8_t bodies[8][IDN_FACT_BODY_BYTES_MAX];
    static unsigned turn;
    uint8_t *body = bodies[turn++ % 8];

    if (codec == NULL)
        CHECK_INT(idn_codec_new(&codec), 0);
    struct idn_bytes bytes = idn_encode_fact_body(codec, &fact);
    memcpy(body, bytes.data, bytes.size);
    fact.origin = (struct idn_origin){.incarnation = incarnation, .sequence = sequence};
    return (struct idn_stored_fact){
        .fact = fact, .decoded = true, .body = body, .size = (uint32_t)bytes.size};
}

// The fact was made with a sequence of the kit's, which it gives back.
static inline void kit_commit_foreign(
    struct kit *kit, struct idn_fact fact, uint64_t incarnation, uint64_t sequence)
{
    struct idn_stored_fact foreign = kit_foreign(fact, incarnation, sequence);

    kit->sequence--, kit->copies++;
    idn_store_commit(kit->store, &foreign, 1);
}

static inline void kit_accept(struct kit *kit, uint8_t job, uint32_t first, uint32_t last)
{
    struct idn_fact fact = kit_fact(kit, IDN_FACT_ACCEPTED, job);

    kit->spec = fact.u.accepted = kit_spec(first, last);
    kit_commit(kit, fact);
}

// The next completion of this type; FAILED and DAMAGED on the way are noted. False: none came in
// time, or the store failed.
static inline bool kit_wait(
    struct kit *kit, enum idn_completion_type type, struct idn_completion *ret)
{
    struct pollfd ready = {.fd = idn_store_fd(kit->store), .events = POLLIN};

    for (;;) {
        while (idn_store_next(kit->store, ret)) {
            if (ret->type == IDN_COMPLETION_FAILED || ret->type == IDN_COMPLETION_DAMAGED) {
                *(ret->type == IDN_COMPLETION_FAILED ? &kit->failed : &kit->damaged) += 1;
                (void)snprintf(kit->text, sizeof(kit->text), "%s", ret->text);
            }
            if (ret->type == type)
                return true;
            free(ret->bytes);
            free(ret->fact);
            if (ret->type == IDN_COMPLETION_FAILED)
                return false;
        }
        if (poll(&ready, 1, KIT_DEADLINE_MS) != 1)
            return false;
    }
}

static inline void kit_wait_stored(struct kit *kit)
{
    struct idn_completion done = {0};

    while (done.position < kit->report.facts + kit->sequence + kit->copies)
        CHECK(kit_wait(kit, IDN_COMPLETION_STORED, &done));
}

// One page, waited for; its bytes are to be freed.
static inline struct idn_completion kit_page(
    struct kit *kit, uint8_t job, uint32_t from, uint32_t most, uint32_t filter)
{
    static uint64_t tag;
    struct idn_key key = kit_key(job);
    struct idn_completion page;

    idn_store_read_page(kit->store, ++tag, &key, &kit->spec, from, most, filter);
    CHECK(kit_wait(kit, IDN_COMPLETION_PAGE, &page));
    CHECK_INT(page.tag, tag);
    return page;
}

static inline struct idn_summary kit_refold(struct kit *kit, uint8_t job)
{
    struct idn_key key = kit_key(job);
    struct idn_completion done;

    idn_store_refold(kit->store, &key, &kit->spec, false);
    CHECK(kit_wait(kit, IDN_COMPLETION_REFOLDED, &done));
    return done.summary;
}

static inline void kit_see(void *context, const struct idn_event *event)
{
    struct kit_seen *seen = context;

    CHECK(seen->count < KIT_SEEN_MAX);
    if (event->type == IDN_EVENT_HELD) {
        CHECK(seen->count == 0 && seen->held_count < KIT_HELD_MAX);
        seen->held[seen->held_count++] = event->u.held;
        return;
    }
    if (event->type == IDN_EVENT_SUMMARY) {
        seen->summary = *event->u.summary;
        seen->summaries++;
        seen->kind[seen->count++] = 0;
        return;
    }
    CHECK_INT(event->type, IDN_EVENT_FACT);
    seen->last = *event->u.fact;
    seen->origin[seen->count] = event->u.fact->origin;
    seen->kind[seen->count++] = event->u.fact->kind;
    if (event->u.fact->kind == IDN_FACT_RESULTS)
        seen->rows += event->u.fact->u.results.count;
    if (event->u.fact->kind == IDN_FACT_LIST_PART)
        seen->list_bytes += event->u.fact->u.list_part.size;
}

// One number of the database, read beside the store.
static inline int64_t kit_number(const struct kit *kit, const char *query)
{
    sqlite3 *db = NULL;
    int64_t value = -1;

    CHECK_INT(idn_store_connect(kit->directory, false, &db, NULL), 0);
    CHECK_INT(idn_store_number(db, query, &value), SQLITE_OK);
    CHECK_INT(sqlite3_close(db), SQLITE_OK);
    return value;
}

static inline void kit_wait_forgotten(const struct kit *kit)
{
    static const char left[] = "SELECT count(*) FROM forgetting";

    for (int i = 0; i < KIT_DEADLINE_MS && kit_number(kit, left) > 0; i++)
        (void)poll(NULL, 0, 1);
    CHECK_INT(kit_number(kit, left), 0);
}

// The last fact that a restore said is held of an incarnation.
static inline uint64_t kit_held(const struct kit_seen *seen, uint64_t incarnation)
{
    for (uint32_t i = 0; i < seen->held_count; i++)
        if (seen->held[i].incarnation == incarnation)
            return seen->held[i].last;
    return 0;
}

// One READ_FACTS, waited for; what it brought is to be freed.
static inline struct idn_completion kit_read_facts(
    struct kit *kit, uint64_t after, const struct idn_origin *find, uint32_t finds)
{
    struct idn_completion facts = {0};

    idn_store_read_facts(kit->store, after, find, finds);
    CHECK(kit_wait(kit, IDN_COMPLETION_FACTS, &facts));
    return facts;
}

static inline void kit_free(const struct idn_completion *completion)
{
    free(completion->bytes);
    free(completion->fact);
}

// Closes, opens again and restores.
static inline void kit_restart(struct kit *kit, struct kit_seen *ret)
{
    idn_store_close(&kit->store);
    *ret = (struct kit_seen){0};
    CHECK_INT(kit_open_only(kit, false), 0);
    CHECK_INT(idn_store_restore(kit->store, kit_see, ret, &kit->reason), 0);
    CHECK_INT(idn_store_start(kit->store, &kit->reason), 0);
}

// A copy of the state directory as kill -9 would leave it now.
static inline void kit_copy(const struct kit *kit, struct kit *ret)
{
    static const char *const names[] = {"facts.db", "facts.db-wal", "highwater"};
    static uint8_t buffer[1 << 16];

    kit_init(ret);
    ret->incarnation = kit->incarnation;
    ret->spec = kit->spec;
    for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
        int from = open(kit_path(kit, names[i]), O_RDONLY | O_CLOEXEC);
        int to = open(kit_path(ret, names[i]), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
        ssize_t got;
        CHECK(from >= 0 && to >= 0);
        while ((got = read(from, buffer, sizeof(buffer))) > 0)
            CHECK_INT(write(to, buffer, (size_t)got), got);
        (void)close(from);
        (void)close(to);
    }
}

#endif
