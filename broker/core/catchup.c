#include "broker/core/catchup.h"

#include "broker/core/actions.h"
#include "broker/core/fold.h"
#include "broker/core/jobs.h"
#include "broker/core/mirror.h"
#include "broker/core/roles.h"

enum {
    FACT_HEAD_BYTES = 64, // of a fact in a frame, beside its body
    STORED_TIME_MS = 2 * IDN_MIRROR_LAG_MS / IDN_STORED_TIMES_MAX, // of one entry
};

static_assert(IDN_INCARNATIONS_MAX / IDN_MIRROR_VECTOR_MAX + 1 < IDN_MIRROR_WINDOW,
    "a vector's frames fit the window");

// ---- vectors

// All of it at once: at most IDN_INCARNATIONS_MAX / IDN_MIRROR_VECTOR_MAX frames.
static void send_vector(struct idn_core *core)
{
    struct idn_mirror *mirror = &core->mirror;
    uint32_t slot = 0, used = 0;
    bool last = false;

    while (!last) {
        struct idn_held *list = mirror->list + used;
        uint32_t count = idn_vector_list(&mirror->vector, &slot, IDN_MIRROR_VECTOR_MAX, list);
        struct idn_mirror_frame *frame =
            idn_mirror_send_numbered(core, IDN_MIRROR_VECTOR, 0, count * (uint32_t)sizeof(*list));
        used += count;
        last = slot > mirror->vector.mask;
        frame->u.vector.count = count;
        frame->u.vector.last = last;
        frame->u.vector.item = list;
    }
    mirror->session.vector_sent = true;
}

const char *idn_catchup_take_vector(struct idn_core *core, const struct idn_mirror_frame *frame)
{
    struct idn_mirror *mirror = &core->mirror;

    if (mirror->session.vector_taken)
        return "a vector came after its last part";
    if (frame->u.vector.count > IDN_MIRROR_VECTOR_MAX)
        return "a part of a vector is too long";
    for (uint32_t i = 0; i < frame->u.vector.count; i++) {
        const struct idn_held *held = &frame->u.vector.item[i];
        struct idn_vector_entry *entry = idn_vector_find(&mirror->vector, held->incarnation);
        // Of those not known here all facts are to come.
        if (entry != NULL && entry->there < held->last)
            entry->there = held->last;
    }
    mirror->session.vector_taken = frame->u.vector.last;
    return NULL;
}

// ---- what the other broker lacks

// Our own facts that are committed and not stored are not for it to find yet: the tail brings them.
// (Nothing else can be on its way to the store: until now nothing was copied in this session, and
// what was copied before it was stored before our vector was sent.)
static void find_what_it_lacks(struct idn_core *core)
{
    struct idn_mirror *mirror = &core->mirror;
    struct idn_mirror_session *session = &mirror->session;
    uint64_t stored = core->sequence - (core->position - core->stored), committed = core->sequence;

    mirror->own->here = stored;
    session->finds = idn_vector_lacking(&mirror->vector, IDN_MIRROR_FINDS_MAX, session->find);
    mirror->own->here = committed;
    session->at = 0;
    if (session->finds == 0)
        session->at = core->stored;
    if (session->finds > IDN_MIRROR_FINDS_MAX)
        session->finds = 0;
    session->stage = IDN_MIRROR_UP;
    if (mirror->untold == 0) // it may break as those did
        idn_tell(core, "broker %s is in sight", mirror->broker);
}

static void read_on(struct idn_core *core)
{
    struct idn_mirror *mirror = &core->mirror;
    struct idn_mirror_session *session = &mirror->session;
    bool wanted = session->finds > 0 || session->at < core->stored || session->end_sent == 0;

    if (!wanted || session->stuck || mirror->reading || !idn_window_out_room(&session->out))
        return;
    struct idn_action *action = idn_action_add(core, IDN_ACTION_READ_FACTS, 0);
    action->u.read_facts.after = session->at;
    action->u.read_facts.finds = session->finds;
    for (uint32_t i = 0; i < session->finds; i++)
        action->u.read_facts.find[i] = session->find[i];
    session->finds = 0;
    mirror->reading = true;
}

// A fact that the other broker lacks cannot be read here. It could take none of those after it: the
// link stays up, and the two are not in sync until the store has been mended. What becomes of a
// broker that waits for it: roles.c.
static void get_stuck(struct idn_core *core, const struct idn_origin *origin, uint64_t first)
{
    struct idn_mirror_session *session = &core->mirror.session;

    session->stuck = true;
    session->quiet_ms = core->now;
    session->unread = (struct idn_origin){origin->incarnation, first};
    idn_tell(core,
        "facts %lu to %lu of incarnation %lu cannot be read from the store: broker %s cannot be "
        "brought up to date",
        first, origin->sequence - 1, origin->incarnation, core->mirror.broker);
}

