#include "broker/reads.h"

#include <stddef.h>

// A tag is serial * IDN_READS_MAX + place.
uint64_t idn_reads_add(struct idn_reads *reads, const struct idn_read *read)
{
    size_t place = IDN_READS_MAX;
    unsigned of_peer = 0;

    for (size_t i = 0; i < IDN_READS_MAX; i++) {
        if (reads->item[i].tag == 0)
            place = i;
        else if (reads->item[i].peer == read->peer)
            of_peer++;
    }
    if (place == IDN_READS_MAX || of_peer >= IDN_PEER_READS_MAX)
        return 0;
    reads->item[place] = *read;
    reads->item[place].tag = ++reads->serial * IDN_READS_MAX + place;
    return reads->item[place].tag;
}

bool idn_reads_take(struct idn_reads *reads, uint64_t tag, struct idn_read *ret)
{
    struct idn_read *read = &reads->item[tag % IDN_READS_MAX];

    if (tag == 0 || read->tag != tag)
        return false;
    *ret = *read;
    read->tag = 0;
    return true;
}
