//  The file that says whose folder it is.

#include "fst_marker.h"
#include "fst_text.h"
#include <assert.h>
#include <czmq.h>
#include <jansson.h>

#define NEW_FILE        FST_MARKER_FILE ".new"
#define FILE_BYTES_MAX  1024
#define CLUSTER_BYTES   8

//  A whole small file. FST_NOT_FOUND.
static fst_rc_t
s_read (fst_disk_t *disk, char text [FILE_BYTES_MAX], size_t *bytes_p)
{
    fst_disk_file_t *file;
    fst_rc_t rc = disk->open (disk->self, FST_MARKER_FILE, false, &file);
    if (rc != FST_OK)
        return rc;
    rc = disk->read (disk->self, file, 0, text, FILE_BYTES_MAX, bytes_p);
    disk->close (disk->self, &file);
    return rc;
}

static fst_rc_t
s_write (fst_disk_t *disk, const char *text)
{
    fst_disk_file_t *file;
    fst_rc_t rc = disk->open (disk->self, NEW_FILE, true, &file);
    if (rc != FST_OK)
        return rc;
    rc = disk->write (disk->self, file, 0, text, strlen (text));
    if (rc == FST_OK)
        rc = disk->sync (disk->self, file);
    disk->close (disk->self, &file);
    if (rc == FST_OK)
        rc = disk->rename (disk->self, NEW_FILE, FST_MARKER_FILE);
    if (rc == FST_OK)
        rc = disk->sync_folder (disk->self, ".");
    return rc;
}

//  A marker that does not parse says nothing: the name in the settings is believed, and it is written anew.
static fst_rc_t
s_compare (const char *text, size_t bytes, const char *node, const char *cluster, bool *parses_p, char **problem_p)
{
    json_t *marker = json_loadb (text, bytes, 0, NULL);
    const char *its_node = json_string_value (json_object_get (marker, "node"));
    const char *its_cluster = json_string_value (json_object_get (marker, "cluster"));
    *parses_p = its_node && its_cluster && fst_node_name_valid (its_node) && fst_hex_valid (its_cluster);
    if (*parses_p && strneq (its_cluster, cluster))
        *problem_p = zsys_sprintf ("it belongs to node %s of another cluster (%s; this one is %s)", its_node, its_cluster,
                                   cluster);
    else
    if (*parses_p && strneq (its_node, node))
        *problem_p = zsys_sprintf ("it belongs to %s, and this node is %s; mount the right disk there", its_node, node);
    json_decref (marker);
    return *problem_p? FST_EXISTS: FST_OK;
}

fst_rc_t
fst_marker_check (fst_disk_t *disk, const char *node, const fst_keys_t *keys, bool *fresh_p, char **problem_p)
{
    assert (disk);
    assert (node && keys);
    assert (fresh_p && problem_p);
    char text [FILE_BYTES_MAX], cluster [2 * CLUSTER_BYTES + 1];
    size_t bytes = 0;
    bool parses = false;
    fst_hex_encode (keys->sign_public, CLUSTER_BYTES, cluster);
    fst_rc_t rc = s_read (disk, text, &bytes);
    bool fresh = rc == FST_NOT_FOUND;
    if (rc == FST_OK)
        rc = s_compare (text, bytes, node, cluster, &parses, problem_p);
    if (rc == FST_NOT_FOUND || (rc == FST_OK && !parses)) {
        snprintf (text, sizeof (text), "{\"node\": \"%s\", \"cluster\": \"%s\"}\n", node, cluster);
        rc = s_write (disk, text);
    }
    if (rc == FST_OK)
        *fresh_p = fresh;
    return rc;
}