// Keeps what the other broker lacks for the frame. Returns its bytes.
static uint32_t gather(struct idn_core *core, const struct idn_event *event, uint32_t *ret_count)
{
    struct idn_mirror *mirror = &core->mirror;
    uint32_t bytes = 0, count = 0;

    for (uint32_t i = 0; i < event->u.facts_read.count && !mirror->session.stuck; i++) {
        const struct idn_stored_fact *item = &event->u.facts_read.item[i];
        const struct idn_origin *origin = &item->fact.origin;
        struct idn_vector_entry *entry = idn_vector_find(&mirror->vector, origin->incarnation);
        uint64_t there = entry == NULL ? 0 : entry->there;
        if (origin->sequence <= there)
            continue;
        if (entry == NULL || origin->sequence > there + 1) {
            get_stuck(core, origin, there + 1);
            continue;
        }
        entry->there = origin->sequence;
        mirror->out[count++] = *item;
        bytes += item->size + FACT_HEAD_BYTES;
    }
    *ret_count = count;
    return bytes;
}

// The store was read to its end, up to `next`. What the other broker lacks still, though it should
// have been among what was read, cannot be read: the last facts of an incarnation have none after
// them to tell. After the first time only our own incarnation can grow.
static void look_for_unread(struct idn_core *core, uint64_t next)
{
    struct idn_mirror *mirror = &core->mirror;
    struct idn_vector_entry *own = mirror->own;
    uint64_t committed = core->sequence, unstored = core->position - core->stored;
    bool has_own = next >= core->stored && committed > unstored;
    struct idn_origin first = {own->incarnation, own->there + 1};

    own->here = has_own ? committed - unstored : 0; // those that are stored for certain
    bool lacks = mirror->session.end_sent == 0 ? idn_vector_lacking(&mirror->vector, 1, &first) > 0
                                               : own->here > own->there;
    if (lacks) {
        uint64_t last = idn_vector_find(&mirror->vector, first.incarnation)->here;
        get_stuck(core, &(struct idn_origin){first.incarnation, last + 1}, first.sequence);
    }
    own->here = committed;
}

void idn_mirror_read(struct idn_core *core, const struct idn_event *event)
{
    struct idn_mirror *mirror = &core->mirror;
    struct idn_mirror_session *session = &mirror->session;
    uint64_t next = event->u.facts_read.next;
    bool end = event->u.facts_read.end;
    uint32_t count;

    if (!mirror->reading)
        return;
    mirror->reading = false;
    if (mirror->read_void) {
        mirror->read_void = false;
        return;
    }
    IDN_ASSERT(event->u.facts_read.count <= IDN_MIRROR_FACTS_MAX);
    uint32_t bytes = gather(core, event, &count);
    if (end && !session->stuck)
        look_for_unread(core, next);
    if (session->stuck)
        next = session->at, end = false; // so far all is mirrored, at least
    session->at = next;
    if (count == 0 && (!end || session->end_sent != 0)) {
        idn_window_out_pass(&session->out, next);
        return;
    }
    struct idn_mirror_frame *frame = idn_mirror_send_numbered(core, IDN_MIRROR_FACTS, next, bytes);
    frame->u.facts.count = count;
    frame->u.facts.end = end;
    frame->u.facts.item = mirror->out;
    if (end && session->end_sent == 0)
        session->end_sent = frame->number;
}

// ---- what this broker lacks

static void copy(struct idn_core *core, const struct idn_stored_fact *item)
{
    const struct idn_fact *fact = &item->fact;

    idn_commit_copy(core, item);
    if (item->decoded)
        idn_fold(core, fact);
    else
        core->facts++;
    // Who asks about the job again is answered when this is stored.
    struct idn_job *job = idn_jobs_find(core, &fact->job);
    if (job != NULL && (fact->kind == IDN_FACT_ACCEPTED || fact->kind == IDN_FACT_CANCELLED))
        job->position = core->position;
}

// Returns what is wrong with it, or NULL.
static const char *take_fact(struct idn_core *core, const struct idn_stored_fact *item)
{
    struct idn_mirror *mirror = &core->mirror;
    const struct idn_origin *origin = &item->fact.origin;
    struct idn_vector_entry *entry = idn_vector_find(&mirror->vector, origin->incarnation);
    uint64_t here = entry == NULL ? 0 : entry->here;

    if (origin->incarnation == 0 || item->fact.epoch.counter > IDN_EPOCH_COUNTER_MAX)
        return "a fact's incarnation or epoch is none";
    if (origin->sequence > here) {
        if (origin->sequence != here + 1 || entry == mirror->own)
            return "a fact came before the one that it follows";
        entry = idn_vector_add(&mirror->vector, origin->incarnation);
        if (entry == NULL) {
            idn_core_exit(core, "the two brokers' stores together hold facts of more starts of "
                                "brokers than one can keep, 65536; this needs a new store");
            return NULL;
        }
        entry->here = origin->sequence;
        copy(core, item);
    }
    if (entry != NULL && entry->there < origin->sequence)
        entry->there = origin->sequence;
    return NULL;
}

