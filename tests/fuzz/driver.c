// Runs a fuzz target where libFuzzer is not: each file of the corpus as it is, then a fixed number
// of changed ones. The same seed gives the same inputs on every machine, so that the ordinary
// tests can run it.
#include "base/random.h"
#include "tests/fuzz/fuzz.h"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { INPUT_MAX = 64 * 1024, FILES_MAX = 1024, HANG_S = 60, FOUND = 3, CHANGES_MAX = 6 };

struct file {
    uint8_t *bytes;
    size_t size;
};

static struct file file[FILES_MAX];
static uint32_t files;
static struct idn_random random_state;
static uint8_t input[INPUT_MAX]; // of the run that goes on
static size_t input_size;
static uint64_t runs;
static char name[64];

static uint32_t below(uint64_t limit)
{
    return idn_random_below(&random_state, limit > 0 ? limit : 1);
}

// ---- what went wrong

static void say(const char *text)
{
    (void)!write(STDERR_FILENO, text, strlen(text));
}

// The input goes to a file, for the target to be run on it alone.
static void tell(const char *what)
{
    char text[256];
    int fd;

    (void)snprintf(text, sizeof(text), "crash-%s", name);
    fd = open(text, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd >= 0)
        (void)!write(fd, input, input_size);
    (void)snprintf(text, sizeof(text), "%s: %s in run %llu, on %zu bytes, kept in crash-%s\n", name,
        what, (unsigned long long)runs, input_size, name);
    say(text);
    _exit(FOUND);
}

static void on_signal(int number)
{
    tell(number == SIGALRM ? "no end" : "a signal");
}

static void on_sanitizer(void)
{
    tell("the sanitizer's finding");
}

// Of the sanitizers' runtime, where there is one.
__attribute__((weak)) void __sanitizer_set_death_callback(void (*callback)(void));

static void watch(void)
{
    static const int numbers[] = {SIGABRT, SIGALRM, SIGSEGV, SIGBUS, SIGFPE, SIGILL};
    bool sanitized = __sanitizer_set_death_callback != NULL;

    if (sanitized)
        __sanitizer_set_death_callback(on_sanitizer);
    for (size_t i = 0; i < (sanitized ? 2 : sizeof(numbers) / sizeof(*numbers)); i++)
        (void)signal(numbers[i], on_signal);
}

// ---- inputs

static void add_file(const char *path)
{
    uint8_t *bytes = malloc(INPUT_MAX);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t size = fd < 0 || bytes == NULL ? -1 : read(fd, bytes, INPUT_MAX);

    if (size < 0 || files == FILES_MAX) {
        (void)fprintf(stderr, "%s: cannot read %s\n", name, path);
        exit(2);
    }
    file[files++] = (struct file){.bytes = bytes, .size = (size_t)size};
    (void)close(fd);
}

static int no_dots(const struct dirent *entry)
{
    return entry->d_name[0] != '.';
}

static void add(const char *path)
{
    struct dirent **entry;
    struct stat status;
    char inner[4096];

    if (stat(path, &status) < 0 || !S_ISDIR(status.st_mode)) {
        add_file(path);
        return;
    }
    int count = scandir(path, &entry, no_dots, alphasort);
    for (int i = 0; i < count; i++) {
        (void)snprintf(inner, sizeof(inner), "%s/%s", path, entry[i]->d_name);
        add_file(inner);
        free(entry[i]);
    }
    if (count >= 0)
        free(entry);
}

static void run(void)
{
    uint8_t *copy = malloc(input_size); // ends where its memory ends

    if (copy == NULL && input_size > 0)
        abort();
    if (input_size > 0)
        memcpy(copy, input, input_size);
    (void)alarm(HANG_S);
    (void)LLVMFuzzerTestOneInput(copy, input_size);
    (void)alarm(0);
    free(copy);
    runs++;
}

// ---- changes

struct buffer {
    uint8_t *bytes;
    size_t size, room;
};

static void set_number(struct buffer *to)
{
    static const uint64_t numbers[] = {0, 1, 0x7f, 0x80, 0xff, 0x100, 0x7fff, 0xffff, 0x10000,
        0x7fffffff, 0x80000000, UINT32_MAX, INT64_MAX, UINT64_MAX};
    size_t width = (size_t)1 << below(4), at = below(to->size);
    uint64_t value = below(2) ? numbers[below(sizeof(numbers) / sizeof(*numbers))]
                              : idn_random_next(&random_state);

    for (size_t i = 0; i < width && at + i < to->size; i++)
        to->bytes[at + i] = (uint8_t)(value >> (8 * i));
}

static void remove_some(struct buffer *to)
{
    size_t at = below(to->size), count = 1 + below(below(3) ? 8 : to->size - at);

    count = count > to->size - at ? to->size - at : count;
    memmove(to->bytes + at, to->bytes + at + count, to->size - at - count);
    to->size -= count;
}

