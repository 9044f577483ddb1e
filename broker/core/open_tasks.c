#include "broker/core/open_tasks.h"

#include "base/assert.h"

#include <stddef.h>

void idn_open_tasks_init(struct idn_open_tasks *tasks, struct idn_open_task *at, uint32_t max,
    uint32_t *bucket, uint32_t buckets)
{
    *tasks = (struct idn_open_tasks){.at = at, .max = max, .bucket = bucket, .mask = buckets - 1};
}

static uint32_t *bucket_of(const struct idn_open_tasks *tasks, uint64_t job, uint32_t task)
{
    uint64_t hash = (job * 0x9e3779b97f4a7c15u ^ task) * 0xbf58476d1ce4e5b9u;

    return &tasks->bucket[(uint32_t)(hash >> 32) & tasks->mask];
}

static uint32_t name_of(const struct idn_open_tasks *tasks, const struct idn_open_task *task)
{
    return (uint32_t)(task - tasks->at) + 1;
}

struct idn_open_task *idn_open_tasks_find(
    const struct idn_open_tasks *tasks, uint64_t job, uint32_t task)
{
    for (uint32_t name = *bucket_of(tasks, job, task); name != 0; name = tasks->at[name - 1].next) {
        struct idn_open_task *found = &tasks->at[name - 1];
        if (found->job == job && found->task == task)
            return found;
    }
    return NULL;
}

static struct idn_open_task *take_slot(struct idn_open_tasks *tasks)
{
    if (tasks->returned == 0 && tasks->touched < tasks->max)
        return &tasks->at[tasks->touched++];
    if (tasks->returned == 0)
        idn_open_tasks_remove(tasks, &tasks->at[tasks->oldest - 1]);
    struct idn_open_task *slot = &tasks->at[tasks->returned - 1];
    tasks->returned = slot->next;
    return slot;
}

struct idn_open_task *idn_open_tasks_add(struct idn_open_tasks *tasks, uint64_t job, uint32_t task)
{
    struct idn_open_task *added = take_slot(tasks);
    uint32_t *bucket = bucket_of(tasks, job, task), name = name_of(tasks, added);

    *added =
        (struct idn_open_task){.job = job, .task = task, .next = *bucket, .older = tasks->newest};
    *bucket = name;
    if (tasks->newest != 0)
        tasks->at[tasks->newest - 1].newer = name;
    else
        tasks->oldest = name;
    tasks->newest = name;
    return added;
}

void idn_open_tasks_remove(struct idn_open_tasks *tasks, struct idn_open_task *task)
{
    uint32_t *at = bucket_of(tasks, task->job, task->task), name = name_of(tasks, task);

    for (; *at != name; at = &tasks->at[*at - 1].next)
        IDN_ASSERT(*at != 0);
    *at = task->next;
    if (task->older != 0)
        tasks->at[task->older - 1].newer = task->newer;
    else
        tasks->oldest = task->newer;
    if (task->newer != 0)
        tasks->at[task->newer - 1].older = task->older;
    else
        tasks->newest = task->older;
    task->next = tasks->returned;
    tasks->returned = name;
}
