#include "tests/lib/capture.h"

#include "tests/lib/check.h"

#include <unistd.h>

char out[8000], err[2000];

static FILE *file[2]; // in the place of stdout and stderr
static int kept[2];   // what these were

void capture_begin(void)
{
    (void)fflush(stdout);
    for (int i = 0; i < 2; i++) {
        file[i] = tmpfile();
        kept[i] = dup(STDOUT_FILENO + i);
        CHECK(file[i] != NULL && kept[i] >= 0);
        CHECK(dup2(fileno(file[i]), STDOUT_FILENO + i) >= 0);
    }
}

static void read_back(int which, char *text, size_t size)
{
    CHECK(dup2(kept[which], STDOUT_FILENO + which) >= 0);
    (void)close(kept[which]);
    rewind(file[which]);
    text[fread(text, 1, size - 1, file[which])] = '\0';
    (void)fclose(file[which]);
}

void capture_end(void)
{
    (void)fflush(stdout);
    read_back(0, out, sizeof(out));
    read_back(1, err, sizeof(err));
}
