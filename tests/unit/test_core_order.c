// Equal facts, equal state, in whatever order they came: two brokers make a history together and
// apart (jobs accepted on either or both, other specifications of a key, results, contradictions,
// errors, quarantines, lifts, cancels, forgets, settings, restarts); then both, and observers that
// get the union in random orders that respect causes, must agree with what the set of facts says.
#include "tests/lib/facts_site.h"

enum { MAKERS = 2, ACTIONS = 300, SEEDS = 500, OBSERVERS = 4, WORKERS = 2 };

struct maker {
    struct site site;
    uint64_t reported[WORKERS]; // in this boot of the broker and the worker
    uint64_t boot;
    bool jobless; // its workers get no leases: images are free to be quarantined
};

static struct world {
    uint64_t seed, incarnations;
    struct maker maker[MAKERS];
    struct site observer;
} world;

// How often what the test is about did happen, over all seeds.
static struct {
    unsigned rivals, switched, reopened, lifted, disputed, forgotten, cancelled, finished, clean,
        leased, restarts, standbys, weighed, batched, drained, undrained;
} seen;

static uint64_t draw(void)
{
    world.seed += 0x9e3779b97f4a7c15u;
    uint64_t z = world.seed;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}

static uint32_t below(uint32_t end)
{
    return (uint32_t)(draw() % end);
}

static struct rig rig; // for its configuration and messages

static void configure(struct site *site, char letter)
{
    rig_configure(&rig);
    site->config = rig.config;
    site->config.letter = (uint32_t)letter;
    site->config.open_images_max = 4096;
    site->config.forgotten_max = 16;
    site->config.drained_max = 8;
    site->now = 5000;
    site->facts = site->stored = site->summaries = site->refolds = 0;
    site->holds_store = site->holds_refolds = false;
    site_boot(site);
}

static uint64_t an_incarnation(void)
{
    // Their order must not matter: neither rising nor falling.
    return draw() | 1;
}

// ---- what a broker does by itself

static void hello(struct maker *maker, unsigned n)
{
    struct idn_worker_message *message = rig_hello_message(&rig, n + 1);

    message->nonce += maker->boot * 1000;
    message->u.hello.reports_from = maker->reported[n] + 1;
    if (maker->jobless)
        message->u.hello.models = 0;
    site_say(&maker->site, n + 1, message);
}

static void start_maker(struct maker *maker)
{
    maker->boot++;
    maker->jobless = below(3) > 0;
    memset(maker->reported, 0, sizeof(maker->reported));
    for (unsigned n = 0; n < WORKERS; n++)
        hello(maker, n);
}

static void submit(struct maker *maker)
{
    static const struct {
        const char *model;
        uint32_t first, last;
    } specs[] = {{"alexnet", 0, 4}, {"alexnet", 0, 4}, {"resnet18", 4, 6}, {"alexnet", 3, 14}};
    uint32_t which = below(4);
    struct idn_request request =
        rig_submission(below(SITE_KEYS), specs[which].model, specs[which].first, specs[which].last);

    site_ask(&maker->site, request);
}

// Another answer; every second one has the same three bits of its hash as the right one.
static void contradict(struct idn_result *result)
{
    struct idn_digest right, wrong;
    bool looks_same = below(2) == 0;

    idn_digest_of(result, &right);
    do {
        result->class_id[0] = 2000 + below(1000);
        idn_digest_of(result, &wrong);
    } while (looks_same && ((right.low ^ wrong.low) & IDN_IMAGE_CHECK_BITS) != 0);
}

static void make_row(uint32_t image, uint8_t row[static IDN_ROW_BYTES])
{
    struct idn_result result;

    rig_row(image, row);
    CHECK(idn_result_unpack(row, &result));
    if (below(30) == 0) {
        contradict(&result);
    } else if (below(12) == 0) {
        result = (struct idn_result){.index = image, .status = IDN_STATUS_CORRUPT};
        for (int i = 0; i < IDN_TOP; i++)
            result.class_id[i] = IDN_NO_CLASS;
    }
    idn_result_pack(&result, row);
}

static void report(
    struct maker *maker, unsigned n, struct idn_worker_message *message, const struct idn_job *job)
{
    message->type = IDN_WORKER_REPORT;
    message->nonce = 100 + n + 1 + maker->boot * 1000;
    message->u.report.number = ++maker->reported[n];
    message->u.report.job = job->key;
    message->u.report.spec_hash = below(20) == 0 ? draw() : job->spec_hash;
    site_say(&maker->site, n + 1, message);
}

