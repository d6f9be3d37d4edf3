//  Telling systemd how we are (sd_notify(3)): a datagram to the socket in $NOTIFY_SOCKET. Without one nothing is sent.

#ifndef FST_NOTIFY_H_INCLUDED
#define FST_NOTIFY_H_INCLUDED

//  "READY=1", "STOPPING=1", "RELOADING=1"; several lines may be in one text.
void
fst_notify (const char *text);

//  Call often: says that the process is alive, as often as systemd wants to hear it, while every loop in it turns.
//  Then it is systemd that ends and starts it again.
void
fst_notify_alive (void);

#endif
