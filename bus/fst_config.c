//  Settings from the table of options, ZPL files and --set.
//
//  A file holds one "name = value" a line, so that every refusal can name its line; zconfig reads the
//  lines (comments, quotes), one at a time because it keeps no line numbers.

#include "fst_config.h"
#include "fst_cipher.h"
#include "fst_log.h"
#include "fst_text.h"
#include <assert.h>
#include <czmq.h>
#include <errno.h>
#include <inttypes.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define FST_VALUE_BYTES_MAX 4096
#define FST_LINES_MAX       10000
#define FST_LINE_BYTES_MAX  (2 * FST_VALUE_BYTES_MAX)
#define NAME_CHARS          "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_"

typedef struct {
    char *text;                 //  TEXT and FILE; NULL for the others
    int64_t number;             //  The others
    int line;                   //  Of the file that was read last; 0: not in it
} s_value_t;

struct fst_config {
    size_t count;               //  Rows of the table
    s_value_t *values;          //  One for each row
};

//  An actor's own, in front of ours.
static const fst_option_t *s_own;
static size_t s_own_count;

void
fst_config_add_options (const fst_option_t *own)
{
    assert (own && !s_own);
    s_own = own;
    while (own [s_own_count].name)
        s_own_count++;
}

static const fst_option_t *
s_option (size_t row)
{
    return row < s_own_count? &s_own [row]: &fst_options [row - s_own_count];
}

static size_t
s_find (const char *name)
{
    size_t row = 0;
    while (s_option (row)->name && strcmp (s_option (row)->name, name))
        row++;
    return row;                 //  The last, nameless one if there is none
}

static bool
s_is_text (const fst_option_t *option)
{
    return option->type == FST_OPTION_TEXT || option->type == FST_OPTION_FILE;
}

//  ------------------------------------------------------------------------------------------------
//  Reasons

static char *
s_sentence (const char *format, ...) __attribute__ ((format (printf, 1, 2)));

static char *
s_sentence (const char *format, ...)
{
    va_list args;
    va_start (args, format);
    char *text = zsys_vprintf (format, args);
    va_end (args);
    assert (text);
    return text;
}

//  A bound as one would write it in a file: with the largest unit that divides it.
static const char *
s_bound_text (const fst_option_t *option, int64_t bound, char *buffer, size_t size)
{
    typedef struct { const char *name; int64_t factor; } unit_t;
    static const unit_t sizes [] = { { " GiB", 1 << 30 }, { " MiB", 1 << 20 }, { " KiB", 1 << 10 }, { "", 1 } };
    static const unit_t times [] = { { " d", 86400000 }, { " h", 3600000 }, { " s", 1000 }, { " ms", 1 } };
    static const unit_t plain [] = { { "", 1 } };
    const unit_t *unit = option->type == FST_OPTION_SIZE? sizes: option->type == FST_OPTION_DURATION? times: plain;
    while (bound % unit->factor || (bound == 0 && unit->factor > 1))
        unit++;
    snprintf (buffer, size, "%" PRId64 "%s", bound / unit->factor, unit->name);
    return buffer;
}

const char *
fst_option_bounds (const fst_option_t *self, char *buffer, size_t size)
{
    assert (self);
    assert (buffer && size);
    char min [32], max [32];
    buffer [0] = 0;
    if (!s_is_text (self))
        snprintf (buffer, size, "from %s to %s", s_bound_text (self, self->min, min, sizeof (min)),
                  s_bound_text (self, self->max, max, sizeof (max)));
    return buffer;
}

static char *
s_out_of_bounds (const fst_option_t *option, const char *value)
{
    static const char *const kinds [] = {
        [FST_OPTION_NUMBER]   = "a whole number",
        [FST_OPTION_SIZE]     = "a size like \"1 MiB\"",
        [FST_OPTION_DURATION] = "a time like \"10 s\"",
    };
    char bounds [96], quoted [64];
    return s_sentence ("%s must be %s %s, not \"%s\"", option->name, kinds [option->type],
                       fst_option_bounds (option, bounds, sizeof (bounds)), fst_log_quote (value, quoted, sizeof (quoted)));
}

//  ------------------------------------------------------------------------------------------------
//  One value

static fst_rc_t
s_number_parse (const char *text, int64_t *number_p)
{
    char *end;
    errno = 0;
    long long number = strtoll (text, &end, 10);
    if (errno || end == text || *end || text [0] == ' ')
        return FST_MALFORMED;
    *number_p = number;
    return FST_OK;
}

static bool
s_log_level_valid (const char *text)
{
    return streq (text, "error") || streq (text, "warning") || streq (text, "info") || streq (text, "debug");
}

