//  Errors, names, passwords and progress, as people see them.

#include <czmq.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sodium.h>
#include <termios.h>
#include <unistd.h>
#include "cli.h"
#include "fst_clock.h"
#include "fst_text.h"

#define REPORTS_MAX         20
#define PASSWORD_BYTES_MAX  4096        //  1,024 characters

//  ------------------------------------------------------------------------------------------------
//  Failures

fst_rc_t
cli_fail (cli_t *self, fst_rc_t rc, const char *format, ...)
{
    va_list args;
    va_start (args, format);
    char *problem = zsys_vprintf (format, args);
    va_end (args);
    free (self->problem);
    self->problem = problem;
    return rc;
}

fst_rc_t
cli_store_failed (cli_t *self, fst_rc_t rc)
{
    if (rc != FST_OK) {
        const char *problem = filestore_problem (self->store);
        cli_fail (self, rc, "%s", problem && *problem? problem: fst_error_text (rc));
    }
    return rc;
}

bool
cli_ends_all (fst_rc_t rc)
{
    switch (rc) {
        case FST_UNAUTHENTICATED:
        case FST_EXPIRED:
        case FST_INTERRUPTED:
        case FST_UNAVAILABLE:
        case FST_TIMEOUT:
        case FST_UNREACHABLE:
            return true;
        default:
            return false;
    }
}

//  Always one line, whatever names are in it.
static void
s_print_failure (const cli_t *self, fst_rc_t rc, const char *problem)
{
    char *line = cli_escape (problem && *problem? problem: fst_error_text (rc));
    size_t length = strlen (line);
    if (length > 1 && line [length - 1] == '.')
        line [length - 1] = 0;          //  The code goes with the sentence
    if (self->given [CLI_JSON]) {
        json_t *value = json_pack ("{s:{s:s,s:s}}", "error", "code", fst_error_code (rc), "message", line);
        char *text = json_dumps (value, JSON_COMPACT);
        fprintf (stderr, "%s\n", text);
        free (text);
        json_decref (value);
    }
    else
        fprintf (stderr, "filestore: %s (%s)\n", line, fst_error_code (rc));
    free (line);
}

void
cli_report (cli_t *self, fst_rc_t rc, const char *problem)
{
    if (self->worst == FST_OK)
        self->worst = rc;
    if (self->reported == REPORTS_MAX)
        self->hidden++;
    else {
        s_print_failure (self, rc, problem);
        self->reported++;
    }
}

void
cli_warn (const char *format, ...)
{
    va_list args;
    va_start (args, format);
    char *text = zsys_vprintf (format, args);
    va_end (args);
    char *line = cli_escape (text);
    fprintf (stderr, "filestore: %s\n", line);
    free (line);
    free (text);
}

int
cli_finish (cli_t *self, fst_rc_t rc)
{
    if (rc != FST_OK)
        s_print_failure (self, rc, self->problem);
    if (self->hidden)
        fprintf (stderr, "filestore: and %d more failed\n", self->hidden);
    fst_rc_t worst = self->worst != FST_OK? self->worst: rc;
    return worst == FST_OK? self->exit: fst_error_exit (worst);
}

//  ------------------------------------------------------------------------------------------------
//  Text

//  Octets of the valid character at text, 0 if there is none.
static size_t
s_character (const char *text)
{
    size_t left = strnlen (text, 4);
    for (size_t length = 1; length <= left; length++)
        if (fst_utf8_valid (text, length))
            return length;
    return 0;
}

//  C0, DEL, and C1 (U+0080 to U+009F), which terminals obey as well.
static bool
s_is_control (const char *text, size_t length)
{
    unsigned char first = (unsigned char) text [0];
    return first < 0x20 || first == 0x7f || (length == 2 && first == 0xc2 && (unsigned char) text [1] < 0xa0);
}

