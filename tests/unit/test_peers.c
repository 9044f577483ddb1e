// The peers of a ROUTER: numbers, the bounds of outboxes, who is forgotten when; the table of
// outstanding reads; the batch of facts.
#include "broker/batch.h"
#include "broker/peers.h"
#include "broker/reads.h"
#include "proto/result.h"
#include "tests/lib/check.h"

#include <errno.h>
#include <stdlib.h>

enum { ROUTES = 16, SENT_MAX = 64 };

// A socket that takes what its test allows.
static struct socket {
    int answer[ROUTES]; // of the next sends to this route
    unsigned count;
    uint32_t route[SENT_MAX];
    char first[SENT_MAX]; // byte of each message that was taken
} fake;

static int fake_send(void *context, uint32_t route, const void *data, size_t size)
{
    struct socket *to = context;

    if (to->answer[route] != 0)
        return to->answer[route];
    if (size == 0 || to->count == SENT_MAX)
        return -EINVAL;
    to->route[to->count] = route;
    to->first[to->count++] = *(const char *)data;
    return 0;
}

static struct idn_peers *make(uint32_t peers_max, size_t total)
{
    struct idn_peers_config config = {
        .peers_max = peers_max,
        .idle_ms_max = 1000,
        .outbox_bytes_max = 1000,
        .total_bytes_max = total,
        .send = fake_send,
        .context = &fake,
    };
    struct idn_peers *peers;

    fake = (struct socket){0};
    CHECK_INT(idn_peers_new(&config, &peers), 0);
    return peers;
}

static void test_numbers_are_kept_and_never_reused(void)
{
    struct idn_peers *peers = make(4, 10000);
    idn_peer one = idn_peers_heard(peers, 1, 0), two = idn_peers_heard(peers, 2, 0), gone;

    CHECK(one != 0 && two != 0 && one != two);
    CHECK(idn_peers_heard(peers, 1, 5) == one);
    fake.answer[1] = -EHOSTUNREACH;
    idn_peers_send(peers, one, "x", 1);
    CHECK(idn_peers_next_gone(peers, &gone) && gone == one);
    CHECK(!idn_peers_next_gone(peers, &gone));
    idn_peer again = idn_peers_heard(peers, 1, 6);
    CHECK(again != one && again != two);
    fake.answer[1] = 0;
    idn_peers_send(peers, one, "old", 3); // the number of a forgotten peer reaches nobody
    CHECK_INT(fake.count, 0);
    idn_peers_send(peers, again, "new", 3);
    CHECK_INT(fake.count, 1);
    idn_peers_destroy(&peers);
}

static void test_a_full_socket_keeps_order(void)
{
    struct idn_peers *peers = make(4, 10000);
    idn_peer one = idn_peers_heard(peers, 1, 0), two = idn_peers_heard(peers, 2, 0);

    fake.answer[1] = -EAGAIN;
    idn_peers_send(peers, one, "a", 1);
    CHECK(idn_peers_stuck(peers));
    idn_peers_send(peers, two, "z", 1); // a peer that does not read stops nobody else
    CHECK_INT(fake.count, 1);
    fake.answer[1] = 0;
    idn_peers_send(peers, one, "b", 1); // must not overtake
    CHECK_INT(fake.count, 1);
    idn_peers_flush(peers);
    CHECK(!idn_peers_stuck(peers));
    CHECK_INT(idn_peers_bytes(peers), 0);
    CHECK_INT(fake.count, 3);
    CHECK(memcmp(fake.first, "zab", 3) == 0);
    idn_peers_send(peers, one, "c", 1);
    CHECK(fake.first[3] == 'c');
    idn_peers_destroy(&peers);
}

static void test_an_outbox_is_bounded(void)
{
    struct idn_peers *peers = make(4, 100000);
    idn_peer one = idn_peers_heard(peers, 1, 0), gone = 0;
    unsigned sends = 0;

    fake.answer[1] = -EAGAIN;
    while (!idn_peers_next_gone(peers, &gone)) {
        CHECK(idn_peers_bytes(peers) <= 1000);
        CHECK(sends++ < 100);
        idn_peers_send(peers, one, "0123456789", 10);
    }
    CHECK(gone == one && sends > 10);
    CHECK_INT(idn_peers_count(peers), 0);
    CHECK_INT(idn_peers_bytes(peers), 0);
    CHECK(!idn_peers_stuck(peers));
    idn_peers_destroy(&peers);
}

