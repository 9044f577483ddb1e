// The small conversions that messages are made of: names, keys, digests, epochs, leases, rows, job
// specifications.
#include "base/assert.h"
#include "proto/codec_internal.h"

#include <math.h>
#include <string.h>

// ---- ours -> protobuf's

static char *put_string(struct idn_arena *arena, const char *string)
{
    size_t size = strlen(string) + 1;
    char *copy = idn_arena_take(arena, size);

    IDN_ASSERT(copy != NULL);
    return memcpy(copy, string, size);
}

char *idn_put_name(struct idn_arena *arena, const char *name)
{
    return put_string(arena, name);
}

static bool is_control(char c)
{
    return (unsigned char)c < ' ' || c == 0x7f;
}

// Texts quote file names and what other programs said; the receiver refuses control characters.
char *idn_put_text(struct idn_arena *arena, const char *text)
{
    char *copy = put_string(arena, text);

    for (char *c = copy; *c != '\0'; c++)
        if (is_control(*c))
            *c = '?';
    return copy;
}

ProtobufCBinaryData idn_put_bytes(struct idn_arena *arena, const void *bytes, size_t size)
{
    ProtobufCBinaryData data = {.len = size};

    if (size > 0) {
        data.data = idn_arena_take(arena, size);
        IDN_ASSERT(data.data != NULL);
        memcpy(data.data, bytes, size);
    }
    return data;
}

ProtobufCBinaryData idn_put_key(struct idn_arena *arena, const struct idn_key *key)
{
    return idn_put_bytes(arena, key->bytes, sizeof(key->bytes));
}

ProtobufCBinaryData idn_put_sha256(struct idn_arena *arena, const struct idn_sha256 *digest)
{
    return idn_put_bytes(arena, digest->bytes, sizeof(digest->bytes));
}

uint32_t *idn_put_u32s(struct idn_arena *arena, const uint32_t *value, size_t count)
{
    return (void *)idn_put_bytes(arena, value, count * sizeof(*value)).data;
}

Idunno__Epoch *idn_put_epoch(struct idn_arena *arena, struct idn_epoch epoch)
{
    Idunno__Epoch *to = idn_put_message(arena, &idunno__epoch__descriptor);

    to->counter = epoch.counter;
    to->broker = epoch.broker;
    return to;
}

Idunno__LeaseId *idn_put_lease(struct idn_arena *arena, struct idn_lease_id lease)
{
    Idunno__LeaseId *to = idn_put_message(arena, &idunno__lease_id__descriptor);

    to->epoch = idn_put_epoch(arena, lease.epoch);
    to->serial = lease.serial;
    return to;
}

Idunno__JobSpec *idn_put_spec(struct idn_arena *arena, const struct idn_job_spec *spec)
{
    Idunno__JobSpec *to = idn_put_message(arena, &idunno__job_spec__descriptor);

    to->model = idn_put_name(arena, spec->model);
    to->dataset = idn_put_name(arena, spec->dataset);
    to->model_digest = idn_put_sha256(arena, &spec->model_digest);
    to->list_digest = idn_put_sha256(arena, &spec->list_digest);
    to->first = spec->first;
    to->last = spec->last;
    to->list_bytes = spec->list_bytes;
    to->client = idn_put_name(arena, spec->client);
    to->weight = spec->weight;
    return to;
}

// ---- protobuf's -> ours

void idn_take_name(struct idn_check *check, const char *field, enum idn_presence presence,
    const char *from, char *to)
{
    if (presence == IDN_OPTIONAL && from[0] == '\0')
        to[0] = '\0';
    else if (idn_name_is_valid(from, IDN_NAME_SIZE))
        memcpy(to, from, strlen(from) + 1);
    else
        idn_check_refuse(
            check, field, "is not 1 to 63 printable characters without space or quote");
}

void idn_take_text(
    struct idn_check *check, const char *field, const char *from, char *to, size_t size)
{
    size_t length = strnlen(from, size);

    if (length == size) {
        idn_check_refuse(check, field, "is too long");
        return;
    }
    for (size_t i = 0; i < length; i++)
        if (is_control(from[i])) {
            idn_check_refuse(check, field, "has a control character");
            return;
        }
    memcpy(to, from, length + 1);
}

void idn_take_setting(
    struct idn_check *check, const char *from_key, const char *from_value, char *key, char *value)
{
    if (!idn_name_is_valid(from_key, IDN_SETTING_SIZE))
        idn_check_refuse(
            check, "key", "is not 1 to 71 printable characters without space or quote");
    else
        memcpy(key, from_key, strlen(from_key) + 1);
    idn_take_text(check, "value", from_value, value, IDN_NAME_SIZE);
}

void idn_take_class(struct idn_check *check, enum idn_presence presence, const char *from, char *to)
{
    if (presence == IDN_REQUIRED && from[0] == '\0')
        idn_check_refuse(check, "class_name", "is missing");
    idn_take_text(check, "class_name", from, to, IDN_CLASS_SIZE);
}

static void take_exactly(struct idn_check *check, const char *field,
    const ProtobufCBinaryData *from, uint8_t *to, size_t size)
{
    if (from->len == size)
        memcpy(to, from->data, size);
    else
        idn_check_range(check, field, from->len, size, size);
}

