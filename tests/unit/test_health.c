//  What a node says of its disk: the worst that is true, and a change is a change of the word.

#include <criterion/criterion.h>
#include "fst_health.h"
#include "storage_records.h"

static bool
s_says (const fst_health_t *health, const char *word)
{
    return strcmp (fst_health_word (health), word) == 0;
}

Test (health, full_and_read_only_come_and_go)
{
    fst_health_t health = { .full = false };
    cr_assert (s_says (&health, "ok") && fst_health_takes (&health) && fst_health_writes (&health));
    cr_assert (!fst_health_see (&health, false, false), "nothing changed");
    cr_assert (fst_health_see (&health, true, false) && s_says (&health, "full"));
    cr_assert (!fst_health_takes (&health) && fst_health_writes (&health), "deletions still work");
    cr_assert (fst_health_see (&health, true, true) && s_says (&health, "read-only"));
    cr_assert (!fst_health_see (&health, false, true), "the same word");
    cr_assert (!fst_health_takes (&health) && !fst_health_writes (&health));
    cr_assert (fst_health_see (&health, false, false) && s_says (&health, "ok") && fst_health_takes (&health));
}

Test (health, a_third_extent_that_cannot_be_read_is_too_many_and_final)
{
    fst_health_t health = { .full = false };
    for (int turn = 0; turn < 5; turn++)
        for (uint32_t index = 0; index < 2; index++) {
            fst_extent_id_t id = { .blob = test_blob (1, index), .extent = 3 };
            cr_assert (!fst_health_unread (&health, &id), "the same ones again");
        }
    cr_assert (s_says (&health, "ok"));
    fst_extent_id_t third = { .blob = test_blob (1, 1), .extent = 4 };
    cr_assert (fst_health_unread (&health, &third) && s_says (&health, "failing"));
    cr_assert (!fst_health_unread (&health, &third) && !fst_health_unwritten (&health), "said once");
    cr_assert (!fst_health_see (&health, true, true) && s_says (&health, "failing"), "the worst is said");
    cr_assert (!fst_health_see (&health, false, false) && !fst_health_takes (&health));
}

Test (health, one_write_that_fails_is_enough)
{
    fst_health_t health = { .full = false };
    cr_assert (fst_health_unwritten (&health) && s_says (&health, "failing"));
    cr_assert (fst_health_writes (&health), "what is there may still be deleted, and an upload be finished");
}

Test (health, each_state_has_its_own_refusal)
{
    fst_health_t states [3] = { { .full = true }, { .read_only = true }, { .failing = true } };
    for (int at = 0; at < 3; at++)
        for (int other = 0; other < at; other++)
            cr_assert (strcmp (fst_health_refusal (&states [at]), fst_health_refusal (&states [other])) != 0);
}
