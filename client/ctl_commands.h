// idunno-ctl: which commands there are, what each of them takes, and help.
#ifndef IDN_CLIENT_CTL_COMMANDS_H
#define IDN_CLIENT_CTL_COMMANDS_H

#include "base/error.h"
#include "client/arguments.h"
#include "client/ctl.h"

enum idn_ctl_option {
    IDN_CTL_ALL = 1,
    IDN_CTL_BROKER,
    IDN_CTL_CONFIG,
    IDN_CTL_FAILED,
    IDN_CTL_FORMAT,
    IDN_CTL_HELP,
    IDN_CTL_JSON,
    IDN_CTL_LIST,
    IDN_CTL_MISSING,
    IDN_CTL_QUARANTINED,
    IDN_CTL_TIMEOUT,
    IDN_CTL_VERSION,
};
#define IDN_CTL_BIT(option) (1u << (option))

extern const struct idn_option idn_ctl_options[]; // ends with a NULL name

struct idn_ctl_command {
    const char *name;    // one word, or a group's word and one more: "quarantine list"
    const char *operand; // "ID", "MODEL [N]": in brackets what may be left out; NULL: none
    unsigned options;    // IDN_CTL_BIT of those beyond what every command takes
    bool one_by_one;     // asks the brokers one by one: there is no handle of the cluster
    int (*run)(struct idn_ctl *ctl);
    const char *summary, *help;
};

// *ret: NULL for the word of a group, which needs another one. -EINVAL with a sentence.
int idn_ctl_find(const char *group, const char *word, const struct idn_ctl_command **ret,
    struct idn_reason *reason);
// "quarantine list, quarantine retry": the commands of a group.
void idn_ctl_list_group(const char *group, char *text, size_t size);

void idn_ctl_print_help(void);
void idn_ctl_print_command_help(const struct idn_ctl_command *command);
void idn_ctl_print_group_help(const char *group); // of each of its commands

#endif