// Bytes of a file, or of this input itself, go in.
static void insert_some(struct buffer *to, const uint8_t *from, size_t size)
{
    static uint8_t piece[INPUT_MAX];
    size_t begin = below(size), count = 1 + below(below(3) ? 16 : size - begin);
    size_t at = below(to->size + 1);

    count = count > size - begin ? size - begin : count;
    count = count > to->room - to->size ? to->room - to->size : count;
    memcpy(piece, from + begin, count);
    memmove(to->bytes + at + count, to->bytes + at, to->size - at);
    memcpy(to->bytes + at, piece, count);
    to->size += count;
}

static void change(struct buffer *to)
{
    const struct file *other = &file[below(files)];

    if (to->size == 0 || below(8) == 0) {
        if (other->size > 0)
            insert_some(to, other->bytes, other->size);
        return;
    }
    switch (below(6)) {
    case 0:
        to->bytes[below(to->size)] ^= (uint8_t)(1u << below(8));
        break;
    case 1:
        to->bytes[below(to->size)] = (uint8_t)below(256);
        break;
    case 2:
        set_number(to);
        break;
    case 3:
        remove_some(to);
        break;
    case 4:
        insert_some(to, to->bytes, to->size);
        break;
    default:
        to->bytes[below(to->size)] += (uint8_t)(below(2) ? 1 : -1);
        break;
    }
}

size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t room)
{
    struct buffer buffer = {.bytes = data, .size = size, .room = room};

    change(&buffer);
    return buffer.size;
}

// Where the target has none of its own.
__attribute__((weak)) size_t LLVMFuzzerCustomMutator(
    uint8_t *data, size_t size, size_t room, unsigned seed)
{
    (void)seed;
    return LLVMFuzzerMutate(data, size, room);
}

static void take_file(const struct file *from)
{
    input_size = from->size;
    if (from->size > 0)
        memcpy(input, from->bytes, from->size);
}

static void run_all(uint64_t changed)
{
    watch();
    for (uint32_t i = 0; i < files; i++) {
        take_file(&file[i]);
        run();
    }
    for (uint64_t i = 0; i < changed && files > 0; i++) {
        take_file(&file[below(files)]);
        for (uint32_t k = 1 + below(CHANGES_MAX); k > 0; k--)
            input_size = LLVMFuzzerCustomMutator(input, input_size, INPUT_MAX, below(UINT32_MAX));
        run();
    }
    (void)fprintf(stderr, "%s: %u files, %llu runs\n", name, files, (unsigned long long)runs);
}

// For a target with a bug planted: succeeds when it is found.
static int find_bug(uint64_t changed)
{
    int status = 0;
    pid_t child = fork();

    if (child == 0) {
        run_all(changed);
        _exit(0);
    }
    if (child < 0 || waitpid(child, &status, 0) != child)
        return 1;
    bool found = WIFEXITED(status) && WEXITSTATUS(status) == FOUND;
    (void)fprintf(stderr, "%s: the planted bug was %sfound\n", name, found ? "" : "not ");
    return found ? 0 : 1;
}

static int usage(void)
{
    (void)fprintf(stderr,
        "usage: %s [--runs N] [--seed N] [--find] FILE|FOLDER...\n\n"
        "Runs the target on each file, then on N changed ones ($IDN_FUZZ_RUNS: times as many).\n"
        "--find succeeds when that ends in a crash.\n",
        name);
    return 2;
}

int main(int argc, char **argv)
{
    const char *factor = getenv("IDN_FUZZ_RUNS"), *slash = strrchr(argv[0], '/');
    uint64_t changed = 0, seed = 1;
    bool find = false;
    int i = 1;

    (void)snprintf(name, sizeof(name), "%s", slash == NULL ? argv[0] : slash + 1);
    for (; i < argc && strncmp(argv[i], "--", 2) == 0; i++) {
        if (strcmp(argv[i], "--find") == 0)
            find = true;
        else if (strcmp(argv[i], "--runs") == 0 && i + 1 < argc)
            changed = strtoull(argv[++i], NULL, 10);
        else if (strcmp(argv[i], "--seed") == 0 && i + 1 < argc)
            seed = strtoull(argv[++i], NULL, 10);
        else
            return usage();
    }
    if (i == argc)
        return usage();
    for (; i < argc; i++)
        add(argv[i]);
    if (factor != NULL && strtoull(factor, NULL, 10) > 0)
        changed *= strtoull(factor, NULL, 10);
    idn_random_init(&random_state, seed, 1);
    if (find)
        return find_bug(changed);
    run_all(changed);
    for (uint32_t k = 0; k < files; k++)
        free(file[k].bytes);
    return 0;
}
