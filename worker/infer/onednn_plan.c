#include "worker/infer/onednn_plan.h"

#include "base/assert.h"
#include "worker/infer/darknet_network.h"
#include "worker/infer/onednn_layers.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

uint32_t idn_plan_value(struct idn_plan *plan, uint32_t h, uint32_t w, uint32_t c)
{
    plan->value = realloc(plan->value, (plan->values + 1) * sizeof(*plan->value));
    IDN_ASSERT(plan->value != NULL);
    plan->value[plan->values] =
        (struct idn_value){.h = h, .w = w, .c = c, .size = (size_t)h * w * c};
    return plan->values++;
}

struct idn_step *idn_plan_step(struct idn_plan *plan, uint32_t layer, uint32_t in, uint32_t out)
{
    plan->step = realloc(plan->step, (plan->steps + 1) * sizeof(*plan->step));
    IDN_ASSERT(plan->step != NULL);
    plan->step[plan->steps] =
        (struct idn_step){.layer = layer, .in = {in}, .in_count = 1, .out = out};
    return &plan->step[plan->steps++];
}

static size_t larger(size_t a, size_t b)
{
    return a > b ? a : b;
}

void idn_plan_need_workspace(struct idn_plan *plan, size_t floats)
{
    plan->workspace_size = larger(plan->workspace_size, floats);
}

static void cut_segments(struct idn_plan *plan)
{
    plan->segment = calloc(plan->steps, sizeof(*plan->segment));
    IDN_ASSERT(plan->segment != NULL);
    for (uint32_t i = 0; i < plan->steps; i++) {
        struct idn_segment *last = plan->segments == 0 ? NULL : &plan->segment[plan->segments - 1];
        if (last != NULL && !last->wide && !plan->step[i].wide)
            last->count++;
        else
            plan->segment[plan->segments++] =
                (struct idn_segment){.first = i, .count = 1, .wide = plan->step[i].wide};
    }
}

static void find_uses(struct idn_plan *plan)
{
    for (uint32_t i = 0; i < plan->steps; i++) {
        const struct idn_step *step = &plan->step[i];
        plan->value[step->out].first_use = plan->value[step->out].last_use = i;
        for (uint32_t k = 0; k < step->in_count; k++)
            plan->value[step->in[k]].last_use = i;
    }
    plan->value[plan->result].last_use = plan->steps; // read when all are done
}

// The last step of the segment that `step` is in.
static uint32_t end_of_segment(const struct idn_plan *plan, uint32_t step)
{
    for (uint32_t s = 0; s < plan->segments; s++) {
        uint32_t last = plan->segment[s].first + plan->segment[s].count - 1;
        if (step <= last)
            return last;
    }
    return step;
}

static void find_wide_values(struct idn_plan *plan)
{
    for (uint32_t s = 0; s < plan->segments; s++) {
        const struct idn_segment *segment = &plan->segment[s];
        for (uint32_t i = 0; i < segment->count; i++) {
            struct idn_value *value = &plan->value[plan->step[segment->first + i].out];
            value->wide = segment->wide || value->last_use >= segment->first + segment->count;
            if (!value->wide)
                continue;
            value->first_use = segment->first;
            value->last_use = end_of_segment(plan, value->last_use);
        }
    }
}

static bool clash(const struct idn_value *a, const struct idn_value *b)
{
    return a->wide == b->wide && a->first_use <= b->last_use && b->first_use <= a->last_use &&
           a->offset < b->offset + b->size && b->offset < a->offset + a->size;
}

// First fit: two values share memory when they are never needed at the same time.
static size_t place_value(struct idn_plan *plan, uint32_t number)
{
    struct idn_value *value = &plan->value[number];
    uint32_t other = 0;

    value->offset = 0;
    while (other < number) {
        if (clash(value, &plan->value[other])) {
            value->offset = (plan->value[other].offset + plan->value[other].size + 15) / 16 * 16;
            other = 0;
        } else {
            other++;
        }
    }
    return (value->offset + value->size + 15) / 16 * 16;
}

