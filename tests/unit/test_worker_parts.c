// The parts of the worker's shell: lists that are fetched, slices fed to a child, what is offered.
#include "tests/lib/check.h"
#include "worker/agent/feed.h"
#include "worker/agent/offer.h"
#include "worker/agent/options.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

static struct idn_model models[] = {{.name = "m0", .cfg = "/m0.cfg", .weights = "/m0.weights"},
    {.name = "m1", .cfg = "/m1.cfg", .weights = "/m1.weights"},
    {.name = "m2", .cfg = "/m2.cfg", .weights = "/m2.weights"}};
static struct idn_registry registry = {.models = 3, .model = models};

// An uploaded list of three images.
static const char text[] = "/a.jpg\n/b.jpg\n/c.jpg\n";
enum { TEXT_BYTES = sizeof(text) - 1 };

static struct idn_list_wish wish_of(uint8_t job)
{
    struct idn_list_wish wish = {.dataset = "", .job.bytes[0] = job, .bytes = TEXT_BYTES};

    idn_sha256_of(text, TEXT_BYTES, &wish.digest);
    return wish;
}

static struct idn_order part_of(uint8_t job, uint64_t offset, uint32_t size)
{
    struct idn_order order = {.type = IDN_ORDER_LIST_PART};

    order.u.list_part.job.bytes[0] = job;
    order.u.list_part.offset = offset;
    order.u.list_part.total = TEXT_BYTES;
    order.u.list_part.size = size;
    order.u.list_part.bytes = (const uint8_t *)text + offset;
    return order;
}

static void feed_part(struct idn_lists *lists, uint64_t now, struct idn_order order)
{
    idn_lists_part(lists, now, &order);
}

static void test_a_list_comes_in_parts(void)
{
    struct idn_list_wish wish = wish_of(1);
    const struct idn_list *list = NULL;
    struct idn_lists *lists;
    struct idn_key job;
    uint64_t offset = 99;

    idn_lists_new(&registry, &lists);
    CHECK(!idn_lists_ask(lists, 0, &job, &offset));
    CHECK_INT(idn_lists_get(lists, &wish, 0, &list, NULL), IDN_LISTS_WAIT);
    CHECK(idn_lists_ask(lists, 0, &job, &offset));
    CHECK_INT(job.bytes[0], 1);
    CHECK_INT(offset, 0);
    CHECK(!idn_lists_ask(lists, 999, &job, &offset));
    CHECK(idn_lists_ask(lists, 1000, &job, &offset)); // no answer: again
    feed_part(lists, 1001, part_of(2, 0, 8));         // another job's
    feed_part(lists, 1001, part_of(1, 4, 8));         // not the next one
    CHECK(!idn_lists_ask(lists, 1001, &job, &offset));
    feed_part(lists, 1002, part_of(1, 0, 8));
    CHECK(idn_lists_ask(lists, 1002, &job, &offset)); // the next at once
    CHECK_INT(offset, 8);
    feed_part(lists, 1003, part_of(1, 8, TEXT_BYTES - 8));
    CHECK_INT((int64_t)idn_lists_deadline(lists), -1); // UINT64_MAX: nothing more to ask
    CHECK_INT(idn_lists_get(lists, &wish, 1004, &list, NULL), 0);
    CHECK_INT(idn_list_count(list), 3);
    struct idn_list_entry entry;
    idn_list_get(list, 1, &entry);
    CHECK_STRING(entry.path, "/b.jpg");
    idn_lists_destroy(&lists);
}

static void check_fails(
    struct idn_lists *lists, const struct idn_list_wish *wish, uint64_t now, const char *part)
{
    const struct idn_list *list = NULL;
    struct idn_reason reason = {""};

    CHECK(idn_lists_get(lists, wish, now, &list, &reason) < 0);
    CHECK_CONTAINS(reason.text, part);
    CHECK_INT(idn_lists_get(lists, wish, now, &list, &reason), IDN_LISTS_WAIT); // begins again
}

