// The sizes that weights/cfg.c works out, against what libdarknet itself writes with save_weights.
// Without arguments: the smaller classifiers of Debian's package; `unit-cfg_darknet FILE.cfg ...`
// compares others.
#include "weights/cfg.h"

#include <darknet.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

// darknet draws every weight through these, called through the PLT: ours make it quick. The values
// do not matter to the size.
float rand_uniform(float least, float most);
float rand_normal(void);
float rand_uniform(float least, float most)
{
    (void)most;
    return least;
}
float rand_normal(void)
{
    return 0;
}

static const char *const small[] = {
    "/usr/share/darknet/cfg/cifar.cfg",
    "/usr/share/darknet/cfg/darknet.cfg",
    "/usr/share/darknet/cfg/darknet19.cfg",
    "/usr/share/darknet/cfg/densenet201.cfg",
    "/usr/share/darknet/cfg/resnet18.cfg",
    "/usr/share/darknet/cfg/resnext50.cfg",
    "/usr/share/darknet/cfg/tiny.cfg",
};

// Layers that none of Debian's classifiers has.
static const char others[] = "[net]\nheight=33\nwidth=29\nchannels=3\nbatch=1\n"
                             "[crop]\ncrop_height=32\ncrop_width=28\n"
                             "[conv]\nfilters=8\nsize=3\npad=1\nactivation=elu\n"
                             "[batchnorm]\n"
                             "[lrn]\nsize=5\nalpha=.1\nbeta=.75\nkappa=1\n"
                             "[activation]\nactivation=leaky\n"
                             "[reorg]\nstride=2\n"
                             "[max]\nsize=3\nstride=2\npadding=1\n"
                             "[upsample]\nstride=2\n"
                             "[local]\nfilters=3\nsize=3\nstride=2\npad=1\nactivation=relu\n"
                             "[local]\nfilters=3\nsize=2\nstride=1\npad=0\nactivation=relu\n"
                             "[route]\nlayers=-1,9\n"
                             "[conn]\noutput=7\nbatch_normalize=1\nactivation=relu\n"
                             "[dropout]\nprobability=.5\n"
                             "[connected]\noutput=5\nactivation=linear\n"
                             "[soft]\n[cost]\n";

// darknet tells every layer on stderr.
static void silence(int *ret_stderr)
{
    int null = open("/dev/null", O_WRONLY | O_CLOEXEC);
    *ret_stderr = dup(2);
    if (null < 0 || *ret_stderr < 0 || dup2(null, 2) < 0)
        exit(1);
    (void)close(null);
}

static void restore(int saved)
{
    (void)dup2(saved, 2);
    (void)close(saved);
}

static int save(const char *path, const char *file)
{
    char *cfg = strdup(path), *out = strdup(file);
    int saved;

    if (cfg == NULL || out == NULL)
        return -1;
    silence(&saved);
    network *net = parse_network_cfg(cfg);
    save_weights(net, out);
    restore(saved);
    free_network(net);
    free(cfg);
    free(out);
    return 0;
}

static int compare(const char *path)
{
    char file[] = "/tmp/idunno-test-cfg-XXXXXX";
    struct idn_cfg *cfg = NULL;
    struct idn_reason reason;
    struct stat status;

    if (idn_cfg_read(path, &cfg, &reason) < 0) {
        (void)printf("FAIL %s\n", reason.text);
        return 1;
    }
    int fd = mkstemp(file);
    if (fd < 0 || save(path, file) < 0 || fstat(fd, &status) < 0)
        return 1;
    uint64_t expected = (uint64_t)status.st_size, computed = idn_cfg_weights_bytes(cfg);
    int failed = computed != expected || idn_cfg_check_weights(cfg, file, &reason) != 0;
    (void)printf("%s %s: %" PRIu64 " bytes, darknet writes %" PRIu64 "\n", failed ? "FAIL" : "ok  ",
        path, computed, expected);
    (void)close(fd);
    (void)unlink(file);
    idn_cfg_destroy(&cfg);
    return failed;
}

static int compare_others(void)
{
    char path[] = "/tmp/idunno-test-cfg-XXXXXX";
    int fd = mkstemp(path);

    if (fd < 0 || write(fd, others, sizeof(others) - 1) != (ssize_t)sizeof(others) - 1)
        return 1;
    int failed = compare(path);
    (void)close(fd);
    (void)unlink(path);
    return failed;
}

int main(int argc, char **argv)
{
    int failed = 0;

    for (int i = 1; i < argc; i++)
        failed |= compare(argv[i]);
    for (size_t i = 0; argc == 1 && i < sizeof(small) / sizeof(*small); i++)
        failed |= compare(small[i]);
    if (argc == 1)
        failed |= compare_others();
    return failed;
}