void idn_plan_layout(struct idn_plan *plan)
{
    cut_segments(plan);
    find_uses(plan);
    find_wide_values(plan);
    for (uint32_t v = 0; v < plan->values; v++) {
        size_t *size = plan->value[v].wide ? &plan->wide_size : &plan->arena_size;
        *size = larger(*size, place_value(plan, v));
    }
    for (uint32_t i = 0; i < plan->steps; i++)
        plan->scratch_size = larger(plan->scratch_size, (plan->step[i].scratch + 15) / 16 * 16);
    plan->arena = calloc(plan->threads, sizeof(*plan->arena));
    IDN_ASSERT(plan->arena != NULL);
    for (uint32_t i = 0; i < plan->threads; i++)
        plan->arena[i] = idn_floats(plan->arena_size + plan->scratch_size + plan->workspace_size);
    // Not touched before it is needed.
    plan->wide = mmap(NULL, plan->wide_size * IDN_PLAN_PASS * sizeof(float), PROT_READ | PROT_WRITE,
        MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    IDN_ASSERT(plan->wide != MAP_FAILED);
}

void idn_plan_destroy(struct idn_plan **plan_pointer)
{
    struct idn_plan *plan = *plan_pointer;

    if (plan == NULL)
        return;
    for (uint32_t i = 0; i < plan->steps; i++)
        if (plan->step[i].fini != NULL)
            plan->step[i].fini(&plan->step[i]);
    for (uint32_t i = 0; plan->arena != NULL && i < plan->threads; i++)
        free(plan->arena[i]);
    if (plan->wide != NULL)
        (void)munmap(plan->wide, plan->wide_size * IDN_PLAN_PASS * sizeof(float));
    if (plan->fallback != NULL)
        idn_darknet_unload(&plan->fallback, 1);
    free(plan->arena);
    free(plan->value);
    free(plan->step);
    free(plan->segment);
    free(plan);
    *plan_pointer = NULL;
}

// One segment for the images of one pass.
struct run {
    const struct idn_plan *plan;
    const struct idn_segment *segment;
    const struct idn_input *inputs;
    uint32_t count, group;
};

static float *address(const struct idn_plan *plan, uint32_t value, uint32_t thread, uint32_t image)
{
    const struct idn_value *v = &plan->value[value];

    return v->wide ? plan->wide + v->offset * IDN_PLAN_PASS + image * v->size
                   : plan->arena[thread] + v->offset;
}

static void run_step(const struct run *run, const struct idn_step *step, uint32_t thread,
    uint32_t first, uint32_t images, uint32_t item)
{
    const struct idn_plan *plan = run->plan;
    struct idn_step_call call = {.inputs = run->inputs + first,
        .images = images,
        .item = item,
        .thread = thread,
        .scratch = plan->arena[thread] + plan->arena_size,
        .workspace = plan->arena[thread] + plan->arena_size + plan->scratch_size,
        .plan = plan};

    for (uint32_t k = 0; k < step->in_count; k++)
        call.in[k] = address(plan, step->in[k], thread, first);
    call.out = address(plan, step->out, thread, first);
    step->run(step, &call);
}

static void run_item(void *context, uint32_t thread, uint32_t item)
{
    const struct run *run = context;
    const struct idn_step *step = run->plan->step + run->segment->first;

    idn_dnnl_one_thread();
    if (!run->segment->wide) {
        for (uint32_t i = 0; i < run->segment->count; i++)
            run_step(run, step + i, thread, item, 1, 0);
        return;
    }
    if (step->slices > 0) {
        run_step(run, step, thread, 0, run->count, item);
        return;
    }
    uint32_t first = item * run->group, rest = run->count - first;
    run_step(run, step, thread, first, rest < run->group ? rest : run->group, 0);
}

static void run_segment(struct run *run, struct idn_pool *pool)
{
    const struct idn_step *step = run->plan->step + run->segment->first;
    uint32_t items = run->count, threads = run->plan->threads;

    if (run->segment->wide && step->slices > 0) {
        items = step->slices;
    } else if (run->segment->wide) {
        uint32_t share = (run->count + threads - 1) / threads;
        run->group = share < step->group ? share : step->group;
        items = (run->count + run->group - 1) / run->group;
    }
    idn_pool_run(pool, items, run_item, run);
}

void idn_plan_run(const struct idn_plan *plan, struct idn_pool *pool,
    const struct idn_input *inputs, uint32_t count, float *ret_rows)
{
    const struct idn_value *result = &plan->value[plan->result];

    while (count > 0) {
        uint32_t pass = count < IDN_PLAN_PASS ? count : IDN_PLAN_PASS;
        for (uint32_t s = 0; s < plan->segments; s++) {
            struct run run = {
                .plan = plan, .segment = &plan->segment[s], .inputs = inputs, .count = pass};
            run_segment(&run, pool);
        }
        for (uint32_t i = 0; i < pass; i++, ret_rows += result->size)
            idn_last_to_planar(address(plan, plan->result, 0, i), result, ret_rows);
        inputs += pass;
        count -= pass;
    }
}
