//  How fast one subscriber can follow: many files are made, then all that happened is read page by page, by their owner
//  and by somebody with whom the folder is shared (whose rights are looked up for each event). A whole cluster in this
//  process, its broker and everything between; each page is a request as an actor would make it.
//
//      bench_events [EVENTS] [ROUNDS]

#include "../unit/cluster_fixture.h"
#include "fst_log.h"

#define GROUP   2000                    //  Files of one filestore_put_files

static void
s_check (filestore_t *client, fst_rc_t rc)
{
    if (rc == FST_OK)
        return;
    fprintf (stderr, "%s\n", filestore_problem (client));
    exit (1);
}

static double
s_seconds_since (int64_t begun_us)
{
    return (double) (zclock_usecs () - begun_us) / 1e6;
}

//  Empty files: nothing but names and events.
static void
s_make (filestore_t *client, const char *empty, size_t count)
{
    static char paths [GROUP] [40];
    static filestore_put_t puts [GROUP];
    for (size_t from = 0; from < count; from += GROUP) {
        size_t some = count - from < GROUP? count - from: GROUP;
        for (size_t at = 0; at < some; at++) {
            snprintf (paths [at], sizeof (paths [at]), "shared/%zu", from + at);
            puts [at] = (filestore_put_t) { .local = empty, .path = paths [at] };
        }
        s_check (client, filestore_put_files (client, puts, some, NULL));
    }
}

//  Returns how many there were.
static size_t
s_follow (filestore_t *client, int page)
{
    size_t count = 0;
    json_int_t since = 0;
    bool more = true;
    while (more) {
        json_t *reply = NULL;
        s_check (client, filestore_call (client, "metadata", "LIST_EVENTS",
                                         json_pack ("{s:I, s:i}", "since", since, "limit", page), &reply));
        count += json_array_size (json_object_get (reply, "events"));
        since = json_integer_value (json_object_get (reply, "sequence"));
        more = json_is_true (json_object_get (reply, "more"));
        json_decref (reply);
    }
    return count;
}

static void
s_report (const char *who, filestore_t *client, int page)
{
    int64_t begun_us = zclock_usecs ();
    size_t count = s_follow (client, page);
    double seconds = s_seconds_since (begun_us);
    printf ("%-8s pages of %4d  %7zu events  %9.0f events/s\n", who, page, count, (double) count / seconds);
    fflush (stdout);
}

int
main (int argc, char *argv [])
{
    size_t count = argc > 1? (size_t) atoi (argv [1]): 20000;
    int rounds = argc > 2? atoi (argv [2]): 3;
    fst_log_set_level (FST_LOG_WARNING);
    umask (077);
    static const char *const settings [] = { NULL };        //  As a cluster is by itself
    cluster_t *cluster = cluster_new (3, settings);
    filestore_t *other = cluster_new_client (cluster, "1 h");
    s_check (other, filestore_register (other, "bert", "secret-123", NULL));
    s_check (other, filestore_login (other, "bert", "secret-123", NULL));
    s_check (other, filestore_make_folder (other, "own", true));        //  Now metadata knows them
    s_check (cluster->client, filestore_make_folder (cluster->client, "shared", true));
    s_check (cluster->client, filestore_call (cluster->client, "metadata", "SHARE",
             json_pack ("{s:s, s:s, s:s}", "path", "shared", "user", "bert", "rights", "read"), NULL));
    char empty [256];
    snprintf (empty, sizeof (empty), "%s/empty", cluster->bus.folder);
    FILE *file = fopen (empty, "wb");
    assert (file);
    fclose (file);
    int64_t begun_us = zclock_usecs ();
    s_make (cluster->client, empty, count);
    printf ("made     %zu files, %.0f a second\n", count, (double) count / s_seconds_since (begun_us));
    for (int round = 0; round < rounds; round++) {
        s_report ("owner", cluster->client, 1000);
        s_report ("owner", cluster->client, 200);
        s_report ("guest", other, 1000);
    }
    filestore_destroy (&other);
    cluster_destroy (&cluster);
    return 0;
}
