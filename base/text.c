#include "base/text.h"

#include <errno.h>
#include <string.h>

static const char base32[] = "0123456789abcdefghjkmnpqrstvwxyz";

void idn_key_to_text(const uint8_t key[static IDN_KEY_SIZE], char text[static IDN_KEY_TEXT_SIZE])
{
    for (unsigned i = 0; i < IDN_KEY_TEXT_SIZE - 1; i++) {
        unsigned value = 0;
        for (unsigned bit = i * 5; bit < i * 5 + 5; bit++) {
            unsigned set =
                bit < IDN_KEY_SIZE * 8 ? ((unsigned)key[bit / 8] >> (7 - bit % 8)) & 1u : 0;
            value = value << 1 | set;
        }
        text[i] = base32[value];
    }
    text[IDN_KEY_TEXT_SIZE - 1] = '\0';
}

static int base32_value(char c)
{
    if (c >= 'A' && c <= 'Z')
        c = (char)(c - 'A' + 'a');
    if (c == 'i' || c == 'l')
        c = '1';
    if (c == 'o')
        c = '0';
    const char *at = c == '\0' ? NULL : strchr(base32, c);
    return at == NULL ? -1 : (int)(at - base32);
}

int idn_key_from_text(const char *text, uint8_t key[static IDN_KEY_SIZE], unsigned *ret_bits)
{
    size_t length = strlen(text);
    uint8_t read[IDN_KEY_SIZE] = {0};

    if (length < IDN_KEY_PREFIX_MIN || length > IDN_KEY_TEXT_SIZE - 1)
        return -EINVAL;
    for (unsigned i = 0; i < length; i++) {
        int value = base32_value(text[i]);
        if (value < 0)
            return -EINVAL;
        for (unsigned k = 0; k < 5; k++) {
            unsigned bit = i * 5 + k, set = ((unsigned)value >> (4 - k)) & 1u;
            if (bit < IDN_KEY_SIZE * 8)
                read[bit / 8] = (uint8_t)(read[bit / 8] | set << (7 - bit % 8));
            else if (set)
                return -EINVAL; // the last character has two bits too many
        }
    }
    memcpy(key, read, sizeof(read));
    *ret_bits = length == IDN_KEY_TEXT_SIZE - 1 ? IDN_KEY_SIZE * 8 : (unsigned)length * 5;
    return 0;
}

bool idn_key_has_prefix(const uint8_t key[static IDN_KEY_SIZE],
    const uint8_t prefix[static IDN_KEY_SIZE], unsigned bits)
{
    for (unsigned bit = 0; bit < bits && bit < IDN_KEY_SIZE * 8; bit++)
        if (((key[bit / 8] ^ prefix[bit / 8]) >> (7 - bit % 8)) & 1)
            return false;
    return true;
}

int idn_parse_u64(const char *text, uint64_t most, uint64_t *ret)
{
    uint64_t value = 0;

    if (*text == '\0')
        return -EINVAL;
    for (; *text != '\0'; text++) {
        if (*text < '0' || *text > '9')
            return -EINVAL;
        uint64_t digit = (uint64_t)(*text - '0');
        if (value > (UINT64_MAX - digit) / 10)
            return -ERANGE;
        value = value * 10 + digit;
    }
    if (value > most)
        return -ERANGE;
    *ret = value;
    return 0;
}

// Levenshtein's distance with one row; words over 63 bytes are compared by their first 63.
static size_t edit_distance(const char *a, const char *b)
{
    enum { MAX = 63 };
    size_t row[MAX + 1], a_length = strnlen(a, MAX), b_length = strnlen(b, MAX);

    for (size_t j = 0; j <= b_length; j++)
        row[j] = j;
    for (size_t i = 1; i <= a_length; i++) {
        size_t diagonal = row[0];
        row[0] = i;
        for (size_t j = 1; j <= b_length; j++) {
            size_t best = diagonal + (a[i - 1] != b[j - 1]);
            diagonal = row[j];
            if (row[j] + 1 < best)
                best = row[j] + 1;
            if (row[j - 1] + 1 < best)
                best = row[j - 1] + 1;
            row[j] = best;
        }
    }
    return row[b_length];
}

const char *idn_nearest(const char *word, const char *const *names, size_t count)
{
    const char *nearest = NULL;
    size_t best = strlen(word) / 3 + 2;

    for (size_t i = 0; i < count; i++) {
        size_t distance = edit_distance(word, names[i]);
        if (distance < best) {
            best = distance;
            nearest = names[i];
        }
    }
    return nearest;
}

bool idn_name_is_valid(const char *name, size_t max)
{
    size_t length = strnlen(name, max);

    if (length == 0 || length >= max)
        return false;
    for (size_t i = 0; i < length; i++)
        if (name[i] <= ' ' || name[i] > '~' || strchr("\"'\\", name[i]) != NULL)
            return false;
    return true;
}
