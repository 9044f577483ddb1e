// Whatever a decoder lets through may come over the mirror link, in any state, with any numbers in
// it: here the other broker is made up from a seed. No assertion of the core may be its to reach,
// every invariant holds after each step, what is held stays within the window; and in the end a
// real broker takes its place, and both have the same.
#include "base/random.h"
#include "broker/core/jobs.h"
#include "broker/core/mirror.h"
#include "tests/lib/pair.h"

enum { A, B, RUNS = 200, STEPS = 400, KEYS = 30, INCARNATIONS = 5 };

static struct pair *pair;
static struct idn_random dice;
static int victim;
static uint8_t bytes[IDN_LIST_PART_BYTES];

static uint32_t below(uint64_t limit)
{
    return idn_random_below(&dice, limit);
}

// Small mostly, sometimes at an edge.
static uint64_t wild(uint64_t small, uint64_t most)
{
    const uint64_t edges[] = {0, 1, most / 2, most - 1, most, idn_random_next(&dice)};
    uint64_t value = below(8) > 0 ? below(small) : edges[below(6)];

    return value > most ? most : value;
}

static struct idn_core *core(void)
{
    return pair->side[victim].core;
}

// ---- facts

static struct idn_epoch an_epoch(void)
{
    return (struct idn_epoch){
        .counter = below(30) ? 1 + below(5) : wild(9, UINT64_MAX), .broker = below(2) ? 'a' : 'b'};
}

static struct idn_job_spec a_spec(void)
{
    struct idn_job_spec spec = rig_submission(1, below(2) ? "alexnet" : "resnet18", 0, 0).u.submit;

    spec.model_digest = pair->names.model[below(2)].digest;
    spec.list_digest = pair->names.dataset[0].digest;
    spec.first = (uint32_t)wild(3, IDN_JOB_IMAGES_MAX / 4);
    spec.last = spec.first + below(60);
    if (below(5) == 0) {
        spec.dataset[0] = '\0';
        spec.list_bytes = 1000;
    }
    return spec;
}

static uint64_t a_spec_hash(const struct idn_key *key)
{
    const struct idn_job *job = NULL;

    IDN_EACH_CONST(link, &core()->known)
    {
        const struct idn_job *known = IDN_ENTRY_CONST(link, struct idn_job, in_known);
        if (memcmp(&known->key, key, sizeof(*key)) == 0)
            job = known;
    }
    return job == NULL || below(20) == 0 ? below(3) : idn_spec_hash(&job->spec);
}

static void make_results(struct idn_fact *fact)
{
    static uint8_t rows[IDN_MIRROR_FACTS_MAX][16 * IDN_ROW_BYTES];
    static uint32_t next;
    uint8_t *to = rows[next++ % IDN_MIRROR_FACTS_MAX];

    fact->u.results.count = below(17);
    fact->u.results.rows = to;
    fact->u.results.class_hash = below(12) ? 77 : wild(3, UINT64_MAX);
    fact->u.results.compute_us = wild(100000, UINT64_MAX);
    fact->u.results.spec_hash = a_spec_hash(&fact->job);
    for (uint32_t i = 0; i < fact->u.results.count; i++) {
        struct idn_result result = {.index = (uint32_t)wild(60, UINT32_MAX)};
        for (int c = 0; c < IDN_TOP; c++)
            result.class_id[c] = IDN_NO_CLASS;
        result.status = (uint8_t)(below(9) ? 0 : below(9));
        result.class_id[0] =
            result.status == IDN_STATUS_OK ? (uint16_t)(below(20) ? 7 : below(9)) : IDN_NO_CLASS;
        result.probability[0] = result.status == IDN_STATUS_OK ? 0.5f : 0;
        idn_result_pack(&result, to + (size_t)i * IDN_ROW_BYTES);
    }
}

static void make_body(struct idn_fact *fact)
{
    if (fact->kind == IDN_FACT_ACCEPTED)
        fact->u.accepted = a_spec();
    if (fact->kind == IDN_FACT_RESULTS)
        make_results(fact);
    if (fact->kind == IDN_FACT_QUARANTINED) {
        fact->u.quarantined.image = (uint32_t)wild(60, UINT32_MAX);
        fact->u.quarantined.generation = (uint32_t)wild(3, UINT32_MAX);
        fact->u.quarantined.spec_hash = a_spec_hash(&fact->job);
    }
    if (fact->kind == IDN_FACT_LIFTED)
        fact->u.lifted.generation = (uint32_t)wild(3, UINT32_MAX);
    if (fact->kind == IDN_FACT_LIST_PART) {
        fact->u.list_part.total = 1000;
        fact->u.list_part.offset = wild(2, 999);
        fact->u.list_part.size = (uint32_t)(1000 - fact->u.list_part.offset);
        fact->u.list_part.bytes = bytes;
    }
}

