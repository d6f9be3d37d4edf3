//  Snapshots: what was sealed opens again with the same key, and nothing else does.

#include "fst_snapshot.h"
#include <criterion/criterion.h>
#include <czmq.h>
#include <sodium.h>

static char s_folder [64];
static fst_disk_t *s_disk;
static uint8_t s_key [FST_KEY_BYTES];

static void
s_setup (void)
{
    strcpy (s_folder, "/tmp/snapshot-XXXXXX");
    cr_assert (mkdtemp (s_folder));
    cr_assert_eq (fst_disk_open (s_folder, &s_disk), FST_OK);
    randombytes_buf (s_key, sizeof (s_key));
}

static void
s_teardown (void)
{
    fst_disk_destroy (&s_disk);
    zdir_t *folder = zdir_new (s_folder, NULL);
    zdir_remove (folder, true);
    zdir_destroy (&folder);
}

TestSuite (snapshot, .init = s_setup, .fini = s_teardown, .timeout = 280);

static void
s_put (const char *name, const void *data, size_t bytes)
{
    fst_disk_file_t *file = NULL;
    cr_assert_eq (s_disk->open (s_disk->self, name, true, &file), FST_OK);
    cr_assert_eq (s_disk->write (s_disk->self, file, 0, data, bytes), FST_OK);
    s_disk->close (s_disk->self, &file);
}

//  Caller frees.
static uint8_t *
s_get (const char *name, size_t *bytes_p)
{
    fst_disk_file_t *file = NULL;
    int64_t bytes;
    cr_assert_eq (s_disk->open (s_disk->self, name, false, &file), FST_OK);
    cr_assert_eq (s_disk->size (s_disk->self, file, &bytes), FST_OK);
    uint8_t *data = malloc ((size_t) bytes + 1);
    cr_assert_eq (s_disk->read (s_disk->self, file, 0, data, (size_t) bytes, bytes_p), FST_OK);
    s_disk->close (s_disk->self, &file);
    return data;
}

static bool
s_there (const char *name)
{
    char path [128];
    snprintf (path, sizeof (path), "%s/%s", s_folder, name);
    return zfile_exists (path);
}

static fst_snapshot_t
s_seal (const uint8_t *plain, size_t bytes)
{
    fst_snapshot_t snapshot = { .run = { 1, 2, 3 }, .sequence = 77, .time_ms = 1800000000000 };
    s_put ("plain", plain, bytes);
    cr_assert_eq (fst_snapshot_seal (s_disk, "plain", "sealed", &snapshot, s_key, NULL), FST_OK);
    cr_assert_eq (s_disk->unlink (s_disk->self, "plain"), FST_OK);
    return snapshot;
}

static fst_rc_t
s_open (const uint8_t *key)
{
    return fst_snapshot_open (s_disk, "sealed", s_disk, "opened", key);
}

Test (snapshot, opens_to_what_was_sealed_whatever_its_length)
{
    static const size_t lengths [] = { 0, 1, 65535, 65536, 65537, 3 * 65536, 200000 };
    for (size_t at = 0; at < sizeof (lengths) / sizeof (lengths [0]); at++) {
        uint8_t *plain = malloc (lengths [at] + 1);
        randombytes_buf (plain, lengths [at]);
        fst_snapshot_t made = s_seal (plain, lengths [at]), seen;
        cr_assert_eq (fst_snapshot_look (s_disk, "sealed", &seen), FST_OK, "%zu", lengths [at]);
        cr_expect_eq (seen.sequence, 77);
        cr_expect_eq (seen.time_ms, 1800000000000);
        cr_expect_eq (seen.bytes, (int64_t) lengths [at]);
        cr_expect_arr_eq (seen.run, made.run, sizeof (made.run));
        cr_assert_eq (s_open (s_key), FST_OK);
        size_t bytes;
        uint8_t *opened = s_get ("opened", &bytes);
        cr_expect_eq (bytes, lengths [at]);
        cr_expect_eq (memcmp (opened, plain, bytes), 0);
        free (opened);
        free (plain);
        cr_assert_eq (s_disk->unlink (s_disk->self, "opened"), FST_OK);
        cr_assert_eq (s_disk->unlink (s_disk->self, "sealed"), FST_OK);
    }
}

Test (snapshot, another_key_is_told_from_damage)
{
    uint8_t other [FST_KEY_BYTES];
    randombytes_buf (other, sizeof (other));
    s_seal ((const uint8_t *) "namespace", 9);
    cr_expect_eq (s_open (other), FST_DENIED);
    cr_expect (!s_there ("opened"));
}

Test (snapshot, any_damaged_octet_is_found)
{
    uint8_t plain [70000];
    randombytes_buf (plain, sizeof (plain));
    s_seal (plain, sizeof (plain));
    size_t bytes;
    uint8_t *sealed = s_get ("sealed", &bytes);
    for (size_t at = 0; at < bytes; at += at < FST_SNAPSHOT_HEADER_BYTES + 20? 1: 997) {
        sealed [at] ^= 1 << at % 8;
        s_put ("sealed", sealed, bytes);
        fst_rc_t rc = s_open (s_key);
        cr_expect (rc == FST_CORRUPT || (rc == FST_DENIED && at >= 40 && at < 48), "octet %zu: %s", at, fst_error_code (rc));
        cr_expect (!s_there ("opened"));
        sealed [at] ^= 1 << at % 8;
    }
    s_put ("sealed", sealed, bytes);
    cr_expect_eq (s_open (s_key), FST_OK);
    free (sealed);
}

Test (snapshot, a_cut_one_does_not_open)
{
    uint8_t plain [2 * 65536];
    randombytes_buf (plain, sizeof (plain));
    s_seal (plain, sizeof (plain));
    size_t bytes;
    fst_snapshot_t seen;
    uint8_t *sealed = s_get ("sealed", &bytes);
    size_t lengths [] = { 0, 10, FST_SNAPSHOT_HEADER_BYTES, FST_SNAPSHOT_HEADER_BYTES + 65536 + 17, bytes - 17, bytes - 1 };
    for (size_t at = 0; at < sizeof (lengths) / sizeof (lengths [0]); at++) {
        cr_assert_eq (s_disk->unlink (s_disk->self, "sealed"), FST_OK);
        s_put ("sealed", sealed, lengths [at]);
        cr_expect_eq (fst_snapshot_look (s_disk, "sealed", &seen), FST_CORRUPT);
        cr_expect_eq (s_open (s_key), FST_CORRUPT);
    }
    free (sealed);
}

Test (snapshot, sealing_stops_when_asked_and_leaves_nothing)
{
    atomic_bool stop = true;
    fst_snapshot_t snapshot = { .sequence = 1 };
    s_put ("plain", "x", 1);
    cr_expect_eq (fst_snapshot_seal (s_disk, "plain", "sealed", &snapshot, s_key, &stop), FST_INTERRUPTED);
    cr_expect (!s_there ("sealed"));
}
