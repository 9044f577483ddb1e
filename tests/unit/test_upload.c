// A list of the client's own on its way to the broker: what arrives, resumption, wrong answers.
#include "base/assert.h"
#include "client/call.h"
#include "client/upload.h"
#include "tests/lib/check.h"
#include "tests/lib/fake_broker.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

enum { IMAGES = 5000 };

static struct fake_broker broker;
static struct idunno *idunno;
static struct idunno_job job;
static char folder[] = "/tmp/idn-upload-XXXXXX", list[64];

// What the broker has stored, and how it misbehaves. Written by its thread while a call waits.
static char stored[1024 * 1024];
static uint64_t have, lose_at, lie;
static struct idn_job_spec submitted;

static bool answer(
    struct fake_broker *self, const struct idn_request *request, struct idn_reply *ret)
{
    (void)self;
    switch (request->type) {
    case IDN_REQUEST_HELLO:
        return fake_welcome(ret, IDN_ROLE_ALONE);
    case IDN_REQUEST_UPLOAD:
        if (have == lose_at && have > 0)
            have = lose_at = 0;
        if (request->u.upload.offset == have) {
            memcpy(stored + have, request->u.upload.bytes, request->u.upload.size);
            have += request->u.upload.size;
        }
        ret->type = IDN_REPLY_UPLOADED;
        ret->u.uploaded.offset = lie != 0 ? lie : have;
        return true;
    case IDN_REQUEST_SUBMIT:
        submitted = request->u.submit;
        ret->type = IDN_REPLY_ACCEPTED;
        ret->u.accepted.job = request->job.key;
        ret->u.accepted.durable = 1;
        return true;
    default:
        return false;
    }
}

static void start(void)
{
    have = lose_at = lie = 0;
    memset(&broker, 0, sizeof(broker));
    fake_broker_start(&broker, answer);
    struct idunno_options options = {.brokers = {broker.address}, .client = "test"};
    CHECK_INT(idunno_connect(&options, &idunno), IDUNNO_OK);
    idunno_draw(&job);
}

static void stop(void)
{
    idunno_close(&idunno);
    fake_broker_stop(&broker);
}

static enum idunno_code submit(bool whole, uint32_t last)
{
    struct idunno_query query = {
        .model = "alexnet", .list = list, .whole = whole, .last = last, .key = job.key};

    return idunno_submit(idunno, &query, &job, NULL);
}

// The list that the broker must have: the same images under absolute paths.
static bool arrived_whole(void)
{
    char line[128];
    uint64_t at = 0;

    for (int i = 0; i < IMAGES; i++) {
        int length = snprintf(line, sizeof(line), "%s/image-%d.jpg\n", folder, i);
        if (memcmp(stored + at, line, (size_t)length) != 0)
            return false;
        at += (uint64_t)length;
    }
    struct idn_sha256 digest;
    idn_sha256_of(stored, have, &digest);
    return at == have && submitted.list_bytes == have &&
           idn_sha256_equal(&digest, &submitted.list_digest);
}

static void test_a_list_arrives_with_absolute_paths(void)
{
    start();
    CHECK_INT(submit(true, 0), IDUNNO_OK);
    CHECK(have > 4ull * IDN_LIST_PART_BYTES); // in parts
    CHECK(arrived_whole());
    CHECK_INT(submitted.first, 0);
    CHECK_INT(submitted.last, IMAGES - 1);
    CHECK_STRING(submitted.dataset, "");
    CHECK_INT(submit(false, 9), IDUNNO_OK); // the same key again: nothing is sent twice
    CHECK_INT(submitted.last, 9);
    stop();
}

static void test_an_upload_goes_on_where_it_was(void)
{
    start();
    CHECK_INT(submit(true, 0), IDUNNO_OK);
    unsigned all = atomic_load(&broker.requests);
    have = 3 * IDN_LIST_PART_BYTES; // as if it had been interrupted there
    CHECK_INT(submit(true, 0), IDUNNO_OK);
    CHECK(arrived_whole());
    // Without the hello; one part was sent for nothing, three were not sent at all.
    CHECK_INT(atomic_load(&broker.requests) - all, all - 1 - 3 + 1);
    stop();
}