static void test_a_list_that_is_not_what_it_should_be(void)
{
    struct idn_list_wish wish = wish_of(1);
    struct idn_lists *lists;
    const struct idn_list *list;
    struct idn_reason reason = {""};

    idn_lists_new(&registry, &lists);
    CHECK_INT(idn_lists_get(lists, &wish, 0, &list, NULL), IDN_LISTS_WAIT);
    feed_part(lists, 1, part_of(1, 0, 0));
    check_fails(lists, &wish, 1, "does not have");
    struct idn_order longer = part_of(1, 0, 8);
    longer.u.list_part.total++;
    feed_part(lists, 2, longer);
    check_fails(lists, &wish, 2, "bytes");
    feed_part(lists, 3, part_of(1, 0, TEXT_BYTES));
    wish.digest.bytes[0] ^= 1;
    CHECK_INT(idn_lists_get(lists, &wish, 3, &list, NULL), IDN_LISTS_WAIT);
    feed_part(lists, 3, part_of(1, 0, TEXT_BYTES));
    check_fails(lists, &wish, 3, "digest");
    wish.bytes = (uint64_t)IDN_LIST_BYTES_MAX + 1;
    CHECK(idn_lists_get(lists, &wish, 4, &list, &reason) < 0);
    wish.dataset = "absent";
    CHECK(idn_lists_get(lists, &wish, 4, &list, &reason) < 0);
    CHECK_CONTAINS(reason.text, "data set absent");
    idn_lists_destroy(&lists);
}

// Only the time counts in which somebody could be asked.
static void test_a_fetch_is_given_up(void)
{
    struct idn_list_wish wish = wish_of(1);
    const struct idn_list *list;
    struct idn_lists *lists;

    idn_lists_new(&registry, &lists);
    CHECK_INT(idn_lists_get(lists, &wish, 0, &list, NULL), IDN_LISTS_WAIT);
    idn_lists_defer(lists, 100 * 1000);
    CHECK_INT(idn_lists_get(lists, &wish, 129 * 1000, &list, NULL), IDN_LISTS_WAIT);
    feed_part(lists, 129 * 1000, part_of(1, 0, 8)); // every part gives it that time again
    CHECK_INT(idn_lists_get(lists, &wish, 158 * 1000, &list, NULL), IDN_LISTS_WAIT);
    check_fails(lists, &wish, 159 * 1000, "within 30 s");
    idn_lists_destroy(&lists);
}

// A feed whose child is the other end of a socket pair.
struct kitchen {
    struct idn_lists *lists;
    struct idn_feed *feed;
    struct idn_child child;
    int far; // the child's end
    uint8_t packet[IDN_CHILD_PACKET_MAX];
    struct idn_child_message said;
};
static struct kitchen kitchen;

static void open_kitchen(uint64_t memory_bytes)
{
    const struct idn_list *list;
    struct idn_list_wish wish = wish_of(1);
    int pair[2];

    CHECK_INT(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair), 0);
    kitchen.child = (struct idn_child){.socket = pair[0]};
    kitchen.far = pair[1];
    idn_lists_new(&registry, &kitchen.lists);
    CHECK_INT(idn_lists_get(kitchen.lists, &wish, 0, &list, NULL), IDN_LISTS_WAIT);
    feed_part(kitchen.lists, 0, part_of(1, 0, TEXT_BYTES));
    struct idn_feed_config config = {.registry = &registry,
        .lists = kitchen.lists,
        .child = &kitchen.child,
        .memory_bytes = memory_bytes};
    idn_feed_new(&config, &kitchen.feed);
}

static void close_kitchen(void)
{
    idn_feed_destroy(&kitchen.feed);
    idn_lists_destroy(&kitchen.lists);
    (void)close(kitchen.child.socket);
    (void)close(kitchen.far);
}

static void add(uint64_t serial, const char *model, uint32_t first, uint32_t count)
{
    struct idn_agent_action action = {.type = IDN_AGENT_SLICE};
    struct idn_list_wish wish = wish_of(1);

    action.u.slice.slice = serial;
    action.u.slice.job = wish.job;
    memcpy(action.u.slice.model, model, strlen(model));
    action.u.slice.list_digest = wish.digest;
    action.u.slice.list_bytes = wish.bytes;
    action.u.slice.first = first;
    action.u.slice.count = count;
    idn_feed_add(kitchen.feed, &action);
}

static uint32_t hear(void) // 0: nothing was said to the child
{
    ssize_t size = recv(kitchen.far, kitchen.packet, sizeof(kitchen.packet), MSG_DONTWAIT);

    if (size <= 0)
        return 0;
    CHECK_INT(idn_child_unpack(kitchen.packet, (size_t)size, &kitchen.said), 0);
    return kitchen.said.type;
}

static int loaded(uint32_t number, uint32_t classes)
{
    struct idn_child_message message = {.type = IDN_CHILD_LOADED};

    message.u.loaded.model = number;
    message.u.loaded.classes = classes;
    memcpy(message.u.loaded.text, "why", 4);
    return idn_feed_loaded(kitchen.feed, &message);
}

