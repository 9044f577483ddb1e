// How far a job is: one line that is redrawn on a terminal, otherwise a plain line every few
// seconds.
#ifndef IDN_CLIENT_PROGRESS_H
#define IDN_CLIENT_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

struct idn_progress_view {
    uint64_t total, done, failed; // images; done includes the failed
    double images_per_s;
    uint64_t left_ms; // 0: not known
    const char *note; // instead of rate and time left, such as why nothing moves; or ""
};

enum { IDN_PROGRESS_LINE_SIZE = 512, IDN_PROGRESS_PLAIN_MS = 5000, IDN_PROGRESS_FIRST_MS = 1000 };

// The line for a terminal of so many columns; never longer than columns - 1, so that it never
// wraps. Narrow ones lose first the bar, then the rate, then what else does not fit.
void idn_progress_bar(const struct idn_progress_view *view, unsigned columns,
    char line[static IDN_PROGRESS_LINE_SIZE]);
void idn_progress_plain(
    const struct idn_progress_view *view, char line[static IDN_PROGRESS_LINE_SIZE]);

struct idn_progress {
    FILE *file; // borrowed
    bool terminal, quiet, drawn;
    uint64_t next_ms;                  // plain: when the next line is due; 0: nothing was shown yet
    char line[IDN_PROGRESS_LINE_SIZE]; // shown last
};

// quiet: shows nothing at all.
void idn_progress_init(struct idn_progress *progress, FILE *file, bool quiet);
void idn_progress_show(
    struct idn_progress *progress, const struct idn_progress_view *view, uint64_t now_ms);
// A line of its own that stays, such as "lost the broker at ...".
void idn_progress_say(struct idn_progress *progress, const char *sentence);
// Takes the bar away; safe to call again.
void idn_progress_end(struct idn_progress *progress);

#endif