static bool
s_cipher_valid (const char *text)
{
    fst_cipher_t cipher;
    return fst_cipher_parse (text, &cipher) == FST_OK;
}

//  What a value has to be beyond its type and bounds; NULL if it is that.
static const char *
s_rule_broken (const fst_option_t *option, const s_value_t *value)
{
    if (streq (option->name, "chunk-size") && (value->number & (value->number - 1)))
        return "a power of two";
    if (streq (option->name, "log-level") && !s_log_level_valid (value->text))
        return "error, warning, info or debug";
    if (streq (option->name, "cipher") && !s_cipher_valid (value->text))
        return "auto, aes-256-gcm or xchacha20-poly1305";
    if (streq (option->name, "log-format") && strneq (value->text, "text") && strneq (value->text, "json"))
        return "text or json";
    if (streq (option->name, "node") && *value->text && !fst_node_name_valid (value->text))
        return "1 to 64 of a-z 0-9 . _ -, beginning with a letter or digit";
    if (streq (option->name, "zone") && *value->text && !fst_node_name_valid (value->text))
        return "1 to 64 of a-z 0-9 . _ -, beginning with a letter or digit";
    return NULL;
}

//  Relative names begin at folder, or where the process is if that is NULL.
static char *
s_absolute (const char *name, const char *folder)
{
    char *here = NULL;
    if (!folder)
        folder = here = get_current_dir_name ();
    while (name [0] == '.' && name [1] == '/')
        name += 2;
    char *text = name [0] == 0 || name [0] == '/' || !folder? strdup (name)
               : s_sentence ("%s/%s", streq (folder, "/")? "": folder, name);
    assert (text);
    free (here);
    return text;
}

static fst_rc_t
s_value_parse (const fst_option_t *option, const char *text, const char *folder, s_value_t *value, char **reason_p)
{
    *value = (s_value_t) { NULL, 0, 0 };
    if (s_is_text (option)) {
        size_t bytes = strlen (text);
        bool clean = bytes <= FST_VALUE_BYTES_MAX && fst_utf8_valid (text, bytes);
        for (size_t at = 0; at < bytes; at++)
            clean = clean && (uint8_t) text [at] >= 0x20 && text [at] != 0x7f;
        if (!clean) {
            *reason_p = s_sentence ("%s must be at most %d octets of plain text", option->name, FST_VALUE_BYTES_MAX);
            return FST_MALFORMED;
        }
        value->text = option->type == FST_OPTION_FILE? s_absolute (text, folder): strdup (text);
        assert (value->text);
    }
    else {
        fst_rc_t rc = option->type == FST_OPTION_SIZE? fst_size_parse (text, &value->number)
                    : option->type == FST_OPTION_DURATION? fst_duration_parse (text, &value->number)
                    : s_number_parse (text, &value->number);
        if (rc != FST_OK || value->number < option->min || value->number > option->max) {
            *reason_p = s_out_of_bounds (option, text);
            return FST_MALFORMED;
        }
    }
    const char *rule = s_rule_broken (option, value);
    if (rule) {
        char quoted [64];
        *reason_p = s_sentence ("%s must be %s, not \"%s\"", option->name, rule,
                                fst_log_quote (text, quoted, sizeof (quoted)));
        free (value->text);
        return FST_MALFORMED;
    }
    return FST_OK;
}

//  Like fst_config_set, with the folder where relative file names begin.
static fst_rc_t
s_set (fst_config_t *self, const char *name, const char *text, const char *folder, char **reason_p)
{
    size_t row = s_find (name);
    if (row == self->count) {
        char quoted [64];
        *reason_p = s_sentence ("there is no option \"%s\"", fst_log_quote (name, quoted, sizeof (quoted)));
        return FST_MALFORMED;
    }
    s_value_t value;
    fst_rc_t rc = s_value_parse (s_option (row), text, folder, &value, reason_p);
    if (rc == FST_OK) {
        value.line = self->values [row].line;
        free (self->values [row].text);
        self->values [row] = value;
    }
    return rc;
}

//  ------------------------------------------------------------------------------------------------
//  The class

fst_config_t *
fst_config_new (void)
{
    fst_config_t *self = calloc (1, sizeof (fst_config_t));
    assert (self);
    while (s_option (self->count)->name)
        self->count++;
    self->values = calloc (self->count, sizeof (s_value_t));
    assert (self->values);
    for (size_t row = 0; row < self->count; row++) {
        char *reason = NULL;
        fst_rc_t rc = s_set (self, s_option (row)->name, s_option (row)->standard, NULL, &reason);
        assert (rc == FST_OK);              //  The table's defaults are within its own bounds
    }
    return self;
}

