// Hooks on gradients: lists that may change while they are walked, by the hooks themselves and by
// other threads.
//
// A walk keeps no pointer into the list while a hook runs. It remembers the last number, and looks
// up the next entry; the entry that runs is counted, so that a hook may remove itself. No hook and
// no drop function is called under the lock: they may wait for Python's.
#include "grad/tape.h"

#include <pthread.h>

static _Atomic int64_t next_id = 1;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; // guards all lists

void hook_hold(bool hold) {
    hold ? pthread_mutex_lock(&lock) : pthread_mutex_unlock(&lock);
}

static HookEntry *first_of(HookList *list) {
    return atomic_load_explicit(&list->first, memory_order_relaxed);
}

static void entry_drop(HookEntry *entry) {
    if (!entry || atomic_fetch_sub(&entry->count, 1) != 1) return;
    if (entry->drop) entry->drop(entry->context);
    pool_give(MEM_TAPE, entry, sizeof *entry);
}

int64_t hook_append(HookList *list, HookEntry entry) {
    HookEntry *made = pool_take(MEM_TAPE, sizeof *made);
    if (!made) {
        if (entry.drop) entry.drop(entry.context);
        return ERR_MEMORY;
    }
    *made = entry;
    made->next = NULL;
    made->count = 1;
    pthread_mutex_lock(&lock);
    int64_t id = made->id = next_id++; // as soon as it is in the list, it may be removed
    HookEntry *last = first_of(list);
    while (last && last->next) last = last->next;
    if (last)
        last->next = made;
    else
        atomic_store_explicit(&list->first, made, memory_order_relaxed);
    pthread_mutex_unlock(&lock);
    return id;
}

void hooks_clear(HookList *list) {
    if (!first_of(list)) return;
    pthread_mutex_lock(&lock);
    HookEntry *entry = first_of(list);
    atomic_store_explicit(&list->first, NULL, memory_order_relaxed);
    pthread_mutex_unlock(&lock);
    while (entry) {
        HookEntry *next = entry->next;
        entry_drop(entry);
        entry = next;
    }
}

bool hook_remove(HookList *list, int64_t id) {
    pthread_mutex_lock(&lock);
    HookEntry *before = NULL, *entry = first_of(list);
    for (; entry && entry->id != id; entry = entry->next) before = entry;
    if (entry && before) before->next = entry->next;
    if (entry && !before) atomic_store_explicit(&list->first, entry->next, memory_order_relaxed);
    pthread_mutex_unlock(&lock);
    entry_drop(entry);
    return entry != NULL;
}

// The entry with the lowest number above `after` and below `end`, counted; NULL: there is none.
static HookEntry *next_entry(HookList *list, int64_t after, int64_t end) {
    if (!first_of(list)) return NULL;
    pthread_mutex_lock(&lock);
    HookEntry *entry = first_of(list);
    while (entry && entry->id <= after) entry = entry->next;
    if (entry && entry->id >= end) entry = NULL;
    if (entry) atomic_fetch_add(&entry->count, 1);
    pthread_mutex_unlock(&lock);
    return entry;
}

Status hooks_run(HookList *list, int output, RtTensor **gradient) {
    int64_t id = 0, end = next_id;
    Status status = OK;
    for (HookEntry *entry; status >= 0 && (entry = next_entry(list, id, end)); entry_drop(entry)) {
        id = entry->id;
        if (!entry->hook || entry->output != output) continue;
        RtTensor *replacement = NULL;
        status = entry->hook(entry->context, *gradient, &replacement);
        if (status >= 0 && replacement) *gradient = replacement;
    }
    return status;
}

Status leaf_hooks_run(HookList *list, RtTensor *leaf) {
    int64_t id = 0, end = next_id;
    Status status = OK;
    for (HookEntry *entry; status >= 0 && (entry = next_entry(list, id, end)); entry_drop(entry)) {
        id = entry->id;
        if (entry->leaf_hook) status = entry->leaf_hook(entry->context, leaf);
    }
    return status;
}
