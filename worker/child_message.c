// Packing: a byte of type, then the fields in the order of the struct, integers little-endian.
// A string is its length (u16), its bytes and a NUL, so that unpacking can lend it out in place.
#include "worker/child_message.h"

#include "base/assert.h"

#include <errno.h>
#include <string.h>

struct writer {
    uint8_t *bytes;
    size_t used;
    bool full;
};

// Once a read went wrong every later one gives zero, so that only the end has to ask.
struct reader {
    const uint8_t *bytes;
    size_t left;
    bool bad;
};

static void put_bytes(struct writer *writer, const void *bytes, size_t size)
{
    if (writer->full || size > IDN_CHILD_PACKET_MAX - writer->used) {
        writer->full = true;
        return;
    }
    memcpy(writer->bytes + writer->used, bytes, size);
    writer->used += size;
}

static void put_number(struct writer *writer, uint64_t value, size_t size)
{
    uint8_t bytes[8];

    for (size_t i = 0; i < size; i++)
        bytes[i] = (uint8_t)(value >> (8 * i));
    put_bytes(writer, bytes, size);
}

static void put_string(struct writer *writer, const char *text, size_t size_max)
{
    size_t length = strlen(text);

    IDN_ASSERT(length < size_max);
    put_number(writer, length, 2);
    put_bytes(writer, text, length + 1);
}

static bool is_control(char c)
{
    return (unsigned char)c < ' ' || c == 0x7f;
}

// Sentences may quote a path with anything in it; the agent gets one printable line.
static void put_sentence(struct writer *writer, const char *text)
{
    char line[IDN_TEXT_SIZE];
    size_t length = strnlen(text, sizeof(line) - 1);

    for (size_t i = 0; i < length; i++)
        line[i] = is_control(text[i]) ? '?' : text[i];
    line[length] = '\0';
    put_string(writer, line, sizeof(line));
}

static const uint8_t *get_bytes(struct reader *reader, size_t size)
{
    const uint8_t *at = reader->bytes;

    if (reader->bad || size > reader->left) {
        reader->bad = true;
        return NULL;
    }
    reader->bytes += size;
    reader->left -= size;
    return at;
}

static uint64_t get_number(struct reader *reader, size_t size)
{
    const uint8_t *at = get_bytes(reader, size);
    uint64_t value = 0;

    for (size_t i = 0; at != NULL && i < size; i++)
        value |= (uint64_t)at[i] << (8 * i);
    return value;
}

static uint32_t get_u32(struct reader *reader)
{
    return (uint32_t)get_number(reader, 4);
}

static const char *get_string(struct reader *reader, size_t size_max)
{
    size_t length = (size_t)get_number(reader, 2);
    const char *text = (const char *)get_bytes(reader, length + 1);

    if (text == NULL || length >= size_max || strnlen(text, length + 1) != length) {
        reader->bad = true;
        return "";
    }
    return text;
}

static void get_line(struct reader *reader, char *ret, size_t size)
{
    const char *text = get_string(reader, size);

    for (const char *at = text; *at != '\0'; at++)
        reader->bad = reader->bad || is_control(*at);
    (void)memcpy(ret, text, strlen(text) + 1);
}

static void refuse_unless(struct reader *reader, bool condition)
{
    reader->bad = reader->bad || !condition;
}

static void put_slice(struct writer *writer, const struct idn_child_message *message)
{
    IDN_ASSERT(message->u.slice.count >= 1 && message->u.slice.count <= IDN_CHILD_IMAGES_MAX);
    put_number(writer, message->u.slice.serial, 8);
    put_number(writer, message->u.slice.model, 4);
    put_number(writer, message->u.slice.count, 4);
    for (uint32_t i = 0; i < message->u.slice.count; i++) {
        const struct idn_child_image *image = &message->u.slice.image[i];
        put_number(writer, image->index, 4);
        put_number(writer, image->size, 8);
        put_number(writer, image->has_digest, 1);
        if (image->has_digest)
            put_bytes(writer, image->digest.bytes, sizeof(image->digest.bytes));
        IDN_ASSERT(image->path[0] == '/');
        put_string(writer, image->path, IDN_PATH_SIZE);
    }
}

static void get_image(struct reader *reader, struct idn_child_image *ret)
{
    ret->index = get_u32(reader);
    ret->size = get_number(reader, 8);
    uint64_t has_digest = get_number(reader, 1);
    refuse_unless(reader, has_digest <= 1);
    ret->has_digest = has_digest == 1;
    memset(&ret->digest, 0, sizeof(ret->digest));
    const uint8_t *digest = ret->has_digest ? get_bytes(reader, sizeof(ret->digest.bytes)) : NULL;
    if (digest != NULL)
        memcpy(ret->digest.bytes, digest, sizeof(ret->digest.bytes));
    ret->path = get_string(reader, IDN_PATH_SIZE);
    refuse_unless(reader, ret->path[0] == '/');
}

static void get_slice(struct reader *reader, struct idn_child_message *ret)
{
    ret->u.slice.serial = get_number(reader, 8);
    ret->u.slice.model = get_u32(reader);
    ret->u.slice.count = get_u32(reader);
    refuse_unless(reader, ret->u.slice.count >= 1 && ret->u.slice.count <= IDN_CHILD_IMAGES_MAX);
    for (uint32_t i = 0; !reader->bad && i < ret->u.slice.count; i++)
        get_image(reader, &ret->u.slice.image[i]);
}

