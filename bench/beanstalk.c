// beanstalkd's side of bench/dispatch.py: puts jobs, then reserves and deletes them over several
// connections at once, and prints how many a second. Its protocol is text (doc/protocol.txt there).
//
// usage: bench-beanstalk PORT JOBS CONNECTIONS BYTES
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { CONNECTIONS_MAX = 64, BYTES_MAX = 32 * 1024, LINE_MAX_BYTES = 224 };

static struct {
    unsigned port, bytes;
    long jobs;
    atomic_long left; // to be reserved
} bench;

static _Noreturn void give_up(const char *what, const char *why)
{
    (void)fprintf(stderr, "bench-beanstalk: %s: %s\n", what, why);
    exit(1);
}

static unsigned long read_number(const char *text, unsigned long most)
{
    char *end;
    unsigned long number = strtoul(text, &end, 10);

    if (*text == '\0' || *end != '\0' || number == 0 || number > most) {
        (void)fprintf(
            stderr, "bench-beanstalk: '%s' is not a whole number from 1 to %lu\n", text, most);
        exit(2);
    }
    return number;
}

static FILE *dial(void)
{
    const struct sockaddr_in address = {.sin_family = AF_INET,
        .sin_port = htons((uint16_t)bench.port),
        .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int at_once = 1, fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (fd < 0 || connect(fd, (const struct sockaddr *)&address, sizeof(address)) != 0 ||
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &at_once, sizeof(at_once)) != 0)
        give_up("cannot connect to beanstalkd", strerror(errno));
    FILE *file = fdopen(fd, "r");
    if (file == NULL)
        give_up("cannot use the connection", strerror(errno));
    return file;
}

// One command and the first line of its answer, which must begin with `wanted`.
static void ask(FILE *file, const void *command, size_t size, const char *wanted, char *ret_line)
{
    if (send(fileno(file), command, size, MSG_NOSIGNAL) != (ssize_t)size ||
        fgets(ret_line, LINE_MAX_BYTES, file) == NULL)
        give_up("beanstalkd hung up", strerror(errno));
    if (strncmp(ret_line, wanted, strlen(wanted)) != 0)
        give_up("beanstalkd answered", ret_line);
}

static void put_all(void)
{
    char command[LINE_MAX_BYTES + BYTES_MAX], line[LINE_MAX_BYTES];
    FILE *file = dial();
    size_t head = (size_t)snprintf(command, LINE_MAX_BYTES, "put 1024 0 600 %u\r\n", bench.bytes);
    size_t size = head + bench.bytes + 2;

    memset(command + head, 'x', bench.bytes);
    command[head + bench.bytes] = '\r';
    command[head + bench.bytes + 1] = '\n';
    for (long i = 0; i < bench.jobs; i++)
        ask(file, command, size, "INSERTED ", line);
    (void)fclose(file);
}

static void take_one(FILE *file)
{
    char line[LINE_MAX_BYTES], command[LINE_MAX_BYTES], body[BYTES_MAX + 2];
    unsigned long long id;

    ask(file, "reserve\r\n", 9, "RESERVED ", line);
    if (sscanf(line, "RESERVED %llu", &id) != 1 || // NOLINT(cert-err34-c)
        fread(body, 1, bench.bytes + 2, file) != bench.bytes + 2)
        give_up("beanstalkd answered", line);
    int size = snprintf(command, sizeof(command), "delete %llu\r\n", id);
    ask(file, command, (size_t)size, "DELETED", line);
}

static void *work(void *unused)
{
    FILE *file = dial();

    (void)unused;
    while (atomic_fetch_sub(&bench.left, 1) > 0)
        take_one(file);
    (void)fclose(file);
    return NULL;
}

static double now_s(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

int main(int argc, char **argv)
{
    pthread_t thread[CONNECTIONS_MAX];

    if (argc != 5) {
        (void)fputs("usage: bench-beanstalk PORT JOBS CONNECTIONS BYTES\n", stderr);
        return 2;
    }
    bench.port = (unsigned)read_number(argv[1], 65535);
    bench.jobs = (long)read_number(argv[2], 100 * 1000 * 1000);
    unsigned long connections = read_number(argv[3], CONNECTIONS_MAX);
    bench.bytes = (unsigned)read_number(argv[4], BYTES_MAX);
    bench.left = bench.jobs;
    put_all();
    double start_s = now_s();
    for (unsigned long i = 0; i < connections; i++)
        if (pthread_create(&thread[i], NULL, work, NULL) != 0)
            give_up("cannot start a thread", strerror(errno));
    for (unsigned long i = 0; i < connections; i++)
        (void)pthread_join(thread[i], NULL);
    (void)printf("%.1f\n", (double)bench.jobs / (now_s() - start_s));
    return 0;
}