static void test_a_model_is_loaded_once(void)
{
    struct idn_agent_event event;

    open_kitchen(0);
    add(1, "m0", 0, 2), add(2, "m0", 2, 1);
    CHECK(!idn_feed_next(kitchen.feed, 0, &event));
    CHECK_INT(hear(), IDN_CHILD_LOAD);
    CHECK_STRING(kitchen.said.u.load.name, "m0");
    CHECK_STRING(kitchen.said.u.load.cfg, "/m0.cfg");
    uint32_t number = kitchen.said.u.load.model;
    CHECK(!idn_feed_next(kitchen.feed, 1, &event));
    CHECK_INT(hear(), 0);
    CHECK(!loaded(number + 1, 10)); // not asked for
    CHECK(loaded(number, 10));
    CHECK(idn_feed_next(kitchen.feed, 2, &event));
    CHECK_INT(event.type, IDN_AGENT_CHILD_GIVEN);
    CHECK_INT(event.u.given.slice, 1);
    CHECK_INT(hear(), IDN_CHILD_SLICE);
    CHECK_INT(kitchen.said.u.slice.model, number);
    CHECK_STRING(kitchen.said.u.slice.image[1].path, "/b.jpg");
    CHECK(idn_feed_next(kitchen.feed, 2, &event));
    CHECK_INT(hear(), IDN_CHILD_SLICE);
    CHECK_INT(kitchen.said.u.slice.image[0].index, 2);
    CHECK(!idn_feed_next(kitchen.feed, 2, &event));
    close_kitchen();
}

// A process that only waits stands for the child.
static void start_mute_child(void)
{
    kitchen.child.pid = fork();
    CHECK(kitchen.child.pid >= 0);
    if (kitchen.child.pid > 0)
        return;
    (void)alarm(60); // should the test fail
    for (;;)
        (void)pause();
}

// Nobody would ever miss the answer to a message that cannot be sent.
static void test_a_child_that_cannot_be_spoken_to_is_killed(void)
{
    static struct idn_child_message message = {.type = IDN_CHILD_SLICE, .u.slice = {.count = 64}};
    static char path[2400];
    char why[IDN_TEXT_SIZE];
    enum idn_death death;
    int bytes = 8192;

    open_kitchen(0);
    start_mute_child();
    memset(path, '/', sizeof(path) - 1);
    for (uint32_t i = 0; i < 64; i++)
        message.u.slice.image[i].path = path;
    CHECK_INT(idn_child_send(&kitchen.child, &message), 0);
    CHECK_INT(hear(), IDN_CHILD_SLICE);
    CHECK(!kitchen.child.killed);
    CHECK_INT(setsockopt(kitchen.child.socket, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof(bytes)), 0);
    CHECK_INT(idn_child_send(&kitchen.child, &message), -EPIPE);
    CHECK(kitchen.child.killed);
    idn_child_bury(&kitchen.child, &death, why);
    CHECK_INT(death, IDN_DEATH_SIGNAL);
    CHECK_CONTAINS(why, "raise net.core.wmem_max");
    close_kitchen();
}

static void check_unavailable(uint64_t slice, const char *part)
{
    struct idn_agent_event event;

    CHECK(idn_feed_next(kitchen.feed, 0, &event));
    CHECK_INT(event.type, IDN_AGENT_UNAVAILABLE);
    CHECK_INT(event.u.unavailable.slice, slice);
    CHECK_CONTAINS(event.u.unavailable.text, part);
}

static void test_a_model_that_is_not_to_be_had(void)
{
    struct idn_agent_event event;

    open_kitchen(0);
    add(1, "m0", 0, 2), add(2, "m0", 2, 1);
    CHECK(!idn_feed_next(kitchen.feed, 0, &event));
    CHECK(loaded(0, 0));
    check_unavailable(1, "model m0 cannot be loaded: why");
    check_unavailable(2, "why");
    CHECK(!idn_feed_next(kitchen.feed, 0, &event));
    add(3, "absent", 0, 2);
    check_unavailable(3, "does not hold");
    add(4, "m0", 2, 2); // the list has 3 images
    check_unavailable(4, "3 images");
    close_kitchen();
}

