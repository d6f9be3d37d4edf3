//  The disk port: the real disk and the one in memory keep the same contract, so that what is tested on the
//  one holds on the other.

#include "fake_disk.h"
#include "fst_disk.h"
#include <criterion/criterion.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char s_folder [256];
static fst_disk_t *s_real;
static fake_disk_t *s_fake;

static void
s_setup (void)
{
    snprintf (s_folder, sizeof (s_folder), "%s/test-disk-XXXXXX", getenv ("TMPDIR")? getenv ("TMPDIR"): "/tmp");
    cr_assert_not_null (mkdtemp (s_folder));
    strcat (s_folder, "/deep/data");
    cr_assert_eq (fst_disk_open (s_folder, &s_real), FST_OK);
    s_fake = fake_disk_new (1);
}

static void
s_teardown (void)
{
    char command [300];
    fst_disk_destroy (&s_real);
    fst_disk_destroy (&s_real);
    fake_disk_destroy (&s_fake);
    s_folder [strlen (s_folder) - strlen ("/deep/data")] = 0;
    snprintf (command, sizeof (command), "rm -rf '%s'", s_folder);
    cr_assert_eq (system (command), 0);
}

TestSuite (disk, .init = s_setup, .fini = s_teardown);

//  Run a check on both.
static void
s_on_both (void (*check) (fst_disk_t *disk))
{
    check (s_real);
    check (fake_disk_port (s_fake));
}

static fst_disk_file_t *
s_open (fst_disk_t *disk, const char *name)
{
    fst_disk_file_t *file = NULL;
    cr_assert_eq (disk->open (disk->self, name, true, &file), FST_OK);
    return file;
}

static void
s_check_contents (fst_disk_t *disk)
{
    static uint8_t data [100000], found [200000];
    fst_disk_file_t *file = s_open (disk, "file");
    size_t got = 99;
    int64_t size = 99;
    for (size_t at = 0; at < sizeof (data); at++)
        data [at] = (uint8_t) (at * 7);
    cr_expect_eq (disk->read (disk->self, file, 0, found, 10, &got), FST_OK);
    cr_expect_eq (got, 0, "it is empty");
    cr_expect_eq (disk->write (disk->self, file, 50000, data, sizeof (data)), FST_OK);
    disk->flush_hint (disk->self, file, 50000, sizeof (data));
    disk->flush_hint (disk->self, file, 0, 0);
    cr_expect_eq (disk->sync (disk->self, file), FST_OK);
    cr_expect_eq (disk->size (disk->self, file, &size), FST_OK);
    cr_expect_eq (size, 150000);
    cr_expect_eq (disk->read (disk->self, file, 0, found, sizeof (found), &got), FST_OK);
    cr_expect_eq (got, 150000, "less only at the end of the file");
    cr_expect (memcmp (found + 50000, data, sizeof (data)) == 0);
    cr_expect_eq (found [49999], 0, "a hole reads as zeros");
    cr_expect_eq (disk->read (disk->self, file, 150001, found, 1, &got), FST_OK);
    cr_expect_eq (got, 0, "behind the end");
    cr_expect_eq (disk->write (disk->self, file, 0, data, 0), FST_OK);
    cr_expect_eq (disk->write (disk->self, file, 49998, "xyz", 3), FST_OK);
    disk->close (disk->self, &file);
    cr_expect_null (file);
    disk->close (disk->self, &file);

    cr_expect_eq (disk->open (disk->self, "file", false, &file), FST_OK);
    cr_expect_eq (disk->read (disk->self, file, 49998, found, 4, &got), FST_OK);
    cr_expect_arr_eq (found, "xyz\7", 4);
    disk->close (disk->self, &file);
}

Test (disk, contents_come_back)
{
    s_on_both (s_check_contents);
}