static void test_a_forgotten_upload_begins_again(void)
{
    start();
    lose_at = 2 * IDN_LIST_PART_BYTES;
    CHECK_INT(submit(true, 0), IDUNNO_OK);
    CHECK(arrived_whole());
    stop();
}

static void test_impossible_answers(void)
{
    start();
    lie = IDN_LIST_PART_BYTES + 1;
    CHECK_INT(submit(true, 0), IDUNNO_BROKEN);
    CHECK_CONTAINS(idunno_error(idunno), "says that it has stored 32769 bytes of a list of");
    lie = 1000ull * IDN_LIST_PART_BYTES;
    CHECK_INT(submit(true, 0), IDUNNO_BROKEN);
    lie = IDN_LIST_PART_BYTES;
    CHECK_INT(submit(true, 0), IDUNNO_BROKEN);
    CHECK_CONTAINS(idunno_error(idunno), "stays at byte 32768");
    stop();
}

static void write_list(const char *text)
{
    FILE *file = fopen(list, "w");

    IDN_ASSERT(file != NULL);
    for (int i = 0; text == NULL && i < IMAGES; i++)
        (void)fprintf(file, "image-%d.jpg\n", i);
    (void)fputs(text == NULL ? "" : text, file);
    (void)fclose(file);
}

static void test_lists_that_are_refused_here(void)
{
    struct idunno_query query = {.model = "m", .list = "/nowhere/list", .whole = true};

    start();
    CHECK_INT(submit(false, IMAGES), IDUNNO_INVALID);
    CHECK_CONTAINS(idunno_error(idunno), "image 5000 is outside ");
    CHECK_CONTAINS(idunno_error(idunno), "which has 5000 images: 0 to 4999");
    CHECK_INT(idunno_submit(idunno, &query, &job, NULL), IDUNNO_INVALID);
    CHECK_CONTAINS(idunno_error(idunno), "/nowhere/list: No such file or directory");
    write_list("a.jpg\n\nb.jpg\n");
    CHECK_INT(submit(true, 0), IDUNNO_INVALID);
    CHECK_CONTAINS(idunno_error(idunno), list);
    CHECK_CONTAINS(idunno_error(idunno), "line 2 is empty");
    write_list("");
    CHECK_INT(submit(true, 0), IDUNNO_INVALID);
    CHECK_CONTAINS(idunno_error(idunno), "is empty");
    CHECK_INT(atomic_load(&broker.requests), 1); // the hello: nothing of these left
    write_list(NULL);
    stop();
}

static void test_sizes_and_digests_stay(void)
{
    static const char entry[] =
        "\t12\t0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef\n";
    char text[256];

    start();
    (void)snprintf(text, sizeof(text), "/elsewhere/a b.jpg%s", entry);
    write_list(text);
    CHECK_INT(submit(true, 0), IDUNNO_OK);
    CHECK_INT(have, strlen(text));
    CHECK(memcmp(stored, text, have) == 0);
    write_list(NULL);
    stop();
}

int main(int argc, char **argv)
{
    static const struct check_test tests[] = {
        CHECK_TEST(test_a_list_arrives_with_absolute_paths),
        CHECK_TEST(test_an_upload_goes_on_where_it_was),
        CHECK_TEST(test_a_forgotten_upload_begins_again),
        CHECK_TEST(test_impossible_answers),
        CHECK_TEST(test_lists_that_are_refused_here),
        CHECK_TEST(test_sizes_and_digests_stay),
    };

    IDN_ASSERT(mkdtemp(folder) != NULL);
    (void)snprintf(list, sizeof(list), "%s/own.list", folder);
    write_list(NULL);
    int result = check_main(tests, sizeof(tests) / sizeof(*tests), argc, argv);
    (void)unlink(list);
    (void)rmdir(folder);
    return result;
}