char *
cli_escape (const char *text)
{
    char *escaped = malloc (4 * strlen (text) + 1);
    assert (escaped);
    char *to = escaped;
    while (*text) {
        size_t length = s_character (text);
        if (length && !s_is_control (text, length)) {
            memcpy (to, text, length);
            to += length;
            text += length;
        }
        else
        if (*text == '\n' || *text == '\t') {
            *to++ = '\\';
            *to++ = *text++ == '\n'? 'n': 't';
        }
        else
            to += sprintf (to, "\\x%02x", (unsigned char) *text++);
    }
    *to = 0;
    return escaped;
}

void
cli_print_name (const char *name)
{
    static int terminal = -1;
    if (terminal < 0)
        terminal = isatty (STDOUT_FILENO);
    char *escaped = terminal? cli_escape (name): NULL;
    fputs (escaped? escaped: name, stdout);
    free (escaped);
}

void
cli_print_json (json_t *value)
{
    assert (value);
    json_dumpf (value, stdout, JSON_INDENT (2) | JSON_ENCODE_ANY);
    putchar ('\n');
    json_decref (value);
}

const char *
cli_time_text (int64_t wall_ms, char *buffer, size_t size)
{
    time_t seconds = (time_t) (wall_ms / 1000);
    struct tm local;
    if (!localtime_r (&seconds, &local) || !strftime (buffer, size, "%Y-%m-%d %H:%M", &local))
        snprintf (buffer, size, "-");
    return buffer;
}

//  ------------------------------------------------------------------------------------------------
//  Passwords

static volatile sig_atomic_t s_stop;

static void
s_on_interrupt (int signal_number)
{
    (void) signal_number;
    s_stop = 1;
}

static void
s_catch (int signal_number)
{
    struct sigaction action = { .sa_handler = s_on_interrupt, .sa_flags = (int) SA_RESETHAND };
    sigaction (signal_number, &action, NULL);
}

void
cli_catch_interrupt (void)
{
    s_catch (SIGINT);
    s_catch (SIGTERM);
}

bool
cli_interrupted (void)
{
    return s_stop;
}

void
cli_password_free (char **password_p)
{
    if (*password_p) {
        sodium_memzero (*password_p, strlen (*password_p));
        free (*password_p);
        *password_p = NULL;
    }
}

//  One line, an octet at a time so that nothing behind it is taken. False at the end or when interrupted.
static bool
s_read_line (int fd, char *line, size_t size, bool *too_long_p)
{
    size_t used = 0;
    char octet;
    ssize_t got;
    *too_long_p = false;
    while ((got = read (fd, &octet, 1)) == 1 && octet != '\n') {
        if (used + 1 < size && octet)
            line [used++] = octet;
        else
            *too_long_p = true;         //  Or it has a NUL in it
    }
    if (used && line [used - 1] == '\r')
        used--;
    line [used] = 0;
    return got == 1 || (got == 0 && used);
}

//  From the terminal itself, so that it works with stdin redirected, and without echo.
static bool
s_ask (int terminal, const char *prompt, char *line, size_t size, bool *too_long_p)
{
    struct termios normal, silent;
    if (tcgetattr (terminal, &normal))
        return false;
    silent = normal;
    silent.c_lflag &= ~(tcflag_t) ECHO;
    cli_catch_interrupt ();
    tcsetattr (terminal, TCSAFLUSH, &silent);
    dprintf (terminal, "%s: ", prompt);
    bool good = s_read_line (terminal, line, size, too_long_p);
    dprintf (terminal, "\n");
    tcsetattr (terminal, TCSAFLUSH, &normal);
    return good && !s_stop;
}

static fst_rc_t
s_check_password (cli_t *self, const char *line, bool too_long)
{
    if (too_long || !fst_utf8_valid (line, strlen (line)))
        return cli_fail (self, FST_MALFORMED, "a password is at most %d octets of UTF-8, without NUL", PASSWORD_BYTES_MAX);
    if (!*line)
        return cli_fail (self, FST_MALFORMED, "the password is empty");
    return FST_OK;
}

