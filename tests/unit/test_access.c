//  Rules of who may do what. Pure: no catalog is open here.

#include <criterion/criterion.h>
#include <string.h>
#include "fst_access.h"

static const fst_person_t s_alice = { .name = "alice" }, s_bob = { .name = "bob" };
static const fst_person_t s_root = { .name = "root", .admin = true };

static fst_entry_t
s_entry (int64_t id, int64_t parent, const char *owner)
{
    fst_entry_t entry = { .id = id, .parent = parent, .kind = FST_ENTRY_FOLDER };
    strcpy (entry.owner, owner);
    return entry;
}

Test (access, the_owner_may_read_and_write)
{
    fst_entry_t entry = s_entry (10, 9, "alice");
    unsigned rights = fst_access_rights (&s_alice, 0, &entry, 0);
    cr_expect_eq (fst_access_read (rights), FST_OK);
    cr_expect_eq (fst_access_write (rights), FST_OK);
    cr_expect_eq (fst_access_add (rights, FST_ENTRY_FILE), FST_OK);
    cr_expect_eq (fst_access_add (rights, FST_ENTRY_FOLDER), FST_OK);
}

Test (access, only_owning_lets_one_share_and_that_comes_down_the_tree)
{
    fst_entry_t folder = s_entry (10, 9, "alice"), file = s_entry (11, 10, "bob");
    unsigned all = FST_ACCESS_READ | FST_ACCESS_WRITE | FST_ACCESS_SHARE;
    unsigned rights = fst_access_rights (&s_alice, 0, &folder, 0);
    cr_expect (rights & FST_ACCESS_SHARE);
    cr_expect (fst_access_rights (&s_alice, rights, &file, 0) & FST_ACCESS_SHARE);
    rights = fst_access_rights (&s_bob, 0, &folder, all);           //  Whatever a grant says
    cr_expect_not (rights & FST_ACCESS_SHARE);
    cr_expect (fst_access_rights (&s_bob, rights, &file, 0) & FST_ACCESS_SHARE);
}

Test (access, others_do_not_learn_that_it_is_there)
{
    fst_entry_t entry = s_entry (10, 9, "alice");
    const fst_person_t *others [] = { &s_bob, &s_root };
    for (size_t at = 0; at < 2; at++) {
        unsigned rights = fst_access_rights (others [at], 0, &entry, 0);
        cr_expect_not (fst_access_may_see (rights));
        cr_expect_eq (fst_access_read (rights), FST_NOT_FOUND);
        cr_expect_eq (fst_access_write (rights), FST_NOT_FOUND);
        cr_expect_eq (fst_access_add (rights, FST_ENTRY_FILE), FST_NOT_FOUND);
        cr_expect_eq (fst_access_remove (others [at], rights, rights, &entry), FST_NOT_FOUND);
    }
}

Test (access, a_grant_to_read_does_not_write)
{
    fst_entry_t entry = s_entry (10, 9, "alice");
    unsigned rights = fst_access_rights (&s_bob, 0, &entry, FST_ACCESS_READ);
    cr_expect_eq (fst_access_read (rights), FST_OK);
    cr_expect_eq (fst_access_write (rights), FST_DENIED);
    cr_expect_eq (fst_access_add (rights, FST_ENTRY_FOLDER), FST_DENIED);
}

Test (access, a_grant_to_write_reads_too)
{
    fst_entry_t entry = s_entry (10, 9, "alice");
    unsigned rights = fst_access_rights (&s_bob, 0, &entry, FST_ACCESS_WRITE);
    cr_expect_eq (fst_access_read (rights), FST_OK);
    cr_expect_eq (fst_access_write (rights), FST_OK);
}

