// Whatever a decoder lets through may reach the core, in any order and with any numbers in it: here
// clients and workers make it up from a seed. No assertion of the core may be theirs to reach,
// every invariant holds after each step, and a restart folds the stored facts without complaint.
#include "base/random.h"
#include "broker/core/images.h"
#include "tests/lib/core_rig.h"

enum { RUNS = 150, STEPS = 500, KEYS = 6, WORKERS = 6, LEASES = 16, REFOLDS = 16 };

struct chaos {
    struct rig *rig;
    struct idn_random random;
    struct idn_order lease[LEASES]; // some that were granted
    uint32_t leases;
    uint64_t report[WORKERS];          // last number that may have been taken
    struct idn_action refold[REFOLDS]; // outstanding
    uint32_t refolds;
    unsigned era; // keys in use: from here on
};
static struct chaos chaos;
static uint8_t bytes[IDN_LIST_PART_BYTES];

static uint32_t below(uint64_t limit)
{
    return idn_random_below(&chaos.random, limit);
}

// Small mostly, sometimes at an edge.
static uint64_t wild(uint64_t small, uint64_t most)
{
    const uint64_t edges[] = {0, 1, most / 2, most - 1, most, idn_random_next(&chaos.random)};
    uint64_t value = below(8) > 0 ? below(small) : edges[below(6)];

    return value > most ? most : value;
}

// Now and then the next one: forgotten keys are never used again.
static unsigned a_key_number(void)
{
    chaos.era += below(40) == 0;
    return chaos.era % 200 + below(KEYS);
}

static struct idn_key a_key(void)
{
    return rig_key(a_key_number());
}

static struct idn_job_name job_name(void)
{
    struct idn_job_name name = {.key = a_key(), .bits = 128};

    if (below(4) == 0) {
        name.bits = 40;
        name.key.bytes[15] = 0;
    }
    return name;
}

// ---- clients

static struct idn_request a_submission(void)
{
    static const char *const models[] = {"alexnet", "alexnet", "resnet18", "broken", "none"};
    static const char *const datasets[] = {"photos", "photos", "many", "", "none"};
    uint32_t first = (uint32_t)wild(200, UINT32_MAX);
    struct idn_request request =
        rig_submission(a_key_number(), models[below(5)], first, first + (uint32_t)wild(60, 100000));

    snprintf(request.u.submit.dataset, IDN_NAME_SIZE, "%s", datasets[below(5)]);
    request.u.submit.weight = 1 + (uint32_t)wild(3, IDN_WEIGHT_MAX - 1);
    request.u.submit.list_bytes = request.u.submit.dataset[0] == '\0' ? (1 + wild(3, 9)) * 1000 : 0;
    return request;
}

static struct idn_request an_upload(void)
{
    struct idn_request request = {.type = IDN_REQUEST_UPLOAD, .job = {.key = a_key(), .bits = 128}};

    request.u.upload.total = (1 + wild(3, 9)) * 1000;
    request.u.upload.size =
        (uint32_t)(below(4) ? request.u.upload.total : below(request.u.upload.total));
    request.u.upload.offset = wild(2, request.u.upload.total - request.u.upload.size);
    request.u.upload.bytes = bytes;
    return request;
}

static void draw_setting(struct idn_request *request)
{
    static const char *const keys[] = {"batch/alexnet", "batch/resnet18", "batch/other", "weight",
        "drain/w1", "drain/w2", "drain/other", "drain/", "batch", "nothing"};

    snprintf(request->u.set.key, IDN_SETTING_SIZE, "%s", keys[below(10)]);
    snprintf(request->u.set.value, IDN_NAME_SIZE, "%lu", (unsigned long)wild(3, UINT64_MAX));
}

static struct idn_request a_request(void)
{
    static const uint32_t types[] = {IDN_REQUEST_WATCH, IDN_REQUEST_WATCH, IDN_REQUEST_CANCEL,
        IDN_REQUEST_FORGET, IDN_REQUEST_RESULTS, IDN_REQUEST_RETRY, IDN_REQUEST_SET};
    struct idn_request request = {.type = types[below(7)], .job = job_name()};