static void test_the_third_death_while_loading_is_the_models(void)
{
    struct idn_agent_event event;

    open_kitchen(0);
    for (int death = 1; death <= 3; death++) {
        add(1, "m0", 0, 2);
        CHECK(!idn_feed_next(kitchen.feed, 0, &event));
        idn_feed_bereave(kitchen.feed, death == 1, "killed"); // the first time it was an image
        CHECK(!idn_feed_next(kitchen.feed, 0, &event));
        idn_feed_clear(kitchen.feed, true);
    }
    add(1, "m0", 0, 2);
    CHECK(!idn_feed_next(kitchen.feed, 0, &event));
    idn_feed_bereave(kitchen.feed, false, "killed");
    check_unavailable(1, "loading model m0: killed");

    idn_feed_clear(kitchen.feed, true); // one that succeeds makes the next death the first again
    add(2, "m0", 0, 2);
    CHECK(!idn_feed_next(kitchen.feed, 0, &event));
    CHECK(loaded(0, 10));
    idn_feed_clear(kitchen.feed, true);
    add(3, "m0", 0, 2);
    CHECK(!idn_feed_next(kitchen.feed, 0, &event));
    idn_feed_bereave(kitchen.feed, false, "killed");
    CHECK(!idn_feed_next(kitchen.feed, 0, &event));
    close_kitchen();
}

// Its model is loaded, and before that so many are unloaded.
static void give_after(uint64_t serial, const char *model, int unloaded)
{
    struct idn_agent_event event;

    add(serial, model, 0, 1);
    CHECK(!idn_feed_next(kitchen.feed, 0, &event));
    for (int i = 0; i < unloaded; i++)
        CHECK_INT(hear(), IDN_CHILD_UNLOAD);
    CHECK_INT(hear(), IDN_CHILD_LOAD);
    CHECK(loaded(kitchen.said.u.load.model, 10));
    CHECK(idn_feed_next(kitchen.feed, 0, &event));
    CHECK_INT(hear(), IDN_CHILD_SLICE);
}

static void give(uint64_t serial, const char *model)
{
    give_after(serial, model, 0);
}

static void write_weights(struct idn_model *model, const char *folder, size_t size)
{
    (void)snprintf(model->weights, sizeof(model->weights), "%s/%.8s", folder, model->name);
    FILE *file = fopen(model->weights, "w");
    CHECK(file != NULL);
    for (size_t i = 0; i < size; i++)
        (void)fputc(0, file);
    CHECK_INT(fclose(file), 0);
    idn_model_inspect(model);
}

// What was hashed at the start is what the worker told the broker of.
static void test_weights_that_changed_are_not_loaded(void)
{
    char folder[] = "/tmp/idunno-feed-XXXXXX";
    struct idn_model before = models[0];

    CHECK(mkdtemp(folder) != NULL);
    write_weights(&models[0], folder, 1000);
    open_kitchen(0);
    CHECK_INT(truncate(models[0].weights, 2000), 0);
    add(1, "m0", 0, 1);
    check_unavailable(1, "weights of model m0 have changed since this worker started");
    CHECK_INT(hear(), 0);
    idn_model_inspect(&models[0]); // as a restart does
    give(2, "m0");
    close_kitchen();

    open_kitchen(0); // the same while the child reads them
    struct idn_agent_event event;
    add(1, "m0", 0, 1);
    CHECK(!idn_feed_next(kitchen.feed, 0, &event));
    CHECK_INT(hear(), IDN_CHILD_LOAD);
    uint32_t number = kitchen.said.u.load.model;
    CHECK_INT(truncate(models[0].weights, 3000), 0);
    CHECK(loaded(number, 10));
    check_unavailable(1, "weights of model m0 have changed since this worker started");
    CHECK_INT(hear(), IDN_CHILD_UNLOAD);
    CHECK_INT(kitchen.said.u.unload.model, number);
    close_kitchen();
    (void)unlink(models[0].weights);
    (void)rmdir(folder);
    models[0] = before;
}

