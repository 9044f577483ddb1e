#include "worker/agent/feed.h"

#include "base/assert.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum {
    PENDING_MAX = 2,      // as the agent core begins at once
    LOAD_MS = 120 * 1000, // a model that takes longer is not to be had
    LOAD_DEATHS_MAX = 3,  // children that ended loading a model; one alone may be chance
    // Of a model: times the file for parameters and, while it loads, darknet's training copies; and
    // what activations and Winograd's larger weights take beyond that.
    MEMORY_OF_WEIGHTS = 3,
    MEMORY_OF_REST = 160 * 1024 * 1024,
};

struct pending {
    struct idn_agent_action action; // a SLICE
    bool failed;
    char text[IDN_TEXT_SIZE]; // why
};

// A model in the child, under the number of its place here.
struct place {
    const struct idn_model *model; // borrowed from the registry; NULL: none
    bool loaded;                   // else being loaded
    uint64_t bytes, used;
};

struct idn_feed {
    struct idn_feed_config config;
    struct pending pending[PENDING_MAX];
    size_t count;
    struct place place[IDN_MODELS_MAX];
    uint64_t uses;
    struct place *loading;          // NULL: none
    uint64_t load_ms;               // since when
    bool too_slow;                  // and the child was killed for it
    const struct idn_model *deadly; // borrowed; children ended loading it
    uint32_t load_deaths;           // of that model, in a row
    bool blocked;
    struct idn_child_message message;
    struct idn_list_entry entry[IDN_CHILD_IMAGES_MAX];
};

void idn_feed_new(const struct idn_feed_config *config, struct idn_feed **ret)
{
    struct idn_feed *feed = calloc(1, sizeof(*feed));

    IDN_ASSERT(feed != NULL);
    feed->config = *config;
    *ret = feed;
}

void idn_feed_destroy(struct idn_feed **feed)
{
    free(*feed);
    *feed = NULL;
}

void idn_feed_add(struct idn_feed *feed, const struct idn_agent_action *action)
{
    IDN_ASSERT(feed->count < PENDING_MAX && action->type == IDN_AGENT_SLICE);
    IDN_ASSERT(action->u.slice.count <= IDN_CHILD_IMAGES_MAX);
    struct pending *pending = &feed->pending[feed->count++];

    pending->action = *action;
    pending->failed = false;
}

void idn_feed_clear(struct idn_feed *feed, bool child_is_gone)
{
    feed->count = 0;
    feed->blocked = false;
    if (!child_is_gone)
        return;
    memset(feed->place, 0, sizeof(feed->place));
    feed->loading = NULL;
    feed->too_slow = false;
}

// The slice cannot be begun, nor can any other of its job.
static void fail(struct idn_feed *feed, const struct idn_key *job, const char *text)
{
    for (size_t i = 0; i < feed->count; i++) {
        struct pending *pending = &feed->pending[i];
        if (!idn_key_equal(&pending->action.u.slice.job, job))
            continue;
        pending->failed = true;
        (void)snprintf(pending->text, sizeof(pending->text), "%.*s", IDN_TEXT_SIZE - 1, text);
    }
}

static void take_out(struct idn_feed *feed, size_t at)
{
    feed->count--;
    for (size_t i = at; i < feed->count; i++)
        feed->pending[i] = feed->pending[i + 1];
}

static bool tell_failed(struct idn_feed *feed, struct idn_agent_event *ret)
{
    for (size_t i = 0; i < feed->count; i++) {
        const struct pending *pending = &feed->pending[i];
        if (!pending->failed)
            continue;
        *ret = (struct idn_agent_event){.type = IDN_AGENT_UNAVAILABLE};
        ret->u.unavailable.slice = pending->action.u.slice.slice;
        memcpy(ret->u.unavailable.text, pending->text, sizeof(pending->text));
        take_out(feed, i);
        return true;
    }
    return false;
}

static struct place *find(struct idn_feed *feed, const struct idn_model *model)
{
    for (size_t i = 0; i < IDN_MODELS_MAX; i++)
        if (feed->place[i].model == model)
            return &feed->place[i];
    return NULL;
}

uint64_t idn_feed_model_bytes(const struct idn_model *model)
{
    struct stat status;

    return stat(model->weights, &status) == 0
               ? (uint64_t)status.st_size * MEMORY_OF_WEIGHTS + MEMORY_OF_REST
               : 0;
}

// False: not now.
static bool say(struct idn_feed *feed)
{
    int sent = idn_child_send(feed->config.child, &feed->message);

    feed->blocked = sent == IDN_CHILD_FULL;
    return sent == 0;
}