static void report_rows(struct maker *maker)
{
    static uint8_t rows[8 * IDN_ROW_BYTES];
    static struct idn_worker_message message;
    const struct idn_job *job = site_job(&maker->site, below(SITE_KEYS));

    if (job == NULL)
        return;
    uint32_t total = idn_job_total(job), first = below(total), count = 1 + below(8);
    if (count > total - first)
        count = total - first;
    memset(&message, 0, sizeof(message));
    for (uint32_t i = 0; i < count; i++)
        make_row(job->spec.first + first + i, rows + (size_t)i * IDN_ROW_BYTES);
    message.u.report.count = count;
    message.u.report.rows = rows;
    message.u.report.class_hash = below(4) == 0 ? 78 : 77;
    message.u.report.compute_us = count;
    report(maker, below(WORKERS), &message, job);
}

// Three deaths of one image alone, if it is nobody's.
static void die(struct maker *maker)
{
    static struct idn_worker_message message;
    const struct idn_job *job = site_job(&maker->site, below(SITE_KEYS));

    if (job == NULL)
        return;
    uint32_t image = job->spec.first + below(idn_job_total(job));
    for (int i = 0; i < IDN_DEATHS_ALONE_MAX; i++) {
        memset(&message, 0, sizeof(message));
        message.u.report.end = IDN_END_DEATH;
        message.u.report.death = IDN_DEATH_SIGNAL;
        message.u.report.alone = message.u.report.in_child = 1;
        message.u.report.image[0] = image;
        report(maker, (unsigned)i % WORKERS, &message, job);
    }
}

static void lose_workers(struct maker *maker)
{
    for (unsigned n = 0; n < WORKERS; n++) {
        struct idn_worker_message *message = rig_message(&rig, n + 1, IDN_WORKER_GOODBYE);
        message->nonce += maker->boot * 1000;
        site_say(&maker->site, n + 1, message);
    }
    start_maker(maker);
}

// Facts that are durable there, in their order there, up to some point.
static void meet(struct site *here, const struct site *there, uint32_t most)
{
    for (size_t i = 0; i < there->stored && most > 0; i++) {
        if (site_has(here, there->fact[i]))
            continue;
        const struct idn_job *job = idn_jobs_find(here->core, &there->fact[i]->job);
        seen.leased += there->fact[i]->kind == IDN_FACT_RESULTS && job != NULL && job->leases > 0;
        site_copy(here, there->fact[i]);
        most--;
    }
}

static void change_store(struct maker *maker)
{
    if (below(2) == 0)
        maker->site.holds_store = !maker->site.holds_store;
    else
        maker->site.holds_refolds = !maker->site.holds_refolds;
    site_settle(&maker->site);
}

static void restart(struct maker *maker)
{
    site_restart(&maker->site, an_incarnation());
    start_maker(maker);
    seen.restarts++;
}

static void ask(struct maker *maker, uint32_t type)
{
    unsigned key = below(SITE_KEYS);
    const struct idn_job *job = site_job(&maker->site, key);

    seen.reopened += type == IDN_REQUEST_RETRY && job != NULL && job->state == IDN_JOB_FINISHED &&
                     job->images.kind[IDN_IMAGE_QUARANTINED] > 0 && !job->cancelled;
    site_request(&maker->site, type, key);
}

static void set(struct maker *maker)
{
    static const char *const keys[] = {
        "weight", "weight", "batch/alexnet", "batch/resnet18", "drain/w1", "drain/w2"};
    struct idn_request request = {.type = IDN_REQUEST_SET};
    uint32_t which = below(6);

    if (which < 2)
        request.job = (struct idn_job_name){.key = rig_key(below(SITE_KEYS)), .bits = 128};
    snprintf(request.u.set.key, IDN_SETTING_SIZE, "%s", keys[which]);
    snprintf(request.u.set.value, IDN_NAME_SIZE, "%u", which < 4 ? 1 + below(20) : below(2));
    site_ask(&maker->site, request);
}

static void act(struct maker *maker, struct maker *other)
{
    uint32_t what = below(120);

    if (what < 18)
        submit(maker);
    else if (what < 54)
        report_rows(maker);
    else if (what < 72)
        die(maker);
    else if (what < 80)
        ask(maker, IDN_REQUEST_RETRY);
    else if (what < 83)
        ask(maker, IDN_REQUEST_CANCEL);
    else if (what < 85)
        ask(maker, IDN_REQUEST_FORGET);
    else if (what < 93)
        change_store(maker);
    else if (what < 97)
        lose_workers(maker);
    else if (what < 101)
        restart(maker);
    else if (what < 113)
        meet(&maker->site, &other->site, 1 + below(20));
    else if (what < 118)
        set(maker);
}

