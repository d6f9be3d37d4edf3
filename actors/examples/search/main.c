//  The search actor (README.md beside this file).

#include "fst_main.h"
#include "fst_search.h"

int
main (int argc, char **argv)
{
    fst_search_t self = { 0 };
    return fst_actor_main (argc, argv, &fst_search_class, &self);
}