Test (access, rights_come_down_the_tree)
{
    fst_entry_t folder = s_entry (10, 9, "alice"), file = s_entry (11, 10, "bob");
    unsigned rights = fst_access_rights (&s_alice, 0, &folder, 0);
    cr_expect_eq (fst_access_write (fst_access_rights (&s_alice, rights, &file, 0)), FST_OK);
    rights = fst_access_rights (&s_root, 0, &folder, FST_ACCESS_READ);
    rights = fst_access_rights (&s_root, rights, &file, 0);
    cr_expect_eq (fst_access_read (rights), FST_OK);
    cr_expect_eq (fst_access_write (rights), FST_DENIED);
}

Test (access, being_listed_in_the_root_gives_no_right_below)
{
    fst_entry_t top = s_entry (FST_ENTRY_ROOT, 0, "filestore"), users = s_entry (FST_ENTRY_USERS, 1, "filestore");
    fst_entry_t home = s_entry (10, FST_ENTRY_USERS, "alice"), folder = s_entry (11, FST_ENTRY_ROOT, "alice");
    unsigned rights = fst_access_rights (&s_root, 0, &top, 0);
    cr_expect (fst_access_may_see (rights));
    cr_expect_eq (fst_access_read (rights), FST_DENIED);
    cr_expect_not (fst_access_may_see (fst_access_rights (&s_root, rights, &folder, 0)));
    rights = fst_access_rights (&s_root, rights, &users, 0);
    cr_expect (fst_access_may_see (rights));
    cr_expect_not (fst_access_may_see (fst_access_rights (&s_root, rights, &home, 0)));
}

Test (access, the_fixed_folders_belong_to_nobody_even_if_a_user_has_their_owners_name)
{
    const fst_person_t impostor = { .name = "filestore" };
    fst_entry_t top = s_entry (FST_ENTRY_ROOT, 0, "filestore"), users = s_entry (FST_ENTRY_USERS, 1, "filestore");
    fst_entry_t trash = s_entry (FST_ENTRY_TRASH, 0, "filestore");
    cr_expect_eq (fst_access_write (fst_access_rights (&impostor, 0, &top, 0)), FST_DENIED);
    cr_expect_eq (fst_access_write (fst_access_rights (&impostor, 0, &users, 0)), FST_DENIED);
    cr_expect_not (fst_access_may_see (fst_access_rights (&impostor, 0, &trash, FST_ACCESS_WRITE)));
}

Test (access, only_admins_make_folders_in_the_root)
{
    fst_entry_t top = s_entry (FST_ENTRY_ROOT, 0, "filestore"), users = s_entry (FST_ENTRY_USERS, 1, "filestore");
    cr_expect_eq (fst_access_add (fst_access_rights (&s_root, 0, &top, 0), FST_ENTRY_FOLDER), FST_OK);
    cr_expect_eq (fst_access_add (fst_access_rights (&s_root, 0, &top, 0), FST_ENTRY_FILE), FST_DENIED);
    cr_expect_eq (fst_access_add (fst_access_rights (&s_alice, 0, &top, 0), FST_ENTRY_FOLDER), FST_DENIED);
    cr_expect_eq (fst_access_add (fst_access_rights (&s_root, 0, &users, 0), FST_ENTRY_FOLDER), FST_DENIED);
}

Test (access, an_entry_is_removed_by_its_owner_or_who_may_write_its_folder)
{
    fst_entry_t mine = s_entry (12, 11, "alice"), home = s_entry (10, FST_ENTRY_USERS, "alice");
    unsigned all = FST_ACCESS_READ | FST_ACCESS_WRITE | FST_ACCESS_LIST;
    cr_expect_eq (fst_access_remove (&s_alice, 0, all, &mine), FST_OK);
    cr_expect_eq (fst_access_remove (&s_bob, all, all, &mine), FST_OK);
    cr_expect_eq (fst_access_remove (&s_bob, FST_ACCESS_LIST, all, &mine), FST_DENIED);    //  It was shared with him
    cr_expect_eq (fst_access_remove (&s_alice, all, all, &home), FST_DENIED);
}