const char *idn_catchup_take_facts(struct idn_core *core, const struct idn_mirror_frame *frame)
{
    struct idn_mirror_session *session = &core->mirror.session;
    const char *wrong = NULL;

    if (session->stage != IDN_MIRROR_UP)
        return "facts came before the vectors";
    if (frame->u.facts.count > IDN_MIRROR_FACTS_MAX)
        return "a frame has too many facts";
    session->quiet_ms = core->now;
    for (uint32_t i = 0; i < frame->u.facts.count && wrong == NULL && !core->over; i++)
        wrong = take_fact(core, &frame->u.facts.item[i]);
    if (core->failed && !core->over)
        idn_core_exit(core, core->failure);
    if (wrong == NULL && frame->u.facts.end && session->end_taken == 0)
        session->end_taken = frame->number;
    return wrong;
}

// ---- what is durable where

static struct idn_commit_time *stored_time(struct idn_mirror_session *session, uint32_t index)
{
    return &session->stored_time[(session->stored_first + index) % IDN_STORED_TIMES_MAX];
}

static void note_stored(struct idn_core *core)
{
    struct idn_mirror_session *session = &core->mirror.session;
    uint32_t count = session->stored_count;

    if (core->stored > session->noted && core->stored > session->out.mirrored) {
        struct idn_commit_time *last = count == 0 ? NULL : stored_time(session, count - 1);
        if (last == NULL ||
            (core->now >= last->ms + STORED_TIME_MS && count < IDN_STORED_TIMES_MAX)) {
            last = stored_time(session, session->stored_count++);
            last->ms = core->now;
        }
        last->position = core->stored;
    }
    session->noted = core->stored;
    while (
        session->stored_count > 0 && stored_time(session, 0)->position <= session->out.mirrored) {
        session->stored_first = (session->stored_first + 1) % IDN_STORED_TIMES_MAX;
        session->stored_count--;
    }
}

static void judge_exchange(struct idn_core *core)
{
    struct idn_mirror_session *session = &core->mirror.session;

    if (!session->has_all && session->end_taken != 0 && session->in.durable >= session->end_taken)
        session->has_all = core->more = true; // it may reign
    if (session->exchanged || !session->has_all || session->end_sent == 0 ||
        session->out.acked < session->end_sent)
        return;
    session->exchanged = true;
    idn_roles_exchanged(core);
}

static void judge_sync(struct idn_core *core)
{
    struct idn_mirror_session *session = &core->mirror.session;
    uint64_t behind = session->stored_count == 0 ? 0 : core->now - stored_time(session, 0)->ms;
    uint64_t most = session->in_sync ? IDN_MIRROR_LAG_MS : IDN_MIRROR_LAG_MS / 2;

    if (session->in_sync == (session->exchanged && behind <= most))
        return;
    session->in_sync = !session->in_sync;
    core->more = true; // replies that waited for the other broker wait no longer
    if (session->in_sync)
        idn_tell(core, "broker %s is in sync", core->mirror.broker);
    else
        idn_tell(core, "broker %s has not stored for %lu ms what it was sent: out of sync",
            core->mirror.broker, behind);
}

void idn_catchup_judge(struct idn_core *core)
{
    struct idn_mirror_session *session = &core->mirror.session;

    if (session->stage == IDN_MIRROR_DOWN)
        return;
    idn_window_in_stored(&session->in, core->stored);
    if (session->stage != IDN_MIRROR_UP)
        return;
    note_stored(core);
    judge_exchange(core);
    judge_sync(core);
}

void idn_catchup_go_on(struct idn_core *core)
{
    struct idn_mirror_session *session = &core->mirror.session;

    if (session->stage == IDN_MIRROR_GREETED && !session->vector_sent &&
        core->stored >= session->greeted_position)
        send_vector(core);
    if (session->stage == IDN_MIRROR_GREETED && session->vector_sent && session->vector_taken)
        find_what_it_lacks(core);
    if (session->stage == IDN_MIRROR_UP)
        read_on(core);
}

uint64_t idn_catchup_deadline(const struct idn_core *core)
{
    const struct idn_mirror_session *session = &core->mirror.session;

    if (!session->in_sync || session->stored_count == 0)
        return UINT64_MAX;
    return session->stored_time[session->stored_first].ms + IDN_MIRROR_LAG_MS + 1;
}
