//  The recovery key: what was written on paper gives the key again, and a typing error is found.

#include "fst_recovery.h"
#include <criterion/criterion.h>
#include <ctype.h>
#include <sodium.h>
#include <string.h>

static uint8_t s_key [FST_KEY_BYTES];
static char s_text [FST_RECOVERY_CHARS + 1];

static void
s_setup (void)
{
    randombytes_buf (s_key, sizeof (s_key));
    fst_recovery_encode (s_key, s_text);
}

TestSuite (recovery, .init = s_setup);

static fst_rc_t
s_decode (const char *text)
{
    uint8_t key [FST_KEY_BYTES];
    fst_rc_t rc = fst_recovery_decode (text, key);
    if (rc == FST_OK)
        cr_expect_arr_eq (key, s_key, FST_KEY_BYTES);
    return rc;
}

Test (recovery, paper_gives_the_key_again)
{
    cr_expect_eq (strlen (s_text), FST_RECOVERY_CHARS);
    cr_expect_eq (strspn (s_text, "0123456789ABCDEFGHJKMNPQRSTVWXYZ-"), FST_RECOVERY_CHARS);
    cr_expect_eq (s_decode (s_text), FST_OK);
}

Test (recovery, the_form_never_changes)
{
    //  Somebody has it on paper
    for (size_t at = 0; at < sizeof (s_key); at++)
        s_key [at] = (uint8_t) (at * 7);
    fst_recovery_encode (s_key, s_text);
    cr_expect_str_eq (s_text, "003G-W58W-4CN3-2E1Z-8S6N-8PV2-D5R7-EZM5-HJ9S-N8D8-NYVB-VH6B-TBCX-2W34");
}

Test (recovery, letters_may_be_small_and_look_alike_and_be_spaced)
{
    char text [2 * FST_RECOVERY_CHARS + 8] = " \t";
    size_t used = 2;
    for (const char *at = s_text; *at; at++) {
        if (*at == '-')
            continue;
        text [used] = *at == '0'? 'o': *at == '1'? (used % 2? 'l': 'I'): (char) tolower (*at);
        used++;
        if (used % 3 == 0)
            text [used++] = ' ';
    }
    strcpy (text + used, "\r\n");
    cr_expect_eq (s_decode (text), FST_OK);
}

Test (recovery, any_wrong_letter_is_found)
{
    for (size_t at = 0; at < FST_RECOVERY_CHARS; at++) {
        if (s_text [at] == '-')
            continue;
        char was = s_text [at];
        for (const char *other = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"; *other; other++) {
            s_text [at] = *other;
            cr_expect_eq (s_decode (s_text), *other == was? FST_OK: FST_CORRUPT);
        }
        s_text [at] = was;
    }
}

Test (recovery, two_letters_in_the_wrong_order_are_found)
{
    for (size_t at = 0; at + 1 < FST_RECOVERY_CHARS; at++) {
        char first = s_text [at], second = s_text [at + 1];
        if (first == '-' || second == '-' || first == second)
            continue;
        s_text [at] = second;
        s_text [at + 1] = first;
        cr_expect_eq (s_decode (s_text), FST_CORRUPT);
        s_text [at] = first;
        s_text [at + 1] = second;
    }
}

Test (recovery, what_is_no_key_is_refused)
{
    char longer [FST_RECOVERY_CHARS + 2];
    snprintf (longer, sizeof (longer), "%s0", s_text);
    cr_expect_eq (s_decode (longer), FST_MALFORMED);
    s_text [FST_RECOVERY_CHARS - 1] = 0;
    cr_expect_eq (s_decode (s_text), FST_MALFORMED);
    cr_expect_eq (s_decode (""), FST_MALFORMED);
    s_text [0] = 'U';
    cr_expect_eq (s_decode (s_text), FST_MALFORMED);
    s_text [0] = '\xc3';
    cr_expect_eq (s_decode (s_text), FST_MALFORMED);
}
