//  Key files: whatever is in one, it is refused with a sentence or gives keys that hang together.

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include "fst_keys.h"

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t bytes);

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t bytes)
{
    char filename [40];
    int fd = memfd_create ("keys", MFD_CLOEXEC);
    assert (fd != -1);
    assert (fchmod (fd, 0600) == 0);
    assert (write (fd, data, bytes) == (ssize_t) bytes);
    snprintf (filename, sizeof (filename), "/proc/self/fd/%d", fd);
    fst_keys_t *keys = NULL;
    char *problem = NULL;
    fst_rc_t rc = fst_keys_load (filename, &keys, &problem);
    assert (rc == FST_OK || rc == FST_MALFORMED);
    assert ((rc == FST_OK) == (keys != NULL) && (rc == FST_OK) == (problem == NULL));
    if (keys) {
        assert (keys->name [0]);
        assert (!keys->curve_secret [0] || strlen (keys->curve_public) == FST_CURVE_TEXT_BYTES);
    }
    fst_keys_destroy (&keys);
    free (problem);
    close (fd);
    return 0;
}
