// systemd's start-up protocol (sd_notify(3)) without its library.
#ifndef IDN_BASE_NOTIFY_H
#define IDN_BASE_NOTIFY_H

// Sends "READY=1", "STOPPING=1", ... to $NOTIFY_SOCKET; nothing without it. Losing one is harmless.
void idn_notify(const char *state);

#endif
