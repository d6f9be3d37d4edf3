//  The webhook actor: signatures that others can check, and patience that has an end.

#include <criterion/criterion.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "fst_deliver.h"
#include "fst_hook.h"

#define SECRET "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"

//  The example of the specification (standardwebhooks.com), as its libraries test it.
Test (webhook, signs_as_the_specification_says)
{
    uint8_t secret [64];
    size_t bytes;
    char signature [FST_HOOK_SIGNATURE_BYTES];
    cr_assert_eq (sodium_base642bin (secret, sizeof (secret), SECRET, strlen (SECRET), NULL, &bytes, NULL,
                                     sodium_base64_VARIANT_ORIGINAL), 0);
    fst_hook_sign (secret, bytes, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, "{\"test\": 2432232314}", signature);
    cr_expect_str_eq (signature, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
}

static fst_rc_t
s_try (const char *url, const char *secret)
{
    static const atomic_bool stop;
    fst_hook_t *hook = NULL;
    char *problem = NULL;
    fst_rc_t rc = fst_hook_new (url, secret, "", &stop, &hook, &problem);
    cr_assert_eq (rc == FST_OK, problem == NULL);
    free (problem);
    fst_hook_destroy (&hook);
    return rc;
}

Test (webhook, only_web_addresses_and_long_secrets_are_taken)
{
    cr_expect_eq (s_try ("https://example.org/hook", "whsec_" SECRET), FST_OK);
    cr_expect_eq (s_try ("http://127.0.0.1:1/", "whsec_" SECRET), FST_OK);
    cr_expect_eq (s_try ("file:///etc/passwd", "whsec_" SECRET), FST_MALFORMED);
    cr_expect_eq (s_try ("gopher://127.0.0.1/", "whsec_" SECRET), FST_MALFORMED);
    cr_expect_eq (s_try ("", "whsec_" SECRET), FST_MALFORMED);
    cr_expect_eq (s_try ("https://example.org/", SECRET), FST_MALFORMED);
    cr_expect_eq (s_try ("https://example.org/", "whsec_c2hvcnQ="), FST_MALFORMED);
    cr_expect_eq (s_try ("https://example.org/", "whsec_not base64!"), FST_MALFORMED);
    cr_expect_eq (s_try ("https://example.org/", ""), FST_MALFORMED);
}

Test (webhook, waits_longer_each_time_but_never_longer_than_five_minutes)
{
    for (int64_t failures = 0; failures < 100; failures++)
        for (uint32_t random = 0; random < 256; random += 51) {
            int64_t wait_s = fst_deliver_wait_s (failures, random), most_s = failures < 9? 1 << failures: 300;
            if (most_s > 300)
                most_s = 300;
            cr_expect_leq (wait_s, most_s);
            cr_expect_geq (wait_s, most_s - most_s / 4);
            cr_expect_geq (wait_s, 1);
        }
}