void idn_take_key(
    struct idn_check *check, const char *field, const ProtobufCBinaryData *from, struct idn_key *to)
{
    take_exactly(check, field, from, to->bytes, sizeof(to->bytes));
}

void idn_take_sha256(struct idn_check *check, const char *field, const ProtobufCBinaryData *from,
    struct idn_sha256 *to)
{
    take_exactly(check, field, from, to->bytes, sizeof(to->bytes));
}

void idn_take_epoch(struct idn_check *check, const Idunno__Epoch *from, struct idn_epoch *to)
{
    *to = (struct idn_epoch){0};
    if (from == NULL)
        return;
    if (from->broker != 0 && from->broker != 'a' && from->broker != 'b')
        idn_check_refuse(check, "epoch's broker", "is neither a nor b");
    *to = (struct idn_epoch){.counter = from->counter, .broker = from->broker};
}

void idn_take_reign(struct idn_check *check, const Idunno__Epoch *from, struct idn_epoch *to)
{
    idn_take_epoch(check, from, to);
    if (to->counter == 0 || to->broker == 0)
        idn_check_refuse(check, "epoch", "is missing");
}

void idn_take_lease(struct idn_check *check, enum idn_presence presence,
    const Idunno__LeaseId *from, struct idn_lease_id *to)
{
    *to = (struct idn_lease_id){0};
    if (from != NULL) {
        idn_take_epoch(check, from->epoch, &to->epoch);
        to->serial = from->serial;
    }
    if (presence == IDN_REQUIRED && to->serial == 0)
        idn_check_refuse(check, "lease", "is missing");
}

void idn_take_enum(struct idn_check *check, const char *field, int value, unsigned least,
    unsigned most, uint32_t *to)
{
    uint32_t number = (uint32_t)value; // a negative one is far out of range

    idn_check_range(check, field, number, least, most);
    *to = number;
}

void idn_take_rate(struct idn_check *check, const char *field, double value, double *to)
{
    if (!isfinite(value) || value < 0)
        idn_check_refuse(check, field, "is not a rate");
    *to = value;
}

void idn_take_rows(struct idn_check *check, const void *bytes, size_t size, uint32_t most,
    uint32_t *count, const uint8_t **rows)
{
    const uint8_t *row = bytes;
    struct idn_result result;

    *count = 0;
    *rows = bytes;
    if (size % IDN_ROW_BYTES != 0) {
        idn_check_refuse(check, "rows", "are not whole rows of 48 bytes");
        return;
    }
    idn_check_range(check, "rows", size / IDN_ROW_BYTES, 0, most);
    if (check->failed)
        return;
    *count = (uint32_t)(size / IDN_ROW_BYTES);
    for (uint32_t i = 0; i < *count; i++)
        if (!idn_result_unpack(row + (size_t)i * IDN_ROW_BYTES, &result)) {
            idn_check_refuse(check, "rows", "hold one that is no result");
            return;
        }
}

void idn_take_part(
    struct idn_check *check, uint64_t offset, uint64_t total, size_t size, uint32_t *ret_size)
{
    idn_check_range(check, "bytes", size, 0, IDN_LIST_PART_BYTES);
    if (check->failed)
        return;
    if (size > total || offset > total - size)
        idn_check_refuse(check, "bytes", "end after the total");
    *ret_size = (uint32_t)size;
}

void idn_take_span(struct idn_check *check, uint32_t first, uint32_t count, uint32_t *ret_first,
    uint32_t *ret_count)
{
    idn_check_range(check, "images of a lease", count, 1, IDN_BATCH_MAX);
    idn_check_range(check, "first image", first, 0, UINT32_MAX - IDN_BATCH_MAX);
    *ret_first = first;
    *ret_count = count;
}

void idn_take_images(
    struct idn_check *check, const uint32_t *from, size_t from_count, uint32_t *count, uint32_t *to)
{
    idn_check_range(check, "images in the child", from_count, 0, IDN_CHILD_IMAGES_MAX);
    if (check->failed)
        return;
    *count = (uint32_t)from_count;
    if (from_count > 0)
        memcpy(to, from, from_count * sizeof(*to));
}

void idn_take_spec(struct idn_check *check, const Idunno__JobSpec *from, struct idn_job_spec *to)
{
    if (from == NULL) {
        idn_check_refuse(check, "spec", "is missing");
        return;
    }
    idn_take_name(check, "model", IDN_REQUIRED, from->model, to->model);
    idn_take_name(check, "dataset", IDN_OPTIONAL, from->dataset, to->dataset);
    idn_take_sha256(check, "bytes of model_digest", &from->model_digest, &to->model_digest);
    idn_take_sha256(check, "bytes of list_digest", &from->list_digest, &to->list_digest);
    idn_take_name(check, "client", IDN_REQUIRED, from->client, to->client);
    idn_check_range(check, "weight", from->weight, 1, IDN_WEIGHT_MAX);
    to->first = from->first;
    to->last = from->last;
    to->list_bytes = from->list_bytes;
    to->weight = from->weight;
}