static fst_rc_t
s_ask_twice (cli_t *self, const char *prompt, bool confirm, char *line, size_t size, bool *too_long_p)
{
    char *again = calloc (1, size);
    assert (again);
    bool ignored;
    int terminal = open ("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY);
    fst_rc_t rc = FST_OK;
    if (terminal < 0)
        rc = cli_fail (self, FST_MALFORMED, "there is no terminal to ask for the password; use --password-stdin");
    else
    if (!s_ask (terminal, prompt, line, size, too_long_p)
    || (confirm && !s_ask (terminal, "Again", again, size, &ignored)))
        rc = cli_fail (self, FST_INTERRUPTED, "no password was given");
    else
    if (confirm && strneq (line, again))
        rc = cli_fail (self, FST_MALFORMED, "the two passwords are not the same");
    if (terminal >= 0)
        close (terminal);
    sodium_memzero (again, size);
    free (again);
    return rc;
}

fst_rc_t
cli_password (cli_t *self, const char *prompt, bool confirm, char **password_p)
{
    char line [PASSWORD_BYTES_MAX + 1] = "";
    bool too_long = false;
    fst_rc_t rc = FST_OK;
    if (!self->given [CLI_PASSWORD_STDIN])
        rc = s_ask_twice (self, prompt, confirm, line, sizeof (line), &too_long);
    else
    if (!s_read_line (STDIN_FILENO, line, sizeof (line), &too_long))
        rc = cli_fail (self, FST_MALFORMED, "there is no password on standard input");
    if (rc == FST_OK)
        rc = s_check_password (self, line, too_long);
    if (rc == FST_OK)
        *password_p = strdup (line);
    sodium_memzero (line, sizeof (line));
    return rc;
}

//  ------------------------------------------------------------------------------------------------
//  Progress

void
cli_progress_start (cli_progress_t *self, int64_t total_bytes)
{
    *self = (cli_progress_t) {
        .start_ms = fst_clock_mono_ms (), .total_bytes = total_bytes, .terminal = isatty (STDERR_FILENO)
    };
    cli_catch_interrupt ();
}

static void
s_draw (cli_progress_t *self, int64_t done, int64_t total, int64_t spent_ms)
{
    char done_text [32], total_text [32], rate_text [32];
    int64_t rate = done * 1000 / spent_ms;
    fprintf (stderr, "\r");
    if (total > 0)
        fprintf (stderr, "%3d %%  %s of %s", (int) (done * 100 / total), fst_size_text (done, done_text, sizeof (done_text)),
                 fst_size_text (total, total_text, sizeof (total_text)));
    else
        fprintf (stderr, "%s", fst_size_text (done, done_text, sizeof (done_text)));
    fprintf (stderr, "  %s/s", fst_size_text (rate, rate_text, sizeof (rate_text)));
    if (total > done && rate > 0) {
        int64_t left = (total - done) / rate;
        fprintf (stderr, "  %d:%02d left", (int) (left / 60), (int) (left % 60));
    }
    fprintf (stderr, "\033[K");
    self->drawn = true;
}

bool
cli_progress (void *arg, int64_t done_bytes, int64_t total_bytes)
{
    cli_progress_t *self = arg;
    int64_t spent_ms = fst_clock_mono_ms () - self->start_ms;
    self->now_bytes = done_bytes;
    if (self->terminal && spent_ms > 1000) {
        int64_t total = self->total_bytes >= 0? self->total_bytes: self->before_bytes? -1: total_bytes;
        int64_t done = self->before_bytes + done_bytes;
        s_draw (self, total >= 0 && done > total? total: done, total, spent_ms);
    }
    return !s_stop;
}

void
cli_progress_next (cli_progress_t *self)
{
    self->before_bytes += self->now_bytes;
    self->now_bytes = 0;
}

void
cli_progress_end (cli_progress_t *self)
{
    if (self->drawn)
        fprintf (stderr, "\r\033[K");
    self->drawn = false;
}