    if (below(3) == 0)
        return a_submission();
    if (below(4) == 0)
        return an_upload();
    if (request.type == IDN_REQUEST_WATCH)
        request.u.watch.version = wild(3, UINT64_MAX), request.u.watch.wait_ms = below(30000);
    if (request.type == IDN_REQUEST_SET)
        draw_setting(&request);
    if (request.type == IDN_REQUEST_RESULTS)
        request.u.results.from = (uint32_t)wild(300, UINT32_MAX), request.u.results.most = 10;
    return request;
}

static void client_asks(void)
{
    static union idn_core_items items;
    struct idn_request request = {.type = IDN_REQUEST_HELLO + below(IDN_REQUEST_WHY)};
    struct idn_reply reply;

    request.job = job_name();
    request.u.jobs.cursor = (uint64_t)below(20) << 20 | below(20);
    request.u.jobs.all = below(2);
    if (below(2) == 0)
        request.u.jobs.cursor = wild(20, UINT64_MAX);
    idn_core_answer(chaos.rig->core, chaos.rig->now, &request, &items, &reply);
}

// ---- workers

static struct idn_worker_message *a_message(uint32_t worker, uint32_t type)
{
    return rig_message(chaos.rig, worker, type);
}

static struct idn_held_lease a_held_lease(void)
{
    uint32_t known = below(LEASES);
    struct idn_held_lease held = {.id = chaos.lease[known].u.lease.id,
        .job = below(2) ? chaos.lease[known].u.lease.job : a_key(),
        .spec_hash = below(8) ? chaos.lease[known].u.lease.spec_hash : wild(3, UINT64_MAX),
        .first = (uint32_t)wild(300, UINT32_MAX - IDN_BATCH_MAX),
        .count = 1 + (uint32_t)wild(12, IDN_BATCH_MAX - 1)};

    if (below(4) == 0)
        held.id = (struct idn_lease_id){
            .epoch = {.counter = below(4), .broker = 'a'}, .serial = 1 + wild(40, UINT64_MAX - 1)};
    return held;
}

static void worker_greets(uint32_t worker)
{
    struct idn_worker_message *hello = rig_hello_message(chaos.rig, worker);

    if (below(10) == 0)
        snprintf(hello->u.hello.name, IDN_NAME_SIZE, "w%u", below(WORKERS));
    if (below(20) == 0)
        hello->u.hello.lowest = (uint32_t)wild(3, UINT32_MAX),
        hello->u.hello.highest = (uint32_t)wild(3, UINT32_MAX);
    hello->u.hello.class_hash = below(6) ? 77 : wild(3, UINT64_MAX);
    hello->u.hello.models = below(8) ? hello->u.hello.models : 1;
    hello->u.hello.datasets = below(8) ? hello->u.hello.datasets : 0;
    hello->u.hello.reports_from = below(3) ? chaos.report[worker] + 1 : wild(5, UINT64_MAX);
    if (hello->u.hello.reports_from > chaos.report[worker] + 1)
        chaos.report[worker] = hello->u.hello.reports_from - 1;
    hello->u.hello.leases = below(IDN_WORKER_LEASES_MAX + 1);
    for (uint32_t i = 0; i < hello->u.hello.leases; i++)
        hello->u.hello.lease[i] = a_held_lease();
    rig_say(chaos.rig, worker, hello);
}

static void make_rows(uint8_t *rows, uint32_t count, uint32_t first)
{
    for (uint32_t i = 0; i < count; i++) {
        uint32_t image = below(20) ? first + i : (uint32_t)wild(300, UINT32_MAX);
        struct idn_result result = {.index = image, .status = (uint8_t)(below(9) ? 0 : below(9))};
        for (int c = 0; c < IDN_TOP; c++)
            result.class_id[c] = IDN_NO_CLASS;
        result.class_id[0] = below(30) ? image % 1000 : below(1000);
        result.probability[0] = 0.5f;
        if (result.status != IDN_STATUS_OK)
            result.class_id[0] = IDN_NO_CLASS, result.probability[0] = 0;
        idn_result_pack(&result, rows + (size_t)i * IDN_ROW_BYTES);
    }
}

