// Measurement: how fast jobs get on, how equally, and how long tasks take. Soft state, of this
// reign. Nothing here is decided by it.
//
//   rate        images a second that got their first result by a report; what came from the other
//               broker is not counted. Tasks: images / batch of the model, as it is now
//   windows     10S, 60S: the current second and the 9 or 59 before it
//               CHANGE: since a job was accepted or ended, a worker joined or left, a weight, a
//               batch or a drain was set; of a job, since its first result after that
//               SHARED: since the jobs that share do (sharing.h)
//   gap         1 - least / most of (task rate / weight), over the jobs that share, and did so on
//               the same terms, with a result, before the window began; none of a short window
//   time left   at the rate of the last 60 s, or since the first result after the latest change if
//               that is less, but over 10 s at least; of no time before the first result, nor
//               before the first one after a pause of 10 s
//   task time   sum of the compute times that the reports of its images say, of whole batches that
//               were seen whole: all images of it reported to this broker, in this reign, while the
//               batch was what it is
#ifndef IDN_BROKER_CORE_MEASURE_H
#define IDN_BROKER_CORE_MEASURE_H

#include "broker/core/fold.h"
#include "broker/core/state.h"

// ---- what happens

// A report of `count` rows was folded, compute_us the time that it says it took.
void idn_measure_report(struct idn_core *core, struct idn_job *job, const struct idn_folded *folded,
    uint32_t count, uint64_t compute_us);
// The job's pending images may have changed.
void idn_measure_pending(struct idn_core *core, struct idn_job *job);
// Its weight is another one.
void idn_measure_terms(struct idn_core *core, const struct idn_job *job);
// The batch of a model is another one: its tasks are others from now on. A change, if it has jobs.
void idn_measure_batch(struct idn_core *core, uint32_t model);
void idn_measure_change(struct idn_core *core, enum idn_change change);
// The job is no longer open.
void idn_measure_left(struct idn_core *core, struct idn_job *job);
// A reign begins.
void idn_measure_restart(struct idn_core *core);

// Asserts that each slot is of one open job.
void idn_measure_check(const struct idn_core *core);

// ---- what is known; now: the core's time

// When the window began.
uint64_t idn_measure_begin(const struct idn_core *core, enum idn_window window, uint64_t now);

// 10S and 60S of a job whose first result is not as old: since that second. SHARED of one that does
// not share: 0.
double idn_measure_images_per_s(
    const struct idn_core *core, const struct idn_job *job, enum idn_window window, uint64_t now);

// Since its first result in this reign; 0: there was none.
uint64_t idn_measure_since_ms(const struct idn_core *core, const struct idn_job *job, uint64_t now);

// How long its window CHANGE is; 0: no result has come since.
uint64_t idn_measure_change_ms(
    const struct idn_core *core, const struct idn_job *job, uint64_t now);

struct idn_gap {
    double gap;
    uint32_t jobs; // that it is of
};
// False: fewer than two jobs, or none of them got on, or the window is shorter than
// IDN_WINDOW_MS_MIN.
bool idn_measure_gap(
    const struct idn_core *core, enum idn_window window, uint64_t now, struct idn_gap *ret);

// The rate at which the job may be expected to go on: see the head. 0: nothing to go by.
double idn_measure_expected_images_per_s(
    const struct idn_core *core, const struct idn_job *job, uint64_t now);
// How long the job will still take at that rate. False: nothing to go by, or nobody can be given
// its images now.
bool idn_measure_finish_ms(
    const struct idn_core *core, const struct idn_job *job, uint64_t now, uint64_t *ret_ms);

// Microseconds of its whole tasks, count 0: none was seen.
struct idn_moments idn_measure_job_task_us(const struct idn_core *core, const struct idn_job *job);

#endif
