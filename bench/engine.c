// How fast an engine computes a network: milliseconds an image at several slice sizes, and what the
// machine could do at best. bench/engine.py makes the table of engines and models from it.
//
// usage: bench-engine ENGINE auto|direct THREADS CFG WEIGHTS REPEATS BATCH...
//        bench-engine --machine
//        bench-engine --steps auto|direct CFG WEIGHTS BATCH
//        bench-engine --memory auto|direct THREADS (CFG WEIGHTS)...
//
// Lines of key=value. GFLOP/s count what direct convolution computes, whatever the engine does.
// wall_ms and cpu_ms (processor time of all threads) are an image's, the median of the repeats
// after one run to warm up.
#include "base/assert.h"
#include "base/text.h"
#include "bench/machine.h"
#include "worker/infer/darknet_network.h"
#include "worker/infer/onednn_plan.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

// From the command line; ends the program when it is none.
static uint32_t number_of(const char *text, uint32_t most)
{
    uint64_t number;

    if (idn_parse_u64(text, most, &number) == 0 && number > 0)
        return (uint32_t)number;
    (void)fprintf(stderr, "bench-engine: \"%s\" is not a whole number from 1 to %u\n", text, most);
    exit(2);
}

static double seconds(clockid_t clock)
{
    struct timespec now;

    (void)clock_gettime(clock, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return x < y ? -1 : x > y;
}

static double median(double *values, size_t count)
{
    qsort(values, count, sizeof(*values), by_value);
    return count % 2 == 1 ? values[count / 2] : (values[count / 2 - 1] + values[count / 2]) / 2;
}

// Multiplications and additions of convolutional and connected layers, an image.
static double flop_of(const char *cfg, const char *weights)
{
    network *net;
    struct idn_reason reason;
    double flop = 0;

    if (idn_darknet_load(cfg, weights, 1, &net, &reason) != 0)
        return 0;
    for (int i = 0; i < net->n; i++) {
        const layer *l = &net->layers[i];
        if (l->type == CONVOLUTIONAL)
            flop += 2.0 * l->size * l->size * l->c / l->groups * (double)l->outputs;
        if (l->type == CONNECTED)
            flop += 2.0 * (double)l->inputs * (double)l->outputs;
    }
    idn_darknet_unload(&net, 1);
    return flop;
}

// Pixels of some pattern: zeros would be faster than pictures are.
static float *make_pixels(size_t count)
{
    float *pixels = idn_floats(count);

    for (size_t i = 0; i < count; i++)
        pixels[i] = (float)(i * 2654435761u % 1000) / 1000.0f;
    return pixels;
}

static long resident_kib(void)
{
    char line[128] = "", *resident = NULL;
    FILE *file = fopen("/proc/self/statm", "re");

    if (file != NULL && fgets(line, sizeof(line), file) != NULL)
        resident = strchr(line, ' ');
    if (file != NULL)
        (void)fclose(file);
    long pages = resident == NULL ? 0 : strtol(resident, NULL, 10);
    return pages * (sysconf(_SC_PAGESIZE) / 1024);
}

static void measure(struct idn_engine *engine, struct idn_network *network, double flop,
    unsigned repeats, uint32_t batch)
{
    size_t each = (size_t)3 * network->width * network->height;
    float *pixels = make_pixels(each * batch), *rows = idn_floats(batch * network->classes);
    struct idn_input *inputs = calloc(batch, sizeof(*inputs));
    double *wall = calloc(repeats, sizeof(*wall)), *cpu = calloc(repeats, sizeof(*cpu));

    IDN_ASSERT(inputs != NULL && wall != NULL && cpu != NULL);
    for (uint32_t i = 0; i < batch; i++)
        inputs[i] = (struct idn_input){.index = i, .pixels = pixels + i * each};
    idn_engine_predict(engine, network, inputs, batch, rows);
    for (unsigned i = 0; i < repeats; i++) {
        double wall_from = seconds(CLOCK_MONOTONIC), cpu_from = seconds(CLOCK_PROCESS_CPUTIME_ID);
        idn_engine_predict(engine, network, inputs, batch, rows);
        cpu[i] = (seconds(CLOCK_PROCESS_CPUTIME_ID) - cpu_from) * 1e3 / batch;
        wall[i] = (seconds(CLOCK_MONOTONIC) - wall_from) * 1e3 / batch;
    }
    double wall_ms = median(wall, repeats), cpu_ms = median(cpu, repeats);
    (void)printf("threads=%u batch=%u wall_ms=%.4f cpu_ms=%.4f gflops=%.2f cpu_gflops=%.2f "
                 "resident_kib=%ld\n",
        idn_pool_threads(engine->pool), batch, wall_ms, cpu_ms, flop / wall_ms / 1e6,
        flop / cpu_ms / 1e6, resident_kib());
    (void)fflush(stdout);
    free(pixels);
    free(rows);
    free(inputs);
    free(wall);
    free(cpu);
}

static int run_engine(int argc, char **argv)
{
    const struct idn_engine_ops *ops = idn_engine_find(argv[1]);
    struct idn_engine_options options = {.threads = number_of(argv[3], IDN_POOL_THREADS_MAX),
        .direct = strcmp(argv[2], "direct") == 0};
    struct idn_reason reason = {""};
    struct idn_engine *engine;
    struct idn_network *network = NULL;

    if (ops == NULL)
        (void)idn_reason_set(&reason, 0, "there is no engine %s", argv[1]);
    if (ops == NULL || idn_engine_open(ops, &options, &engine, &reason) != 0) {
        (void)fprintf(stderr, "bench-engine: %s\n", reason.text);
        return 1;
    }
    double flop = flop_of(argv[4], argv[5]);
    int error = idn_engine_load(engine, argv[4], argv[5], &network, &reason);
    if (error != 0)
        (void)fprintf(stderr, "bench-engine: %s\n", reason.text);
    for (int i = 7; i < argc && error == 0; i++)
        measure(engine, network, flop, number_of(argv[6], 1000), number_of(argv[i], 1024));
    idn_engine_unload(engine, &network);
    idn_engine_close(&engine);
    return error != 0;
}

// Each step of a plan alone, on one thread.
static void time_step(const struct idn_plan *plan, const struct idn_step *step, uint32_t batch)
{
    struct idn_step_call call = {.images = batch, .plan = plan};
    float *buffers[IDN_STEP_INPUTS], *scratch = idn_floats(plan->scratch_size);
    float *workspace = idn_floats(plan->workspace_size), *pixels = NULL;
    struct idn_input *inputs = calloc(batch, sizeof(*inputs));
    const struct idn_value *picture = &plan->value[0]; // its size is 0 if no step makes it
    size_t each = (size_t)picture->h * picture->w * picture->c;
    double best = 1e9, from;

    IDN_ASSERT(inputs != NULL);
    pixels = make_pixels(each * batch);
    for (uint32_t i = 0; i < batch; i++)
        inputs[i].pixels = pixels + i * each;
    for (uint32_t k = 0; k < step->in_count; k++)
        call.in[k] = buffers[k] =
            make_pixels(plan->value[step->in[k]].size * ((batch + 15) / 16 * 16));
    call.out = idn_floats(plan->value[step->out].size * batch);
    call.inputs = inputs;
    call.scratch = scratch;
    call.workspace = workspace;
    for (int repeat = 0; repeat < 7; repeat++) {
        from = seconds(CLOCK_THREAD_CPUTIME_ID);
        for (call.item = 0; call.item < (step->slices > 0 ? step->slices : 1); call.item++)
            step->run(step, &call);
        double took = seconds(CLOCK_THREAD_CPUTIME_ID) - from;
        best = took < best ? took : best;
    }
    (void)printf("layer=%u step=\"%s\" kernel=%s %s cpu_ms=%.4f\n", step->layer, step->name,
        step->kernel != NULL ? step->kernel : "-", step->wide ? "wide" : "deep",
        best * 1e3 / batch);
    for (uint32_t k = 0; k < step->in_count; k++)
        free(buffers[k]);
    free(call.out);
    free(scratch);
    free(workspace);
    free(pixels);
    free(inputs);
}

static int run_steps(char **argv)
{
    struct idn_dnnl dnnl;
    struct idn_reason reason = {""};
    struct idn_plan *plan;
    network *net;

    if (idn_dnnl_init(&dnnl, 1, &reason) != 0 ||
        idn_darknet_load(argv[3], argv[4], 1, &net, &reason) != 0 ||
        idn_plan_new(net, &dnnl, strcmp(argv[2], "direct") != 0, false, 1, &plan, &reason) != 0) {
        (void)fprintf(stderr, "bench-engine: %s\n", reason.text);
        return 1;
    }
    for (uint32_t i = 0; i < plan->steps; i++)
        time_step(plan, &plan->step[i], number_of(argv[5], 1024));
    idn_plan_destroy(&plan);
    idn_dnnl_fini(&dnnl);
    return 0;
}

static void *new_plan(const struct idn_dnnl *dnnl, char *const *files, bool winograd,
    uint32_t threads, struct idn_reason *reason)
{
    struct idn_plan *plan;
    network *net;

    if (idn_darknet_load(files[0], files[1], 1, &net, reason) != 0 ||
        idn_plan_new(net, dnnl, winograd, false, threads, &plan, reason) != 0)
        return NULL;
    return plan;
}

// What all the models in memory cost, before any image: weights as they are kept, apart from what
// each thread has for activations.
static int run_memory(int argc, char **argv)
{
    uint32_t threads = number_of(argv[3], IDN_POOL_THREADS_MAX);
    struct idn_dnnl dnnl;
    struct idn_reason reason = {""};
    long before = resident_kib(), activations = 0;
    int status = idn_dnnl_init(&dnnl, threads, &reason) != 0;

    for (int i = 4; i + 1 < argc && status == 0; i += 2) {
        const struct idn_plan *plan = // kept until the process ends
            new_plan(&dnnl, argv + i, strcmp(argv[2], "direct") != 0, threads, &reason);
        status = plan == NULL;
        if (plan != NULL)
            activations += (long)((plan->arena_size + plan->scratch_size + plan->workspace_size) *
                                  threads * sizeof(float) / 1024);
    }
    if (status != 0)
        (void)fprintf(stderr, "bench-engine: %s\n", reason.text);
    (void)printf("program_kib=%ld models_kib=%ld activations_kib=%ld\n", before,
        resident_kib() - before - activations, activations);
    return status;
}

int main(int argc, char **argv)
{
    if (argc == 2 && strcmp(argv[1], "--machine") == 0) {
        (void)printf(
            "fma_gflops=%.1f read_gb_s=%.1f\n", idn_machine_fma_gflops(), idn_machine_read_gb_s());
        return 0;
    }
    if (argc == 6 && strcmp(argv[1], "--steps") == 0)
        return run_steps(argv);
    if (argc >= 6 && strcmp(argv[1], "--memory") == 0)
        return run_memory(argc, argv);
    if (argc >= 8)
        return run_engine(argc, argv);
    (void)fprintf(stderr, "usage: bench-engine ENGINE auto|direct THREADS CFG WEIGHTS REPEATS "
                          "BATCH... | --machine | --steps auto|direct CFG WEIGHTS BATCH | "
                          "--memory auto|direct THREADS (CFG WEIGHTS)...\n");
    return 2;
}
