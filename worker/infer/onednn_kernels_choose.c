// Which set of loops this CPU gets.
#include "worker/infer/onednn_kernels.h"

#include <oneapi/dnnl/dnnl.h>

static int may_use(dnnl_cpu_isa_t isa)
{
    return ((unsigned)dnnl_get_effective_cpu_isa() & (unsigned)isa) == (unsigned)isa;
}

const struct idn_kernels *idn_kernels_choose(void)
{
#if defined(__x86_64__)
    if (may_use(dnnl_cpu_isa_avx512_core))
        return &idn_kernels_avx512;
    if (may_use(dnnl_cpu_isa_avx2))
        return &idn_kernels_avx2;
#else
    (void)may_use;
#endif
    return &idn_kernels_generic;
}
