#include "broker/core/ranking.h"

#include <string.h>

// Nodes are named by 1 + the job's slot; 0: none.
static struct idn_ranked *node(const struct idn_core *core, uint32_t name)
{
    return &core->job[name - 1].ranked;
}

static uint32_t name_of(const struct idn_core *core, const struct idn_job *job)
{
    return (uint32_t)(job - core->job) + 1;
}

static bool before(const struct idn_core *core, uint32_t a, uint32_t b)
{
    const struct idn_job *job_a = &core->job[a - 1], *job_b = &core->job[b - 1];

    if (job_a->ranked.rank != job_b->ranked.rank)
        return job_a->ranked.rank < job_b->ranked.rank;
    return memcmp(job_a->key.bytes, job_b->key.bytes, sizeof(job_a->key.bytes)) < 0;
}

// Heap order: no node below has a greater one. The finaliser of splitmix64 (Steele, Lea and Flood,
// 2014) over the serial, which no client chooses.
static uint64_t height(const struct idn_core *core, uint32_t name)
{
    uint64_t x = core->job[name - 1].serial;

    x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9u;
    x = (x ^ x >> 27) * 0x94d049bb133111ebu;
    return x ^ x >> 31;
}

// The tree of a model; the last one is of those whose model this broker does not have.
static uint32_t tree(int32_t model)
{
    return model < 0 ? IDN_MODELS_MAX : (uint32_t)model;
}

static uint32_t *root_of(struct idn_core *core, uint32_t name)
{
    return &core->ranking[tree(core->job[name - 1].model)];
}

// Where the one above names it.
static uint32_t *place_of(struct idn_core *core, uint32_t name)
{
    uint32_t up = node(core, name)->up;

    if (up == 0)
        return root_of(core, name);
    return node(core, up)->left == name ? &node(core, up)->left : &node(core, up)->right;
}

// Changes places with the one above; the order stays.
static void rise(struct idn_core *core, uint32_t name)
{
    struct idn_ranked *item = node(core, name);
    uint32_t above_name = item->up, *place = place_of(core, above_name), between;
    struct idn_ranked *above = node(core, above_name);

    if (above->left == name) {
        between = above->left = item->right;
        item->right = above_name;
    } else {
        between = above->right = item->left;
        item->left = above_name;
    }
    if (between != 0)
        node(core, between)->up = above_name;
    *place = name;
    item->up = above->up;
    above->up = name;
}

static void insert(struct idn_core *core, uint32_t name)
{
    uint32_t *place = root_of(core, name), above = 0;

    while (*place != 0) {
        above = *place;
        place = before(core, name, above) ? &node(core, above)->left : &node(core, above)->right;
    }
    *place = name;
    node(core, name)->up = above;
    while (node(core, name)->up != 0 && height(core, name) > height(core, node(core, name)->up))
        rise(core, name);
}

void idn_ranking_put(struct idn_core *core, struct idn_job *job, int64_t rank)
{
    if (job->ranked.in && job->ranked.rank == rank)
        return;
    idn_ranking_remove(core, job);
    job->ranked = (struct idn_ranked){.rank = rank, .in = true};
    insert(core, name_of(core, job));
    core->ranked++;
}

void idn_ranking_remove(struct idn_core *core, struct idn_job *job)
{
    uint32_t name = name_of(core, job), left, right;

    if (!job->ranked.in)
        return;
    while ((left = job->ranked.left, right = job->ranked.right, left != 0 || right != 0)) {
        bool is_left = right == 0 || (left != 0 && height(core, left) > height(core, right));
        rise(core, is_left ? left : right);
    }
    *place_of(core, name) = 0;
    job->ranked = (struct idn_ranked){.in = false};
    core->ranked--;
}

static struct idn_job *least(const struct idn_core *core, uint32_t name)
{
    while (name != 0 && node(core, name)->left != 0)
        name = node(core, name)->left;
    return name == 0 ? NULL : &core->job[name - 1];
}

struct idn_job *idn_ranking_first(const struct idn_core *core, int32_t model)
{
    return least(core, core->ranking[tree(model)]);
}

struct idn_job *idn_ranking_next(const struct idn_core *core, const struct idn_job *job)
{
    uint32_t name = name_of(core, job), up;

    IDN_ASSERT(job->ranked.in);
    if (job->ranked.right != 0)
        return least(core, job->ranked.right);
    while ((up = node(core, name)->up) != 0 && node(core, up)->right == name)
        name = up;
    return up == 0 ? NULL : &core->job[up - 1];
}
