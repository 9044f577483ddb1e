// What a core (tests/lib/core_rig.h) answers to WHY, for tests.
#ifndef IDN_TESTS_UNIT_WHY_KIT_H
#define IDN_TESTS_UNIT_WHY_KIT_H

#include "tests/lib/core_rig.h"

static inline struct idn_reply ask(const struct rig *rig, struct idn_job_name name)
{
    static union idn_core_items items;
    struct idn_request request = {.type = IDN_REQUEST_WHY, .job = name};
    struct idn_reply reply;

    memset(&items, 0xee, sizeof(items)); // what is not written must not be read
    idn_core_answer(rig->core, rig->now, &request, &items, &reply);
    return reply;
}

static inline const struct idn_why_info *why(const struct rig *rig, unsigned job)
{
    struct idn_reply reply =
        ask(rig, (struct idn_job_name){.key = rig_key(job), .bits = IDN_KEY_SIZE * 8});

    CHECK_INT(reply.type, IDN_REPLY_WHY);
    return reply.u.why;
}

// The place of a fact; -1: it is not told.
static inline int place(const struct idn_why_info *info, uint32_t code)
{
    for (uint32_t i = 0; i < info->facts; i++)
        if (info->fact[i].code == code)
            return (int)i;
    return -1;
}

// The fact is told, with such words.
static inline const struct idn_why_fact *says(
    const struct rig *rig, unsigned job, uint32_t code, const char *words)
{
    static struct idn_why_fact none;
    const struct idn_why_info *info = why(rig, job);
    int at = place(info, code);

    if (at < 0)
        (void)printf("  no %s is told\n", idn_why_name(code));
    CHECK(at >= 0);
    if (at < 0)
        return &none;
    CHECK_CONTAINS(info->fact[at].text, words);
    return &info->fact[at];
}

static inline bool tells(const struct rig *rig, unsigned job, uint32_t code)
{
    return place(why(rig, job), code) >= 0;
}

static inline struct idn_order granted(struct rig *rig, unsigned n)
{
    const struct idn_order *order = rig_order(rig, n, IDN_ORDER_LEASE);

    CHECK(order != NULL);
    return *order;
}

static inline void set(struct rig *rig, unsigned job, const char *key, const char *value)
{
    struct idn_request request = {.type = IDN_REQUEST_SET};

    if (job != 0)
        request.job = (struct idn_job_name){.key = rig_key(job), .bits = 128};
    snprintf(request.u.set.key, sizeof(request.u.set.key), "%s", key);
    snprintf(request.u.set.value, sizeof(request.u.set.value), "%s", value);
    rig_request(rig, 1, request);
}

#endif
