//  A program that is one actor: options, settings, keys, signals, log, until its end.
//
//      int
//      main (int argc, char **argv)
//      {
//          static hello_t self;
//          static const fst_actor_class_t class = {
//              .title = "Says hello", .schemas = &hello_schemas, .commands = s_commands, .events = s_events
//          };
//          return fst_actor_main (argc, argv, &class, &self);
//      }
//
//  `NAME --config FILE` runs it; FILE is what `filestored join` wrote (broker, events-in, events-out, keys), with
//  the actor's own settings if class->settings has some; --set NAME=VALUE changes one. Its service is what its keys
//  say: role actor:hello offers hello. It prints a line that begins with `ready` once start has answered; SIGTERM
//  and SIGINT end it cleanly. SIGHUP reads the settings again: the log changes at once, every other option that was
//  changed is named. Under systemd it is Type=notify, and feeds the watchdog while its loop turns.

#ifndef FST_MAIN_H_INCLUDED
#define FST_MAIN_H_INCLUDED

#include "fst_actor.h"

//  Returns the exit code. In the handlers fst_actor_config has the settings, fst_actor_keys the token.
int
fst_actor_main (int argc, char **argv, const fst_actor_class_t *class, void *self);

#endif
