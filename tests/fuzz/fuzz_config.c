//  NAME=VALUE as typed by a person: refused with a reason, or within its bounds.

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include "fst_config.h"
#include "fst_text.h"

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t bytes);

static void
s_check_value (const fst_config_t *config, const char *name)
{
    const fst_option_t *option = fst_options;
    while (strcmp (option->name, name))
        option++;
    if (option->type == FST_OPTION_TEXT || option->type == FST_OPTION_FILE)
        assert (fst_utf8_valid (fst_config_text (config, name), strlen (fst_config_text (config, name))));
    else {
        assert (fst_config_number (config, name) >= option->min);
        assert (fst_config_number (config, name) <= option->max);
    }
}

//  The first octet picks an option, so that not only names are tried.
static void
s_assign (fst_config_t *config, const uint8_t *data, size_t bytes)
{
    size_t count = 0;
    while (fst_options [count].name)
        count++;
    char *value = strndup ((const char *) data + 1, bytes - 1), *problem = NULL;
    const char *name = fst_options [data [0] % count].name;
    if (fst_config_set (config, name, value, &problem) == FST_OK)
        s_check_value (config, name);
    else
        assert (problem && *problem);
    free (problem);
    problem = NULL;
    if (fst_config_assign (config, value, &problem) != FST_OK)
        assert (problem && *problem);
    free (problem);
    free (value);
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t bytes)
{
    static fst_config_t *config;
    if (!config)
        config = fst_config_new ();
    if (bytes > 0)
        s_assign (config, data, bytes);

    char *text = strndup ((const char *) data, bytes), buffer [32];
    int64_t value;
    if (fst_size_parse (text, &value) == FST_OK) {
        assert (value >= 0);
        assert (strlen (fst_size_text (value, buffer, sizeof (buffer))) < 12);
    }
    if (fst_duration_parse (text, &value) == FST_OK)
        assert (value >= 0);
    free (text);
    return 0;
}
