//  Whatever a path is, its normal form is a fixed point that climbs nowhere.

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include "fst_text.h"

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t bytes);

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t bytes)
{
    char *path = strndup ((const char *) data, bytes), *normal = NULL, *again = NULL;
    fst_rc_t rc = fst_path_normal (path, "/users/a", &normal);
    assert ((rc == FST_OK) == fst_path_acceptable (path));
    if (rc == FST_OK) {
        assert (normal [0] == '/');
        assert (strlen (normal) <= FST_PATH_BYTES_MAX);
        assert (fst_utf8_valid (normal, strlen (normal)));
        assert (!strstr (normal, "//"));
        assert (!strstr (normal, "/../") && !strstr (normal, "/./"));
        assert (fst_path_valid (normal));
        assert (fst_path_normal (normal, NULL, &again) == FST_OK && strcmp (normal, again) == 0);
    }
    else
        assert (!fst_path_valid (path) && !normal);
    free (path);
    free (normal);
    free (again);
    return 0;
}
