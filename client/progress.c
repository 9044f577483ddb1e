#include "client/progress.h"

#include "client/human.h"

#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

enum { BAR_MIN = 10, BAR_MAX = 40, COLUMNS_DEFAULT = 80, PART_SIZE = 160 };

static unsigned percent(const struct idn_progress_view *view)
{
    return view->total == 0 ? 100 : (unsigned)(view->done * 100 / view->total);
}

static void time_left(const struct idn_progress_view *view, char part[static PART_SIZE])
{
    part[0] = '\0';
    if (view->left_ms > 0)
        (void)snprintf(part, PART_SIZE, "%s left",
            idn_human_duration(view->left_ms < 1000 ? 1000 : view->left_ms).text);
}

// Appends part behind a gap of two when it fits into *room columns (< IDN_PROGRESS_LINE_SIZE);
// otherwise *room becomes 0, so that nothing less important comes in its place.
static void append(char *line, size_t *room, const char *part)
{
    size_t length = strlen(line), gap = length == 0 ? 0 : 2, more = strlen(part);

    if (more == 0)
        return;
    if (length + gap + more > *room) {
        *room = 0;
        return;
    }
    memset(line + length, ' ', gap);
    memcpy(line + length + gap, part, more + 1);
}

static void draw_bar(const struct idn_progress_view *view, size_t room, char *part)
{
    size_t width = room > BAR_MAX ? BAR_MAX : room;
    size_t full = view->total == 0 ? width : (size_t)(view->done * width / view->total);

    part[0] = '[';
    memset(part + 1, '#', full);
    memset(part + 1 + full, '-', width - full);
    part[width + 1] = ']';
    part[width + 2] = '\0';
}

void idn_progress_bar(const struct idn_progress_view *view, unsigned columns,
    char line[static IDN_PROGRESS_LINE_SIZE])
{
    size_t most = columns == 0 ? 0 : columns - 1;
    char part[PART_SIZE], text[IDN_PROGRESS_LINE_SIZE] = "";

    if (most > IDN_PROGRESS_LINE_SIZE - 1)
        most = IDN_PROGRESS_LINE_SIZE - 1;
    size_t room = most;
    (void)snprintf(part, sizeof(part), "%3u %%", percent(view));
    append(text, &room, part);
    (void)snprintf(part, sizeof(part), "%s of %s", idn_human_count(view->done).text,
        idn_human_count(view->total).text);
    append(text, &room, part);
    if (view->failed > 0) {
        (void)snprintf(part, sizeof(part), "%s failed", idn_human_count(view->failed).text);
        append(text, &room, part);
    }
    if (view->note[0] != '\0') {
        (void)snprintf(part, sizeof(part), "%.*s",
            (int)(most > strlen(text) + 2 ? most - strlen(text) - 2 : 0), view->note);
        append(text, &room, part);
    } else {
        time_left(view, part);
        append(text, &room, part);
        (void)snprintf(part, sizeof(part), "%s/s", idn_human_rate(view->images_per_s).text);
        append(text, &room, part);
    }
    line[0] = '\0';
    if (room >= strlen(text) + 4 + BAR_MIN) // brackets and a gap
        draw_bar(view, room - strlen(text) - 4, line);
    append(line, &most, text);
}

void idn_progress_plain(
    const struct idn_progress_view *view, char line[static IDN_PROGRESS_LINE_SIZE])
{
    char part[PART_SIZE];
    int length = snprintf(line, IDN_PROGRESS_LINE_SIZE, "%s of %s images (%u %%)",
        idn_human_count(view->done).text, idn_human_count(view->total).text, percent(view));

    if (view->failed > 0)
        length += snprintf(line + length, IDN_PROGRESS_LINE_SIZE - (size_t)length, ", %s failed",
            idn_human_count(view->failed).text);
    if (view->note[0] != '\0') {
        (void)snprintf(
            line + length, IDN_PROGRESS_LINE_SIZE - (size_t)length, ", %.300s", view->note);
        return;
    }
    time_left(view, part);
    (void)snprintf(line + length, IDN_PROGRESS_LINE_SIZE - (size_t)length, ", %s/s%s%s",
        idn_human_rate(view->images_per_s).text, part[0] == '\0' ? "" : ", ", part);
}

void idn_progress_init(struct idn_progress *progress, FILE *file, bool quiet)
{
    *progress =
        (struct idn_progress){.file = file, .quiet = quiet, .terminal = isatty(fileno(file)) == 1};
}

static unsigned columns_of(FILE *file)
{
    struct winsize size;

    if (ioctl(fileno(file), TIOCGWINSZ, &size) != 0 || size.ws_col == 0)
        return COLUMNS_DEFAULT;
    return size.ws_col;
}

// One write a change, and the rest of the line erased only after the new text: no flicker.
static void redraw(struct idn_progress *progress, const char *line)
{
    if (progress->drawn && strcmp(line, progress->line) == 0)
        return;
    (void)fprintf(progress->file, "\r%s\033[K", line);
    (void)fflush(progress->file);
    progress->drawn = true;
    (void)snprintf(progress->line, sizeof(progress->line), "%s", line);
}

void idn_progress_show(
    struct idn_progress *progress, const struct idn_progress_view *view, uint64_t now_ms)
{
    char line[IDN_PROGRESS_LINE_SIZE];

    if (progress->quiet)
        return;
    if (progress->terminal) {
        idn_progress_bar(view, columns_of(progress->file), line);
        redraw(progress, line);
        return;
    }
    idn_progress_plain(view, line);
    if (progress->next_ms == 0) // a line about nothing yet helps nobody
        progress->next_ms = now_ms + IDN_PROGRESS_FIRST_MS;
    if (now_ms < progress->next_ms || strcmp(line, progress->line) == 0)
        return;
    progress->next_ms = now_ms + IDN_PROGRESS_PLAIN_MS;
    (void)fprintf(progress->file, "%s\n", line);
    (void)snprintf(progress->line, sizeof(progress->line), "%s", line);
}

void idn_progress_end(struct idn_progress *progress)
{
    if (progress->drawn)
        (void)fputs("\r\033[K", progress->file);
    (void)fflush(progress->file);
    progress->drawn = false;
}

void idn_progress_say(struct idn_progress *progress, const char *sentence)
{
    if (progress->quiet)
        return;
    idn_progress_end(progress);
    (void)fprintf(progress->file, "%s\n", sentence);
    (void)fflush(progress->file);
}
