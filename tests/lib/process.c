#include "tests/lib/process.h"

#include "tests/lib/check.h"

#include <fcntl.h>
#include <ftw.h>
#include <signal.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { PATH_SIZE = 128, FOLDERS_OPEN = 4 };

static void put_path(const struct process *process, const char *name, char path[static PATH_SIZE])
{
    (void)snprintf(path, PATH_SIZE, "%s/%s", process->folder, name);
}

static FILE *open_file(const struct process *process, const char *name, const char *mode)
{
    char path[PATH_SIZE];

    put_path(process, name, path);
    FILE *file = fopen(path, mode);
    CHECK(file != NULL);
    return file;
}

void process_open(struct process *process, int images)
{
    *process = (struct process){.folder = "/tmp/idunno-test-XXXXXX"};
    CHECK(mkdtemp(process->folder) != NULL);
    FILE *list = open_file(process, "d0.list", "w");
    for (int i = 0; i < images; i++)
        (void)fprintf(list, "image%d.jpg\n", i);
    CHECK_INT(fclose(list), 0);
}

void process_configure(const struct process *process, const char *config, ...)
{
    FILE *file = open_file(process, "idunno.conf", "w");
    va_list arguments;

    va_start(arguments, config);
    (void)vfprintf(file, config, arguments);
    va_end(arguments);
    (void)fputs("models\n    m0\n        cfg = \"none.cfg\"\n        batch = 50\n"
                "        digest = \"",
        file);
    for (int i = 0; i < IDN_SHA256_SIZE; i++)
        (void)fputs("01", file);
    (void)fputs("\"\ndatasets\n    d0\n        list = \"d0.list\"\n", file);
    CHECK_INT(fclose(file), 0);
}

void process_start(struct process *process, const char *program, const char *const *options)
{
    char config[PATH_SIZE], log[PATH_SIZE], *arguments[PROCESS_OPTIONS_MAX + 4];
    const char *words[PROCESS_OPTIONS_MAX + 4] = {program, "--config", config};
    posix_spawn_file_actions_t files;

    for (size_t i = 0; options[i] != NULL; i++) {
        CHECK(i < PROCESS_OPTIONS_MAX);
        words[3 + i] = options[i];
    }
    memcpy(arguments, words, sizeof(arguments)); // posix_spawn changes none of them
    put_path(process, "idunno.conf", config);
    put_path(process, "log", log);
    CHECK_INT(posix_spawn_file_actions_init(&files), 0);
    CHECK_INT(posix_spawn_file_actions_addopen(
                  &files, STDERR_FILENO, log, O_WRONLY | O_CREAT | O_APPEND, 0600),
        0);
    CHECK_INT(posix_spawn(&process->pid, program, &files, NULL, arguments, environ), 0);
    (void)posix_spawn_file_actions_destroy(&files);
}

void process_kill(struct process *process)
{
    if (process->pid == 0)
        return;
    (void)kill(process->pid, SIGKILL);
    (void)waitpid(process->pid, NULL, 0);
    process->pid = 0;
}

static int remove_one(const char *path, const struct stat *status, int type, struct FTW *at)
{
    (void)status;
    (void)type;
    (void)at;
    return remove(path);
}

void process_close(struct process *process)
{
    process_kill(process);
    (void)nftw(process->folder, remove_one, FOLDERS_OPEN, FTW_DEPTH | FTW_PHYS);
}

const char *process_log(const struct process *process)
{
    static char text[PROCESS_LOG_SIZE];
    FILE *file = open_file(process, "log", "r");

    text[fread(text, 1, sizeof(text) - 1, file)] = '\0';
    (void)fclose(file);
    return text;
}

struct idn_sha256 process_list_digest(const struct process *process)
{
    struct idn_sha256 digest;
    char path[PATH_SIZE];

    put_path(process, "d0.list", path);
    CHECK_INT(idn_sha256_of_file(path, &digest, NULL), 0);
    return digest;
}

uint64_t process_clock_ms(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}
