//  Copying between two nodes, against a plain program that copies the same files and makes them durable.
//
//      bench_pull [MIB [ROUNDS [one]]]     defaults 1024 and 5; in TMPDIR
//
//  Source and target run in two processes, with "one" in one. Each round times the plain copy and the PULL one after
//  the other, so that a machine whose speed drifts changes both.

#include <fcntl.h>
#include <malloc.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include "../unit/pull_world.h"

#define LOG2    20
#define CHUNKS  64
#define SMALL   4096                //  Small blobs, of as many octets
#define PULL    256                 //  Extents in a PULL, at most

static pull_world_t s_pull;

static double
s_now (void)
{
    struct timespec now;
    clock_gettime (CLOCK_MONOTONIC, &now);
    return (double) now.tv_sec + (double) now.tv_nsec / 1e9;
}

//  CPU time of this process: of all, with "one".
static double
s_cpu (void)
{
    struct rusage usage;
    getrusage (RUSAGE_SELF, &usage);
    return (double) (usage.ru_utime.tv_sec + usage.ru_stime.tv_sec)
         + (double) (usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

//  The source, in a process of its own, once go says that the keys are made.
static void
s_serve (int go, int ready)
{
    char octet;
    if (read (go, &octet, 1) != 1)
        exit (1);
    zsys_handler_set (NULL);
    pull_prepare (&s_pull);
    s_pull.world.gate = fst_gate_new ();
    fst_gate_add_node (s_pull.world.gate, "node-2", s_pull.nodes [1].keys->node_key);
    pull_start (&s_pull, 1);
    if (write (ready, "r", 1) != 1)
        exit (1);
    while (read (go, &octet, 1) == 1)
        ;
    pull_stop (&s_pull, 1);
    fst_gate_destroy (&s_pull.world.gate);
    exit (0);
}

static void
s_connect_source (void)
{
    char ticket [FST_PROOF_TEXT_MAX];
    fst_ticket_make (s_pull.nodes [1].keys->node_key, "alice", fst_clock_wall_ms () + 600000, ticket);
    world_check (fst_socket_connect_data (s_pull.nodes [1].endpoint, "alice", ticket, &s_pull.nodes [1].client), "");
}

static double
s_plain (const fst_extent_info_t *infos, int count)
{
    static char buffer [1 << 20];
    double began = s_now ();
    for (int at = 0; at < count; at++) {
        char name [FST_EXTENT_NAME_MAX], from [800], to [800];
        fst_extent_name (&infos [at].blob, infos [at].extent, false, name);
        snprintf (from, sizeof (from), "%s/%s", s_pull.nodes [1].folder, name);
        snprintf (to, sizeof (to), "%s/plain-%d", s_pull.world.folder, at);
        int in = open (from, O_RDONLY), out = open (to, O_WRONLY | O_CREAT | O_TRUNC, 0600);
        assert (in >= 0 && out >= 0);
        ssize_t got;
        while ((got = read (in, buffer, sizeof (buffer))) > 0) {
            ssize_t put = write (out, buffer, (size_t) got);
            assert (put == got);
        }
        int rc = fsync (out);
        assert (rc == 0);
        close (in);
        close (out);
        unlink (to);
    }
    return s_now () - began;
}

static double
s_copy (const fst_extent_info_t *infos, int count)
{
    double began = s_now ();
    for (int from = 0; from < count; from += PULL) {
        int to = from + PULL < count? from + PULL: count;
        json_t *request = pull_request (&s_pull, 60000);
        for (int at = from; at < to; at++)
            pull_add (&s_pull, request, &infos [at], "1");
        json_t *results = pull_run (&s_pull, 0, request, NULL);
        for (int at = from; at < to; at++)
            if (!streq (pull_result (results, (size_t) (at - from)), "done")) {
                fprintf (stderr, "extent %d: %s\n", at, pull_result (results, (size_t) (at - from)));
                exit (1);
            }
        json_decref (results);
    }
    return s_now () - began;
}

static void
s_delete (const fst_extent_info_t *infos, int count)
{
    for (int at = 0; at < count; at++)
        world_check (pull_command (&s_pull, 0, s_pull.world.metadata_keys->token, "DELETE", json_pack ("{s:s, s:[s], s:i}", "run", "0000000000000000",
                     "blobs", pull_hex (infos [at].blob), "sequence", 1), NULL), "delete");
}

static int
s_compare (const void *left, const void *right)
{
    double a = *(const double *) left, b = *(const double *) right;
    return (a > b) - (a < b);
}

static double
s_median (double *values, int count)
{
    qsort (values, (size_t) count, sizeof (double), s_compare);
    return values [count / 2];
}

static void
s_bench_large (int mib, int rounds)
{
    enum { MAX = 1024 };
    static fst_extent_info_t infos [MAX];
    double plain [100], ours [100], ratio [100], plain_cpu = 0, our_cpu = 0;
    int count = mib / CHUNKS;
    assert (count > 0 && count <= MAX && rounds > 0 && rounds <= 100);
    for (int at = 0; at < count; at++)
        pull_upload (&s_pull, 2, test_blob (1, (uint32_t) at), 0, CHUNKS, LOG2, 0, &infos [at]);
    for (int round = -1; round < rounds; round++) {         //  The first one warms up
        int slot = round < 0? 0: round;
        sync ();
        double cpu = s_cpu ();
        plain [slot] = s_plain (infos, count);
        plain_cpu = s_cpu () - cpu;
        sync ();
        cpu = s_cpu ();
        ours [slot] = s_copy (infos, count);
        our_cpu = s_cpu () - cpu;
        ratio [slot] = plain [slot] / ours [slot];
        s_delete (infos, count);
    }
    double share = s_median (ratio, rounds);
    printf ("copy of %d MiB: plain %.2f s, PULL %.2f s; share of the plain speed %.2f (%.2f to %.2f)\n", count * CHUNKS,
            s_median (plain, rounds), s_median (ours, rounds), share, ratio [0], ratio [rounds - 1]);
    printf ("CPU of this process in the last round: plain %.2f s, PULL %.2f s\n", plain_cpu, our_cpu);
}

static void
s_bench_small (int rounds)
{
    static fst_extent_info_t infos [SMALL];
    double rate [100];
    for (int at = 0; at < SMALL; at++)
        pull_upload_small (&s_pull, 2, test_blob (2, (uint32_t) at), SMALL, &infos [at]);
    for (int round = -1; round < rounds; round++) {
        zclock_sleep (300);                                 //  Clients are gone, so that it does not rest
        rate [round < 0? 0: round] = SMALL / s_copy (infos, SMALL);
        s_delete (infos, SMALL);
    }
    printf ("copies of %d small blobs: %.0f a second\n", SMALL, s_median (rate, rounds));
}

int
main (int argc, char *argv [])
{
    int mib = argc > 1? atoi (argv [1]): 1024, rounds = argc > 2? atoi (argv [2]): 5;
    bool one = argc > 3 && streq (argv [3], "one");
    int go [2], ready [2];
    int rc = pipe2 (go, O_CLOEXEC) | pipe2 (ready, O_CLOEXEC);
    assert (rc == 0);
    mallopt (M_ARENA_MAX, 2);           //  As filestored does
    mallopt (M_MMAP_THRESHOLD, 16 << 20);
    mallopt (M_TRIM_THRESHOLD, 64 << 20);
    world_make_folder (&s_pull.world);
    pid_t source = one? 0: fork ();
    if (!one && source == 0) {
        close (go [1]);
        s_serve (go [0], ready [1]);
    }
    world_open_at (&s_pull.world);
    pull_prepare (&s_pull);
    pull_start (&s_pull, 0);
    if (one) {
        fst_gate_add_node (s_pull.world.gate, "node-2", s_pull.nodes [1].keys->node_key);
        pull_start (&s_pull, 1);
    }
    else {
        char octet;
        rc = write (go [1], "g", 1) == 1 && read (ready [0], &octet, 1) == 1;
        assert (rc);
        s_connect_source ();
    }
    s_bench_large (mib, rounds);
    s_bench_small (rounds);
    pull_stop (&s_pull, 0);
    close (go [1]);
    if (!one)
        waitpid (source, NULL, 0);
    pull_close (&s_pull);
    zdir_t *folder = zdir_new (s_pull.world.folder, NULL);
    if (folder)
        zdir_remove (folder, true);
    zdir_destroy (&folder);
    return 0;
}
