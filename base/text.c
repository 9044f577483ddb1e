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

// Of optimal string alignment: Levenshtein's distance, but two neighbours that changed places count
// as one letter. Words over 63 bytes are compared by their first 63.
static size_t edit_distance(const char *a, const char *b)
{
    enum { MAX = 63 };
    size_t rows[3][MAX + 1], a_length = strnlen(a, MAX), b_length = strnlen(b, MAX);
    size_t *above = rows[0], *before = rows[1], *row = rows[2];

    for (size_t j = 0; j <= b_length; j++)
        row[j] = j;
    for (size_t i = 1; i <= a_length; i++) {
        size_t *free_row = above;
        above = before;
        before = row;
        row = free_row;
        row[0] = i;
        for (size_t j = 1; j <= b_length; j++) {
            size_t best = before[j - 1] + (a[i - 1] != b[j - 1]);
            if (before[j] + 1 < best)
                best = before[j] + 1;
            if (row[j - 1] + 1 < best)
                best = row[j - 1] + 1;
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] &&
                above[j - 2] + 1 < best)
                best = above[j - 2] + 1;
            row[j] = best;
        }
    }
    return row[b_length];
}

const char *idn_nearest(const char *word, const char *const *names, size_t count)
{
    const char *nearest = NULL;
    size_t length = strlen(word), best = SIZE_MAX;

    for (size_t i = 0; i < count; i++) {
        size_t distance = edit_distance(word, names[i]), other = strlen(names[i]);
        if (distance < best && 3 * distance <= (length > other ? length : other)) {
            best = distance;
            nearest = names[i];
        }
    }
    return nearest;
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

// Steps over zeros, then counts the digits there.
static size_t count_digits(const char **number)
{
    size_t count = 0;

    while (**number == '0')
        (*number)++;
    while (is_digit((*number)[count]))
        count++;
    return count;
}

// Compares the numbers that both begin with, and steps behind them.
static int order_of_numbers(const char **a, const char **b)
{
    size_t one = count_digits(a), two = count_digits(b);
    int order = one != two ? (one < two ? -1 : 1) : memcmp(*a, *b, one);

    *a += one;
    *b += two;
    return order;
}

int idn_name_order(const char *a, const char *b)
{
    const char *one = a, *two = b;
    int order = 0;

    while (order == 0 && (*one != '\0' || *two != '\0'))
        if (is_digit(*one) && is_digit(*two))
            order = order_of_numbers(&one, &two);
        else
            order = (unsigned char)*one++ - (unsigned char)*two++;
    return order != 0 ? order : strcmp(a, b);
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
