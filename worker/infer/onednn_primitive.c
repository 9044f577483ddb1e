#include "worker/infer/onednn_primitive.h"

#include "base/assert.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

// Of libgomp, which libdnnl runs on. The setting is the calling thread's own.
void omp_set_num_threads(int threads);

void idn_dnnl_one_thread(void)
{
    omp_set_num_threads(1);
}

const char *idn_dnnl_isa(void)
{
    static const struct {
        dnnl_cpu_isa_t isa;
        const char *name;
    } names[] = {
        {dnnl_cpu_isa_avx512_core_amx, "avx512_core_amx"},
        {dnnl_cpu_isa_avx512_core_bf16, "avx512_core_bf16"},
        {dnnl_cpu_isa_avx512_core_vnni, "avx512_core_vnni"},
        {dnnl_cpu_isa_avx512_core, "avx512_core"},
        {dnnl_cpu_isa_avx2_vnni, "avx2_vnni"},
        {dnnl_cpu_isa_avx2, "avx2"},
        {dnnl_cpu_isa_avx, "avx"},
        {dnnl_cpu_isa_sse41, "sse41"},
    };
    dnnl_cpu_isa_t isa = dnnl_get_effective_cpu_isa();

    for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
        if (((unsigned)isa & (unsigned)names[i].isa) == (unsigned)names[i].isa)
            return names[i].name;
    return "generic";
}

// oneDNN writes machine code and runs it, for which the kernel may refuse the memory.
static bool can_compile(const struct idn_dnnl *dnnl)
{
    dnnl_memory_desc_t shape;
    dnnl_eltwise_desc_t desc;
    dnnl_primitive_desc_t relu;
    dnnl_primitive_t primitive;

    if (dnnl_memory_desc_init_by_tag(&shape, 1, (dnnl_dims_t){16}, dnnl_f32, dnnl_x) !=
            dnnl_success ||
        dnnl_eltwise_forward_desc_init(
            &desc, dnnl_forward_inference, dnnl_eltwise_relu, &shape, 0, 0) != dnnl_success ||
        dnnl_primitive_desc_create(&relu, &desc, NULL, dnnl->engine, NULL) != dnnl_success)
        return false;
    bool can = dnnl_primitive_create(&primitive, relu) == dnnl_success;
    if (can)
        (void)dnnl_primitive_destroy(primitive);
    (void)dnnl_primitive_desc_destroy(relu);
    return can;
}

int idn_dnnl_init(struct idn_dnnl *dnnl, uint32_t threads, struct idn_reason *reason)
{
    *dnnl = (struct idn_dnnl){.threads = threads};
    idn_dnnl_one_thread();
    // The environment may ask for products of fewer bits (ONEDNN_DEFAULT_FPMATH_MODE).
    IDN_ASSERT(dnnl_set_default_fpmath_mode(dnnl_fpmath_mode_strict) == dnnl_success);
    if (dnnl_engine_create(&dnnl->engine, dnnl_cpu, 0) != dnnl_success)
        return idn_reason_set(reason, -ENOTSUP, "oneDNN finds no CPU that it can compute on");
    if (!can_compile(dnnl))
        return idn_reason_set(reason, -EPERM,
            "oneDNN may not make its machine code: memory that is writable and executable is "
            "refused here (by MemoryDenyWriteExecute=yes of systemd, for one); allow it, or use "
            "engine darknet");
    dnnl->stream = calloc(threads, sizeof(dnnl_stream_t));
    IDN_ASSERT(dnnl->stream != NULL);
    for (uint32_t i = 0; i < threads; i++)
        IDN_ASSERT(dnnl_stream_create(&dnnl->stream[i], dnnl->engine, dnnl_stream_default_flags) ==
                   dnnl_success);
    return 0;
}

void idn_dnnl_fini(struct idn_dnnl *dnnl)
{
    for (uint32_t i = 0; dnnl->stream != NULL && i < dnnl->threads; i++)
        (void)dnnl_stream_destroy(dnnl->stream[i]);
    free(dnnl->stream);
    if (dnnl->engine != NULL)
        (void)dnnl_engine_destroy(dnnl->engine);
    *dnnl = (struct idn_dnnl){0};
}