// Room for two models (three times their files and 160 MiB each): the third takes the place of the
// one not used for the longest time.
static void test_models_share_the_memory(void)
{
    char folder[] = "/tmp/idunno-feed-XXXXXX";
    uint32_t number[3];

    CHECK(mkdtemp(folder) != NULL);
    for (int i = 0; i < 3; i++)
        write_weights(&models[i], folder, 1000);
    open_kitchen(7000 + (2ull * 160 << 20));
    give(1, "m0");
    number[0] = kitchen.said.u.slice.model;
    give(2, "m1");
    number[1] = kitchen.said.u.slice.model;
    CHECK(number[0] != number[1]);
    struct idn_agent_event event;
    add(3, "m0", 0, 1); // used again, not loaded
    CHECK(idn_feed_next(kitchen.feed, 0, &event));
    CHECK_INT(hear(), IDN_CHILD_SLICE);
    give_after(4, "m2", 1);
    CHECK_INT(kitchen.said.u.slice.model, number[1]);
    give_after(5, "m1", 1);
    CHECK_INT(kitchen.said.u.slice.model, number[0]);
    close_kitchen();
    CHECK_INT(truncate(models[2].weights, 50 << 20), 0);
    idn_model_inspect(&models[2]);
    open_kitchen(7000 + (2ull * 160 << 20)); // a large one takes the place of both
    give(1, "m0");
    give(2, "m1");
    give_after(3, "m2", 2);
    give_after(4, "m0", 1);
    close_kitchen();
    for (int i = 0; i < 3; i++)
        (void)unlink(models[i].weights);
    (void)rmdir(folder);
}

static void test_an_offer_is_what_has_no_problem(void)
{
    struct idn_model some[] = {{.name = "good"}, {.name = "bad", .problem = "no weights"},
        {.name = "stated", .problem = "no weights", .has_stated_digest = true},
        {.name = "bare", .problem = "no weights", .cfg = "/dev/null"},
        {.name = "wrong", .problem = "wrong", .cfg = "/dev/null", .weights = "/dev/null"}};
    struct idn_dataset lists[] = {{.name = "there"}, {.name = "gone", .problem = "no list"}};
    struct idn_registry mixed = {.models = 5, .model = some, .datasets = 2, .dataset = lists};
    static struct idn_offer offer;

    idn_offer_make(&mixed, true, &offer);
    CHECK_INT(offer.models, 5);
    CHECK_INT(offer.models_usable, 1);
    CHECK_INT(offer.datasets, 2);
    CHECK_INT(offer.datasets_usable, 1);
    CHECK(idn_offer_has_model(&offer, "good") && !idn_offer_has_model(&offer, "stated"));
    CHECK_INT(offer.model[0].lack, IDN_LACK_NONE);
    CHECK_INT(offer.model[1].lack, IDN_LACK_CFG);
    CHECK_INT(offer.model[3].lack, IDN_LACK_WEIGHTS);
    CHECK_INT(offer.model[4].lack, IDN_LACK_OTHER);
    CHECK_INT(offer.dataset[1].lack, IDN_LACK_LIST);
    idn_offer_make(&mixed, false, &offer); // an engine that reads no weights
    CHECK(idn_offer_has_model(&offer, "stated") && !idn_offer_has_model(&offer, "bad"));
}

static void test_names(void)
{
    struct idn_settings settings = {.worker_name = "gpu7"};
    struct idn_worker_options options = {0};
    char name[IDN_NAME_SIZE], host[IDN_NAME_SIZE] = "";

    CHECK_INT(idn_worker_options_name(&options, &settings, name, NULL), 0);
    CHECK_STRING(name, "gpu7");
    options.has_instance = true, options.instance = 3;
    CHECK_INT(idn_worker_options_name(&options, &settings, name, NULL), 0);
    CHECK_STRING(name, "gpu7/3");
    settings.worker_name = "";
    CHECK_INT(idn_worker_options_name(&options, &settings, name, NULL), 0);
    CHECK_INT(gethostname(host, sizeof(host) - 1), 0);
    CHECK_CONTAINS(name, host);
    CHECK_CONTAINS(name, "/3");
    options = (struct idn_worker_options){.name = "w"};
    CHECK_INT(idn_worker_options_name(&options, &settings, name, NULL), 0);
    CHECK_STRING(name, "w");
}

int main(int argc, char **argv)
{
    static const struct check_test tests[] = {
        CHECK_TEST(test_a_list_comes_in_parts),
        CHECK_TEST(test_a_list_that_is_not_what_it_should_be),
        CHECK_TEST(test_a_fetch_is_given_up),
        CHECK_TEST(test_a_child_that_cannot_be_spoken_to_is_killed),
        CHECK_TEST(test_a_model_is_loaded_once),
        CHECK_TEST(test_a_model_that_is_not_to_be_had),
        CHECK_TEST(test_the_third_death_while_loading_is_the_models),
        CHECK_TEST(test_weights_that_changed_are_not_loaded),
        CHECK_TEST(test_models_share_the_memory),
        CHECK_TEST(test_an_offer_is_what_has_no_problem),
        CHECK_TEST(test_names),
    };
    return check_main(tests, sizeof(tests) / sizeof(*tests), argc, argv);
}
