//  Load with a precise history: several clients of libfilestore, each in its thread, and one JSON line for each operation
//  with the times at which it began and ended (CLOCK_MONOTONIC, microseconds, the same for all processes of a machine).
//
//      load --config CLIENT.ZPL --session FILE [--set NAME=VALUE]... [--number N] [--workers N] [--seed N]
//           [--seconds N] FOLDER MODE [ARGUMENT]
//
//  MODE is one of
//      mix [CELLS]     puts, gets, stats, moves, deletes and lists in FOLDER/cell-0, ..., and files that are written once
//                      in FOLDER/keep (made beforehand)
//      puts [BYTES]    new files in FOLDER, one after the other
//      gets            FOLDER is a file: get it, again and again
//      read            get the files that are named on standard input, one a line; FOLDER does not matter
//
//  Every content says by itself what it should be: it begins with a number of its own, from which the rest follows. The
//  number is the file's modified_ms as well, so stat and ls say which content they mean. Numbers are never used twice by
//  processes with different --number.

#include <czmq.h>
#include <fcntl.h>
#include <getopt.h>
#include <inttypes.h>
#include <pthread.h>
#include <unistd.h>
#include "filestore.h"

#define WORKERS_MAX    32
#define NAMES           3           //  Files in a cell
#define HEAD_BYTES     16           //  Number and size
#define NUMBER_SHIFT   24

static struct {
    const char *config, *session, *folder, *mode, *argument;
    const char *sets [16];
    int sets_count;
    int64_t number, workers, seed, seconds;
} s_args = { .number = 1, .workers = 1, .seconds = 10 };

static pthread_mutex_t s_output = PTHREAD_MUTEX_INITIALIZER;
static int64_t s_until_us;

typedef struct {
    int number;                     //  Of this worker
    filestore_t *store;
    uint64_t random;
    int64_t next_value;
    char *local;                    //  Its file on this side
} s_worker_t;

//  What one operation was.
typedef struct {
    const char *name;
    int cell;                       //  -1: none
    char from [256], to [256];
    int64_t value, bytes;
    int64_t began_us, ended_us, gap_us;     //  gap: the longest time without any progress
    int64_t moved_us;               //  When it last went forward
    int64_t moved_bytes;
    fst_rc_t rc;
    bool wrong;                     //  The content is not what its head says
    json_t *seen;                   //  What a read saw
} s_op_t;

