// Classifies the images of a list without an agent: for tests, and to try a model by hand.
#ifndef IDN_WORKER_INFER_SELFTEST_H
#define IDN_WORKER_INFER_SELFTEST_H

#include "weights/list.h"
#include "worker/child_message.h"
#include "worker/infer/options.h"

// Prints a line for each image on stdout, images a second on stderr. -errno with a sentence when a
// file of the model or the list is not as it should be; an image that cannot be read is no error.
int idn_selftest(
    const struct idn_infer_options *options, struct idn_engine *engine, struct idn_reason *reason);

// The images first to first + count - 1 of a list, as an agent's slice would name them; they borrow
// their paths from ret_entries. Of both selftests.
void idn_selftest_images(const struct idn_list *list, uint32_t first, uint32_t count,
    struct idn_list_entry *ret_entries, struct idn_child_image *ret_images);

#endif
