// The broker core, on whatever its decoders let through, in any order: none of its assertions may
// be reached from outside, and its tables agree with each other after each step (core_run.h).
#include "base/random.h"
#include "tests/fuzz/core_run.h"
#include "tests/fuzz/fuzz.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct core_run run;
    size_t at = 1, taken;

    if (size == 0)
        return 0;
    core_run_init(&run, data[0]);
    while ((taken = core_run_record(&run, data + at, size - at)) > 0)
        at += taken;
    core_run_fini(&run);
    return 0;
}

// ---- changes: whole records come, go and change places; bytes change within one

enum { RECORDS_MAX = 2048 };

struct records {
    size_t at[RECORDS_MAX + 1]; // the last one: where they end
    uint32_t count;
};

static void split(const uint8_t *data, size_t size, struct records *ret)
{
    size_t at = 1, length;

    ret->count = 0;
    while (at < size && ret->count < RECORDS_MAX &&
           (length = core_run_length(data + at, size - at)) > 0) {
        ret->at[ret->count++] = at;
        at += length;
    }
    ret->at[ret->count] = at;
}

static size_t erase(uint8_t *data, size_t size, size_t at, size_t length)
{
    memmove(data + at, data + at + length, size - at - length);
    return size - length;
}

// A copy of the bytes from `from` on goes in at `at`.
static size_t copy_to(
    uint8_t *data, size_t size, size_t room, size_t at, size_t from, size_t length)
{
    static uint8_t piece[UINT16_MAX + 4];

    if (length > sizeof(piece) || length > room - size)
        return size;
    memcpy(piece, data + from, length);
    memmove(data + at + length, data + at, size - at);
    memcpy(data + at, piece, length);
    return size + length;
}

static size_t move_to(
    uint8_t *data, size_t size, size_t room, size_t at, size_t from, size_t length)
{
    size_t grown = copy_to(data, size, room, at, from, length);

    return grown == size ? size : erase(data, grown, at <= from ? from + length : from, length);
}

// Some bytes of a message; its length is told anew.
static size_t change_message(uint8_t *data, size_t size, size_t room, size_t at, size_t length)
{
    static uint8_t rest[1 << 20];
    size_t body = length - 4, after = size - at - length;

    if (after > sizeof(rest) || room < size)
        return size;
    memcpy(rest, data + at + length, after);
    size_t most = body + (room - size) < UINT16_MAX ? body + (room - size) : UINT16_MAX;
    body = LLVMFuzzerMutate(data + at + 4, body, most);
    data[at + 2] = (uint8_t)body, data[at + 3] = (uint8_t)(body >> 8);
    memcpy(data + at + 4 + body, rest, after);
    return at + 4 + body + after;
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t room, unsigned seed)
{
    static struct records records;
    struct idn_random random;

    idn_random_init(&random, seed, 2);
    split(data, size, &records);
    if (records.count == 0 || idn_random_below(&random, 8) == 0)
        return LLVMFuzzerMutate(data, size, room);
    uint32_t one = idn_random_below(&random, records.count),
             other = idn_random_below(&random, records.count);
    size_t at = records.at[one], length = records.at[one + 1] - at;
    switch (idn_random_below(&random, 5)) {
    case 0:
        return erase(data, size, at, length);
    case 1:
        return copy_to(data, size, room, records.at[other], at, length);
    case 2:
        return move_to(data, size, room, records.at[other], at, length);
    case 3:
        data[at + 1] = (uint8_t)idn_random_below(&random, 256);
        return size;
    default:
        return data[at] % CORE_RUN_OPERATIONS >= CORE_RUN_REQUEST && length > 4
                   ? change_message(data, size, room, at, length)
                   : LLVMFuzzerMutate(data, size, room);
    }
}
