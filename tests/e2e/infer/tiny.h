// A classifier small enough to write here: 16x16 input, a convolution, average, softmax over seven
// classes.
#ifndef IDN_TESTS_E2E_INFER_TINY_H
#define IDN_TESTS_E2E_INFER_TINY_H

#include <stdio.h>

enum { TINY_CLASSES = 7, TINY_WEIGHTS = 7 * 3 * 3 * 3 };

static const char tiny_cfg[] = "[net]\nbatch=64\nsubdivisions=1\nheight=16\nwidth=16\nchannels=3\n"
                               "learning_rate=0.1\nmax_batches=1\npolicy=poly\npower=4\n\n"
                               "[convolutional]\nfilters=7\nsize=3\nstride=1\npad=1\n"
                               "activation=leaky\n\n[avgpool]\n\n[softmax]\ngroups=1\n";

// bias: of the first class; a NaN there makes every answer one.
static inline int tiny_write_weights(const char *path, float bias)
{
    unsigned char header[20] = {[4] = 2};
    FILE *file = fopen(path, "wb");

    if (file == NULL || fwrite(header, sizeof(header), 1, file) != 1)
        return -1;
    for (int i = 0; i < TINY_CLASSES + TINY_WEIGHTS; i++) {
        float value = i == 0 ? bias : (float)((i * 37) % 101) / 50.0f - 1.0f;
        (void)fwrite(&value, sizeof(value), 1, file);
    }
    return fclose(file);
}

#endif
