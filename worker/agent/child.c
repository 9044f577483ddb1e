#include "worker/agent/child.h"

#include "base/assert.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define PROGRAM "idunno-infer"

enum { CHILD_SOCKET = 3, SOCKET_BYTES = 2 * IDN_CHILD_PACKET_MAX };

extern char **environ;

static bool is_program(const char *path)
{
    return access(path, X_OK) == 0;
}

int idn_child_find(char ret[static IDN_PATH_SIZE], struct idn_reason *reason)
{
    static const char *const places[] = {"", "../infer/", "../worker/infer/", "../libexec/idunno/"};
    const char *named = getenv("IDUNNO_INFER");
    char folder[IDN_PATH_SIZE - 64], path[IDN_PATH_SIZE];

    if (named != NULL && *named != '\0') {
        if (!is_program(named) || strlen(named) >= IDN_PATH_SIZE)
            return idn_reason_set(reason, -ENOENT, "IDUNNO_INFER = '%.200s' is no program", named);
        memcpy(ret, named, strlen(named) + 1);
        return 0;
    }
    ssize_t length = readlink("/proc/self/exe", folder, sizeof(folder) - 1);
    if (length <= 0)
        return idn_reason_set(reason, -ENOENT,
            "cannot find where this program is (/proc/self/exe): set IDUNNO_INFER to the path "
            "of " PROGRAM);
    folder[length] = '\0';
    *(strrchr(folder, '/') + 1) = '\0';
    for (size_t i = 0; i < sizeof(places) / sizeof(*places); i++) {
        (void)snprintf(path, sizeof(path), "%s%s%s", folder, places[i], PROGRAM);
        if (!is_program(path))
            continue;
        memcpy(ret, path, strlen(path) + 1);
        return 0;
    }
    return idn_reason_set(reason, -ENOENT,
        "cannot find " PROGRAM " in %.200s: install it there, or set IDUNNO_INFER to its path",
        folder);
}

// Default signals, an empty mask, our end of the pair as descriptor 3, nothing else of ours; what
// darknet prints on stdout goes to stderr.
static int spawn(struct idn_child *child, int socket, char **arguments)
{
    posix_spawn_file_actions_t files;
    posix_spawnattr_t attributes;
    sigset_t none, all;

    (void)sigemptyset(&none);
    (void)sigfillset(&all);
    (void)posix_spawn_file_actions_init(&files);
    (void)posix_spawn_file_actions_addopen(&files, STDIN_FILENO, "/dev/null", 0, 0);
    (void)posix_spawn_file_actions_adddup2(&files, STDERR_FILENO, STDOUT_FILENO);
    (void)posix_spawn_file_actions_adddup2(&files, socket, CHILD_SOCKET);
    (void)posix_spawn_file_actions_addclosefrom_np(&files, CHILD_SOCKET + 1);
    (void)posix_spawnattr_init(&attributes);
    (void)posix_spawnattr_setsigmask(&attributes, &none);
    (void)posix_spawnattr_setsigdefault(&attributes, &all);
    (void)posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
    int error =
        posix_spawn(&child->pid, child->config.program, &files, &attributes, arguments, environ);
    (void)posix_spawnattr_destroy(&attributes);
    (void)posix_spawn_file_actions_destroy(&files);
    if (error != 0)
        child->pid = 0;
    return -error;
}

static int spawn_program(struct idn_child *child, int socket)
{
    char program[] = PROGRAM, socket_option[] = "--socket", engine_option[] = "--engine",
         algorithm_option[] = "--algorithm", decode_option[] = "--decode",
         threads_option[] = "--threads", replay_option[] = "--replay-us";
    char socket_text[16], engine[32], algorithm[32], decode[8], threads[16], replay_us[24];
    char *arguments[] = {program, socket_option, socket_text, engine_option, engine,
        algorithm_option, algorithm, decode_option, decode, threads_option, threads, replay_option,
        replay_us, NULL};

    (void)snprintf(socket_text, sizeof(socket_text), "%d", (int)CHILD_SOCKET);
    (void)snprintf(engine, sizeof(engine), "%s", child->config.engine);
    (void)snprintf(algorithm, sizeof(algorithm), "%s", child->config.algorithm);
    (void)snprintf(decode, sizeof(decode), "%s", child->config.decode);
    (void)snprintf(threads, sizeof(threads), "%" PRIu32, child->config.threads);
    (void)snprintf(replay_us, sizeof(replay_us), "%" PRIu64, child->config.replay_us);
    return spawn(child, socket, arguments);
}