static int64_t
s_now_us (void)
{
    struct timespec now;
    clock_gettime (CLOCK_MONOTONIC, &now);
    return (int64_t) now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

static uint64_t
s_mix (uint64_t value)
{
    value += 0x9e3779b97f4a7c15;
    value = (value ^ value >> 30) * 0xbf58476d1ce4e5b9;
    value = (value ^ value >> 27) * 0x94d049bb133111eb;
    return value ^ value >> 31;
}

static uint64_t
s_random (s_worker_t *self, uint64_t below)
{
    self->random += 0x9e3779b97f4a7c15;
    return s_mix (self->random) % below;
}

//  ---- Content

//  Octets of the content with this number and size, from at on.
static void
s_content (int64_t value, int64_t size, int64_t at, uint8_t *data, size_t bytes)
{
    for (size_t done = 0; done < bytes;) {
        int64_t word = (at + (int64_t) done) / 8;
        size_t skip = (size_t) ((at + (int64_t) done) % 8), part = 8 - skip;
        uint64_t octets = word == 0? (uint64_t) value: word == 1? (uint64_t) size
                        : s_mix ((uint64_t) value * 0x100000001b3 + (uint64_t) word);
        if (part > bytes - done)
            part = bytes - done;
        memcpy (data + done, (uint8_t *) &octets + skip, part);
        done += part;
    }
}

static void
s_moved (s_op_t *op, int64_t bytes)
{
    int64_t now_us = s_now_us ();
    if (bytes == op->moved_bytes)
        return;
    op->moved_bytes = bytes;
    if (now_us - op->moved_us > op->gap_us)
        op->gap_us = now_us - op->moved_us;
    op->moved_us = now_us;
}

static bool
s_progress (void *arg, int64_t done_bytes, int64_t total_bytes)
{
    (void) total_bytes;
    s_moved (arg, done_bytes);
    return true;
}

typedef struct {
    int64_t value, size, at;
} s_source_t;

static fst_rc_t
s_read (void *arg, void *data, size_t bytes, size_t *got_p)
{
    s_source_t *self = arg;
    int64_t left = self->size - self->at;
    *got_p = left < (int64_t) bytes? (size_t) left: bytes;
    s_content (self->value, self->size, self->at, data, *got_p);
    self->at += (int64_t) *got_p;
    return FST_OK;
}

//  Compares what comes with what it should be.
typedef struct {
    s_op_t *op;
    uint8_t head [HEAD_BYTES];
    int64_t value, size, at;
    bool wrong;
} s_sink_t;

static fst_rc_t
s_write (void *arg, const void *data, size_t bytes)
{
    s_sink_t *self = arg;
    static __thread uint8_t expected [65536];
    s_moved (self->op, self->at + (int64_t) bytes);
    const uint8_t *octets = data;
    while (bytes) {
        size_t part = bytes < sizeof (expected)? bytes: sizeof (expected);
        if (self->at < HEAD_BYTES) {
            if (part > (size_t) (HEAD_BYTES - self->at))
                part = (size_t) (HEAD_BYTES - self->at);
            memcpy (self->head + self->at, octets, part);
            memcpy (&self->value, self->head, 8);
            memcpy (&self->size, self->head + 8, 8);
        }
        else {
            s_content (self->value, self->size, self->at, expected, part);
            self->wrong = self->wrong || memcmp (expected, octets, part) != 0;
        }
        self->at += (int64_t) part;
        octets += part;
        bytes -= part;
    }
    return FST_OK;
}

//  ---- Operations

static void
s_begin (s_op_t *op, const char *name, int cell)
{
    *op = (s_op_t) { .name = name, .cell = cell };
    op->began_us = op->moved_us = s_now_us ();
}

static void
s_end (s_worker_t *self, s_op_t *op, fst_rc_t rc)
{
    op->ended_us = s_now_us ();
    if (op->ended_us - op->moved_us > op->gap_us)
        op->gap_us = op->ended_us - op->moved_us;
    json_t *line = json_pack ("{s:I, s:s, s:i, s:s, s:s, s:I, s:I, s:I, s:I, s:I, s:s, s:b, s:o?}",
                              "worker", (json_int_t) (s_args.number * WORKERS_MAX + self->number), "op", op->name,
                              "cell", op->cell, "from", op->from, "to", op->to, "value", (json_int_t) op->value,
                              "bytes", (json_int_t) op->bytes, "began", (json_int_t) op->began_us,
                              "ended", (json_int_t) op->ended_us, "gap", (json_int_t) op->gap_us,
                              "rc", fst_error_code (rc), "wrong", op->wrong, "seen", op->seen);
    assert (line);
    if (rc != FST_OK)
        json_object_set_new (line, "problem", json_string (filestore_problem (self->store)));
    char *text = json_dumps (line, JSON_COMPACT);
    pthread_mutex_lock (&s_output);
    puts (text);
    fflush (stdout);
    pthread_mutex_unlock (&s_output);
    free (text);
    json_decref (line);
}

//  Write what is to be stored to the worker's file, to be put from there.
static void
s_fill_local (s_worker_t *self, int64_t value, int64_t size)
{
    static __thread uint8_t data [65536];
    FILE *file = fopen (self->local, "wb");
    assert (file);
    for (int64_t at = 0; at < size; at += (int64_t) sizeof (data)) {
        size_t part = size - at < (int64_t) sizeof (data)? (size_t) (size - at): sizeof (data);
        s_content (value, size, at, data, part);
        size_t written = fwrite (data, 1, part, file);
        assert (written == part);
    }
    fclose (file);
}

static void
s_put (s_worker_t *self, const char *name, int cell, const char *path, int64_t size)
{
    s_op_t op;
    int64_t value = ++self->next_value;
    bool local = s_random (self, 2) == 0;
    if (local)
        s_fill_local (self, value, size);
    s_begin (&op, name, cell);
    snprintf (op.to, sizeof (op.to), "%s", path);
    op.value = value;
    op.bytes = size;
    filestore_put_options_t options = { .modified_ms = value, .progress = s_progress, .progress_arg = &op };
    fst_rc_t rc;
    if (local) {
        filestore_put_t file = { .local = self->local, .path = path };
        rc = filestore_put_files (self->store, &file, 1, &options);
        free (file.problem);
    }
    else {
        s_source_t from = { .value = value, .size = size };
        filestore_source_t source = { &from, s_read };
        rc = filestore_put (self->store, path, &source, &options, NULL);
    }
    s_end (self, &op, rc);
}

static void
s_get (s_worker_t *self, int cell, const char *path)
{
    s_op_t op;
    s_begin (&op, "get", cell);
    snprintf (op.from, sizeof (op.from), "%s", path);
    s_sink_t to = { .op = &op };
    filestore_sink_t sink = { &to, s_write };
    fst_rc_t rc = filestore_get (self->store, path, &sink, NULL);
    if (rc == FST_OK) {
        op.bytes = to.at;
        op.wrong = to.wrong || to.at < HEAD_BYTES || to.at != to.size;
        op.seen = json_integer (to.value);
    }
    s_end (self, &op, rc);
}

static void
s_stat (s_worker_t *self, int cell, const char *path)
{
    s_op_t op;
    json_t *entry = NULL;
    s_begin (&op, "stat", cell);
    snprintf (op.from, sizeof (op.from), "%s", path);
    fst_rc_t rc = filestore_stat (self->store, path, &entry);
    if (rc == FST_OK)
        op.seen = json_incref (json_object_get (entry, "modified_ms"));
    json_decref (entry);
    s_end (self, &op, rc);
}

static fst_rc_t
s_list_entry (void *arg, const filestore_entry_t *entry)
{
    json_object_set_new (arg, entry->name, json_integer (entry->modified_ms));
    return FST_OK;
}

static void
s_list (s_worker_t *self, int cell, const char *folder)
{
    s_op_t op;
    s_begin (&op, "list", cell);
    snprintf (op.from, sizeof (op.from), "%s", folder);
    op.seen = json_object ();
    s_end (self, &op, filestore_list (self->store, folder, s_list_entry, op.seen));
}

static void
s_move (s_worker_t *self, int cell, const char *from, const char *to)
{
    s_op_t op;
    s_begin (&op, "move", cell);
    snprintf (op.from, sizeof (op.from), "%s", from);
    snprintf (op.to, sizeof (op.to), "%s", to);
    s_end (self, &op, filestore_move (self->store, from, to, true));
}

static void
s_delete (s_worker_t *self, int cell, const char *path)
{
    s_op_t op;
    s_begin (&op, "delete", cell);
    snprintf (op.from, sizeof (op.from), "%s", path);
    s_end (self, &op, filestore_delete (self->store, path, false, s_random (self, 2) == 0));
}

//  ---- Modes

//  Small ones mostly; some of several chunks.
static int64_t
s_any_size (s_worker_t *self, int64_t most)
{
    int bits = 5 + (int) s_random (self, 22);
    int64_t size = HEAD_BYTES + (int64_t) s_random (self, (uint64_t) 1 << bits);
    return size < most? size: HEAD_BYTES + (int64_t) s_random (self, 4096);
}

static void
s_mixed (s_worker_t *self)
{
    int cells = s_args.argument? atoi (s_args.argument): 8;
    char folder [200], one [256], other [256];
    while (s_now_us () < s_until_us) {
        int cell = (int) s_random (self, (uint64_t) cells), name = (int) s_random (self, NAMES);
        snprintf (folder, sizeof (folder), "%s/cell-%d", s_args.folder, cell);
        snprintf (one, sizeof (one), "%s/%c", folder, 'a' + name);
        snprintf (other, sizeof (other), "%s/%c", folder, 'a' + (name + 1 + (int) s_random (self, NAMES - 1)) % NAMES);
        switch (s_random (self, 12)) {
            case 0: case 1: case 2:
                s_put (self, "put", cell, one, s_any_size (self, 3 << 20));
                break;
            case 3: case 4:
                s_get (self, cell, one);
                break;
            case 5: case 6:
                s_stat (self, cell, one);
                break;
            case 7: case 8:
                s_move (self, cell, one, other);
                break;
            case 9:
                s_delete (self, cell, one);
                break;
            case 10:
                s_list (self, cell, folder);
                break;
            default:
                snprintf (one, sizeof (one), "%s/keep/%" PRId64, s_args.folder, self->next_value + 1);
                s_put (self, "keep", -1, one, s_any_size (self, 6 << 20));
        }
    }
}

static void
s_puts (s_worker_t *self)
{
    int64_t size = s_args.argument? atoll (s_args.argument): 4096;
    char path [256];
    while (s_now_us () < s_until_us) {
        snprintf (path, sizeof (path), "%s/%" PRId64, s_args.folder, self->next_value + 1);
        s_put (self, "keep", -1, path, size);
    }
}

static void
s_gets (s_worker_t *self)
{
    while (s_now_us () < s_until_us)
        s_get (self, -1, s_args.folder);
}

static void
s_reads (s_worker_t *self)
{
    char path [256];
    while (true) {
        pthread_mutex_lock (&s_output);
        bool more = fgets (path, sizeof (path), stdin) != NULL;
        pthread_mutex_unlock (&s_output);
        if (!more)
            break;
        path [strcspn (path, "\n")] = 0;
        s_get (self, -1, path);
    }
}

static const struct {
    const char *name;
    void (*run) (s_worker_t *self);
} s_modes [] = { { "mix", s_mixed }, { "puts", s_puts }, { "gets", s_gets }, { "read", s_reads } };

//  ---- Workers

static void
s_fatal (const char *what)
{
    fprintf (stderr, "load: %s\n", what);
    exit (2);
}

static filestore_t *
s_connect (void)
{
    char *problem = NULL, token [1024] = "";
    filestore_t *store = NULL;
    fst_config_t *config = fst_config_new ();
    fst_rc_t rc = fst_config_load (config, s_args.config, &problem);
    for (int at = 0; rc == FST_OK && at < s_args.sets_count; at++)
        rc = fst_config_assign (config, s_args.sets [at], &problem);
    if (rc == FST_OK)
        rc = filestore_new (config, &store, &problem);
    if (rc != FST_OK)
        s_fatal (problem);
    fst_config_destroy (&config);
    FILE *file = fopen (s_args.session, "r");
    if (!file || !fgets (token, sizeof (token), file))
        s_fatal ("no session");
    fclose (file);
    token [strcspn (token, "\n")] = 0;
    rc = filestore_use_token (store, token);
    if (rc != FST_OK)
        s_fatal (filestore_problem (store));
    return store;
}

static void *
s_work (void *arg)
{
    s_worker_t *self = arg;
    self->store = s_connect ();
    self->random = (uint64_t) s_args.seed * 1000003 + (uint64_t) (s_args.number * WORKERS_MAX + self->number);
    self->next_value = (s_args.number * WORKERS_MAX + self->number) << NUMBER_SHIFT;
    self->local = zsys_sprintf ("%s.%" PRId64 ".%d", s_args.session, s_args.number, self->number);
    for (size_t at = 0; at < sizeof (s_modes) / sizeof (*s_modes); at++)
        if (streq (s_modes [at].name, s_args.mode))
            s_modes [at].run (self);
    unlink (self->local);
    free (self->local);
    filestore_destroy (&self->store);
    return NULL;
}

static void
s_read_arguments (int argc, char *argv [])
{
    static const struct option options [] = {
        { "config", 1, NULL, 'c' }, { "session", 1, NULL, 't' }, { "set", 1, NULL, 's' }, { "number", 1, NULL, 'n' },
        { "workers", 1, NULL, 'w' }, { "seed", 1, NULL, 'r' }, { "seconds", 1, NULL, 'd' }, { NULL, 0, NULL, 0 }
    };
    int option;
    while ((option = getopt_long (argc, argv, "", options, NULL)) != -1)
        switch (option) {
            case 'c': s_args.config = optarg; break;
            case 't': s_args.session = optarg; break;
            case 's': if (s_args.sets_count < 16) s_args.sets [s_args.sets_count++] = optarg; break;
            case 'n': s_args.number = atoll (optarg); break;
            case 'w': s_args.workers = atoll (optarg); break;
            case 'r': s_args.seed = atoll (optarg); break;
            case 'd': s_args.seconds = atoll (optarg); break;
            default: exit (2);
        }
    if (argc - optind < 2 || !s_args.config || !s_args.session || s_args.workers < 1 || s_args.workers > WORKERS_MAX)
        s_fatal ("arguments");
    s_args.folder = argv [optind];
    s_args.mode = argv [optind + 1];
    s_args.argument = argv [optind + 2];
}

int
main (int argc, char *argv [])
{
    s_read_arguments (argc, argv);
    s_until_us = s_now_us () + s_args.seconds * 1000000;
    s_worker_t workers [WORKERS_MAX] = { { 0 } };
    pthread_t threads [WORKERS_MAX];
    for (int at = 0; at < s_args.workers; at++) {
        workers [at].number = at;
        if (pthread_create (&threads [at], NULL, s_work, &workers [at]))
            s_fatal ("no thread");
    }
    for (int at = 0; at < s_args.workers; at++)
        pthread_join (threads [at], NULL);
    return 0;
}
