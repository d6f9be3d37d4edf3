//  A working actor to begin with, from templates inside this program.

#include "fst_new_actor.h"
#include <assert.h>
#include <czmq.h>
#include <dirent.h>
#include <errno.h>
#include <sys/stat.h>

#define NAME_BYTES_MAX 48

//  The octets of a file of actors/skeleton, and a NUL.
#define TEMPLATE(symbol, file) \
    __asm__ (".section .rodata\n" #symbol ":\n.incbin \"" FST_SKELETON "/" file "\"\n.byte 0\n.previous\n"); \
    extern const char symbol []

TEMPLATE (fst_skeleton_cmake, "CMakeLists.txt");
TEMPLATE (fst_skeleton_actor, "actor.c");
TEMPLATE (fst_skeleton_schema, "HELLO.json");
TEMPLATE (fst_skeleton_test, "test.sh");
TEMPLATE (fst_skeleton_readme, "README.md");

//  "@NAME@" in a name or text is the actor's name, "@ID@" the same as a word of C.
static const struct { const char *filename, *text; mode_t mode; } s_files [] = {
    { "CMakeLists.txt",             fst_skeleton_cmake,  0644 },
    { "@NAME@.c",                   fst_skeleton_actor,  0644 },
    { "schemas/@NAME@/HELLO.json",  fst_skeleton_schema, 0644 },
    { "test",                       fst_skeleton_test,   0755 },
    { "README.md",                  fst_skeleton_readme, 0644 },
};

typedef struct {
    const char *name;
    char id [NAME_BYTES_MAX + 1];
    const char *folder;
    char **problem_p;
} s_actor_t;

//  Write text with the names in it.
static void
s_fill (const s_actor_t *self, const char *text, FILE *out)
{
    static const char mark_name [] = "@NAME@", mark_id [] = "@ID@";
    while (*text) {
        if (strncmp (text, mark_name, strlen (mark_name)) == 0) {
            fputs (self->name, out);
            text += strlen (mark_name);
        }
        else
        if (strncmp (text, mark_id, strlen (mark_id)) == 0) {
            fputs (self->id, out);
            text += strlen (mark_id);
        }
        else
            fputc (*text++, out);
    }
}

static fst_rc_t
s_fail (const s_actor_t *self, const char *what, const char *filename)
{
    *self->problem_p = zsys_sprintf ("cannot %s %s: %s", what, filename, strerror (errno));
    return errno == ENOSPC? FST_NO_SPACE: FST_IO;
}

//  All folders of a file's name.
static fst_rc_t
s_make_folders (const s_actor_t *self, char *filename)
{
    for (char *slash = strchr (filename + 1, '/'); slash; slash = strchr (slash + 1, '/')) {
        *slash = 0;
        bool made = mkdir (filename, 0755) == 0 || errno == EEXIST;
        fst_rc_t rc = made? FST_OK: s_fail (self, "make the folder", filename);
        *slash = '/';
        if (rc != FST_OK)
            return rc;
    }
    return FST_OK;
}

static fst_rc_t
s_write (const s_actor_t *self, size_t row)
{
    char *filename = NULL;
    size_t bytes = 0;
    FILE *name = open_memstream (&filename, &bytes);
    assert (name);
    fprintf (name, "%s/", self->folder);
    s_fill (self, s_files [row].filename, name);
    fclose (name);
    fst_rc_t rc = s_make_folders (self, filename);
    FILE *file = rc == FST_OK? fopen (filename, "wxe"): NULL;
    if (file) {
        s_fill (self, s_files [row].text, file);
        bool written = !ferror (file) && fchmod (fileno (file), s_files [row].mode) == 0;
        if (fclose (file) || !written)
            rc = s_fail (self, "write", filename);
    }
    else
    if (rc == FST_OK)
        rc = s_fail (self, "write", filename);
    free (filename);
    return rc;
}

static bool
s_is_empty (const char *folder)
{
    DIR *dir = opendir (folder);
    int entries = 0;
    while (dir && readdir (dir))
        entries++;
    if (dir)
        closedir (dir);
    return entries <= 2;                //  "." and ".."; or it is not there
}

static fst_rc_t
s_check_name (const char *name, char **problem_p)
{
    static const char *const taken [] = { "auth", "metadata", "storage", "bridge", "broker", "content", "every", "events",
                                          "envelope", "http", "mmi", NULL };
    size_t bytes = strlen (name), at = 0;
    if (bytes == 0 || bytes > NAME_BYTES_MAX || *name < 'a' || *name > 'z'
    || strspn (name, "abcdefghijklmnopqrstuvwxyz0123456789-") != bytes) {
        *problem_p = zsys_sprintf ("the name of an actor is of a-z 0-9 -, begins with a letter, and has at most %d characters",
                                   NAME_BYTES_MAX);
        return FST_BAD_NAME;
    }
    while (taken [at] && strneq (taken [at], name))
        at++;
    if (!taken [at])
        return FST_OK;
    *problem_p = zsys_sprintf ("%s is a name of ours; take another", name);
    return FST_BAD_NAME;
}

fst_rc_t
fst_new_actor (const char *name, const char *folder, char **problem_p)
{
    assert (name && problem_p);
    s_actor_t self = { .name = name, .folder = folder? folder: name, .problem_p = problem_p };
    fst_rc_t rc = s_check_name (name, problem_p);
    if (rc != FST_OK)
        return rc;
    if (!s_is_empty (self.folder)) {
        *problem_p = zsys_sprintf ("there is something in %s already", self.folder);
        return FST_EXISTS;
    }
    for (size_t at = 0; name [at]; at++)
        self.id [at] = name [at] == '-'? '_': name [at];
    for (size_t row = 0; rc == FST_OK && row < sizeof (s_files) / sizeof (s_files [0]); row++)
        rc = s_write (&self, row);
    if (rc == FST_OK)
        printf ("%s is a working actor; try  %s/test  and read %s/README.md\n", self.folder, self.folder, self.folder);
    return rc;
}
