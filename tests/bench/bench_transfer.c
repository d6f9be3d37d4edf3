//  How fast the library stores and fetches, against a cluster in this process with its data below the given folder.
//
//      bench_transfer [MIB] [SMALL FILES] [ROUNDS]
//
//  tests/bench/run measures real processes; this is for profiling one side.

#include "../unit/cluster_fixture.h"
#include "fst_log.h"
#include <malloc.h>
#include <sys/resource.h>

static double
s_cpu_s (void)
{
    struct rusage usage;
    getrusage (RUSAGE_SELF, &usage);
    return (double) (usage.ru_utime.tv_sec + usage.ru_stime.tv_sec)
         + (double) (usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

static void
s_check (filestore_t *client, fst_rc_t rc)
{
    if (rc == FST_OK)
        return;
    fprintf (stderr, "%s\n", filestore_problem (client));
    exit (1);
}

static void
s_report (const char *what, int64_t begun_us, double cpu_s, double amount, const char *unit)
{
    double seconds = (double) (zclock_usecs () - begun_us) / 1e6;
    printf ("%-12s %7.3f s  %9.0f %s/s  %6.2f cpu-s\n", what, seconds, amount / seconds, unit, s_cpu_s () - cpu_s);
    fflush (stdout);
}

static void
s_fill (const char *name, size_t bytes)
{
    static uint8_t data [1 << 20];
    FILE *file = fopen (name, "wb");
    assert (file);
    for (size_t left = bytes; left; left -= left < sizeof (data)? left: sizeof (data)) {
        randombytes_buf (data, left < sizeof (data)? left: sizeof (data));
        fwrite (data, 1, left < sizeof (data)? left: sizeof (data), file);
    }
    fclose (file);
}

static void
s_large (cluster_t *cluster, const char *local, const char *back, double mib)
{
    sync ();
    int64_t begun_us = zclock_usecs ();
    double cpu_s = s_cpu_s ();
    filestore_put_t put = { .local = local, .path = "large" };
    s_check (cluster->client, filestore_put_files (cluster->client, &put, 1, NULL));
    s_report ("put", begun_us, cpu_s, mib, "MiB");
    sync ();
    begun_us = zclock_usecs ();
    cpu_s = s_cpu_s ();
    filestore_get_t get = { .path = "large", .local = back };
    s_check (cluster->client, filestore_get_files (cluster->client, &get, 1, NULL));
    s_report ("get", begun_us, cpu_s, mib, "MiB");
    unlink (back);
}

static void
s_small (cluster_t *cluster, size_t count, int round)
{
    filestore_put_t *puts = calloc (count, sizeof (*puts));
    filestore_get_t *gets = calloc (count, sizeof (*gets));
    for (size_t at = 0; at < count; at++) {
        char name [300];
        snprintf (name, sizeof (name), "%s/small-%zu", cluster->bus.folder, at);
        puts [at].local = strdup (name);
        snprintf (name, sizeof (name), "%s/back-%d-%zu", cluster->bus.folder, round, at);
        gets [at].local = strdup (name);
        snprintf (name, sizeof (name), "small/%zu", at);
        puts [at].path = gets [at].path = strdup (name);
        s_fill (puts [at].local, 4096);
    }
    s_check (cluster->client, filestore_make_folder (cluster->client, "small", true));
    sync ();
    int64_t begun_us = zclock_usecs ();
    double cpu_s = s_cpu_s ();
    s_check (cluster->client, filestore_put_files (cluster->client, puts, count, NULL));
    s_report ("put small", begun_us, cpu_s, (double) count, "files");
    begun_us = zclock_usecs ();
    cpu_s = s_cpu_s ();
    s_check (cluster->client, filestore_get_files (cluster->client, gets, count, NULL));
    s_report ("get small", begun_us, cpu_s, (double) count, "files");
    //  What was fetched stays: ext4 is slow to create where many files were deleted
    for (size_t at = 0; at < count; at++) {
        free ((char *) puts [at].local);
        free ((char *) gets [at].local);
        free ((char *) puts [at].path);
    }
    free (puts);
    free (gets);
}

int
main (int argc, char *argv [])
{
    size_t mib = argc > 1? (size_t) atoi (argv [1]): 1024;
    size_t small = argc > 2? (size_t) atoi (argv [2]): 2000;
    int rounds = argc > 3? atoi (argv [3]): 3;
    fst_log_set_level (FST_LOG_WARNING);
    umask (077);
    mallopt (M_ARENA_MAX, 2);           //  As filestored does
    mallopt (M_MMAP_THRESHOLD, 16 << 20);
    mallopt (M_TRIM_THRESHOLD, 64 << 20);
    static const char *const settings [] = { NULL };        //  As a cluster is by itself
    cluster_t *cluster = cluster_new (3, settings);
    char local [256], back [256];
    snprintf (local, sizeof (local), "%s/local", cluster->bus.folder);
    snprintf (back, sizeof (back), "%s/back", cluster->bus.folder);
    if (mib)
        s_fill (local, mib << 20);
    for (int round = 0; round < rounds; round++) {
        if (mib)
            s_large (cluster, local, back, (double) mib);
        if (small)
            s_small (cluster, small, round);
    }
    cluster_destroy (&cluster);
    return 0;
}