static bool unload(struct idn_feed *feed, struct place *place)
{
    feed->message.type = IDN_CHILD_UNLOAD;
    feed->message.u.unload.model = (uint32_t)(place - feed->place);
    if (!say(feed))
        return false;
    *place = (struct place){0};
    return true;
}

// The model that was not used for the longest time; NULL: there is none. *ret_bytes: what all take.
static struct place *oldest_of(struct idn_feed *feed, uint64_t *ret_bytes)
{
    struct place *oldest = NULL;

    *ret_bytes = 0;
    for (size_t i = 0; i < IDN_MODELS_MAX; i++) {
        struct place *place = &feed->place[i];
        if (place->model == NULL)
            continue;
        *ret_bytes += place->bytes;
        if (oldest == NULL || place->used < oldest->used)
            oldest = place;
    }
    return oldest;
}

// A free place, after as many models have gone as the memory demands; one that is too large for it
// has it alone. NULL: not now.
static struct place *make_room(struct idn_feed *feed, uint64_t bytes)
{
    uint64_t most = feed->config.memory_bytes, taken;
    struct place *oldest, *unused;

    while ((oldest = oldest_of(feed, &taken)) != NULL) {
        unused = find(feed, NULL);
        if (unused != NULL && (most == 0 || taken + bytes <= most))
            return unused;
        if (!unload(feed, oldest))
            return NULL;
    }
    return &feed->place[0];
}

static void load(struct idn_feed *feed, const struct idn_model *model, uint64_t now_ms)
{
    uint64_t bytes = feed->config.memory_bytes > 0 ? idn_feed_model_bytes(model) : 0;
    struct place *place = make_room(feed, bytes);
    struct idn_child_message *message = &feed->message;

    if (place == NULL)
        return;
    message->type = IDN_CHILD_LOAD;
    message->u.load.model = (uint32_t)(place - feed->place);
    message->u.load.name = model->name;
    message->u.load.cfg = model->cfg;
    message->u.load.weights = model->weights;
    if (!say(feed))
        return;
    *place = (struct place){.model = model, .bytes = bytes, .used = ++feed->uses};
    feed->loading = place;
    feed->load_ms = now_ms;
}

static void say_changed(const struct idn_model *model, char ret[static IDN_TEXT_SIZE])
{
    (void)snprintf(ret, IDN_TEXT_SIZE,
        "cfg or weights of model %s have changed since this worker started: restart it",
        model->name);
}

// The model's place once it is loaded; NULL: wait.
static struct place *have_model(
    struct idn_feed *feed, const struct idn_agent_action *action, uint64_t now_ms)
{
    const struct idn_model *model =
        idn_registry_model(feed->config.registry, action->u.slice.model);
    char text[IDN_TEXT_SIZE];

    if (model == NULL) {
        fail(feed, &action->u.slice.job, "this worker does not hold the model");
        return NULL;
    }
    struct place *place = find(feed, model);
    if (place != NULL && place->loaded)
        return place;
    if (feed->loading != NULL)
        return NULL;
    if (idn_model_has_changed(model)) {
        say_changed(model, text);
        fail(feed, &action->u.slice.job, text);
        return NULL;
    }
    load(feed, model, now_ms);
    return NULL;
}

static bool have_images(
    struct idn_feed *feed, const struct idn_agent_action *action, uint64_t now_ms)
{
    struct idn_list_wish wish = {.dataset = action->u.slice.dataset,
        .job = action->u.slice.job,
        .digest = action->u.slice.list_digest,
        .bytes = action->u.slice.list_bytes};
    const struct idn_list *list = NULL;
    struct idn_reason reason = {""};
    uint32_t first = action->u.slice.first, count = action->u.slice.count;
    int result = idn_lists_get(feed->config.lists, &wish, now_ms, &list, &reason);

    if (result == 0 && (first >= idn_list_count(list) || count > idn_list_count(list) - first))
        result = idn_reason_set(&reason, -ERANGE,
            "the list has %" PRIu32 " images, the lease asks for image %" PRIu32,
            idn_list_count(list), first + count - 1);
    if (result < 0)
        fail(feed, &action->u.slice.job, reason.text);
    if (result != 0)
        return false;
    for (uint32_t i = 0; i < count; i++)
        idn_list_get(list, first + i, &feed->entry[i]);
    return true;
}

static bool send_slice(
    struct idn_feed *feed, const struct idn_agent_action *action, struct place *place)
{
    struct idn_child_message *message = &feed->message;