static void test_all_outboxes_together_are_bounded(void)
{
    struct idn_peers *peers = make(8, 1500);
    idn_peer peer[4], gone;
    char message[600] = "m";

    for (uint32_t i = 0; i < 4; i++) {
        peer[i] = idn_peers_heard(peers, i, 0);
        fake.answer[i] = -EAGAIN;
    }
    idn_peers_send(peers, peer[2], message, sizeof(message));
    idn_peers_send(peers, peer[1], message, sizeof(message));
    CHECK(!idn_peers_next_gone(peers, &gone));
    idn_peers_send(peers, peer[3], message, sizeof(message));
    CHECK(idn_peers_next_gone(peers, &gone) && gone == peer[2]); // stuck longest
    CHECK(!idn_peers_next_gone(peers, &gone));
    CHECK(idn_peers_bytes(peers) <= 1500);
    idn_peers_destroy(&peers);
}

static void test_a_flush_finds_who_is_gone(void)
{
    struct idn_peers *peers = make(4, 10000);
    idn_peer one = idn_peers_heard(peers, 1, 0), gone;

    (void)idn_peers_heard(peers, 2, 0);
    fake.answer[1] = -EAGAIN;
    idn_peers_send(peers, one, "a", 1);
    fake.answer[1] = -EHOSTUNREACH;
    idn_peers_flush(peers);
    CHECK(idn_peers_next_gone(peers, &gone) && gone == one);
    CHECK_INT(idn_peers_count(peers), 1);
    idn_peers_destroy(&peers);
}

static void test_the_silent_are_forgotten(void)
{
    struct idn_peers *peers = make(4, 10000);
    idn_peer one = idn_peers_heard(peers, 1, 0), two = idn_peers_heard(peers, 2, 100), gone;

    (void)idn_peers_heard(peers, 1, 200);
    idn_peers_expire(peers, 1100);
    CHECK(!idn_peers_next_gone(peers, &gone));
    idn_peers_expire(peers, 1101);
    CHECK(idn_peers_next_gone(peers, &gone) && gone == two);
    CHECK(!idn_peers_next_gone(peers, &gone));
    idn_peers_expire(peers, 1201);
    CHECK(idn_peers_next_gone(peers, &gone) && gone == one);
    idn_peers_destroy(&peers);
}

static void test_a_full_table_forgets_the_longest_silent(void)
{
    struct idn_peers *peers = make(3, 10000);
    idn_peer peer[3], gone;

    for (uint32_t i = 0; i < 3; i++)
        peer[i] = idn_peers_heard(peers, i, i);
    CHECK(idn_peers_heard(peers, 0, 10) == peer[0]);
    CHECK(idn_peers_heard(peers, 9, 11) != 0);
    CHECK(idn_peers_next_gone(peers, &gone) && gone == peer[1]);
    CHECK_INT(idn_peers_count(peers), 3);
    CHECK(idn_peers_heard(peers, 0, 12) == peer[0]);
    CHECK(idn_peers_heard(peers, 2, 12) == peer[2]);
    idn_peers_destroy(&peers);
}

static void test_routes_that_share_a_bucket(void)
{
    enum { MANY = 3000 };
    struct idn_peers *peers = make(MANY / 2, 10000);
    idn_peer number[MANY], gone;

    for (uint32_t i = 0; i < MANY; i++) {
        number[i] = idn_peers_heard(peers, i * 4096, i);
        CHECK_INT(idn_peers_next_gone(peers, &gone), i >= MANY / 2);
        CHECK(i < MANY / 2 || gone == number[i - MANY / 2]);
    }
    for (uint32_t i = MANY / 2; i < MANY; i++)
        CHECK(idn_peers_heard(peers, i * 4096, MANY) == number[i]);
    idn_peers_destroy(&peers);
}

static void test_reads_are_bounded_for_a_peer_and_for_all(void)
{
    static struct idn_reads reads;
    struct idn_read read = {.peer = 7, .request = 1}, back;
    uint64_t tag = 0;

    for (int i = 0; i < IDN_PEER_READS_MAX; i++) {
        read.request = (uint64_t)i;
        tag = idn_reads_add(&reads, &read);
        CHECK(tag != 0);
    }
    CHECK(idn_reads_add(&reads, &read) == 0);
    CHECK(idn_reads_take(&reads, tag, &back));
    CHECK(back.peer == 7 && back.request == IDN_PEER_READS_MAX - 1);
    CHECK(!idn_reads_take(&reads, tag, &back));
    uint64_t next = idn_reads_add(&reads, &read);
    CHECK(next != 0 && next != tag);
    for (idn_peer peer = 100; peer < 100 + IDN_READS_MAX - IDN_PEER_READS_MAX; peer++) {
        read.peer = peer;
        CHECK(idn_reads_add(&reads, &read) != 0);
    }
    read.peer = 8;
    CHECK(idn_reads_add(&reads, &read) == 0);
}

