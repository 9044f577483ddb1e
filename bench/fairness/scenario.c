#include "bench/fairness/scenario.h"

// As a worker with one core computes them with the engine onednn: 12 images of AlexNet in a slice
// of 100 ms, 7 of ResNet-18. AlexNet reads 235 MB of weights in each slice, however small.
#define ALEXNET                                                              \
    {                                                                        \
        .name = "alexnet", .batch = 500, .image_us = 7000, .slice_us = 15000 \
    }
#define RESNET18                                                              \
    {                                                                         \
        .name = "resnet18", .batch = 400, .image_us = 13000, .slice_us = 1000 \
    }
#define PHOTOS            \
    {                     \
        ALEXNET, RESNET18 \
    }

// Tasks of so many seconds.
#define SIX                                                              \
    {                                                                    \
        .name = "six", .batch = 500, .image_us = 11500, .slice_us = 4000 \
    }
#define NINE                                                              \
    {                                                                     \
        .name = "nine", .batch = 400, .image_us = 21500, .slice_us = 4000 \
    }
#define ONE                                                             \
    {                                                                   \
        .name = "one", .batch = 100, .image_us = 9600, .slice_us = 4000 \
    }
#define REPORT    \
    {             \
        SIX, NINE \
    }
#define THREE          \
    {                  \
        SIX, NINE, ONE \
    }

