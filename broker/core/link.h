// Intrusive doubly linked lists. A head is a link of its own; a member that is in no list has next
// NULL, so that zeroed memory is "not linked". Order is insertion order, never that of addresses.
#ifndef IDN_BROKER_CORE_LINK_H
#define IDN_BROKER_CORE_LINK_H

#include "base/assert.h"

#include <stdbool.h>
#include <stddef.h>

struct idn_link {
    struct idn_link *next, *prev;
};

// The structure that a link is a member of.
#define IDN_ENTRY(link, type, member) ((type *)(void *)((char *)(link)-offsetof(type, member)))
#define IDN_ENTRY_CONST(link, type, member) \
    ((const type *)(const void *)((const char *)(link)-offsetof(type, member)))

#define IDN_EACH(link, head) \
    for (struct idn_link *link = (head)->next; (link) != (head); (link) = (link)->next)
#define IDN_EACH_CONST(link, head) \
    for (const struct idn_link *link = (head)->next; (link) != (head); (link) = (link)->next)
// The visited one may be unlinked, its successor not.
#define IDN_EACH_SAFE(link, after, head)                                                \
    for (struct idn_link *link = (head)->next, *after = (link)->next; (link) != (head); \
         (link) = (after), (after) = (link)->next)

static inline void idn_link_init(struct idn_link *head)
{
    head->next = head->prev = head;
}

static inline bool idn_link_empty(const struct idn_link *head)
{
    return head->next == head;
}

static inline bool idn_link_in(const struct idn_link *link)
{
    return link->next != NULL;
}

static inline void idn_link_between(
    struct idn_link *link, struct idn_link *prev, struct idn_link *next)
{
    IDN_ASSERT(!idn_link_in(link));
    link->prev = prev;
    link->next = next;
    prev->next = link;
    next->prev = link;
}

static inline void idn_link_append(struct idn_link *head, struct idn_link *link)
{
    idn_link_between(link, head->prev, head);
}

static inline void idn_link_prepend(struct idn_link *head, struct idn_link *link)
{
    idn_link_between(link, head, head->next);
}

// No effect on a link that is in no list.
static inline void idn_link_remove(struct idn_link *link)
{
    if (!idn_link_in(link))
        return;
    link->prev->next = link->next;
    link->next->prev = link->prev;
    link->next = link->prev = NULL;
}

// To the end of a list, whether or not it is in it (or in another) now.
static inline void idn_link_move(struct idn_link *head, struct idn_link *link)
{
    idn_link_remove(link);
    idn_link_append(head, link);
}

#endif