float *idn_floats(size_t count)
{
    size_t bytes = (count * sizeof(float) + 63) / 64 * 64;
    float *floats = aligned_alloc(64, bytes == 0 ? 64 : bytes);

    IDN_ASSERT(floats != NULL);
    memset(floats, 0, bytes);
    return floats;
}

static dnnl_memory_t memory_of(
    const struct idn_dnnl *dnnl, const dnnl_memory_desc_t *desc, float *floats)
{
    dnnl_memory_t memory;

    IDN_ASSERT(dnnl_memory_create(&memory, desc, dnnl->engine,
                   floats != NULL ? floats : DNNL_MEMORY_NONE) == dnnl_success);
    return memory;
}

// oneDNN's memory objects know no const; what goes through here is only read.
static float *only_read(const float *floats)
{
    union {
        const float *lent;
        float *mutable;
    } pointer = {.lent = floats};

    return pointer.mutable;
}

// Into the layout `to`.
static float *pack(const struct idn_dnnl *dnnl, const float *weights,
    const dnnl_memory_desc_t *from, const dnnl_memory_desc_t *to)
{
    dnnl_primitive_desc_t desc;
    dnnl_primitive_t reorder;
    float *packed = idn_floats(dnnl_memory_desc_get_size(to) / sizeof(float));
    dnnl_memory_t in = memory_of(dnnl, from, only_read(weights)), out = memory_of(dnnl, to, packed);
    dnnl_exec_arg_t args[] = {{DNNL_ARG_FROM, in}, {DNNL_ARG_TO, out}};

    IDN_ASSERT(dnnl_reorder_primitive_desc_create(
                   &desc, from, dnnl->engine, to, dnnl->engine, NULL) == dnnl_success);
    IDN_ASSERT(dnnl_primitive_create(&reorder, desc) == dnnl_success);
    IDN_ASSERT(dnnl_primitive_execute(reorder, dnnl->stream[0], 2, args) == dnnl_success);
    IDN_ASSERT(dnnl_stream_wait(dnnl->stream[0]) == dnnl_success);
    (void)dnnl_primitive_destroy(reorder);
    (void)dnnl_primitive_desc_destroy(desc);
    (void)dnnl_memory_destroy(in);
    (void)dnnl_memory_destroy(out);
    return packed;
}

static void bind_thread(struct idn_primitive *primitive, const struct idn_dnnl *dnnl,
    const_dnnl_primitive_desc_t desc, uint32_t thread)
{
    static const struct {
        dnnl_query_t query;
        int arg;
    } wanted[IDN_PRIMITIVE_ARGS] = {{dnnl_query_src_md, DNNL_ARG_SRC},
        {dnnl_query_dst_md, DNNL_ARG_DST}, {dnnl_query_scratchpad_md, DNNL_ARG_SCRATCHPAD},
        {dnnl_query_weights_md, DNNL_ARG_WEIGHTS}, {dnnl_query_weights_md, DNNL_ARG_BIAS}};
    dnnl_exec_arg_t *args = primitive->args + (size_t)thread * IDN_PRIMITIVE_ARGS;

    for (int i = 0; i < primitive->count; i++) {
        bool is_bias = wanted[i].arg == DNNL_ARG_BIAS;
        float *bound = is_bias                             ? primitive->bias
                       : wanted[i].arg == DNNL_ARG_WEIGHTS ? primitive->weights
                                                           : NULL;
        args[i] = (dnnl_exec_arg_t){wanted[i].arg,
            memory_of(dnnl, dnnl_primitive_desc_query_md(desc, wanted[i].query, is_bias), bound)};
    }
}

static void bind_weights(struct idn_primitive *primitive, const struct idn_dnnl *dnnl,
    const_dnnl_primitive_desc_t desc, const struct idn_primitive_spec *spec)
{
    primitive->count = 3;
    if (spec->weights != NULL) {
        primitive->weights = pack(dnnl, spec->weights, spec->weights_desc,
            dnnl_primitive_desc_query_md(desc, dnnl_query_weights_md, 0));
        primitive->count = 4;
    }
    if (spec->bias != NULL) {
        primitive->bias = idn_floats(spec->bias_count);
        memcpy(primitive->bias, spec->bias, spec->bias_count * sizeof(float));
        primitive->count = 5;
    }
}