// Mostly the next one of its incarnation, of those that this side's own tests never use.
static struct idn_stored_fact a_fact(uint64_t last[INCARNATIONS])
{
    static const uint32_t kinds[] = {IDN_FACT_ACCEPTED, IDN_FACT_RESULTS, IDN_FACT_RESULTS,
        IDN_FACT_QUARANTINED, IDN_FACT_LIFTED, IDN_FACT_CANCELLED, IDN_FACT_LIST_PART,
        IDN_FACT_SETTING};
    struct idn_stored_fact item = {.size = 100 + below(3000)};
    uint32_t which = below(INCARNATIONS);

    item.fact.origin.incarnation = 500 + which;
    item.fact.origin.sequence = ++last[which];
    if (below(300) == 0)
        item.fact.origin.sequence = wild(9, UINT64_MAX);
    if (below(500) == 0)
        item.fact.origin.incarnation = below(2) ? core()->incarnation : wild(600, UINT64_MAX);
    item.fact.epoch = below(100) ? (struct idn_epoch){.counter = 1, .broker = 'a'} : an_epoch();
    item.fact.kind = below(20) ? kinds[below(8)] : 1 + (uint32_t)wild(20, 1000);
    item.fact.job = rig_key(below(KEYS));
    if (below(50) == 0)
        item.fact.kind = IDN_FACT_FORGOTTEN;
    item.fact.wall_ms = wild(1000, UINT64_MAX);
    item.emptied = below(20) == 0;
    item.decoded = !item.emptied && item.fact.kind <= IDN_FACT_LIST_PART;
    if (item.decoded)
        make_body(&item.fact);
    return item;
}

static void make_facts(struct idn_mirror_frame *frame)
{
    static struct idn_stored_fact items[IDN_MIRROR_FACTS_MAX];
    uint64_t last[INCARNATIONS];

    for (uint64_t i = 0; i < INCARNATIONS; i++)
        last[i] = pair_last_of(pair, victim, 500 + i) - (below(8) == 0 ? below(3) : 0);
    frame->u.facts.count = (uint32_t)wild(12, 64);
    frame->u.facts.end = below(3) == 0;
    frame->u.facts.item = items;
    for (uint32_t i = 0; i < frame->u.facts.count; i++)
        items[i] = a_fact(last);
}

// ---- frames

static void make_vector(struct idn_mirror_frame *frame)
{
    static struct idn_held held[64];

    frame->u.vector.count = below(10) ? below(8) : 64;
    frame->u.vector.last = below(3) > 0;
    frame->u.vector.item = held;
    for (uint32_t i = 0; i < frame->u.vector.count; i++) {
        held[i].incarnation = below(4) ? 500 + below(INCARNATIONS) : wild(600, UINT64_MAX);
        held[i].last = wild(30, UINT64_MAX);
    }
    if (below(3) == 0 && frame->u.vector.count > 0)
        held[0] = (struct idn_held){core()->incarnation, wild(9, UINT64_MAX)};
}

static void make_greeting(struct idn_mirror_frame *frame)
{
    frame->number = 0;
    if (below(3) == 0 && victim == A)
        frame->session = 1 + below(1000);
    frame->u.hello.lowest = frame->u.hello.highest = 1;
    if (below(10) == 0)
        frame->u.hello.highest = (uint32_t)wild(9, UINT32_MAX);
    frame->u.hello.letter = below(10) ? (victim == A ? 'b' : 'a') : 'a' + below(2);
    frame->u.hello.incarnation = below(10) ? 4242 : core()->incarnation;
    snprintf(frame->u.hello.broker, IDN_NAME_SIZE, "mallory");
}

// Mostly what an honest peer would send now, so that all states are met.
static uint32_t a_type(const struct idn_mirror_session *session)
{
    static const uint32_t any[] = {IDN_MIRROR_HELLO, IDN_MIRROR_WELCOME, IDN_MIRROR_VECTOR,
        IDN_MIRROR_FACTS, IDN_MIRROR_BEAT, IDN_MIRROR_HANDOVER, IDN_MIRROR_GONE};

    if (below(25) == 0)
        return any[below(7)];
    if (session->stage == IDN_MIRROR_DOWN)
        return victim == A ? IDN_MIRROR_HELLO : IDN_MIRROR_WELCOME;
    if (!session->vector_taken)
        return IDN_MIRROR_VECTOR;
    if (session->stage == IDN_MIRROR_GREETED || below(3) == 0)
        return IDN_MIRROR_BEAT;
    return session->exchanged && below(30) == 0 ? IDN_MIRROR_HANDOVER : IDN_MIRROR_FACTS;
}

static struct idn_mirror_frame a_frame(void)
{
    const struct idn_mirror_session *session = &core()->mirror.session;
    uint64_t unacked = session->out.sent - session->out.acked;
    struct idn_mirror_frame frame = {.type = a_type(session), .session = core()->mirror.nonce};

