// The store's life cycle and its face to the caller's thread: everything here only queues work or
// hands out what the two threads finished.
#include "broker/store.h"

#include "base/assert.h"
#include "broker/letter.h"
#include "broker/store_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

struct completion_item {
    struct idn_queue_item item;
    struct idn_completion completion;
};

static void *allocate(size_t size)
{
    void *memory = calloc(1, size);

    IDN_ASSERT(memory != NULL);
    return memory;
}

// ---- open

static int open_directory(struct idn_store *store, struct idn_reason *reason)
{
    const char *name = store->directory;

    if (mkdir(name, S_IRWXU) < 0 && errno != EEXIST)
        return idn_reason_set(
            reason, -errno, "cannot make the state directory %.200s: %s", name, strerror(errno));
    store->directory_fd = open(name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (store->directory_fd < 0)
        return idn_reason_set(
            reason, -errno, "cannot open the state directory %.200s: %s", name, strerror(errno));
    return 0;
}

static int take_lock(struct idn_store *store, struct idn_reason *reason)
{
    const char *name = store->directory;

    store->lock_fd =
        openat(store->directory_fd, "lock", O_RDWR | O_CREAT | O_CLOEXEC, S_IRUSR | S_IWUSR);
    if (store->lock_fd < 0)
        return idn_reason_set(reason, -errno,
            "the state directory %.200s is not writable: %s; name one that this user may write to",
            name, strerror(errno));
    if (flock(store->lock_fd, LOCK_EX | LOCK_NB) == 0)
        return 0;
    if (errno == EWOULDBLOCK)
        return idn_reason_set(reason, -EBUSY,
            "another broker uses the state directory %.200s; stop it, or name another directory",
            name);
    return idn_reason_set(
        reason, -errno, "cannot lock the state directory %.200s: %s", name, strerror(errno));
}

static int open_files(const struct idn_store_config *config, struct idn_store *store,
    struct idn_store_report *report, struct idn_reason *reason)
{
    struct idn_store_evidence evidence;

    idn_highwater_init(&store->highwater, store->directory_fd);
    int error = idn_store_gather(store, config->accept_lost_tail, &evidence, reason);
    if (error == 0)
        error = idn_store_connect(store->directory, true, &store->writer_db, reason);
    if (error < 0)
        return error;
    // A database that lost its schema with its log stays as it is, for verify to say so.
    bool may_create =
        config->accept_lost_tail || config->has_peer || evidence.highwater.mark.position == 0;
    error = idn_store_schema(store->writer_db, may_create, store->directory, reason);
    if (error < 0 && idn_store_is_damaged(store->writer_db))
        return idn_store_read_error(store, store->writer_db, reason);
    if (error < 0)
        return error;
    if (!config->accept_lost_tail)
        error = idn_store_verify(store, &evidence, report, reason);
    if (config->accept_lost_tail || error == IDN_STORE_TAIL_LOST)
        error = idn_store_repair(store, &evidence, config->accept_lost_tail, report, reason);
    return error;
}

// The letter is looked at before anything is touched, and kept when all is well.
static int open_as(const struct idn_store_config *config, struct idn_store *store,
    struct idn_store_report *report, struct idn_reason *reason)
{
    bool known = config->letter == 0;
    int error = open_directory(store, reason);

    if (error == 0)
        error = take_lock(store, reason);
    if (error == 0 && !known)
        error =
            idn_letter_check(store->directory_fd, store->directory, config->letter, &known, reason);
    if (error == 0)
        error = open_files(config, store, report, reason);
    if (error == 0 && !known)
        error = idn_letter_keep(store->directory_fd, store->directory, config->letter, reason);
    return error;
}

static struct idn_store *new_store(const char *directory)
{
    struct idn_store *store = allocate(sizeof(*store));

    (void)snprintf(store->directory, sizeof(store->directory), "%s", directory);
    store->directory_fd = store->lock_fd = store->highwater.fd = -1;
    store->event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    IDN_ASSERT(store->event_fd >= 0);
    idn_queue_init(&store->commits);
    idn_queue_init(&store->reads);
    idn_queue_init(&store->completions);
    IDN_ASSERT(idn_codec_new(&store->codec) == 0);
    IDN_ASSERT(idn_codec_new(&store->reader_codec) == 0);
    return store;
}

int idn_store_open(const struct idn_store_config *config, struct idn_store **ret,
    struct idn_store_report *ret_report, struct idn_reason *reason)
{
    struct idn_store_report report = {0};

    if (strlen(config->directory) >= IDN_PATH_SIZE - 32)
        return idn_reason_set(reason, -ENAMETOOLONG,
            "the state directory's path is longer than %d bytes", IDN_PATH_SIZE - 32);
    struct idn_store *store = new_store(config->directory);
    store->has_peer = config->has_peer;
    int error = open_as(config, store, &report, reason);
    if (error < 0) {
        idn_store_close(&store);
        return error;
    }
    *ret = store;
    *ret_report = report;
    return 0;
}

// Signals belong to the main thread.
static int start_threads(struct idn_store *store)
{
    sigset_t all, before;

    (void)sigfillset(&all);
    IDN_ASSERT(pthread_sigmask(SIG_SETMASK, &all, &before) == 0);
    int error = pthread_create(&store->writer, NULL, idn_store_writer_main, store);
    if (error == 0) {
        error = pthread_create(&store->reader, NULL, idn_store_reader_main, store);
        if (error != 0) {
            idn_queue_close(&store->commits);
            (void)pthread_join(store->writer, NULL);
        }
    }
    IDN_ASSERT(pthread_sigmask(SIG_SETMASK, &before, NULL) == 0);
    store->started = error == 0;
    return -error;
}

// By its path, as the next start would look for it; -errno.
static int find_file(const struct idn_store *store, const char *name, struct idn_store_file *ret)
{
    char path[IDN_PATH_SIZE + sizeof(IDN_STORE_LOG)];
    struct stat status;

    (void)snprintf(path, sizeof(path), "%s/%s", store->directory, name);
    if (stat(path, &status) < 0)
        return -errno;
    *ret = (struct idn_store_file){.device = status.st_dev, .inode = status.st_ino};
    return 0;
}

int idn_store_start(struct idn_store *store, struct idn_reason *reason)
{
    int error = idn_store_connect(store->directory, false, &store->reader_db, reason);

    store->told = store->mark.position;
    (void)find_file(store, IDN_STORE_DATABASE, &store->database);
    (void)find_file(store, IDN_STORE_LOG, &store->log);
    if (error == 0) {
        error = start_threads(store);
        if (error < 0)
            (void)idn_reason_set(
                reason, error, "cannot start the store's threads: %s", strerror(-error));
    }
    return error;
}

// ---- close

static void release(const struct idn_completion *completion)
{
    free(completion->bytes);
    free(completion->fact);
}

static void drain(struct idn_store *store)
{
    struct idn_queue_item *item;

    while ((item = idn_queue_take(&store->commits, 0)) != NULL)
        idn_store_commit_destroy((struct idn_store_commit *)item);
    while ((item = idn_queue_take(&store->reads, 0)) != NULL)
        free(item);
    while ((item = idn_queue_take(&store->completions, 0)) != NULL) {
        release(&((struct completion_item *)item)->completion);
        free(item);
    }
}

void idn_store_close(struct idn_store **store)
{
    struct idn_store *closed = *store;

    if (closed == NULL)
        return;
    *store = NULL;
    // The reader first: the writer's last checkpoint needs the log for itself.
    idn_queue_close(&closed->reads);
    if (closed->started)
        (void)pthread_join(closed->reader, NULL);
    (void)sqlite3_close_v2(closed->reader_db);
    idn_queue_close(&closed->commits);
    if (closed->started)
        (void)pthread_join(closed->writer, NULL);
    (void)sqlite3_close_v2(closed->writer_db);
    idn_highwater_fini(&closed->highwater);
    drain(closed);
    idn_queue_fini(&closed->commits);
    idn_queue_fini(&closed->reads);
    idn_queue_fini(&closed->completions);
    idn_codec_destroy(&closed->codec);
    idn_codec_destroy(&closed->reader_codec);
    idn_closep(&closed->event_fd);
    idn_closep(&closed->directory_fd);
    idn_closep(&closed->lock_fd); // last: until here nobody else may open
    free(closed);
}

// ---- commits

void idn_store_summarise(struct idn_store *store, const struct idn_summary *summary)
{
    if (store->failed)
        return;
    struct idn_store_commit *commit = allocate(sizeof(*commit));
    commit->is_summary = true;
    commit->summary = *summary;
    (void)idn_queue_push(&store->commits, &commit->item);
}

// ---- reads

static void push_read(struct idn_store *store, const struct idn_store_read *wanted)
{
    if (store->failed)
        return;
    struct idn_store_read *read = allocate(sizeof(*read));
    *read = *wanted;
    read->after = idn_queue_ticket(&store->commits);
    (void)idn_queue_push(&store->reads, &read->item);
}

void idn_store_read_page(struct idn_store *store, uint64_t tag, const struct idn_key *job,
    const struct idn_job_spec *spec, uint32_t from, uint32_t most, uint32_t filter)
{
    push_read(store, &(struct idn_store_read){.type = IDN_STORE_READ_PAGE,
                         .tag = tag,
                         .job = *job,
                         .spec = *spec,
                         .from = from,
                         .most = most,
                         .filter = filter});
}

void idn_store_read_list(
    struct idn_store *store, uint64_t tag, const struct idn_key *job, uint64_t offset)
{
    push_read(store, &(struct idn_store_read){
                         .type = IDN_STORE_READ_LIST, .tag = tag, .job = *job, .offset = offset});
}

void idn_store_refold(struct idn_store *store, const struct idn_key *job,
    const struct idn_job_spec *spec, bool states)
{
    push_read(
        store, &(struct idn_store_read){
                   .type = IDN_STORE_READ_REFOLD, .job = *job, .spec = *spec, .states = states});
}

void idn_store_read_facts(
    struct idn_store *store, uint64_t after, const struct idn_origin *find, uint32_t finds)
{
    struct idn_store_read read = {.type = IDN_STORE_READ_FACTS, .position = after, .finds = finds};

    IDN_ASSERT(finds <= IDN_MIRROR_FINDS_MAX);
    if (finds > 0)
        memcpy(read.find, find, finds * sizeof(*find));
    push_read(store, &read);
}

// ---- completions

void idn_store_complete(struct idn_store *store, const struct idn_completion *completion)
{
    if (store->failed) {
        release(completion);
        return;
    }
    struct completion_item *item = allocate(sizeof(*item));
    item->completion = *completion;
    (void)idn_queue_push(&store->completions, &item->item);
    (void)eventfd_write(store->event_fd, 1);
}

void idn_store_fail(struct idn_store *store, const struct idn_reason *reason)
{
    struct idn_completion completion = {.type = IDN_COMPLETION_FAILED};

    (void)snprintf(completion.text, sizeof(completion.text), "%.*s",
        (int)sizeof(completion.text) - 1, reason->text);
    struct completion_item *item = allocate(sizeof(*item));
    item->completion = completion;
    if (atomic_exchange(&store->failed, true)) {
        free(item);
        return;
    }
    (void)idn_queue_push(&store->completions, &item->item);
    (void)eventfd_write(store->event_fd, 1);
    idn_queue_close(&store->commits);
    idn_queue_close(&store->reads);
}

int idn_store_fd(const struct idn_store *store)
{
    return store->event_fd;
}

bool idn_store_next(struct idn_store *store, struct idn_completion *ret)
{
    struct idn_queue_item *item = idn_queue_take(&store->completions, 0);

    if (item == NULL) {
        // Cleared before the second look, so that one that comes in between is not missed.
        eventfd_t ignored;
        (void)eventfd_read(store->event_fd, &ignored);
        item = idn_queue_take(&store->completions, 0);
    }
    if (item == NULL)
        return false;
    *ret = ((struct completion_item *)item)->completion;
    free(item);
    return true;
}

int idn_store_space(const struct idn_store *store, uint64_t *ret_free, uint64_t *ret_used)
{
    static const char *const names[] = {
        IDN_STORE_DATABASE, IDN_STORE_LOG, IDN_STORE_DATABASE "-shm", "highwater"};
    struct statvfs system;
    struct stat status;
    uint64_t used = 0;

    if (fstatvfs(store->directory_fd, &system) < 0)
        return -errno;
    for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
        if (fstatat(store->directory_fd, names[i], &status, 0) == 0)
            used += (uint64_t)status.st_size;
    *ret_free = (uint64_t)system.f_bavail * system.f_frsize;
    *ret_used = used;
    return 0;
}

// A file that cannot be looked at for another reason may well be there.
static bool is_gone(
    const struct idn_store *store, const char *name, const struct idn_store_file *before)
{
    struct idn_store_file now = {0};
    int error = find_file(store, name, &now);

    if (before->inode == 0 || (error < 0 && error != -ENOENT && error != -ENOTDIR))
        return false;
    return error < 0 || now.device != before->device || now.inode != before->inode;
}

int idn_store_check(const struct idn_store *store, struct idn_reason *reason)
{
    const char *gone = is_gone(store, IDN_STORE_DATABASE, &store->database) ? IDN_STORE_DATABASE
                       : is_gone(store, IDN_STORE_LOG, &store->log)         ? IDN_STORE_LOG
                                                                            : NULL;

    if (gone == NULL)
        return 0;
    return idn_reason_set(reason, -ESTALE,
        "%s in %.150s was removed, moved or replaced while this broker used it, and what is stored "
        "from now on would not be found again; %s",
        gone, store->directory,
        store->has_peer ? "start again with an empty directory, and the other broker fills it"
                        : "put the directory back as it was before you start again");
}
