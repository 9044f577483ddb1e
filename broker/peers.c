// Two intrusive lists run through the table of peers: `heard`, longest silent first, and `stuck`,
// those with something in their outbox, longest stuck first. A hash chain finds a route.
#include "broker/peers.h"

#include "base/assert.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { ROUTES_PER_BUCKET = 2 };

#define NONE UINT32_MAX // no place in the table

// A message that waits.
struct parcel {
    struct parcel *next;
    size_t size;
    uint8_t data[];
};

struct link {
    uint32_t previous, next;
};

struct list {
    uint32_t first, last;
};

struct peer {
    idn_peer number; // serial << 32 | its place in the table; 0: this place is free
    uint32_t route;
    uint32_t chain; // next in the hash chain, or in the list of free places
    uint64_t heard_ms;
    struct link heard, stuck;
    struct parcel *first, *last; // owned
    size_t bytes;                // of the parcels, heads included
};

struct idn_peers {
    struct idn_peers_config config;
    struct peer *peer;
    uint32_t *bucket;
    uint32_t buckets, count, free;
    uint64_t serial;
    struct list heard, stuck;
    size_t bytes;
    idn_peer *gone; // a ring of peers_max + 1
    uint32_t gone_first, gone_count;
};

static void *allocate(size_t count, size_t size)
{
    void *memory = calloc(count, size);
    IDN_ASSERT(memory != NULL);
    return memory;
}

int idn_peers_new(const struct idn_peers_config *config, struct idn_peers **ret)
{
    IDN_ASSERT(config->peers_max > 0 && config->peers_max < NONE / 2);
    struct idn_peers *peers = allocate(1, sizeof(*peers));

    peers->config = *config;
    peers->peer = allocate(config->peers_max, sizeof(*peers->peer));
    peers->gone = allocate(config->peers_max + 1, sizeof(*peers->gone));
    peers->buckets = config->peers_max / ROUTES_PER_BUCKET + 1;
    peers->bucket = allocate(peers->buckets, sizeof(*peers->bucket));
    memset(peers->bucket, 0xff, peers->buckets * sizeof(*peers->bucket));
    for (uint32_t i = 0; i < config->peers_max; i++)
        peers->peer[i].chain = i + 1 < config->peers_max ? i + 1 : NONE;
    peers->heard = peers->stuck = (struct list){.first = NONE, .last = NONE};
    *ret = peers;
    return 0;
}

static void free_parcels(struct parcel *parcel)
{
    while (parcel != NULL) {
        struct parcel *next = parcel->next;
        free(parcel);
        parcel = next;
    }
}

void idn_peers_destroy(struct idn_peers **peers)
{
    if (*peers == NULL)
        return;
    for (uint32_t i = 0; i < (*peers)->config.peers_max; i++)
        free_parcels((*peers)->peer[i].first);
    free((*peers)->peer);
    free((*peers)->gone);
    free((*peers)->bucket);
    free(*peers);
    *peers = NULL;
}

static struct link *link_of(struct idn_peers *peers, const struct list *list, uint32_t place)
{
    return list == &peers->heard ? &peers->peer[place].heard : &peers->peer[place].stuck;
}

static void list_append(struct idn_peers *peers, struct list *list, uint32_t place)
{
    *link_of(peers, list, place) = (struct link){.previous = list->last, .next = NONE};
    if (list->last == NONE)
        list->first = place;
    else
        link_of(peers, list, list->last)->next = place;
    list->last = place;
}

static void list_remove(struct idn_peers *peers, struct list *list, uint32_t place)
{
    struct link link = *link_of(peers, list, place);

    if (link.previous == NONE)
        list->first = link.next;
    else
        link_of(peers, list, link.previous)->next = link.next;
    if (link.next == NONE)
        list->last = link.previous;
    else
        link_of(peers, list, link.next)->previous = link.previous;
}

// libzmq's automatic routes count upwards from a random number: no need to mix.
static uint32_t *bucket_of(struct idn_peers *peers, uint32_t route)
{
    return &peers->bucket[route % peers->buckets];
}

static uint32_t find_route(struct idn_peers *peers, uint32_t route)
{
    uint32_t place = *bucket_of(peers, route);

    while (place != NONE && peers->peer[place].route != route)
        place = peers->peer[place].chain;
    return place;
}

static struct peer *find_peer(struct idn_peers *peers, idn_peer number)
{
    uint32_t place = (uint32_t)number;

    if (number == 0 || place >= peers->config.peers_max || peers->peer[place].number != number)
        return NULL;
    return &peers->peer[place];
}

static void remember_gone(struct idn_peers *peers, idn_peer number)
{
    uint32_t size = peers->config.peers_max + 1;

    IDN_ASSERT(peers->gone_count < size);
    peers->gone[(peers->gone_first + peers->gone_count) % size] = number;
    peers->gone_count++;
}

