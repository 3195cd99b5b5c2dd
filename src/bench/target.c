/*
 * Our own server writes its log to a file in its data directory, which is read again from the start
 * when something is asked of it: that is seldom, and needs no thread or pipe.
 */
#include "bench/target.h"

#include "base/clock.h"
#include "base/mem.h"
#include "bench/die.h"
#include "bench/others.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

enum { ARGS_MAX = 64, LINE = 4096, START_US = 30 * 1000 * 1000, POLL_US = 2000 };

/* For the end of the program, from whichever thread that comes. */
static _Atomic pid_t own_pid;
static atomic_bool ending;

static void know_pid(struct target *t, int pid)
{
    t->pid = pid;
    if (pid && clock_getcpuclockid(pid, &t->cpu) != 0)
        die("there is no process %d", pid);
}

void target_set(struct target *t, const char *url, int pid)
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *found;
    char name[TARGET_HOST];
    if (strncmp(url, "http://", 7) != 0 || strlen(url + 7) >= sizeof t->host)
        die("--url: http:// and a host, like http://127.0.0.1:8080, not %s", url);
    snprintf(t->host, sizeof t->host, "%s", url + 7);
    t->host[strcspn(t->host, "/")] = 0;
    snprintf(name, sizeof name, "%s", t->host + (t->host[0] == '['));
    char *end = strpbrk(name, t->host[0] == '[' ? "]" : ":"), *port = end ? strchr(end, ':') : NULL;
    if (end)
        *end = 0;
    int failed = getaddrinfo(name, port ? port + 1 : "80", &hints, &found);
    if (failed)
        die("%s: %s", url, gai_strerror(failed));
    memcpy(&t->address, found->ai_addr, found->ai_addrlen);
    t->address_size = found->ai_addrlen;
    freeaddrinfo(found);
    know_pid(t, pid);
}

/* ----- our own ----- */

void target_suspend(void)
{
    atomic_store(&ending, true);
    if (own_pid)
        kill(own_pid, SIGSTOP);
}

void target_abandon(void)
{
    if (own_pid) {
        kill(own_pid, SIGKILL);
        waitpid(own_pid, NULL, 0);
    }
}

static void run_server(const struct target *t, const char *data, int cpu, char **args, int n)
{
    const char *argv[ARGS_MAX] = {"whispd",
                                  "serve",
                                  "--data",
                                  data,
                                  "--listen=127.0.0.1:0",
                                  "--management-listen=127.0.0.1:0",
                                  "--log-format=json",
                                  "--drain-spread=0s",
                                  "--message-rate=off",
                                  "--request-rate=off",
                                  "--key-rate=off"};
    int argc = 0, log = open(t->log, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    while (argv[argc])
        argc++;
    for (int i = 0; i < n && argc < ARGS_MAX - 1; i++)
        argv[argc++] = args[i];
    cpu_set_t set;
    CPU_ZERO(&set);
    if (cpu >= 0) {
        CPU_SET((size_t)cpu, &set);
        sched_setaffinity(0, sizeof set, &set);
    }
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    dup2(log, STDERR_FILENO);
    dup2(open("/dev/null", O_RDWR), STDOUT_FILENO);
    execv("/proc/self/exe", (char **)argv);
    _exit(127);
}

/* The last line of its log that has the text; false: there is none. */
static bool last_line(const struct target *t, const char *text, char out[LINE])
{
    char line[LINE];
    bool found = false;
    FILE *f = fopen(t->log, "re");
    while (f && fgets(line, sizeof line, f)) {
        if (strstr(line, text)) {
            memcpy(out, line, sizeof line);
            found = true;
        }
    }
    if (f)
        fclose(f);
    return found;
}

/* Once the program ends, a server that does not start is no news. */
static void stay_if_ending(void)
{
    while (atomic_load(&ending))
        pause();
}

static void complain(const struct target *t)
{
    stay_if_ending();
    char line[LINE];
    FILE *f = fopen(t->log, "re");
    while (f && fgets(line, sizeof line, f))
        fputs(line, stderr);
    die("the server did not start");
}

void target_start(struct target *t, const char *data, int cpu, char **args, int n)
{
    char line[LINE] = "", *url;
    *t = (struct target){.own = true};
    snprintf(t->log, sizeof t->log, "%s/bench.log", data);
    unlink(t->log);
    stay_if_ending();
    own_pid = fork();
    if (own_pid == 0)
        run_server(t, data, cpu, args, n);
    int64_t until = clock_mono() + START_US;
    while (!last_line(t, "\"event\":\"ready\"", line)) {
        if (waitpid(own_pid, NULL, WNOHANG) != 0) {
            own_pid = 0;
            complain(t);
        }
        if (clock_mono() > until)
            complain(t);
        usleep(POLL_US);
    }
    if (!(url = strstr(line, "\"api\":\"")))
        die("the server does not say where it listens: %s", line);
    url += 7;
    url[strcspn(url, "\"")] = 0;
    target_set(t, url, own_pid);
}

void target_stop(struct target *t)
{
    char line[LINE] = "";
    int status = 0;
    must(t->own && own_pid);
    kill(own_pid, SIGTERM);
    waitpid(own_pid, &status, 0);
    own_pid = 0;
    t->pid = 0;
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
        die("the server did not end well: see %s", t->log);
    const char *commits =
        last_line(t, "\"event\":\"stopped\"", line) ? strstr(line, "\"commits\":") : NULL;
    t->commits = commits ? strtoll(commits + 10, NULL, 10) : 0;
}

/* ----- from outside ----- */

int target_connect(const struct target *t, unsigned source, int flags)
{
    int on = 1, fd = socket(t->address.ss_family, SOCK_STREAM | SOCK_CLOEXEC | flags, 0);
    struct sockaddr_in from = {.sin_family = AF_INET, .sin_addr = {htonl(0x7f000002 + source)}};
    const struct sockaddr_in *to = (const struct sockaddr_in *)&t->address;
    bool loopback = to->sin_family == AF_INET && ntohl(to->sin_addr.s_addr) >> 24 == IN_LOOPBACKNET;
    if (fd < 0 ||
        (loopback && (setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on) < 0 ||
                      bind(fd, (struct sockaddr *)&from, sizeof from) < 0)) ||
        (connect(fd, (const struct sockaddr *)&t->address, t->address_size) < 0 &&
         errno != EINPROGRESS) ||
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) < 0)
        die("%s: %s", t->host, strerror(errno));
    return fd;
}

double target_cpu(const struct target *t)
{
    return t->pid ? others_clock(t->cpu) : 0;
}

long target_resident(const struct target *t)
{
    char path[64], line[256];
    long kib = 0;
    snprintf(path, sizeof path, "/proc/%d/status", t->pid);
    FILE *f = t->pid ? fopen(path, "re") : NULL;
    while (f && fgets(line, sizeof line, f))
        sscanf(line, "VmRSS: %ld", &kib);
    if (f)
        fclose(f);
    return kib;
}

size_t target_said(const struct target *t, const char *text)
{
    char line[LINE];
    size_t n = 0;
    FILE *f = t->own ? fopen(t->log, "re") : NULL;
    while (f && fgets(line, sizeof line, f))
        n += strstr(line, text) != NULL;
    if (f)
        fclose(f);
    return n;
}
