#include "tensor/tensor.h"

#include <pthread.h>

#include "base/memory.h"

// The tensors that open scopes own, oldest first; a scope is a mark in it. One stack a thread.
static _Thread_local __attribute__((tls_model("initial-exec"))) struct {
    RtTensor **items;
    int64_t n, room;
    int64_t depth; // open scopes
} stack;

static pthread_key_t exit_key;
static pthread_once_t exit_once = PTHREAD_ONCE_INIT;

// What a thread left open when it ended goes with it.
static void thread_exits(void *unused) {
    (void)unused;
    while (stack.n > 0) rt_tensor_drop(stack.items[--stack.n]);
    mem_free(MEM_TENSOR, stack.items);
    stack.items = NULL;
    stack.room = stack.depth = 0;
}
static void make_key(void) { pthread_key_create(&exit_key, thread_exits); }

Status rt_scope_open(RtScope *out) {
    out->mark = stack.n;
    stack.depth++;
    return OK;
}

static void close_to(int64_t mark) {
    while (stack.n > mark)
        rt_tensor_drop(stack.items[--stack.n]); // a drop may not push: it makes no tensors
    stack.depth--;
    if (stack.depth == 0 && stack.room > 4096) { // a burst is over
        mem_free(MEM_TENSOR, stack.items);
        stack.items = NULL;
        stack.room = stack.n = 0;
    }
}

void rt_scope_close(RtScope scope) { close_to(scope.mark); }

Status rt_scope_close_with(RtScope scope, RtTensor **results, int n) {
    for (int i = 0; i < n; i++)
        if (results[i]) rt_tensor_keep(results[i]);
    close_to(scope.mark);
    Status status = OK;
    for (int i = 0; i < n; i++)
        if (results[i] && results[i] != RT_NONE && scope_add(results[i]) < 0) {
            results[i] = NULL;
            status = ERR_MEMORY;
        }
    return status;
}

static Status make_room(void) {
    int64_t room = stack.room ? stack.room * 2 : 64;
    RtTensor **items = mem_resize(MEM_TENSOR, stack.items, (size_t)room * sizeof *items);
    if (!items) return ERR_MEMORY;
    pthread_once(&exit_once, make_key);
    pthread_setspecific(exit_key, items); // any value but NULL: thread_exits is to be called
    stack.items = items;
    stack.room = room;
    return OK;
}

Status rt_scope_adopt(RtTensor *tensor) { return scope_add(tensor); }

Status scope_add(RtTensor *tensor) {
    if (stack.depth == 0) {
        rt_tensor_drop(tensor);
        return fail(ERR_FAILED, "an op was called outside any scope: call rt_scope_open first");
    }
    if (stack.n == stack.room && make_room() < 0) {
        rt_tensor_drop(tensor);
        return ERR_MEMORY;
    }
    stack.items[stack.n++] = tensor;
    return OK;
}