// Its child died over the lease's first image, and nothing else was in it.
static void make_death(struct idn_worker_message *message, const struct idn_order *lease)
{
    message->u.report.count = 0;
    message->u.report.end = IDN_END_DEATH;
    message->u.report.alone = message->u.report.in_child = 1;
    message->u.report.image[0] = lease->u.lease.first;
}

static void worker_reports(uint32_t worker)
{
    static uint8_t rows[IDN_REPORT_ROWS_MAX * IDN_ROW_BYTES];
    struct idn_worker_message *message = a_message(worker, IDN_WORKER_REPORT);
    const struct idn_order *lease = &chaos.lease[below(LEASES)];
    uint32_t first = lease->u.lease.first + below(8);
    uint64_t number = below(8) ? chaos.report[worker] + 1 : 1 + wild(9, UINT64_MAX - 1);

    message->u.report.number = number > 0 ? number : 1; // as the decoder wants it
    message->u.report.lease = lease->u.lease.id;
    message->u.report.job = below(10) ? lease->u.lease.job : a_key();
    message->u.report.spec_hash = below(12) ? lease->u.lease.spec_hash : wild(3, UINT64_MAX);
    message->u.report.count = (uint32_t)wild(9, IDN_REPORT_ROWS_MAX);
    make_rows(rows, message->u.report.count, first);
    message->u.report.rows = rows;
    message->u.report.class_hash = below(12) ? 77 : wild(3, UINT64_MAX);
    message->u.report.compute_us = wild(100000, UINT64_MAX);
    message->u.report.end = below(2) ? IDN_END_NONE : below(IDN_END_UNAVAILABLE + 1);
    message->u.report.death = below(IDN_DEATH_COUNT);
    message->u.report.alone = below(2);
    message->u.report.in_child = below(2) ? 1 : below(IDN_CHILD_IMAGES_MAX + 1);
    for (uint32_t i = 0; i < message->u.report.in_child; i++)
        message->u.report.image[i] =
            below(3) ? lease->u.lease.first : (uint32_t)wild(40, UINT32_MAX);
    if (below(4) == 0)
        make_death(message, lease);
    rig_say(chaos.rig, worker, message);
    if (number == chaos.report[worker] + 1)
        chaos.report[worker] = number;
}

static void worker_says_little(uint32_t worker)
{
    static const uint32_t types[] = {IDN_WORKER_TRIMMED, IDN_WORKER_TRIMMED, IDN_WORKER_TRIMMED,
        IDN_WORKER_STALE, IDN_WORKER_LIST_GET, IDN_WORKER_GOODBYE};
    struct idn_worker_message *message = a_message(worker, types[below(6)]);

    if (message->type == IDN_WORKER_TRIMMED) {
        message->u.trimmed.lease = chaos.lease[below(LEASES)].u.lease.id;
        message->u.trimmed.kept = (uint32_t)wild(10, UINT32_MAX);
    }
    if (message->type == IDN_WORKER_LIST_GET)
        message->u.list_get.offset = wild(10, UINT64_MAX);
    rig_say(chaos.rig, worker, message);
}

static void worker_beats(uint32_t worker)
{
    static uint64_t sequence;
    struct idn_worker_beat beat = {.nonce = 100 + worker,
        .sequence = below(10) ? ++sequence : wild(5, UINT64_MAX / 2),
        .lease = chaos.lease[below(LEASES)].u.lease.id,
        .images_done = wild(50, UINT64_MAX),
        .in_child = below(IDN_CHILD_IMAGES_MAX + 1)};

    for (uint32_t i = 0; i < beat.in_child; i++)
        beat.image[i] = (uint32_t)wild(200, UINT32_MAX);
    rig_step(chaos.rig, (struct idn_event){.type = IDN_EVENT_BEAT, .u.beat = &beat});
}

// ---- the broker's own events

static void time_goes_on(void)
{
    uint64_t ms = below(5) ? below(200) : wild(400, 70000);

    if (below(6) == 0) {
        chaos.rig->now += ms;
        rig_step(
            chaos.rig, (struct idn_event){.type = IDN_EVENT_STALLED, .u.stalled = {wild(600, ms)}});
        return;
    }
    rig_pass(chaos.rig, ms);
}

