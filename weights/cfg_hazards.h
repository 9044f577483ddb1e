// What libdarknet takes without a look and then comes to harm with: it reads or writes past its
// buffers, divides by zero, follows a pointer that is not there, or ends the process. Or it
// computes another network than the one that was trained: with relu for an activation that it does
// not know, without what only other versions of darknet have. All of it is refused before
// libdarknet sees the file.
#ifndef IDN_WEIGHTS_CFG_HAZARDS_H
#define IDN_WEIGHTS_CFG_HAZARDS_H

#include "weights/cfg.h"
#include "weights/cfg_section.h"

// cfg: the shapes of text's layers. -EINVAL with file, line, section and what is wrong.
int idn_cfg_check_hazards(
    const struct idn_cfg_text *text, const struct idn_cfg *cfg, struct idn_reason *reason);

#endif
