//  Limits, memory and signals of a server process.

#include "fst_process.h"
#include <assert.h>
#include <czmq.h>
#include <malloc.h>
#include <poll.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <unistd.h>
#include "fst_clock.h"
#include "fst_log.h"
#include "fst_notify.h"

#define MIB             (1024 * 1024)
#define FILES_WANTED    65536
#define SOCKETS_MAX     65535           //  Of CZMQ, which would else stop at 1024
#define QUIET_MS        2000            //  How often the process looks whether it is quiet

//  At EMFILE libzmq's I/O thread spins and zsock_new aborts.
static void
s_raise_file_limit (void)
{
    struct rlimit limit;
    if (getrlimit (RLIMIT_NOFILE, &limit) || limit.rlim_cur >= FILES_WANTED)
        return;
    struct rlimit raised = { FILES_WANTED, limit.rlim_max > FILES_WANTED? limit.rlim_max: FILES_WANTED };
    if (setrlimit (RLIMIT_NOFILE, &raised) == 0)
        return;
    limit.rlim_cur = limit.rlim_max;    //  Not allowed to go beyond
    if (setrlimit (RLIMIT_NOFILE, &limit) || limit.rlim_cur < 4096)
        fst_log_warning ("few file descriptors are allowed: limit=%ld wanted=%d", (long) limit.rlim_cur, FILES_WANTED);
}

//  Messages of 1 to 8 MiB would each be mapped and unmapped, with a page fault for every 4 KiB; and every
//  thread would keep an arena of its own.
static void
s_tune_memory (void)
{
    mallopt (M_ARENA_MAX, 2);
    mallopt (M_MMAP_THRESHOLD, 16 * MIB);
    mallopt (M_TRIM_THRESHOLD, 64 * MIB);
    mallopt (M_TOP_PAD, MIB / 4);
}

static void
s_ending_signals (sigset_t *set)
{
    sigemptyset (set);
    sigaddset (set, SIGTERM);
    sigaddset (set, SIGINT);
    sigaddset (set, SIGHUP);
}

int
fst_process_prepare (void)
{
    umask (077);
    s_raise_file_limit ();
    s_tune_memory ();
    zsys_set_max_sockets (SOCKETS_MAX);
    signal (SIGPIPE, SIG_IGN);          //  Whoever read our output may go away
    sigset_t set;
    s_ending_signals (&set);
    pthread_sigmask (SIG_BLOCK, &set, NULL);
    int signals = signalfd (-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    assert (signals >= 0);
    return signals;
}

static int64_t
s_cpu_ms (void)
{
    struct timespec used;
    clock_gettime (CLOCK_PROCESS_CPUTIME_ID, &used);
    return (int64_t) used.tv_sec * 1000 + used.tv_nsec / 1000000;
}

//  Quiet is less than 2 % of a core. Only after a burst is there anything to give back.
static void
s_trim_when_quiet (void)
{
    static int64_t at_ms, cpu_ms;
    static bool busy = true;            //  The start is a burst, too
    int64_t now_ms = fst_clock_mono_ms ();
    if (now_ms - at_ms < QUIET_MS)
        return;
    int64_t used_ms = s_cpu_ms () - cpu_ms;
    bool quiet = used_ms * 50 < now_ms - at_ms;
    if (quiet && busy)
        malloc_trim (0);
    busy = !quiet;
    at_ms = now_ms;
    cpu_ms += used_ms;
}

int
fst_process_wait (int signals, int timeout_ms)
{
    int64_t until_ms = fst_clock_mono_ms () + timeout_ms;
    while (true) {
        int64_t left_ms = timeout_ms < 0? QUIET_MS: until_ms - fst_clock_mono_ms ();
        struct pollfd item = { .fd = signals, .events = POLLIN };
        struct signalfd_siginfo info;
        poll (&item, 1, left_ms < 0? 0: left_ms > QUIET_MS? QUIET_MS: (int) left_ms);
        if (read (signals, &info, sizeof (info)) == sizeof (info)) {
            int number = (int) info.ssi_signo == SIGHUP && isatty (STDIN_FILENO)? SIGTERM: (int) info.ssi_signo;
            fst_log_info ("asked to %s signal=%u by_pid=%u by_uid=%u", number == SIGHUP? "read the settings again": "end",
                          info.ssi_signo, info.ssi_pid, info.ssi_uid);
            return number;
        }
        fst_notify_alive ();
        s_trim_when_quiet ();
        if (timeout_ms >= 0 && fst_clock_mono_ms () >= until_ms)
            return 0;
    }
}

int
fst_process_serve (int signals, fst_process_reload_fn *reload, void *arg)
{
    assert (reload);
    fst_notify ("READY=1");
    int number;
    while ((number = fst_process_wait (signals, -1)) == SIGHUP) {
        fst_notify ("RELOADING=1");
        reload (arg);
        fst_notify ("READY=1");
    }
    return number;
}

static void
s_give_up (int signal_number)
{
    static const char line [] = "not waiting any longer for a clean end\n";
    if (write (STDERR_FILENO, line, sizeof (line) - 1) < 0)
        _exit (1);
    _exit (signal_number == SIGALRM? 1: 128 + signal_number);
}

void
fst_process_ending (int limit_s)
{
    fst_notify ("STOPPING=1");
    struct sigaction action = { .sa_handler = s_give_up };
    sigaction (SIGALRM, &action, NULL);
    sigaction (SIGTERM, &action, NULL);
    sigaction (SIGINT, &action, NULL);
    signal (SIGHUP, SIG_IGN);
    alarm ((unsigned) limit_s);
    sigset_t set;
    s_ending_signals (&set);
    pthread_sigmask (SIG_UNBLOCK, &set, NULL);
}