// Any results that a store may hold for the job.
static void refold_comes(void)
{
    if (chaos.refolds == 0)
        return;
    struct idn_action refold = chaos.refold[--chaos.refolds];
    uint32_t total = refold.u.refold.spec.last - refold.u.refold.spec.first + 1;
    struct idn_summary summary = {
        .job = refold.u.refold.job, .ok = below((uint64_t)total + 1), .lifted = below(3)};
    uint8_t *states = calloc(total / 2 + 1, 1);

    CHECK(states != NULL);
    for (uint32_t i = 0; i < summary.ok; i++)
        states[i / 2] |= (uint8_t)((IDN_IMAGE_OK | below(8)) << i % 2 * 4);
    rig_step(chaos.rig,
        (struct idn_event){.type = IDN_EVENT_REFOLDED,
            .u.refolded = {.summary = &summary, .states = refold.u.refold.states ? states : NULL}});
    free(states);
}

static void shell_tells(void)
{
    struct rig *rig = chaos.rig;

    switch (below(6)) {
    case 0:
        rig_step(rig, (struct idn_event){.type = IDN_EVENT_CLIENT_GONE, .u.gone = {below(4)}});
        return;
    case 1:
        rig_step(
            rig, (struct idn_event){.type = IDN_EVENT_WORKER_GONE, .u.gone = {below(WORKERS)}});
        return;
    case 2:
        rig_step(
            rig, (struct idn_event){.type = IDN_EVENT_DISK, .u.disk = {below(9) ? 1ull << 40 : 0}});
        return;
    case 3:
        rig->hold_store = !rig->hold_store;
        rig_store(rig);
        return;
    default:
        refold_comes();
    }
}

static void something_happens(void)
{
    uint32_t worker = 1 + below(WORKERS - 1);
    uint32_t what = below(20);

    if (what < 3)
        rig_request(chaos.rig, 1 + below(3), a_request());
    else if (what < 4)
        client_asks();
    else if (what < 7)
        worker_greets(worker);
    else if (what < 12)
        worker_reports(worker);
    else if (what < 14)
        worker_says_little(worker);
    else if (what < 17)
        worker_beats(worker);
    else if (what < 18)
        time_goes_on();
    else
        shell_tells();
}

// Remembers the leases that were granted, for workers to speak of.
static void look_at_actions(void)
{
    for (size_t i = 0; i < chaos.rig->actions; i++) {
        const struct idn_action *action = &chaos.rig->action[i];
        if (action->type == IDN_ACTION_REFOLD) {
            CHECK(chaos.refolds < REFOLDS);
            chaos.refold[chaos.refolds++] = *action;
        }
        if (action->type != IDN_ACTION_ORDER || action->u.order.type != IDN_ORDER_LEASE)
            continue;
        chaos.lease[chaos.leases++ % LEASES] = action->u.order;
    }
}

static void run(uint64_t seed)
{
    chaos = (struct chaos){.rig = rig_new()};
    idn_random_init(&chaos.random, seed, 1);
    for (int i = 0; i < LEASES; i++)
        chaos.lease[i].u.lease.id.serial = 1000;
    for (int i = 0; i < STEPS; i++) {
        something_happens();
        look_at_actions();
        if (rig_find(chaos.rig, IDN_ACTION_EXIT, 0, 0) != NULL || below(200) == 0) {
            chaos.rig->hold_store = false;
            chaos.refolds = 0;
            rig_restart(chaos.rig);
        }
        chaos.rig->summaries = 0;
        rig_clear(chaos.rig);
    }
    rig_destroy(chaos.rig);
}

static void test_anything_a_decoder_lets_through(void)
{
    memset(bytes, '\n', sizeof(bytes));
    for (uint64_t seed = 1; seed <= RUNS; seed++)
        run(seed);
}

int main(int argc, char **argv)
{
    static const struct check_test tests[] = {CHECK_TEST(test_anything_a_decoder_lets_through)};

    if (argc == 3 && strcmp(argv[1], "--seed") == 0) {
        run(strtoull(argv[2], NULL, 10));
        return EXIT_SUCCESS;
    }
    return check_main(tests, sizeof(tests) / sizeof(*tests), argc, argv);
}