static void test_a_batch_owns_its_bytes(void)
{
    struct idn_batch batch = {0};
    uint8_t rows[IDN_ROW_BYTES], part[3] = "xy";
    struct idn_fact results = {.kind = IDN_FACT_RESULTS}, list = {.kind = IDN_FACT_LIST_PART};

    memset(rows, 1, sizeof(rows));
    results.u.results.count = 1;
    results.u.results.rows = rows;
    list.u.list_part.size = sizeof(part);
    list.u.list_part.bytes = part;
    for (int i = 0; i < 200; i++)
        idn_batch_add(&batch, i % 2 == 0 ? &results : &list);
    memset(rows, 2, sizeof(rows));
    part[0] = 0;
    CHECK_INT(batch.count, 200);
    CHECK_INT(batch.fact[198].fact.u.results.rows[IDN_ROW_BYTES - 1], 1);
    CHECK(memcmp(batch.fact[199].fact.u.list_part.bytes, "xy", 3) == 0);
    idn_batch_clear(&batch);
    CHECK_INT(batch.count, 0);
    idn_batch_fini(&batch);
}

// Another broker's facts among our own: their bodies are copied too, and what a decoded one points
// to, wherever that lies.
static void test_a_batch_keeps_copies_in_order(void)
{
    struct idn_batch batch = {0};
    uint8_t body[4 + IDN_ROW_BYTES];
    struct idn_fact own = {.kind = IDN_FACT_CANCELLED, .origin = {1, 1}};
    struct idn_stored_fact other = {.fact = {.kind = IDN_FACT_RESULTS, .origin = {2, 1}},
        .decoded = true,
        .body = body,
        .size = sizeof(body)};
    struct idn_stored_fact emptied = {
        .fact = {.kind = IDN_FACT_RESULTS, .origin = {2, 2}}, .emptied = true};

    memset(body, 1, sizeof(body));
    other.fact.u.results.count = 1;
    other.fact.u.results.rows = body + 4;
    idn_batch_add(&batch, &own);
    idn_batch_copy(&batch, &other);
    idn_batch_copy(&batch, &emptied);
    idn_batch_add(&batch, &own);
    memset(body, 2, sizeof(body));
    CHECK_INT(batch.count, 4);
    CHECK(batch.fact[0].decoded && batch.fact[0].body == NULL);
    CHECK_INT(batch.fact[1].fact.origin.incarnation, 2);
    CHECK_INT(batch.fact[1].size, sizeof(body));
    CHECK_INT(batch.fact[1].body[sizeof(body) - 1], 1);
    CHECK_INT(batch.fact[1].fact.u.results.rows[IDN_ROW_BYTES - 1], 1);
    CHECK(batch.fact[2].emptied && batch.fact[2].body == NULL);
    CHECK_INT(batch.fact[3].fact.origin.incarnation, 1);
    idn_batch_fini(&batch);
}

int main(int argc, char **argv)
{
    static const struct check_test tests[] = {
        CHECK_TEST(test_numbers_are_kept_and_never_reused),
        CHECK_TEST(test_a_full_socket_keeps_order),
        CHECK_TEST(test_an_outbox_is_bounded),
        CHECK_TEST(test_all_outboxes_together_are_bounded),
        CHECK_TEST(test_a_flush_finds_who_is_gone),
        CHECK_TEST(test_the_silent_are_forgotten),
        CHECK_TEST(test_a_full_table_forgets_the_longest_silent),
        CHECK_TEST(test_routes_that_share_a_bucket),
        CHECK_TEST(test_reads_are_bounded_for_a_peer_and_for_all),
        CHECK_TEST(test_a_batch_owns_its_bytes),
        CHECK_TEST(test_a_batch_keeps_copies_in_order),
    };
    return check_main(tests, sizeof(tests) / sizeof(*tests), argc, argv);
}
