// Whose a state directory is: the letter of the broker that used it first lies in it, in the file
// "letter", so that a copy or a mixed-up path is not taken for another broker's own.
#ifndef IDN_BROKER_LETTER_H
#define IDN_BROKER_LETTER_H

#include "base/error.h"

#include <stdbool.h>
#include <stdint.h>

// Whoever calls holds the directory's lock; its name is for the sentence. -EPERM: it is another
// broker's; -EBADMSG: the file says no letter. *ret_known: false when the directory has none yet.
int idn_letter_check(int directory_fd, const char *directory, uint32_t letter, bool *ret_known,
    struct idn_reason *reason);
// Returns when it is durable.
int idn_letter_keep(
    int directory_fd, const char *directory, uint32_t letter, struct idn_reason *reason);

#endif