static void forget(struct idn_peers *peers, uint32_t place)
{
    struct peer *peer = &peers->peer[place];
    uint32_t *chain = bucket_of(peers, peer->route);

    while (*chain != place)
        chain = &peers->peer[*chain].chain;
    *chain = peer->chain;
    list_remove(peers, &peers->heard, place);
    if (peer->first != NULL)
        list_remove(peers, &peers->stuck, place);
    free_parcels(peer->first);
    peers->bytes -= peer->bytes;
    remember_gone(peers, peer->number);
    *peer = (struct peer){.chain = peers->free};
    peers->free = place;
    peers->count--;
}

static uint32_t add(struct idn_peers *peers, uint32_t route)
{
    if (peers->free == NONE)
        forget(peers, peers->heard.first);
    uint32_t place = peers->free;
    struct peer *peer = &peers->peer[place];

    peers->free = peer->chain;
    *peer = (struct peer){
        .number = ++peers->serial << 32 | place,
        .route = route,
        .chain = *bucket_of(peers, route),
    };
    *bucket_of(peers, route) = place;
    list_append(peers, &peers->heard, place);
    peers->count++;
    return place;
}

idn_peer idn_peers_heard(struct idn_peers *peers, uint32_t route, uint64_t now_ms)
{
    uint32_t place = find_route(peers, route);

    if (place == NONE)
        place = add(peers, route);
    list_remove(peers, &peers->heard, place);
    list_append(peers, &peers->heard, place);
    peers->peer[place].heard_ms = now_ms;
    return peers->peer[place].number;
}

static void keep(struct idn_peers *peers, struct peer *peer, const void *data, size_t size)
{
    size_t bytes = sizeof(struct parcel) + size;
    struct parcel *parcel = allocate(1, bytes);

    parcel->size = size;
    memcpy(parcel->data, data, size);
    if (peer->first == NULL) {
        list_append(peers, &peers->stuck, (uint32_t)(peer - peers->peer));
        peer->first = parcel;
    } else {
        peer->last->next = parcel;
    }
    peer->last = parcel;
    peer->bytes += bytes;
    peers->bytes += bytes;
    while (peers->bytes > peers->config.total_bytes_max)
        forget(peers, peers->stuck.first);
}

void idn_peers_send(struct idn_peers *peers, idn_peer number, const void *data, size_t size)
{
    struct peer *peer = find_peer(peers, number);
    int error = -EAGAIN;

    if (peer == NULL)
        return;
    if (peer->first == NULL)
        error = peers->config.send(peers->config.context, peer->route, data, size);
    if (error == 0)
        return;
    if (error == -EAGAIN &&
        peer->bytes + sizeof(struct parcel) + size <= peers->config.outbox_bytes_max)
        keep(peers, peer, data, size);
    else
        forget(peers, (uint32_t)(peer - peers->peer));
}

// Sends a peer's parcels until the socket takes no more; 0: all are gone.
static int empty_outbox(struct idn_peers *peers, struct peer *peer)
{
    while (peer->first != NULL) {
        struct parcel *parcel = peer->first;
        int error =
            peers->config.send(peers->config.context, peer->route, parcel->data, parcel->size);
        if (error != 0)
            return error;
        peer->first = parcel->next;
        peer->bytes -= sizeof(*parcel) + parcel->size;
        peers->bytes -= sizeof(*parcel) + parcel->size;
        free(parcel);
    }
    return 0;
}

void idn_peers_flush(struct idn_peers *peers)
{
    for (uint32_t place = peers->stuck.first, next; place != NONE; place = next) {
        struct peer *peer = &peers->peer[place];
        next = peer->stuck.next;
        int error = empty_outbox(peers, peer);
        if (error == 0)
            list_remove(peers, &peers->stuck, place);
        else if (error != -EAGAIN)
            forget(peers, place);
    }
}

bool idn_peers_stuck(const struct idn_peers *peers)
{
    return peers->stuck.first != NONE;
}

void idn_peers_expire(struct idn_peers *peers, uint64_t now_ms)
{
    uint64_t idle_ms_max = peers->config.idle_ms_max;

    if (idle_ms_max == 0)
        return;
    for (uint32_t place = peers->heard.first, next; place != NONE; place = next) {
        struct peer *peer = &peers->peer[place];
        next = peer->heard.next;
        if (now_ms - peer->heard_ms <= idle_ms_max)
            break;
        if (peer->first == NULL)
            forget(peers, place);
    }
}

bool idn_peers_next_gone(struct idn_peers *peers, idn_peer *ret)
{
    if (peers->gone_count == 0)
        return false;
    *ret = peers->gone[peers->gone_first];
    peers->gone_first = (peers->gone_first + 1) % (peers->config.peers_max + 1);
    peers->gone_count--;
    return true;
}

uint32_t idn_peers_count(const struct idn_peers *peers)
{
    return peers->count;
}

size_t idn_peers_bytes(const struct idn_peers *peers)
{
    return peers->bytes;
}