    if (below(30) == 0)
        frame.session = wild(5, UINT64_MAX);
    frame.number = session->in.taken + (below(40) ? 1 : below(4));
    frame.durable = session->out.acked + (below(3) ? unacked : below(unacked + 1));
    if (below(80) == 0)
        frame.durable = wild(40, UINT64_MAX);
    frame.role = below(10) ? IDN_ROLE_STANDBY : IDN_ROLE_LEARNER + below(4);
    frame.epoch = below(10) ? (struct idn_epoch){1, 'a'} : an_epoch();
    if (below(80) == 0)
        frame.role = (uint32_t)wild(7, UINT32_MAX);
    if (frame.type == IDN_MIRROR_HELLO || frame.type == IDN_MIRROR_WELCOME)
        make_greeting(&frame);
    if (frame.type == IDN_MIRROR_VECTOR)
        make_vector(&frame);
    if (frame.type == IDN_MIRROR_FACTS)
        make_facts(&frame);
    if (frame.type == IDN_MIRROR_BEAT)
        frame.number = below(40) ? session->in.taken : wild(9, UINT64_MAX);
    if (frame.type == IDN_MIRROR_HANDOVER)
        frame.u.handover.epoch = an_epoch();
    return frame;
}

// ---- what else goes on

static void client_does_something(void)
{
    struct idn_request request = rig_submission(below(KEYS), "alexnet", 0, below(30));
    static const uint32_t types[] = {
        IDN_REQUEST_CANCEL, IDN_REQUEST_FORGET, IDN_REQUEST_RETRY, IDN_REQUEST_BOOTSTRAP};

    if (below(3) == 0)
        request.type = types[below(4)];
    request.id = ++pair->requests;
    request.unheard_ms = below(3) ? 0 : 5000;
    pair_step(pair, victim,
        (struct idn_event){
            .type = IDN_EVENT_REQUEST, .u.request = {.peer = 1, .message = &request}});
}

static void something_happens(void)
{
    struct pair_side *side = &pair->side[victim];
    uint32_t what = below(20);

    if (what < 15) {
        struct idn_mirror_frame frame = a_frame();
        pair_send(pair, victim, &frame);
        if (below(4) > 0)
            pair_settle(pair);
    } else if (what < 16) {
        client_does_something();
    } else if (what < 17) {
        side->hold_store = below(3) == 0;
        side->hold_reads = below(3) == 0;
    } else if (what < 18) {
        pair_pass(pair, below(10) ? below(150) : below(1500));
    } else if (below(40) == 0) {
        uint64_t ms = below(3000);
        pair->now += ms;
        pair_step(pair, victim, (struct idn_event){.type = IDN_EVENT_STALLED, .u.stalled = {ms}});
    }
}

static void check_bounds(void)
{
    const struct pair_side *side = &pair->side[victim];

    CHECK(side->core->mirror.session.out.bytes <= IDN_MIRROR_WINDOW_BYTES);
    CHECK(side->facts - side->stored <= (IDN_MIRROR_WINDOW + 1) * IDN_MIRROR_FACTS_MAX);
}

// Equal facts make equal states, whatever order they came in. (Who answers REFOLD is not here.)
static void check_same_jobs(void)
{
    IDN_EACH_CONST(link, &pair->side[A].core->known)
    {
        const struct idn_job *job = IDN_ENTRY_CONST(link, struct idn_job, in_known);
        const struct idn_job *other = idn_jobs_find(pair->side[B].core, &job->key);
        CHECK(other != NULL && other->spec_hash == job->spec_hash);
        if (idn_job_is_read_back(job) || idn_job_is_read_back(other))
            continue;
        CHECK_INT(other->state, job->state);
        CHECK_INT(idn_job_done(other), idn_job_done(job));
        CHECK(memcmp(&other->digest, &job->digest, sizeof(job->digest)) == 0);
    }
    CHECK_INT(pair->side[B].core->jobs, pair->side[A].core->jobs);
}

static void end_with_a_real_broker(void)
{
    int other = 1 - victim;

    pair->side[victim].hold_store = pair->side[victim].hold_reads = false;
    pair_settle(pair);
    if (pair->side[victim].exit[0] != '\0')
        return;
    pair_boot(pair, other);
    pair_pass(pair, 5000);
    CHECK(pair->side[other].exit[0] == '\0');
    CHECK(pair_is_level(pair));
    CHECK(pair_peer(pair, A).in_sync && pair_peer(pair, B).in_sync);
    check_same_jobs();
}

static void run(uint64_t seed)
{
    if (pair != NULL)
        pair_destroy(pair); // of a test that failed
    memset(bytes, '\n', sizeof(bytes));
    pair = pair_new();
    victim = seed % 2 == 0 ? A : B;
    idn_random_init(&dice, seed, 3);
    if (seed % 3 > 0)
        pair_fill(pair, victim, 11, 20, 100);
    pair_boot(pair, victim);
    for (int i = 0; i < STEPS && pair->side[victim].exit[0] == '\0'; i++) {
        something_happens();
        check_bounds();
        pair_clear(pair);
    }
    end_with_a_real_broker();
    pair_destroy(pair);
    pair = NULL;
}

static void test_anything_a_decoder_lets_through(void)
{
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