void
fst_config_destroy (fst_config_t **self_p)
{
    assert (self_p);
    fst_config_t *self = *self_p;
    if (self) {
        for (size_t row = 0; row < self->count; row++)
            free (self->values [row].text);
        free (self->values);
        free (self);
        *self_p = NULL;
    }
}

fst_config_t *
fst_config_dup (const fst_config_t *self)
{
    assert (self);
    fst_config_t *copy = calloc (1, sizeof (fst_config_t));
    assert (copy);
    copy->count = self->count;
    copy->values = calloc (self->count, sizeof (s_value_t));
    assert (copy->values);
    for (size_t row = 0; row < self->count; row++) {
        copy->values [row] = self->values [row];
        if (self->values [row].text) {
            copy->values [row].text = strdup (self->values [row].text);
            assert (copy->values [row].text);
        }
    }
    return copy;
}

//  "name = value" that zconfig takes. It complains to stderr about anything else, with its own line number.
static bool
s_is_setting (const char *line)
{
    size_t name = strspn (line, NAME_CHARS);
    const char *value = line + name + strspn (line + name, " \t");
    if (name == 0 || *value != '=')
        return false;
    value += 1 + strspn (value + 1, " \t");
    return (*value != '"' && *value != '\'') || strchr (value + 1, *value);
}

//  One line of a file. Blank lines and comments change nothing.
static fst_rc_t
s_line (fst_config_t *self, const char *line, size_t bytes, const char *folder, char **reason_p)
{
    size_t blank = strspn (line, " \t\r\n");
    if (strlen (line) == bytes && (line [blank] == 0 || line [blank] == '#'))
        return FST_OK;

    zconfig_t *root = strlen (line) == bytes && s_is_setting (line)? zconfig_str_load (line): NULL;
    zconfig_t *child = root? zconfig_child (root): NULL;
    if (!child) {
        zconfig_destroy (&root);
        *reason_p = s_sentence ("this is not a line of the form: name = value (no indentation; # begins a comment)");
        return FST_MALFORMED;
    }
    fst_rc_t rc = s_set (self, zconfig_name (child), zconfig_value (child), folder, reason_p);
    zconfig_destroy (&root);
    return rc;
}

//  The next line, 0 octets at the end of the file. What is no settings file may have no end of a line in it, ever.
static size_t
s_next_line (FILE *file, char line [FST_LINE_BYTES_MAX + 2])
{
    size_t bytes = 0;
    int octet = 0;
    while (bytes <= FST_LINE_BYTES_MAX && octet != '\n' && (octet = getc (file)) != EOF)
        line [bytes++] = (char) octet;
    line [bytes] = 0;
    return bytes;
}

static bool
s_in_bounds (int number, size_t bytes, char **reason_p)
{
    if (number <= FST_LINES_MAX && bytes <= FST_LINE_BYTES_MAX)
        return true;
    *reason_p = s_sentence ("longer than a configuration can be");
    return false;
}

//  As s_line; what was set before in the same file is told, and taken all the same.
static fst_rc_t
s_line_once (fst_config_t *self, const char *line, size_t bytes, const char *folder, int number, char **reason_p)
{
    fst_rc_t rc = s_line (self, line, bytes, folder, reason_p);
    char *name = strndup (line, strspn (line, NAME_CHARS));
    assert (name);
    size_t row = s_find (name);
    if (rc == FST_OK && row < self->count) {
        if (self->values [row].line) {
            *reason_p = s_sentence ("%s is set twice; line %d has it already", name, self->values [row].line);
            rc = FST_MALFORMED;
        }
        self->values [row].line = number;
    }
    free (name);
    return rc;
}

size_t
fst_config_check (fst_config_t *self, const char *filename, fst_config_mistake_fn *mistake, void *arg)
{
    assert (self);
    assert (filename);
    assert (mistake);
    char line [FST_LINE_BYTES_MAX + 2], *sentence, *copy = strdup (filename);
    assert (copy);
    char *folder = realpath (dirname (copy), NULL);
    size_t mistakes = 0, bytes;
    FILE *file = fopen (filename, "re");
    bool fits = true;
    for (int number = 1; file && fits && (bytes = s_next_line (file, line)) > 0; number++) {
        char *reason = NULL;
        fits = s_in_bounds (number, bytes, &reason);
        if (fits && s_line_once (self, line, bytes, folder, number, &reason) == FST_OK)
            continue;
        mistakes++;
        sentence = s_sentence ("%s:%d: %s", filename, number, reason);
        mistake (arg, sentence);
        free (sentence);
        free (reason);
    }
    if (!file || ferror (file)) {
        mistakes++;
        sentence = s_sentence ("%s: cannot be read (%s)", filename, strerror (errno));
        mistake (arg, sentence);
        free (sentence);
    }
    if (file)
        fclose (file);
    free (folder);
    free (copy);
    return mistakes;
}