const struct fair_scenario fair_scenarios[] = {
    {.name = "six-nine-10",
        .what = "tasks of 6 s and 9 s on ten workers",
        .model = REPORT,
        .workers = 10,
        .job = {{0, 1, 1000}, {1, 1, 11000}},
        .seconds = 190},
    {.name = "six-nine-3",
        .what = "tasks of 6 s and 9 s on three workers",
        .model = REPORT,
        .workers = 3,
        .job = {{0, 1, 1000}, {1, 1, 11000}},
        .seconds = 190},
    {.name = "photos-2",
        .what = "alexnet, then resnet18, on two workers",
        .model = PHOTOS,
        .workers = 2,
        .job = {{0, 1, 1000}, {1, 1, 11000}},
        .seconds = 190},
    {.name = "photos-10",
        .what = "resnet18, then alexnet, on ten workers",
        .model = PHOTOS,
        .workers = 10,
        .job = {{1, 1, 1000}, {0, 1, 11000}},
        .seconds = 190},
    {.name = "one-worker",
        .what = "alexnet and resnet18 take turns on one worker",
        .model = PHOTOS,
        .workers = 1,
        .job = {{0, 1, 1000}, {1, 1, 11000}},
        .seconds = 190},
    {.name = "three-on-two",
        .what = "three jobs, tasks of 6, 9 and 1 s, on two workers",
        .model = THREE,
        .workers = 2,
        .job = {{0, 1, 1000}, {1, 1, 6000}, {2, 1, 11000}},
        .seconds = 190},
    {.name = "weights",
        .what = "weights 1 and 2 on three workers",
        .model = PHOTOS,
        .workers = 3,
        .job = {{0, 1, 1000}, {1, 2, 11000}},
        .seconds = 190},
    {.name = "weight-set",
        .what = "the weight of one of two jobs is set to 3 after a minute",
        .model = PHOTOS,
        .workers = 4,
        .job = {{0, 1, 1000}, {1, 1, 11000}},
        .change = {{FAIR_WEIGHT, 60000, 0, 3}},
        .seconds = 190},
    {.name = "ten-photos-2",
        .what = "ten jobs of alexnet and resnet18 on two workers",
        .model = PHOTOS,
        .workers = 2,
        .job = {{0, 1, 1000}, {1, 1, 2000}, {0, 1, 3000}, {1, 1, 4000}, {0, 1, 5000}, {1, 1, 6000},
            {0, 1, 7000}, {1, 1, 8000}, {0, 1, 9000}, {1, 1, 10000}},
        .seconds = 190},
    {.name = "three-photos-2",
        .what = "three jobs of alexnet and resnet18 on two workers",
        .model = PHOTOS,
        .workers = 2,
        .job = {{0, 1, 1000}, {1, 1, 6000}, {0, 1, 11000}},
        .seconds = 190},
    {.name = "ten-on-four",
        .what = "ten jobs, tasks of 6, 9 and 1 s, on four workers",
        .model = THREE,
        .workers = 4,
        .job = {{0, 1, 1000}, {1, 1, 2000}, {2, 1, 3000}, {0, 1, 4000}, {1, 1, 5000}, {2, 1, 6000},
            {0, 1, 7000}, {1, 1, 8000}, {2, 1, 9000}, {0, 1, 10000}},
        .seconds = 190},
    {.name = "ten-on-ten",
        .what = "the same on ten workers",
        .model = THREE,
        .workers = 10,
        .job = {{0, 1, 1000}, {1, 1, 2000}, {2, 1, 3000}, {0, 1, 4000}, {1, 1, 5000}, {2, 1, 6000},
            {0, 1, 7000}, {1, 1, 8000}, {2, 1, 9000}, {0, 1, 10000}},
        .seconds = 190},
    {.name = "eight-on-forty",
        .what = "eight jobs on forty workers",
        .model = THREE,
        .workers = 40,
        .job = {{0, 1, 1000}, {1, 1, 2000}, {2, 1, 3000}, {0, 1, 4000}, {1, 1, 5000}, {2, 1, 6000},
            {0, 1, 7000}, {1, 1, 8000}},
        .seconds = 130},
    {.name = "unequal",
        .what = "ten workers, some half, some twice, some four times as slow as the others",
        .model = PHOTOS,
        .workers = 10,
        .percent = {100, 50, 200, 400},
        .job = {{0, 1, 1000}, {1, 1, 11000}},
        .seconds = 190},
    {.name = "leaves",
        .what = "one of five workers dies after a minute, another one ten seconds later",
        .model = PHOTOS,
        .workers = 5,
        .job = {{0, 1, 1000}, {1, 1, 11000}},
        .change = {{FAIR_LEAVES, 60000, 2, 0}, {FAIR_LEAVES, 70000, 4, 0}},
        .seconds = 130},
    {.name = "joins",
        .what = "two workers; after a minute a third one joins, ten seconds later a fourth",
        .model = PHOTOS,
        .workers = 2,
        .job = {{0, 1, 1000}, {1, 1, 11000}},
        .change = {{FAIR_JOINS, 60000, 2, 0}, {FAIR_JOINS, 70000, 3, 0}},
        .seconds = 130},
    {.name = "take-over",
        .what = "a job, two minutes later another one, a minute later another broker takes over",
        .model = PHOTOS,
        .workers = 4,
        .job = {{0, 1, 1000}, {1, 1, 121000}},
        .change = {{FAIR_TAKE_OVER, 180000, 0, 0}},
        .seconds = 300},
    {.name = "take-overs",
        .what = "the same, and a take-over every five seconds",
        .model = PHOTOS,
        .workers = 4,
        .job = {{0, 1, 1000}, {1, 1, 121000}},
        .change = {{FAIR_TAKE_OVER, 180000, 0, 0}, {FAIR_TAKE_OVER, 185000, 0, 0},
            {FAIR_TAKE_OVER, 190000, 0, 0}, {FAIR_TAKE_OVER, 195000, 0, 0},
            {FAIR_TAKE_OVER, 200000, 0, 0}, {FAIR_TAKE_OVER, 205000, 0, 0},
            {FAIR_TAKE_OVER, 210000, 0, 0}, {FAIR_TAKE_OVER, 215000, 0, 0}},
        .seconds = 240},
    {.name = "partial",
        .what = "two jobs of one model; a third one of a model that only two of ten workers hold",
        .model = {SIX, NINE},
        .workers = 10,
        .models_of_first = 1,
        .half = 8,
        .job = {{0, 1, 1000}, {0, 1, 61000}, {1, 1, 1000}},
        .apart = 1 << 2,
        .seconds = 190},
    {.name = "partial-joins",
        .what = "the same; after two minutes workers join that hold both models",
        .model = {SIX, NINE},
        .workers = 6,
        .models_of_first = 1,
        .half = 5,
        .job = {{0, 1, 1000}, {1, 1, 1000}},
        .change = {{FAIR_JOINS, 120000, 6, 0}, {FAIR_JOINS, 120000, 7, 0},
            {FAIR_JOINS, 120000, 8, 0}, {FAIR_JOINS, 120000, 9, 0}, {FAIR_JOINS, 120000, 10, 0},
            {FAIR_JOINS, 120000, 11, 0}, {FAIR_JOINS, 120000, 12, 0}, {FAIR_JOINS, 120000, 13, 0}},
        .since = 130,
        .seconds = 250},
    {.name = NULL},
};

uint32_t fair_scenario_jobs(const struct fair_scenario *scenario)
{
    uint32_t count = 0;

    while (scenario->job[count].weight > 0)
        count++;
    return count;
}

uint32_t fair_scenario_models(const struct fair_scenario *scenario)
{
    uint32_t count = 0;

    while (scenario->model[count].name != NULL)
        count++;
    return count;
}