int idn_primitive_init(struct idn_primitive *primitive, const struct idn_dnnl *dnnl,
    const struct idn_primitive_spec *spec)
{
    dnnl_primitive_desc_t desc;

    *primitive = (struct idn_primitive){.threads = dnnl->threads};
    idn_dnnl_one_thread();
    if (dnnl_primitive_desc_create(&desc, spec->desc, spec->attr, dnnl->engine, NULL) !=
        dnnl_success)
        return 1;
    IDN_ASSERT(dnnl_primitive_create(&primitive->primitive, desc) == dnnl_success);
    (void)dnnl_primitive_desc_query(desc, dnnl_query_impl_info_str, 0, &primitive->name);
    bind_weights(primitive, dnnl, desc, spec);
    primitive->workspace =
        dnnl_memory_desc_get_size(dnnl_primitive_desc_query_md(desc, dnnl_query_scratchpad_md, 0)) /
            sizeof(float) +
        1;
    primitive->args = calloc((size_t)dnnl->threads * IDN_PRIMITIVE_ARGS, sizeof(dnnl_exec_arg_t));
    IDN_ASSERT(primitive->args != NULL);
    for (uint32_t i = 0; i < dnnl->threads; i++)
        bind_thread(primitive, dnnl, desc, i);
    (void)dnnl_primitive_desc_destroy(desc);
    return 0;
}

void idn_primitive_fini(struct idn_primitive *primitive)
{
    for (uint32_t i = 0; primitive->args != NULL && i < primitive->threads; i++)
        for (int k = 0; k < primitive->count; k++)
            (void)dnnl_memory_destroy(primitive->args[i * IDN_PRIMITIVE_ARGS + (size_t)k].memory);
    free(primitive->args);
    if (primitive->primitive != NULL)
        (void)dnnl_primitive_destroy(primitive->primitive);
    free(primitive->weights);
    free(primitive->bias);
    *primitive = (struct idn_primitive){0};
}

void idn_primitive_run(const struct idn_primitive *primitive, const struct idn_dnnl *dnnl,
    uint32_t thread, const float *in, float *out, float *workspace)
{
    dnnl_exec_arg_t *args = primitive->args + (size_t)thread * IDN_PRIMITIVE_ARGS;

    (void)dnnl_memory_set_data_handle(args[0].memory, only_read(in));
    (void)dnnl_memory_set_data_handle(args[1].memory, out);
    (void)dnnl_memory_set_data_handle(args[2].memory, workspace);
    IDN_ASSERT(dnnl_primitive_execute(primitive->primitive, dnnl->stream[thread], primitive->count,
                   args) == dnnl_success);
    IDN_ASSERT(dnnl_stream_wait(dnnl->stream[thread]) == dnnl_success);
}

void idn_primitive_run_with(const struct idn_primitive *primitive, const struct idn_dnnl *dnnl,
    uint32_t thread, const float *in, float *out, float *workspace, const float *weights)
{
    dnnl_exec_arg_t *args = primitive->args + (size_t)thread * IDN_PRIMITIVE_ARGS;

    IDN_ASSERT(primitive->count > 3);
    (void)dnnl_memory_set_data_handle(args[3].memory, only_read(weights));
    idn_primitive_run(primitive, dnnl, thread, in, out, workspace);
}

bool idn_primitive_attr(ACTIVATION activation, dnnl_primitive_attr_t *ret_attr)
{
    bool relu = activation == RELU || activation == LEAKY;
    dnnl_post_ops_t ops;

    IDN_ASSERT(dnnl_primitive_attr_create(ret_attr) == dnnl_success);
    IDN_ASSERT(dnnl_primitive_attr_set_scratchpad_mode(*ret_attr, dnnl_scratchpad_mode_user) ==
               dnnl_success);
    if (relu) {
        IDN_ASSERT(dnnl_post_ops_create(&ops) == dnnl_success);
        IDN_ASSERT(dnnl_post_ops_append_eltwise(ops, 1.0f, dnnl_eltwise_relu,
                       activation == LEAKY ? 0.1f : 0.0f, 0.0f) == dnnl_success);
        IDN_ASSERT(dnnl_primitive_attr_set_post_ops(*ret_attr, ops) == dnnl_success);
        (void)dnnl_post_ops_destroy(ops);
    }
    return relu || activation == LINEAR;
}