int idn_child_start(struct idn_child *child, struct idn_reason *reason)
{
    int pair[2], bytes = SOCKET_BYTES;

    IDN_ASSERT(child->pid == 0 && child->socket < 0);
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0)
        return idn_reason_set(reason, -errno, "cannot make a socket pair: %s", strerror(errno));
    // Two slices with the longest paths; less (net.core.wmem_max) means waiting.
    (void)setsockopt(pair[0], SOL_SOCKET, SO_SNDBUF, &bytes, sizeof(bytes));
    (void)setsockopt(pair[1], SOL_SOCKET, SO_SNDBUF, &bytes, sizeof(bytes));
    int error = spawn_program(child, pair[1]);
    (void)close(pair[1]);
    if (error < 0) {
        (void)close(pair[0]);
        return idn_reason_set(
            reason, error, "cannot start %s: %s", child->config.program, strerror(-error));
    }
    child->socket = pair[0];
    child->killed = false;
    child->why[0] = '\0';
    return 0;
}

void idn_child_kill(struct idn_child *child, const char *why)
{
    if (child->pid == 0)
        return;
    if (!child->killed)
        (void)snprintf(child->why, sizeof(child->why), "%s", why);
    child->killed = true;
    (void)kill(child->pid, SIGKILL);
}

// It cannot be spoken to. One that has ended says why itself; any other would wait for ever.
static int kill_mute(struct idn_child *child, size_t size)
{
    char why[IDN_TEXT_SIZE] = "";

    if (errno == EMSGSIZE)
        (void)snprintf(why, sizeof(why),
            "a message of %zu bytes does not fit its socket: raise net.core.wmem_max", size);
    else if (errno != EPIPE && errno != ECONNRESET)
        (void)snprintf(why, sizeof(why), "it cannot be spoken to: %s", strerror(errno));
    idn_child_kill(child, why);
    return -EPIPE;
}

int idn_child_send(struct idn_child *child, const struct idn_child_message *message)
{
    size_t size = idn_child_pack(message, child->packet);

    IDN_ASSERT(size > 0);
    if (child->socket < 0)
        return -EPIPE;
    for (;;) {
        if (send(child->socket, child->packet, size, MSG_NOSIGNAL | MSG_DONTWAIT) >= 0)
            return 0;
        if (errno == EAGAIN || errno == ENOBUFS)
            return IDN_CHILD_FULL;
        if (errno != EINTR)
            return kill_mute(child, size);
    }
}

// The child has closed its end: it ends, or is no use any more.
static int hang_up(struct idn_child *child)
{
    (void)close(child->socket);
    child->socket = -1;
    idn_child_kill(child, "");
    return IDN_CHILD_NOTHING;
}

int idn_child_receive(struct idn_child *child, struct idn_child_message *ret)
{
    if (child->socket < 0)
        return IDN_CHILD_NOTHING;
    struct iovec part = {.iov_base = child->packet, .iov_len = sizeof(child->packet)};
    struct msghdr head = {.msg_iov = &part, .msg_iovlen = 1}; // no room for descriptors
    ssize_t size = recvmsg(child->socket, &head, MSG_DONTWAIT);

    if (size < 0 && (errno == EAGAIN || errno == EINTR))
        return IDN_CHILD_NOTHING;
    if (size <= 0)
        return hang_up(child);
    if ((head.msg_flags & MSG_TRUNC) != 0)
        return -EBADMSG;
    return idn_child_unpack(child->packet, (size_t)size, ret);
}

static enum idn_death tell(
    const struct idn_child *child, int status, char text[static IDN_TEXT_SIZE])
{
    if (child->killed && child->why[0] != '\0')
        (void)snprintf(text, IDN_TEXT_SIZE, "%s", child->why);
    else if (WIFSIGNALED(status))
        (void)snprintf(text, IDN_TEXT_SIZE, "it was killed by signal %d (%s)%s", WTERMSIG(status),
            strsignal(WTERMSIG(status)),
            WTERMSIG(status) == SIGKILL ? ", as the kernel does when memory runs out" : "");
    else
        (void)snprintf(text, IDN_TEXT_SIZE, "it exited with status %d", WEXITSTATUS(status));
    return WIFSIGNALED(status) ? IDN_DEATH_SIGNAL : IDN_DEATH_EXIT;
}

bool idn_child_is_dead(const struct idn_child *child)
{
    siginfo_t info = {0};

    return child->pid > 0 &&
           waitid(P_PID, (id_t)child->pid, &info, WEXITED | WNOHANG | WNOWAIT) == 0 &&
           info.si_pid == child->pid;
}

void idn_child_bury(
    struct idn_child *child, enum idn_death *ret_death, char text[static IDN_TEXT_SIZE])
{
    int status = 0;

    while (waitpid(child->pid, &status, 0) < 0 && errno == EINTR)
        ;
    *ret_death = tell(child, status, text);
    if (child->socket >= 0)
        (void)close(child->socket);
    child->pid = 0;
    child->socket = -1;
}

void idn_child_fini(struct idn_child *child)
{
    if (child->pid > 0) {
        (void)kill(child->pid, SIGKILL);
        while (waitpid(child->pid, NULL, 0) < 0 && errno == EINTR)
            ;
    }
    if (child->socket >= 0)
        (void)close(child->socket);
    child->pid = 0;
    child->socket = -1;
}