static void
s_check_names (fst_disk_t *disk)
{
    fst_disk_file_t *file = NULL;
    cr_expect_eq (disk->open (disk->self, "none", false, &file), FST_NOT_FOUND);
    cr_expect_null (file);
    cr_expect_eq (disk->open (disk->self, "none/file", true, &file), FST_IO, "its folder must be there");
    cr_expect_eq (disk->make_folder (disk->self, "folder"), FST_OK);
    cr_expect_eq (disk->make_folder (disk->self, "folder"), FST_OK, "again");
    cr_expect_eq (disk->make_folder (disk->self, "folder/ab"), FST_OK);
    cr_expect_eq (disk->make_folder (disk->self, "none/ab"), FST_NOT_FOUND);
    cr_expect_eq (disk->open (disk->self, "folder", true, &file), FST_IO, "it is a folder");
    file = s_open (disk, "folder/ab/x");
    disk->close (disk->self, &file);
    cr_expect_eq (disk->make_folder (disk->self, "folder/ab/x"), FST_IO, "a file of that name");
    cr_expect_eq (disk->sync_folder (disk->self, "folder/ab"), FST_OK);
    cr_expect_eq (disk->sync_folder (disk->self, "."), FST_OK);
    cr_expect_eq (disk->sync_folder (disk->self, "none"), FST_NOT_FOUND);
    cr_expect_eq (disk->rename (disk->self, "folder/ab/x", "y"), FST_OK);
    cr_expect_eq (disk->rename (disk->self, "folder/ab/x", "y"), FST_NOT_FOUND);
    cr_expect_eq (disk->rename (disk->self, "y", "none/y"), FST_NOT_FOUND);
    file = s_open (disk, "z");
    disk->close (disk->self, &file);
    cr_expect_eq (disk->rename (disk->self, "y", "z"), FST_OK, "over another");
    cr_expect_eq (disk->unlink (disk->self, "y"), FST_NOT_FOUND);
    cr_expect_eq (disk->unlink (disk->self, "z"), FST_OK);
    cr_expect_eq (disk->unlink (disk->self, "z"), FST_NOT_FOUND);
}

Test (disk, names_of_files_and_folders)
{
    s_on_both (s_check_names);
}

static void
s_check_open_file_outlives_its_name (fst_disk_t *disk)
{
    char found [3];
    size_t got;
    fst_disk_file_t *file = s_open (disk, "file");
    cr_expect_eq (disk->write (disk->self, file, 0, "abc", 3), FST_OK);
    cr_expect_eq (disk->rename (disk->self, "file", "other"), FST_OK);
    cr_expect_eq (disk->unlink (disk->self, "other"), FST_OK);
    cr_expect_eq (disk->read (disk->self, file, 0, found, 3, &got), FST_OK);
    cr_expect_arr_eq (found, "abc", 3);
    disk->close (disk->self, &file);
}

Test (disk, open_file_outlives_its_name)
{
    s_on_both (s_check_open_file_outlives_its_name);
}

typedef struct {
    fst_disk_t *disk;
    int count;
    int stop_at;
} s_listing_t;

static fst_rc_t
s_each (void *arg, const char *file)
{
    s_listing_t *listing = arg;
    char path [64];
    cr_expect_eq (strncmp (file, "file-", 5), 0, "%s", file);
    listing->count++;
    snprintf (path, sizeof (path), "listed/%s", file);
    if (!listing->stop_at)
        cr_expect_eq (listing->disk->unlink (listing->disk->self, path), FST_OK);
    return listing->count == listing->stop_at? FST_INTERRUPTED: FST_OK;
}

static void
s_check_list (fst_disk_t *disk)
{
    cr_expect_eq (disk->make_folder (disk->self, "listed"), FST_OK);
    cr_expect_eq (disk->make_folder (disk->self, "listed/folder"), FST_OK);
    for (int number = 0; number < 300; number++) {
        char name [32];
        snprintf (name, sizeof (name), "listed/file-%d", number);
        fst_disk_file_t *file = s_open (disk, name);
        disk->close (disk->self, &file);
    }
    s_listing_t listing = { disk, 0, 5 };
    cr_expect_eq (disk->list (disk->self, "listed", s_each, &listing), FST_INTERRUPTED);
    cr_expect_eq (listing.count, 5);
    listing = (s_listing_t) { disk, 0, 0 };
    cr_expect_eq (disk->list (disk->self, "listed", s_each, &listing), FST_OK);
    cr_expect_eq (listing.count, 300, "files only, though each was deleted when it was listed");
    listing.count = 0;
    cr_expect_eq (disk->list (disk->self, "listed", s_each, &listing), FST_OK);
    cr_expect_eq (listing.count, 0);
    cr_expect_eq (disk->list (disk->self, "none", s_each, &listing), FST_NOT_FOUND);
}

Test (disk, lists_files)
{
    s_on_both (s_check_list);
}