static void put_rows(struct writer *writer, const struct idn_child_message *message)
{
    IDN_ASSERT(message->u.rows.count >= 1 && message->u.rows.count <= IDN_CHILD_IMAGES_MAX);
    put_number(writer, message->u.rows.serial, 8);
    put_number(writer, message->u.rows.count, 4);
    put_number(writer, message->u.rows.compute_us, 8);
    for (uint32_t i = 0; i < message->u.rows.count; i++) {
        uint8_t row[IDN_ROW_BYTES];
        IDN_ASSERT(message->u.rows.row[i].status != IDN_STATUS_QUARANTINED);
        idn_result_pack(&message->u.rows.row[i], row);
        put_bytes(writer, row, sizeof(row));
    }
}

static void get_rows(struct reader *reader, struct idn_child_message *ret)
{
    ret->u.rows.serial = get_number(reader, 8);
    ret->u.rows.count = get_u32(reader);
    ret->u.rows.compute_us = get_number(reader, 8);
    refuse_unless(reader, ret->u.rows.count >= 1 && ret->u.rows.count <= IDN_CHILD_IMAGES_MAX &&
                              ret->u.rows.compute_us <= IDN_CHILD_COMPUTE_US_MAX);
    for (uint32_t i = 0; !reader->bad && i < ret->u.rows.count; i++) {
        const uint8_t *row = get_bytes(reader, IDN_ROW_BYTES);
        refuse_unless(reader, row != NULL && idn_result_unpack(row, &ret->u.rows.row[i]));
        // Quarantine is the broker's word, never a child's.
        refuse_unless(reader, row != NULL && ret->u.rows.row[i].status != IDN_STATUS_QUARANTINED);
    }
}

size_t idn_child_pack(
    const struct idn_child_message *message, uint8_t packet[static IDN_CHILD_PACKET_MAX])
{
    struct writer writer = {.bytes = packet};

    put_number(&writer, message->type, 1);
    switch ((enum idn_child_type)message->type) {
    case IDN_CHILD_READY:
        put_string(&writer, message->u.ready.class_name, IDN_CLASS_SIZE);
        put_number(&writer, message->u.ready.threads, 4);
        break;
    case IDN_CHILD_LOAD:
        put_number(&writer, message->u.load.model, 4);
        put_string(&writer, message->u.load.name, IDN_NAME_SIZE);
        put_string(&writer, message->u.load.cfg, IDN_PATH_SIZE);
        put_string(&writer, message->u.load.weights, IDN_PATH_SIZE);
        break;
    case IDN_CHILD_LOADED:
        put_number(&writer, message->u.loaded.model, 4);
        put_number(&writer, message->u.loaded.classes, 4);
        put_sentence(&writer, message->u.loaded.text);
        break;
    case IDN_CHILD_SLICE:
        put_slice(&writer, message);
        break;
    case IDN_CHILD_ROWS:
        put_rows(&writer, message);
        break;
    case IDN_CHILD_UNLOAD:
        put_number(&writer, message->u.unload.model, 4);
        break;
    }
    IDN_ASSERT(writer.used > 1 || writer.full);
    return writer.full ? 0 : writer.used;
}

static void get_body(struct reader *reader, struct idn_child_message *ret)
{
    switch ((enum idn_child_type)ret->type) {
    case IDN_CHILD_READY:
        get_line(reader, ret->u.ready.class_name, IDN_CLASS_SIZE);
        ret->u.ready.threads = get_u32(reader);
        refuse_unless(reader, ret->u.ready.class_name[0] != '\0' && ret->u.ready.threads > 0);
        break;
    case IDN_CHILD_LOAD:
        ret->u.load.model = get_u32(reader);
        ret->u.load.name = get_string(reader, IDN_NAME_SIZE);
        ret->u.load.cfg = get_string(reader, IDN_PATH_SIZE);
        ret->u.load.weights = get_string(reader, IDN_PATH_SIZE);
        break;
    case IDN_CHILD_LOADED:
        ret->u.loaded.model = get_u32(reader);
        ret->u.loaded.classes = get_u32(reader);
        get_line(reader, ret->u.loaded.text, IDN_TEXT_SIZE);
        refuse_unless(reader, (ret->u.loaded.classes == 0) == (ret->u.loaded.text[0] != '\0'));
        break;
    case IDN_CHILD_SLICE:
        get_slice(reader, ret);
        break;
    case IDN_CHILD_ROWS:
        get_rows(reader, ret);
        break;
    case IDN_CHILD_UNLOAD:
        ret->u.unload.model = get_u32(reader);
        break;
    default:
        reader->bad = true;
    }
}

int idn_child_unpack(const uint8_t *packet, size_t size, struct idn_child_message *ret)
{
    struct reader reader = {.bytes = packet, .left = size};
    struct idn_child_message message;

    message.type = (uint32_t)get_number(&reader, 1);
    get_body(&reader, &message);
    if (reader.bad || reader.left > 0)
        return -EBADMSG;
    *ret = message;
    return 0;
}