static void make_history(void)
{
    for (unsigned i = 0; i < MAKERS; i++) {
        configure(&world.maker[i].site, (char)('a' + i));
        world.maker[i].boot = 0;
        site_start(&world.maker[i].site, an_incarnation());
        start_maker(&world.maker[i]);
    }
    for (int i = 0; i < ACTIONS; i++) {
        uint32_t which = below(MAKERS);
        act(&world.maker[which], &world.maker[1 - which]);
    }
    for (unsigned i = 0; i < MAKERS; i++)
        site_let_go(&world.maker[i].site);
    meet(&world.maker[0].site, &world.maker[1].site, UINT32_MAX);
    meet(&world.maker[1].site, &world.maker[0].site, UINT32_MAX);
    CHECK_INT(world.maker[0].site.facts, world.maker[1].site.facts);
}

// ---- what all must agree on

static void count_seen(const struct oracle *oracle)
{
    seen.rivals += oracle->rivals;
    seen.weighed += oracle->known && oracle->weight != 1;
    seen.lifted += oracle->lifted > 0;
    seen.disputed += oracle->disputed && oracle->state == IDN_JOB_FINISHED;
    seen.forgotten += oracle->forgotten;
    seen.cancelled += oracle->state == IDN_JOB_CANCELLED;
    seen.finished += oracle->state == IDN_JOB_FINISHED;
}

static void check_faultless(const struct oracle *oracle)
{
    struct idn_digest sum = {0};

    if (oracle->state != IDN_JOB_FINISHED || oracle->ok != oracle->total || oracle->conflicts > 0)
        return;
    for (uint32_t i = oracle->spec.first; i <= oracle->spec.last; i++) {
        uint8_t row[IDN_ROW_BYTES];
        struct idn_result result;
        struct idn_digest digest;
        rig_row(i, row);
        if (memcmp(row, oracle->image[i - oracle->spec.first].row, IDN_ROW_BYTES) != 0)
            return; // the only answer was an odd one
        CHECK(idn_result_unpack(row, &result));
        idn_digest_of(&result, &digest);
        idn_digest_add(&sum, &digest);
    }
    CHECK(idn_digest_equal(&sum, &oracle->digest));
    seen.clean++;
}

static void check_job(const struct site *site, unsigned key, const struct oracle *oracle)
{
    const struct idn_job *job = site_job(site, key);
    struct idn_key wanted = rig_key(key);

    CHECK_INT(idn_forgotten_has(&site->core->forgotten, &wanted), oracle->forgotten);
    CHECK_INT(job != NULL, oracle->known);
    if (job == NULL)
        return;
    CHECK(!idn_job_is_read_back(job));
    CHECK(memcmp(&job->spec, &oracle->spec, sizeof(job->spec)) == 0);
    CHECK_INT(job->state, oracle->state);
    CHECK_INT(job->lifted, oracle->lifted);
    CHECK_INT(job->weight, oracle->weight);
    CHECK_INT(job->cancelled, oracle->cancelled);
    CHECK_INT(job->rivals, oracle->rivals);
    CHECK_INT(job->images.kind[IDN_IMAGE_OK], oracle->ok);
    CHECK_INT(job->images.kind[IDN_IMAGE_ERROR], oracle->failed);
    CHECK_INT(job->images.kind[IDN_IMAGE_QUARANTINED], oracle->quarantined);
    CHECK_INT(job->compute_us, oracle->compute_us);
    // While a disputed job has not ended, or is still worked on, it shows what came first.
    if (job->images.pages > 0 && oracle->disputed)
        return;
    CHECK(idn_digest_equal(&job->digest, &oracle->digest));
    CHECK_INT(job->conflicts, oracle->conflicts);
    CHECK_INT(job->class_hash, oracle->class_hash);
}

