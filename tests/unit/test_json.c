// The JSON writer: what it writes, byte for byte.
#include "base/json.h"
#include "tests/lib/check.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>

static char *text;
static size_t size;
static struct idn_json json;

static void open_text(void)
{
    free(text);
    text = NULL;
    idn_json_init(&json, open_memstream(&text, &size));
}

static const char *written(void)
{
    (void)fclose(json.file);
    return text;
}

static const char *string_as_json(const char *string)
{
    open_text();
    idn_json_string(&json, NULL, string);
    return written();
}

static const char *double_as_json(double value)
{
    open_text();
    idn_json_double(&json, NULL, value);
    return written();
}

static const char *float_as_json(float value)
{
    open_text();
    idn_json_float(&json, NULL, value);
    return written();
}

static void test_nesting_and_commas(void)
{
    open_text();
    idn_json_object(&json, NULL);
    idn_json_string(&json, "model", "alexnet");
    idn_json_array(&json, "images");
    idn_json_u64(&json, NULL, 0);
    idn_json_u64(&json, NULL, UINT64_MAX);
    idn_json_object(&json, NULL);
    idn_json_end(&json);
    idn_json_end(&json);
    idn_json_array(&json, "none");
    idn_json_end(&json);
    idn_json_bool(&json, "yes", true);
    idn_json_bool(&json, "no", false);
    idn_json_null(&json, "why");
    idn_json_end(&json);
    CHECK_STRING(written(), "{\"model\":\"alexnet\",\"images\":[0,18446744073709551615,{}],"
                            "\"none\":[],\"yes\":true,\"no\":false,\"why\":null}\n");
}

static void test_every_outermost_value_of_a_file_is_a_line(void)
{
    open_text();
    for (int i = 0; i < 2; i++) {
        idn_json_object(&json, NULL);
        idn_json_end(&json);
    }
    CHECK_STRING(written(), "{}\n{}\n");
}

static void test_escapes(void)
{
    CHECK_STRING(string_as_json("a\"b\\c/"), "\"a\\\"b\\\\c/\"");
    CHECK_STRING(
        string_as_json("1\n2\t3\r4\x01\x1f\x7f"), "\"1\\n2\\t3\\u000d4\\u0001\\u001f\\u007f\"");
    CHECK_STRING(string_as_json(""), "\"\"");
}

static void test_utf8_passes_and_other_bytes_are_replaced(void)
{
    CHECK_STRING(string_as_json("gr\xc3\xbc\xc3\x9f \xe2\x82\xac \xf0\x9f\x90\x88"),
        "\"gr\xc3\xbc\xc3\x9f \xe2\x82\xac \xf0\x9f\x90\x88\"");
    CHECK_STRING(string_as_json("\xff."), "\"\xef\xbf\xbd.\"");
    CHECK_STRING(string_as_json("\xc3"), "\"\xef\xbf\xbd\"");                 // cut off
    CHECK_STRING(string_as_json("\xe2\x82"), "\"\xef\xbf\xbd\xef\xbf\xbd\""); // cut off
    CHECK_STRING(string_as_json("\xc0\xaf"), "\"\xef\xbf\xbd\xef\xbf\xbd\""); // overlong
    CHECK_STRING(string_as_json("\xe0\x80\xaf"),
        "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\""); // overlong
    CHECK_STRING(string_as_json("\xed\xa0\x80"),
        "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\""); // a surrogate
    CHECK_STRING(string_as_json("\xf4\x90\x80\x80"),
        "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\""); // past U+10FFFF
}

static void test_numbers_read_back_as_they_were(void)
{
    static const double doubles[] = {0.1, 1.0 / 3, 1e300, 5e-324, DBL_MAX, 212.43218893, -2};
    static const float floats[] = {0.1f, 1.0f / 3, FLT_MAX, FLT_MIN, 0.99999994f, 1e-30f};

    for (size_t i = 0; i < sizeof(doubles) / sizeof(*doubles); i++)
        CHECK(strtod(double_as_json(doubles[i]), NULL) == doubles[i]);
    for (size_t i = 0; i < sizeof(floats) / sizeof(*floats); i++)
        CHECK(strtof(float_as_json(floats[i]), NULL) == floats[i]);
    CHECK_STRING(double_as_json(0.1), "0.1");
    CHECK_STRING(float_as_json(0.1f), "0.1");
    CHECK_STRING(double_as_json(0), "0");
}

static void test_what_is_no_number_is_null(void)
{
    CHECK_STRING(double_as_json(NAN), "null");
    CHECK_STRING(double_as_json(INFINITY), "null");
    CHECK_STRING(float_as_json(-INFINITY), "null");
}

int main(int argc, char **argv)
{
    static const struct check_test tests[] = {
        CHECK_TEST(test_nesting_and_commas),
        CHECK_TEST(test_every_outermost_value_of_a_file_is_a_line),
        CHECK_TEST(test_escapes),
        CHECK_TEST(test_utf8_passes_and_other_bytes_are_replaced),
        CHECK_TEST(test_numbers_read_back_as_they_were),
        CHECK_TEST(test_what_is_no_number_is_null),
    };
    int result = check_main(tests, sizeof(tests) / sizeof(*tests), argc, argv);

    free(text);
    return result;
}
