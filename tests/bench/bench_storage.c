//  One storage node by itself: how fast it takes and gives records that were made before, and what it costs.
//  The node runs in a process of its own, so that its CPU time can be told from the client's.
//
//      bench_storage [MIB [SMALL]]         defaults 1024 and 20000; in TMPDIR

#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include "../unit/storage_world.h"

#define CHUNK_LOG2     20
#define EXTENT_CHUNKS  64
#define WINDOW         8            //  Chunks under way
#define BATCH          64           //  Small records in a message
#define BATCHES        8            //  Messages under way
#define SMALL_BYTES    4096

static world_t s_world;
static zsock_t *s_client;
static int s_ask, s_answer;         //  Pipes to and from the node's process

static double
s_now (void)
{
    struct timespec now;
    clock_gettime (CLOCK_MONOTONIC, &now);
    return (double) now.tv_sec + (double) now.tv_nsec / 1e9;
}

static double
s_cpu (void)
{
    struct rusage usage;
    getrusage (RUSAGE_SELF, &usage);
    return (double) (usage.ru_utime.tv_sec + usage.ru_stime.tv_sec)
         + (double) (usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

//  CPU time of the node so far.
static double
s_node_cpu (void)
{
    double cpu = 0;
    ssize_t rc = write (s_ask, "c", 1);
    assert (rc == 1);
    rc = read (s_answer, &cpu, sizeof (cpu));
    assert (rc == sizeof (cpu));
    return cpu;
}

static void
s_serve (int ask, int answer)
{
    mallopt (M_ARENA_MAX, 2);       //  As filestored does
    mallopt (M_MMAP_THRESHOLD, 16 << 20);
    mallopt (M_TRIM_THRESHOLD, 64 << 20);
    mallopt (M_TOP_PAD, 256 << 10);
    world_t world = s_world;
    world_open_at (&world);
    world_start_storage (&world);
    char what;
    double cpu = 0;
    ssize_t rc = write (answer, &cpu, sizeof (cpu));
    assert (rc == sizeof (cpu));
    while (read (ask, &what, 1) == 1) {
        cpu = s_cpu ();
        rc = write (answer, &cpu, sizeof (cpu));
        assert (rc == sizeof (cpu));
    }
    world_close (&world);
}

static pid_t
s_start_node (void)
{
    int ask [2], answer [2];
    int rc = pipe2 (ask, O_CLOEXEC);
    assert (rc == 0);
    rc = pipe2 (answer, O_CLOEXEC);
    assert (rc == 0);
    pid_t pid = fork ();
    assert (pid >= 0);
    if (pid == 0) {
        close (ask [1]);
        s_serve (ask [0], answer [1]);
        exit (0);
    }
    close (ask [0]);
    s_ask = ask [1];
    s_answer = answer [0];
    double ready;
    rc = (int) read (s_answer, &ready, sizeof (ready));
    assert (rc == sizeof (ready));
    return pid;
}

//  ---- Client

static void
s_must (fst_rc_t rc)
{
    if (rc != FST_OK) {
        fprintf (stderr, "refused: %s\n", fst_error_code (rc));
        exit (1);
    }
}

static void
s_nothing (void *data, void *hint)
{
    (void) data;
    (void) hint;
}

//  The head, then the records straight from their buffers.
static void
s_send_records (json_t *payload, const test_record_t *records, size_t count)
{
    char id [FST_ID_TEXT_BYTES + 1];
    fst_id_new (id);
    zframe_t *head = fst_envelope_request_encode (id, "STORE", NULL, payload);
    json_decref (payload);
    zsock_set_sndtimeo (s_client, WORLD_WAIT_MS);
    int rc = zframe_send (&head, s_client, ZFRAME_MORE);
    assert (rc == 0);
    for (size_t at = 0; at < count; at++) {
        zmq_msg_t message;
        zmq_msg_init_data (&message, records [at].data, records [at].bytes, s_nothing, NULL);
        rc = zmq_msg_send (&message, zsock_resolve (s_client), at + 1 < count? ZMQ_SNDMORE: 0);
        assert (rc >= 0);
    }
}

static json_t *
s_seal_payload (fst_blob_id_t blob, int extent)
{
    char hex [2 * FST_BLOB_BYTES + 1];
    fst_hex_encode (blob.bytes, FST_BLOB_BYTES, hex);
    return json_pack ("{s:s, s:s, s:i, s:i}", "capability", world_capability (&s_world, FST_RIGHT_WRITE, blob, 600000),
                      "blob", hex, "extent", extent, "chunks", EXTENT_CHUNKS);
}

static void
s_store_all (fst_blob_id_t blob, const test_record_t *records, size_t count)
{
    size_t sent = 0, under_way = 0, seals = 0;
    while (sent < count || under_way || seals) {
        while (sent < count && under_way < WINDOW) {
            s_send_records (json_pack ("{s:s}", "capability",
                            world_capability (&s_world, FST_RIGHT_WRITE, blob, 600000)), &records [sent], 1);
            sent++;
            under_way++;
            if (sent % EXTENT_CHUNKS == 0) {
                world_send (s_client, "SEAL", s_seal_payload (blob, (int) (sent / EXTENT_CHUNKS) - 1), NULL);
                seals++;
            }
        }
        json_t *reply;
        s_must (world_receive (s_client, &reply, NULL));
        if (json_object_get (reply, "receipt"))
            seals--;
        else
            under_way--;
        json_decref (reply);
    }
}

static void
s_retrieve_all (fst_blob_id_t blob, size_t count, int per_request)
{
    char hex [2 * FST_BLOB_BYTES + 1];
    fst_hex_encode (blob.bytes, FST_BLOB_BYTES, hex);
    const char *capability = world_capability (&s_world, FST_RIGHT_READ, blob, 600000);
    size_t asked = 0, got = 0;
    while (got < count) {
        while (asked < count && asked - got < WINDOW) {
            world_send (s_client, "RETRIEVE", json_pack ("{s:s, s:s, s:i, s:i, s:i}", "capability", capability,
                        "blob", hex, "extent", (int) (asked / EXTENT_CHUNKS), "slot", (int) (asked % EXTENT_CHUNKS),
                        "count", per_request), NULL);
            asked += (size_t) per_request;
        }
        zmsg_t *frames;
        s_must (world_receive (s_client, NULL, &frames));
        got += zmsg_size (frames);
        zmsg_destroy (&frames);
    }
}

static void
s_store_small (uint8_t upload, const test_record_t *records, size_t count)
{
    size_t sent = 0, under_way = 0;
    while (sent < count || under_way) {
        while (sent < count && under_way < BATCHES) {
            size_t batch = count - sent < BATCH? count - sent: BATCH;
            s_send_records (json_pack ("{s:s, s:b}", "capability", world_capability (&s_world, FST_RIGHT_WRITE,
                            test_blob (upload, 0), 600000), "seal", 1), &records [sent], batch);
            sent += batch;
            under_way++;
        }
        s_must (world_receive (s_client, NULL, NULL));
        under_way--;
    }
}

static void
s_retrieve_small (uint8_t upload, size_t count)
{
    size_t asked = 0, got = 0;
    while (got < count) {
        while (asked < count && asked - got < 64) {
            char hex [2 * FST_BLOB_BYTES + 1];
            fst_blob_id_t blob = test_blob (upload, (uint32_t) asked++);
            fst_hex_encode (blob.bytes, FST_BLOB_BYTES, hex);
            world_send (s_client, "RETRIEVE", json_pack ("{s:s, s:s, s:i, s:i}", "capability",
                        world_capability (&s_world, FST_RIGHT_READ, blob, 600000), "blob", hex, "extent", 0, "slot", 0), NULL);
        }
        s_must (world_receive (s_client, NULL, NULL));
        got++;
    }
}

//  ---- Figures

static double s_from, s_node_from, s_own_from;

static void
s_begin (void)
{
    s_node_from = s_node_cpu ();
    s_own_from = s_cpu ();
    s_from = s_now ();
}

static void
s_end (const char *what, double amount, const char *unit)
{
    double wall = s_now () - s_from, node = s_node_cpu () - s_node_from, own = s_cpu () - s_own_from;
    printf ("%-22s %8.3f s  %9.2f %s  node %.3f CPU-s  client %.3f CPU-s\n", what, wall, amount / wall, unit, node, own);
    fflush (stdout);
}

static void
s_run (size_t mib, size_t small)
{
    double gib = (double) mib / 1024;
    test_record_t *records = calloc (mib > small? mib: small, sizeof (*records));
    assert (records);
    for (uint8_t round = 0; round < 4; round++) {
        fst_blob_id_t blob = test_blob (round, 0);
        for (size_t chunk = 0; chunk < mib; chunk++)
            records [chunk] = test_record (blob, (uint32_t) chunk, EXTENT_CHUNKS, CHUNK_LOG2, 0, false, 1);
        s_begin ();
        s_store_all (blob, records, mib);
        s_end ("store and seal", gib, "GiB/s");
        for (int count = 1; count <= 4; count *= 4) {
            s_begin ();
            s_retrieve_all (blob, mib, count);
            s_end (count == 1? "retrieve": "retrieve, 4 at once", gib, "GiB/s");
        }
        for (size_t chunk = 0; chunk < mib; chunk++)
            test_record_free (&records [chunk]);

        uint8_t upload = (uint8_t) (100 + round);
        for (size_t at = 0; at < small; at++)
            records [at] = test_small (test_blob (upload, (uint32_t) at), SMALL_BYTES, 1);
        s_begin ();
        s_store_small (upload, records, small);
        s_end ("small, stored", (double) small, "/s");
        s_begin ();
        s_retrieve_small (upload, small);
        s_end ("small, retrieved", (double) small, "/s");
        for (size_t at = 0; at < small; at++)
            test_record_free (&records [at]);
    }
    free (records);
}

int
main (int argc, char *argv [])
{
    size_t mib = argc > 1? strtoul (argv [1], NULL, 10): 1024;
    size_t small = argc > 2? strtoul (argv [2], NULL, 10): 20000;
    mib -= mib % EXTENT_CHUNKS;
    world_make_folder (&s_world);
    pid_t pid = s_start_node ();
    s_world.node_keys = world_keys (&s_world, WORLD_NODE);
    s_client = world_client (&s_world);
    s_run (mib, small);
    zsock_destroy (&s_client);
    fst_keys_destroy (&s_world.node_keys);
    close (s_ask);                  //  Ends the node
    int status;
    waitpid (pid, &status, 0);
    char *command = zsys_sprintf ("rm -rf '%s'", s_world.folder);
    int rc = system (command);
    free (command);
    return WIFEXITED (status) && WEXITSTATUS (status) == 0 && rc == 0? 0: 1;
}
