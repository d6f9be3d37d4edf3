//  What a server process owes the machine: limits, memory, signals.

#ifndef FST_PROCESS_H_INCLUDED
#define FST_PROCESS_H_INCLUDED

//  Call once, before the first socket and thread: private files, many file descriptors, an allocator that
//  keeps what large messages need, and signals blocked in all threads to come. Returns a signalfd for
//  SIGTERM, SIGINT and SIGHUP.
int
fst_process_prepare (void);

//  Wait at most timeout_ms (-1 = for ever) for a signal; 0 if none came. SIGHUP asks to read the settings again, but in
//  a terminal, where it says that the terminal is gone, it comes as SIGTERM. systemd is told that we are alive. Memory that was used in a burst is
//  given back once the process has been quiet.
int
fst_process_wait (int signals, int timeout_ms);

//  Tell systemd that we serve, and wait for the signal that ends it, whose number is returned. Each SIGHUP calls reload.
typedef void (fst_process_reload_fn) (void *arg);
int
fst_process_serve (int signals, fst_process_reload_fn *reload, void *arg);

//  The clean end has begun, and systemd hears of it: a second signal, or limit_s seconds, ends the process whatever it is doing.
void
fst_process_ending (int limit_s);

#endif