static fst_rc_t
s_read (fst_config_t *self, FILE *file, const char *filename, const char *folder, char **problem_p)
{
    char line [FST_LINE_BYTES_MAX + 2], *reason = NULL;
    size_t bytes;
    fst_rc_t rc = FST_OK;
    int number = 0;
    while (rc == FST_OK && (bytes = s_next_line (file, line)) > 0)
        rc = s_in_bounds (++number, bytes, &reason)? s_line (self, line, bytes, folder, &reason): FST_MALFORMED;
    if (rc != FST_OK)
        *problem_p = s_sentence ("%s:%d: %s", filename, number, reason);
    else
    if (ferror (file)) {
        rc = FST_IO;
        *problem_p = s_sentence ("%s: cannot be read (%s)", filename, strerror (errno));
    }
    free (reason);
    return rc;
}

fst_rc_t
fst_config_load (fst_config_t *self, const char *filename, char **problem_p)
{
    assert (self);
    assert (filename);
    assert (problem_p);
    FILE *file = fopen (filename, "re");
    if (!file) {
        fst_rc_t rc = errno == ENOENT? FST_NOT_FOUND: FST_IO;
        *problem_p = s_sentence ("%s: cannot be opened (%s)", filename, strerror (errno));
        return rc;
    }
    char *copy = strdup (filename);
    assert (copy);
    char *folder = realpath (dirname (copy), NULL);

    //  All of the file or nothing of it
    fst_config_t *fresh = fst_config_dup (self);
    fst_rc_t rc = s_read (fresh, file, filename, folder, problem_p);
    if (rc == FST_OK) {
        fst_config_t before = *self;
        *self = *fresh;
        *fresh = before;
    }
    fst_config_destroy (&fresh);
    free (folder);
    free (copy);
    fclose (file);
    return rc;
}

fst_rc_t
fst_config_set (fst_config_t *self, const char *name, const char *value, char **problem_p)
{
    assert (self);
    assert (name && value);
    assert (problem_p);
    return s_set (self, name, value, NULL, problem_p);
}

fst_rc_t
fst_config_assign (fst_config_t *self, const char *assignment, char **problem_p)
{
    assert (assignment);
    assert (problem_p);
    const char *equals = strchr (assignment, '=');
    if (!equals) {
        *problem_p = s_sentence ("a setting has the form NAME=VALUE, not \"%s\"", assignment);
        return FST_MALFORMED;
    }
    char *name = strndup (assignment, (size_t) (equals - assignment));
    assert (name);
    fst_rc_t rc = fst_config_set (self, name, equals + 1, problem_p);
    free (name);
    return rc;
}

int
fst_config_line (const fst_config_t *self, const char *name)
{
    assert (self && name);
    size_t row = s_find (name);
    assert (row < self->count);
    return self->values [row].line;
}

bool
fst_config_same (const fst_config_t *self, const fst_config_t *other, const char *name)
{
    assert (self && other);
    size_t row = s_find (name);
    assert (row < self->count);
    const s_value_t *mine = &self->values [row], *theirs = &other->values [row];
    return s_is_text (s_option (row))? streq (mine->text, theirs->text): mine->number == theirs->number;
}

const char *
fst_config_text (const fst_config_t *self, const char *name)
{
    assert (self && name);
    size_t row = s_find (name);
    assert (row < self->count);
    assert (s_is_text (s_option (row)));
    return self->values [row].text;
}

int64_t
fst_config_number (const fst_config_t *self, const char *name)
{
    assert (self && name);
    size_t row = s_find (name);
    assert (row < self->count);
    assert (!s_is_text (s_option (row)));
    return self->values [row].number;
}

void
fst_config_use_log (const fst_config_t *self)
{
    static const struct { const char *name; fst_log_level_t level; } levels [] = {
        { "error", FST_LOG_ERROR }, { "warning", FST_LOG_WARNING }, { "info", FST_LOG_INFO }, { "debug", FST_LOG_DEBUG }
    };
    for (size_t at = 0; at < sizeof (levels) / sizeof (levels [0]); at++)
        if (streq (levels [at].name, fst_config_text (self, "log-level")))
            fst_log_set_level (levels [at].level);
    fst_log_set_json (streq (fst_config_text (self, "log-format"), "json"));
}