    message->type = IDN_CHILD_SLICE;
    message->u.slice.serial = action->u.slice.slice;
    message->u.slice.model = (uint32_t)(place - feed->place);
    message->u.slice.count = action->u.slice.count;
    for (uint32_t i = 0; i < action->u.slice.count; i++)
        message->u.slice.image[i] = (struct idn_child_image){.index = action->u.slice.first + i,
            .size = feed->entry[i].size,
            .has_digest = feed->entry[i].has_digest,
            .digest = feed->entry[i].digest,
            .path = feed->entry[i].path};
    if (!say(feed))
        return false;
    place->used = ++feed->uses;
    return true;
}

bool idn_feed_next(struct idn_feed *feed, uint64_t now_ms, struct idn_agent_event *ret)
{
    if (tell_failed(feed, ret))
        return true;
    if (feed->loading != NULL && now_ms >= feed->load_ms + LOAD_MS && !feed->config.child->killed) {
        feed->too_slow = true;
        idn_child_kill(feed->config.child, "it took longer than 120 s to load a model");
    }
    if (feed->count == 0 || feed->config.child->socket < 0)
        return false;
    const struct idn_agent_action *action = &feed->pending[0].action;
    struct place *place = NULL;

    if (have_images(feed, action, now_ms))
        place = have_model(feed, action, now_ms);
    if (place != NULL && send_slice(feed, action, place)) {
        *ret = (struct idn_agent_event){.type = IDN_AGENT_CHILD_GIVEN};
        ret->u.given.slice = action->u.slice.slice;
        take_out(feed, 0);
        return true;
    }
    return tell_failed(feed, ret);
}

bool idn_feed_is_blocked(const struct idn_feed *feed)
{
    return feed->blocked;
}

uint64_t idn_feed_deadline(const struct idn_feed *feed)
{
    uint64_t lists_ms = idn_lists_deadline(feed->config.lists);
    bool timed = feed->loading != NULL && !feed->config.child->killed;
    uint64_t load_ms = timed ? feed->load_ms + LOAD_MS : UINT64_MAX;

    return lists_ms < load_ms ? lists_ms : load_ms;
}

static void fail_model(struct idn_feed *feed, const struct idn_model *model, const char *text)
{
    for (size_t i = 0; i < feed->count; i++) {
        const struct idn_agent_action *action = &feed->pending[i].action;
        if (strcmp(action->u.slice.model, model->name) == 0)
            fail(feed, &action->u.slice.job, text);
    }
}

static void on_not_loaded(struct idn_feed *feed, struct place *place, const char *why)
{
    char text[IDN_TEXT_SIZE + IDN_NAME_SIZE + 32];

    (void)snprintf(text, sizeof(text), "model %s cannot be loaded: %s", place->model->name, why);
    fail_model(feed, place->model, text);
    *place = (struct place){0};
}

// Somebody wrote its files between our look at them and the child's: it may have read either.
static void on_changed(struct idn_feed *feed, struct place *place)
{
    char text[IDN_TEXT_SIZE];

    say_changed(place->model, text);
    fail_model(feed, place->model, text);
    (void)unload(feed, place); // if not now, the next model of that number takes its place
    *place = (struct place){0};
}

bool idn_feed_loaded(struct idn_feed *feed, const struct idn_child_message *message)
{
    struct place *place = feed->loading;

    if (place == NULL || message->u.loaded.model != (uint32_t)(place - feed->place))
        return false;
    feed->loading = NULL;
    if (feed->deadly == place->model)
        feed->deadly = NULL;
    if (message->u.loaded.classes == 0)
        on_not_loaded(feed, place, message->u.loaded.text);
    else if (idn_model_has_changed(place->model))
        on_changed(feed, place);
    else
        place->loaded = true;
    return true;
}

void idn_feed_bereave(struct idn_feed *feed, bool image_in_child, const char *text)
{
    char sentence[IDN_TEXT_SIZE + IDN_NAME_SIZE + 64];

    if (feed->loading == NULL || image_in_child)
        return;
    const struct idn_model *model = feed->loading->model;
    feed->load_deaths = feed->deadly == model ? feed->load_deaths + 1 : 1;
    feed->deadly = model;
    if (feed->load_deaths < LOAD_DEATHS_MAX && !feed->too_slow)
        return;
    (void)snprintf(sentence, sizeof(sentence), "the inference child ended loading model %s: %s",
        model->name, text);
    fail_model(feed, model, sentence);
}