static void
s_check_space (fst_disk_t *disk)
{
    fst_disk_space_t space = { .free = -1 };
    cr_expect_eq (disk->space (disk->self, true, &space), FST_OK);
    cr_expect_gt (space.capacity, 0);
    cr_expect (space.free >= 0 && space.free <= space.capacity);
    cr_expect (!space.read_only);
}

Test (disk, says_how_much_space_there_is)
{
    s_on_both (s_check_space);
}

typedef struct { fst_disk_t *disk; int number; } s_writer_t;

static void *
s_write_many (void *arg)
{
    s_writer_t *writer = arg;
    fst_disk_t *disk = writer->disk;
    for (int round = 0; round < 50; round++) {
        char name [32], other [40];
        snprintf (name, sizeof (name), "thread-%d-%d", writer->number, round);
        snprintf (other, sizeof (other), "%s.done", name);
        fst_disk_file_t *file = NULL;
        cr_assert_eq (disk->open (disk->self, name, true, &file), FST_OK);
        cr_assert_eq (disk->write (disk->self, file, 0, name, strlen (name)), FST_OK);
        disk->close (disk->self, &file);
        cr_assert_eq (disk->rename (disk->self, name, other), FST_OK);
    }
    return NULL;
}

static void
s_check_threads (fst_disk_t *disk)
{
    pthread_t threads [4];
    s_writer_t writers [4];
    for (int index = 0; index < 4; index++) {
        writers [index] = (s_writer_t) { disk, index };
        cr_assert_eq (pthread_create (&threads [index], NULL, s_write_many, &writers [index]), 0);
    }
    for (int index = 0; index < 4; index++)
        pthread_join (threads [index], NULL);
    fst_disk_file_t *file = NULL;
    cr_expect_eq (disk->open (disk->self, "thread-3-49.done", false, &file), FST_OK);
    disk->close (disk->self, &file);
}

Test (disk, different_names_from_any_thread)
{
    s_on_both (s_check_threads);
}

Test (disk, files_are_for_their_owner_only)
{
    struct stat info;
    umask (0);
    fst_disk_file_t *file = s_open (s_real, "file");
    s_real->close (s_real->self, &file);
    cr_expect_eq (s_real->make_folder (s_real->self, "folder"), FST_OK);
    strcat (s_folder, "/file");
    cr_assert_eq (stat (s_folder, &info), 0);
    cr_expect_eq (info.st_mode & 0777, 0600);
    strcpy (strrchr (s_folder, '/'), "/folder");
    cr_assert_eq (stat (s_folder, &info), 0);
    cr_expect_eq (info.st_mode & 0777, 0700);
    *strrchr (s_folder, '/') = 0;
    cr_assert_eq (stat (s_folder, &info), 0);
    cr_expect_eq (info.st_mode & 0777, 0700);
}

Test (disk, link_in_place_of_a_file_is_not_followed)
{
    char target [300], name [300];
    fst_disk_file_t *file = NULL;
    snprintf (target, sizeof (target), "%s/../target", s_folder);
    snprintf (name, sizeof (name), "%s/link", s_folder);
    cr_assert_eq (symlink (target, name), 0);
    cr_expect_eq (s_real->open (s_real->self, "link", true, &file), FST_IO);
    cr_expect_neq (access (target, F_OK), 0);
}

Test (disk, folder_that_cannot_be_is_refused)
{
    fst_disk_t *disk = NULL;
    fst_disk_file_t *file = s_open (s_real, "file");
    s_real->close (s_real->self, &file);
    char path [300];
    snprintf (path, sizeof (path), "%s/file", s_folder);
    cr_expect_eq (fst_disk_open (path, &disk), FST_IO);
    snprintf (path, sizeof (path), "%s/file/below", s_folder);
    cr_expect_eq (fst_disk_open (path, &disk), FST_IO);
    cr_expect_null (disk);
}

Test (disk, full_device_says_no_space)
{
    if (access ("/dev/full", W_OK) != 0)
        cr_skip ("there is no /dev/full here");
    fst_disk_t *disk = NULL;
    fst_disk_file_t *file = NULL;
    cr_assert_eq (fst_disk_open ("/dev", &disk), FST_OK);
    cr_assert_eq (disk->open (disk->self, "full", false, &file), FST_OK);
    cr_expect_eq (disk->write (disk->self, file, 0, "x", 1), FST_NO_SPACE);
    disk->close (disk->self, &file);
    fst_disk_destroy (&disk);
}