static void check_settings(const struct site *site)
{
    for (uint32_t i = 0; i < site->config.models; i++) {
        char key[IDN_SETTING_SIZE];
        snprintf(key, sizeof(key), "batch/%s", rig.model[i].name);
        uint32_t batch = oracle_setting(site->fact, site->facts, NULL, key, rig.model[i].batch);
        CHECK_INT(site->core->model[i].batch, batch);
        seen.batched += batch != rig.model[i].batch;
    }
    for (unsigned n = 1; n <= WORKERS; n++) {
        char key[IDN_SETTING_SIZE];
        snprintf(key, sizeof(key), "drain/w%u", n);
        uint32_t drained = oracle_setting(site->fact, site->facts, NULL, key, 2);
        CHECK_INT(idn_drained_has(&site->core->drained, key + strlen("drain/")), drained == 1);
        seen.drained += drained == 1;
        seen.undrained += drained == 0;
    }
}

static void check_site(struct site *site)
{
    site_let_go(site);
    check_settings(site);
    for (unsigned key = 0; key < SITE_KEYS; key++) {
        struct idn_key wanted = rig_key(key);
        struct oracle oracle;
        oracle_ask(site->fact, site->facts, &wanted, NULL, &oracle);
        check_job(site, key, &oracle);
        check_faultless(&oracle);
        if (site == &world.maker[0].site)
            count_seen(&oracle);
    }
}

// ---- observers

// A maker's next own fact may come when everything that stood before it in the maker's store is
// there: `next` is that fact's place in the store.
static bool may_come(const struct site *observer, const struct site *maker, size_t next)
{
    for (size_t i = 0; i < next; i++)
        if (!site_has(observer, maker->fact[i]))
            return false;
    return true;
}

static bool is_own(const struct site *maker, size_t at)
{
    return maker->fact[at]->epoch.broker == maker->config.letter;
}

static const struct idn_fact *next_fact(const struct site *observer, size_t *next)
{
    for (int tries = 0; tries < 64; tries++) {
        uint32_t which = below(MAKERS);
        const struct site *maker = &world.maker[which].site;
        while (next[which] < maker->facts &&
               (!is_own(maker, next[which]) || site_has(observer, maker->fact[next[which]])))
            next[which]++;
        if (next[which] < maker->facts && may_come(observer, maker, next[which]))
            return maker->fact[next[which]];
    }
    return NULL;
}

static void observe(bool standby)
{
    struct site *observer = &world.observer;
    const struct idn_fact *fact;
    size_t next[MAKERS] = {0};

    configure(observer, 'b');
    observer->config.has_peer = standby;
    site_boot(observer);
    site_start(observer, an_incarnation());
    while ((fact = next_fact(observer, next)) != NULL) {
        site_copy(observer, fact);
        if (below(10) == 0)
            observer->holds_store = !observer->holds_store;
        if (below(10) == 0)
            observer->holds_refolds = !observer->holds_refolds;
        site_settle(observer);
        if (below(40) > 0)
            continue;
        site_restart(observer, an_incarnation());
        next[0] = next[1] = 0;
        seen.restarts++;
    }
    check_site(observer);
    site_restart(observer, an_incarnation());
    check_site(observer);
    seen.standbys += standby;
}

static void run_seed(uint64_t seed)
{
    world.seed = seed;
    make_history();
    for (unsigned i = 0; i < MAKERS; i++) {
        CHECK(site_find(&world.maker[i].site, IDN_ACTION_EXIT, 0) == NULL);
        check_site(&world.maker[i].site);
    }
    for (int i = 0; i < OBSERVERS; i++)
        observe(i % 2 == 1);
    pool_empty();
}

static void test_any_order_of_facts_gives_the_same_state(void)
{
    static uint64_t seed;

    for (seed = 1; seed <= SEEDS; seed++)
        run_seed(seed);
    // What it is about did happen.
    CHECK(seen.rivals >= SEEDS / 10 && seen.lifted >= SEEDS / 10 && seen.reopened >= SEEDS / 20);
    CHECK(seen.disputed >= SEEDS && seen.forgotten >= SEEDS / 10 && seen.cancelled >= SEEDS / 10);
    CHECK(seen.finished >= SEEDS && seen.clean >= SEEDS && seen.leased >= SEEDS);
    CHECK(seen.restarts >= SEEDS && seen.standbys >= SEEDS);
    CHECK(seen.weighed >= SEEDS && seen.batched >= SEEDS);
    CHECK(seen.drained >= SEEDS && seen.undrained >= SEEDS);
}

int main(int argc, char **argv)
{
    static const struct check_test tests[] = {
        CHECK_TEST(test_any_order_of_facts_gives_the_same_state),
    };
    return check_main(tests, sizeof(tests) / sizeof(*tests), argc, argv);
}
