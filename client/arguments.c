#include "client/arguments.h"

#include "base/text.h"

#include <errno.h>
#include <string.h>

enum { OPTIONS_MAX = 32 };

static const struct idn_option *find(
    const struct idn_option *options, const char *name, size_t length)
{
    for (; options->name != NULL; options++)
        if (strlen(options->name) == length && memcmp(options->name, name, length) == 0)
            return options;
    return NULL;
}

static int refuse_unknown(
    const struct idn_option *options, const char *text, struct idn_reason *reason)
{
    const char *names[OPTIONS_MAX], *nearest;
    size_t count = 0;

    for (; options[count].name != NULL && count < OPTIONS_MAX; count++)
        names[count] = options[count].name;
    nearest = idn_nearest(text + strspn(text, "-"), names, count);
    if (nearest == NULL)
        return idn_reason_set(reason, -EINVAL, "unknown option %s; --help lists them", text);
    return idn_reason_set(reason, -EINVAL, "unknown option %s; did you mean --%s?", text, nearest);
}

static int take_value(struct idn_arguments *arguments, const struct idn_option *option,
    const char *attached, const char **ret_value, struct idn_reason *reason)
{
    if (option->value == NULL && attached != NULL)
        return idn_reason_set(reason, -EINVAL, "option --%s takes no value, but '%s' is given",
            option->name, attached);
    if (option->value != NULL && attached == NULL) {
        if (*arguments->item == NULL)
            return idn_reason_set(reason, -EINVAL, "option --%s needs a value: --%s %s",
                option->name, option->name, option->value);
        attached = *arguments->item++;
    }
    *ret_value = attached;
    return 0;
}

static bool is_operand(const char *text)
{
    return text[0] != '-' || text[1] == '\0' || (text[1] >= '0' && text[1] <= '9');
}

int idn_arguments_next(struct idn_arguments *arguments, const struct idn_option **ret_option,
    const char **ret_value, struct idn_reason *reason)
{
    if (*arguments->item != NULL && !arguments->only_operands &&
        strcmp(*arguments->item, "--") == 0) {
        arguments->only_operands = true;
        arguments->item++;
    }
    if (*arguments->item == NULL)
        return IDN_ARGUMENTS_END;
    const char *text = *arguments->item++, *equals = strchr(text, '=');
    if (arguments->only_operands || is_operand(text)) {
        *ret_option = NULL;
        *ret_value = text;
        return 0;
    }
    const struct idn_option *option = NULL;
    if (text[1] == '-')
        option = find(arguments->options, text + 2,
            equals == NULL ? strlen(text + 2) : (size_t)(equals - text - 2));
    else if (strcmp(text, "-h") == 0)
        option = find(arguments->options, "help", 4);
    if (option == NULL)
        return refuse_unknown(arguments->options, text, reason);
    int error =
        take_value(arguments, option, equals == NULL ? NULL : equals + 1, ret_value, reason);
    if (error == 0)
        *ret_option = option;
    return error;
}
