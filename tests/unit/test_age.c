//  The clock by which things are deleted: it counts what was seen to pass.

#include "fst_age.h"
#include <criterion/criterion.h>

#define DAY     ((int64_t) 24 * 3600 * 1000)
#define YEAR    (365 * DAY)
#define NOW     (50 * YEAR)

Test (age, begins_as_the_wall_clock_and_goes_on_by_itself)
{
    fst_age_t age;
    fst_age_begin (&age, NULL, NOW, 1000);
    cr_assert_eq (fst_age_ms (&age, 1000), NOW);
    cr_assert_eq (fst_age_ms (&age, 1000 + 7 * DAY), NOW + 7 * DAY);
    cr_assert_eq (fst_age_ms (&age, 900), NOW, "it never goes back");
}

Test (age, a_restart_counts_for_what_the_wall_clock_says_and_at_most_a_day)
{
    fst_age_mark_t mark = { NOW, NOW + YEAR };          //  Set far forward meanwhile
    fst_age_t age;
    fst_age_begin (&age, &mark, mark.wall_ms + 5000, 77);
    cr_assert_eq (fst_age_ms (&age, 77), NOW + 5000);
    fst_age_begin (&age, &mark, mark.wall_ms + 10 * YEAR, 77);
    cr_assert_eq (fst_age_ms (&age, 77), NOW + DAY);
    fst_age_begin (&age, &mark, NOW, 77);               //  And back again
    cr_assert_eq (fst_age_ms (&age, 77), NOW);
    cr_assert_eq (fst_age_ms (&age, 77 + DAY), NOW + DAY);
}
