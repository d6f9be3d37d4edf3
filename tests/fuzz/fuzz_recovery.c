//  Recovery keys and headers of snapshots: no octets break the decoders, and a key has one value.

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include "fst_recovery.h"
#include "fst_snapshot.h"

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t bytes);

static void
s_text (const char *text)
{
    uint8_t key [FST_KEY_BYTES], again [FST_KEY_BYTES];
    char form [FST_RECOVERY_CHARS + 1];
    if (fst_recovery_decode (text, key) != FST_OK)
        return;
    fst_recovery_encode (key, form);
    fst_rc_t rc = fst_recovery_decode (form, again);
    assert (rc == FST_OK);
    assert (memcmp (key, again, sizeof (key)) == 0);
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t bytes)
{
    char *text = strndup ((const char *) data, bytes);
    s_text (text);
    free (text);
    if (bytes >= FST_KEY_BYTES) {
        char form [FST_RECOVERY_CHARS + 1];
        uint8_t key [FST_KEY_BYTES];
        fst_recovery_encode (data, form);
        fst_rc_t rc = fst_recovery_decode (form, key);
        assert (rc == FST_OK);
        assert (memcmp (key, data, sizeof (key)) == 0);
    }
    fst_snapshot_t snapshot;
    if (fst_snapshot_decode (data, bytes, &snapshot) == FST_OK) {
        assert (snapshot.sequence >= 0 && snapshot.time_ms >= 0 && snapshot.bytes >= 0);
        assert (fst_snapshot_file_bytes (&snapshot) > snapshot.bytes);
    }
    return 0;
}
