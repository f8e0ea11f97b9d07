// Batches of rows. Threads take batch numbers in order and put each into its place in a ring; the
// caller takes them out in order. Nothing that a batch holds depends on the threads.
#include "io/io.h"

#include <pthread.h>
#include <string.h>
#include <sys/prctl.h>

#include "base/memory.h"
#include "base/profile.h"
#include "cpu/convert.h"
#include "cpu/parallel.h"
#include "ops/call.h"

#define MAX_SOURCES 16

typedef struct Source {
    RtTensor *tensor; // contiguous
    bool affine, add_channel;
    int nchannels;
    int64_t row_elements, channel_elements;
    float *mean, *std, divisor;
    float *table; // for 8-bit tensors: [channel][value]
} Source;

typedef struct Place { // of the ring
    RtTensor *batch[MAX_SOURCES];
    bool ready;
    Status status;
    ErrorRecord error;
} Place;

struct RtLoader {
    Source sources[MAX_SOURCES];
    int nsources, nthreads, depth;
    int64_t *order, n, batch, nbatches;
    int64_t next_made, next_taken; // batch numbers
    Place *places;
    pthread_t *threads;
    pthread_mutex_t turn; // one caller takes at a time
    pthread_mutex_t lock;
    pthread_cond_t made, room;
    bool stop;
};

static float affine_value(const Source *source, float x, int channel) {
    if (source->divisor != 0) x /= source->divisor;
    return (x - source->mean[channel]) / source->std[channel];
}

// Element type of the batch.
static RtDtype batch_dtype(const Source *source) {
    RtDtype dtype = (RtDtype)source->tensor->dtype;
    return source->affine && rt_dtype_kind(dtype) != RT_KIND_FLOAT ? RT_F32 : dtype;
}

static void affine_row(const Source *source, float *to, int64_t row) {
    RtDtype dtype = (RtDtype)source->tensor->dtype;
    const char *from = (const char *)rt_tensor_data(source->tensor) +
                       row * source->row_elements * (int64_t)rt_dtype_bytes(dtype);
    if (source->table) {
        const uint8_t *bytes = (const uint8_t *)from;
        for (int64_t i = 0; i < source->row_elements;) {
            const float *table =
                source->table + 256 * (i / source->channel_elements % source->nchannels);
            for (int64_t end = i + source->channel_elements; i < end; i++) to[i] = table[bytes[i]];
        }
        return;
    }
    convert_run(to, RT_F32, from, dtype, source->row_elements);
    for (int64_t i = 0; i < source->row_elements; i++)
        to[i] =
            affine_value(source, to[i], (int)(i / source->channel_elements % source->nchannels));
}

static RtTensor *gather(const Source *source, const int64_t *rows, int64_t n) {
    const RtTensor *x = source->tensor;
    int64_t shape[RT_MAX_DIMS];
    int ndim = 0;
    shape[ndim++] = n;
    if (source->add_channel && x->ndim == 3) shape[ndim++] = 1;
    for (int i = 1; i < x->ndim; i++) shape[ndim++] = x->shape[i];
    RtDtype dtype = batch_dtype(source);
    RtTensor *out = rt_tensor_new(ndim, shape, dtype, x->device);
    if (!out) return NULL;
    char *to = rt_tensor_data(out);
    if (source->affine) {
        for (int64_t i = 0; i < n; i++)
            affine_row(source, (float *)to + i * source->row_elements, rows[i]);
        return out;
    }
    size_t row_bytes = (size_t)source->row_elements * rt_dtype_bytes(dtype);
    const char *from = rt_tensor_data(x);
    for (int64_t i = 0; i < n; i++)
        memcpy(to + (size_t)i * row_bytes, from + (size_t)rows[i] * row_bytes, row_bytes);
    return out;
}

static Status gather_all(const RtLoader *loader, int64_t number, RtTensor **out) {
    int64_t begin = number * loader->batch, n = loader->n - begin;
    if (n > loader->batch) n = loader->batch;
    for (int i = 0; i < loader->nsources; i++) {
        out[i] = gather(&loader->sources[i], loader->order + begin, n);
        if (!out[i]) return error_code();
    }
    return OK;
}

static Status make_batch(const RtLoader *loader, int64_t number, RtTensor **out) {
    int64_t span = profiling() ? profile_enter(RT_PROFILE_DATA, "make batch", NULL) : 0;
    Status status = gather_all(loader, number, out);
    if (span) profile_leave(span, PROFILE_NO_WORK);
    return status;
}

// In a thread: a batch kept beyond the thread's own scope.
static void fill_place(RtLoader *loader, Place *place, int64_t number) {
    RtScope scope;
    RtTensor *batch[MAX_SOURCES];
    Status status = rt_scope_open(&scope);
    if (status >= 0) {
        status = make_batch(loader, number, batch);
        for (int i = 0; status >= 0 && i < loader->nsources; i++)
            place->batch[i] = rt_tensor_keep(batch[i]);
        rt_scope_close(scope);
    }
    place->status = status;
    if (status < 0) error_take(&place->error);
}

static void *run_thread(void *context) {
    RtLoader *loader = context;
    prctl(PR_SET_NAME, "rustorch-data");
    threads_solo_begin();
    pthread_mutex_lock(&loader->lock);
    for (;;) {
        while (!loader->stop && loader->next_made < loader->nbatches &&
               loader->next_made >= loader->next_taken + loader->depth)
            pthread_cond_wait(&loader->room, &loader->lock);
        if (loader->stop || loader->next_made >= loader->nbatches) break;
        int64_t number = loader->next_made++;
        Place *place = &loader->places[number % loader->depth];
        pthread_mutex_unlock(&loader->lock);
        fill_place(loader, place, number);
        pthread_mutex_lock(&loader->lock);
        place->ready = true;
        pthread_cond_broadcast(&loader->made);
    }
    pthread_mutex_unlock(&loader->lock);
    return NULL;
}

static Status open_source(Source *source, const RtLoaderSource *given, int i) {
    const RtTensor *x = given->tensor;
    if (x->ndim < 1)
        return fail(ERR_SHAPE,
                    "loader: tensor %d has no dimensions, its first one must count the samples", i);
    RtScope scope;
    TRY(rt_scope_open(&scope));
    RtTensor *contiguous = rt_contiguous(given->tensor);
    source->tensor = contiguous ? rt_tensor_keep(contiguous) : NULL;
    rt_scope_close(scope);
    if (!contiguous) return error_code();
    source->row_elements = x->shape[0] ? x->numel / x->shape[0] : 0;
    source->affine = given->affine;
    source->add_channel = given->add_channel;
    if (!given->affine) return OK;
    if (rt_dtype_kind((RtDtype)x->dtype) == RT_KIND_FLOAT && x->dtype != RT_F32)
        return fail(ERR_DTYPE, "loader: values of dtype %s cannot be normalised while loading",
                    rt_dtype_name((RtDtype)x->dtype));
    int nchannels = source->nchannels = given->nchannels;
    if (nchannels < 1 || (nchannels > 1 && (x->ndim < 2 || x->shape[1] != nchannels)))
        return fail(ERR_SHAPE, "loader: %d means and deviations do not fit samples of shape (%s)",
                    nchannels, shape_words(x));
    source->channel_elements = source->row_elements / nchannels;
    source->divisor = (float)given->divisor;
    source->mean = mem_alloc(MEM_IO, (size_t)nchannels * 2 * sizeof *source->mean);
    if (!source->mean) return ERR_MEMORY;
    source->std = source->mean + nchannels;
    for (int c = 0; c < nchannels; c++) {
        source->mean[c] = (float)given->mean[c];
        source->std[c] = (float)given->std[c];
    }
    if (x->dtype != RT_U8) return OK;
    source->table = mem_alloc(MEM_IO, (size_t)nchannels * 256 * sizeof *source->table);
    if (!source->table) return ERR_MEMORY;
    for (int c = 0; c < nchannels; c++)
        for (int value = 0; value < 256; value++)
            source->table[c * 256 + value] = affine_value(source, (float)value, c);
    return OK;
}

static Status check_order(const RtLoader *loader) {
    for (int64_t i = 0; i < loader->n; i++)
        for (int s = 0; s < loader->nsources; s++)
            if (loader->order[i] < 0 || loader->order[i] >= loader->sources[s].tensor->shape[0])
                return fail(ERR_INDEX, "loader: sample %lld was asked for, tensor %d has %lld",
                            (long long)loader->order[i], s,
                            (long long)loader->sources[s].tensor->shape[0]);
    return OK;
}

static Status start_threads(RtLoader *loader, int threads) {
    if (threads == 0) return OK;
    loader->places = mem_zalloc(MEM_IO, (size_t)loader->depth * sizeof *loader->places);
    loader->threads = mem_alloc(MEM_IO, (size_t)threads * sizeof *loader->threads);
    if (!loader->places || !loader->threads) return ERR_MEMORY;
    for (; loader->nthreads < threads; loader->nthreads++)
        if (pthread_create(&loader->threads[loader->nthreads], NULL, run_thread, loader))
            return fail(ERR_FAILED, "loader: thread %d of %d could not be started",
                        loader->nthreads + 1, threads);
    return OK;
}

RtLoader *rt_loader_new(const RtLoaderSource *sources, int nsources, const int64_t *order,
                        int64_t n, int64_t batch, bool drop_last, int threads, int depth) {
    if (nsources < 1 || nsources > MAX_SOURCES || batch < 1 || threads < 0) {
        fail(ERR_VALUE,
             "loader: %d tensors, batch size %lld, %d threads: at least one tensor (at most %d) "
             "and a batch size of 1 are needed",
             nsources, (long long)batch, threads, MAX_SOURCES);
        return NULL;
    }
    RtLoader *loader = mem_zalloc(MEM_IO, sizeof *loader);
    if (!loader) return NULL;
    pthread_mutex_init(&loader->turn, NULL);
    pthread_mutex_init(&loader->lock, NULL);
    pthread_cond_init(&loader->made, NULL);
    pthread_cond_init(&loader->room, NULL);
    loader->n = n;
    loader->batch = batch;
    loader->nbatches = drop_last ? n / batch : (n + batch - 1) / batch;
    loader->depth = depth < 1 ? 1 : depth;
    if (loader->depth < threads) loader->depth = threads;
    Status status = OK;
    loader->order = mem_alloc(MEM_IO, (size_t)(n + 1) * sizeof *order);
    if (!loader->order) goto failed;
    if (n) memcpy(loader->order, order, (size_t)n * sizeof *order);
    for (int i = 0; i < nsources; i++) {
        loader->nsources = i + 1;
        status = open_source(&loader->sources[i], &sources[i], i);
        if (status < 0) goto failed;
    }
    if (check_order(loader) < 0 || start_threads(loader, threads) < 0) goto failed;
    return loader;
failed:
    rt_loader_drop(loader);
    return NULL;
}

static Status take_next(RtLoader *loader, RtTensor **out, bool *out_done) {
    *out_done = loader->next_taken >= loader->nbatches;
    if (*out_done) return OK;
    if (!loader->places) return make_batch(loader, loader->next_taken++, out);
    Place *place = &loader->places[loader->next_taken % loader->depth];
    pthread_mutex_lock(&loader->lock);
    while (!place->ready) pthread_cond_wait(&loader->made, &loader->lock);
    Place taken = *place;
    memset(place->batch, 0, sizeof place->batch);
    place->ready = false;
    loader->next_taken++;
    pthread_cond_broadcast(&loader->room);
    pthread_mutex_unlock(&loader->lock);
    if (taken.status < 0) {
        error_give(&taken.error);
        return taken.status;
    }
    Status status = OK;
    for (int i = 0; i < loader->nsources; i++) {
        out[i] = taken.batch[i];
        if (status >= 0)
            status = rt_scope_adopt(taken.batch[i]);
        else
            rt_tensor_drop(taken.batch[i]);
    }
    return status;
}

Status rt_loader_next(RtLoader *loader, RtTensor **out, bool *out_done) {
    pthread_mutex_lock(&loader->turn);
    Status status = take_next(loader, out, out_done);
    pthread_mutex_unlock(&loader->turn);
    return status;
}

void rt_loader_drop(RtLoader *loader) {
    if (!loader) return;
    pthread_mutex_lock(&loader->lock);
    loader->stop = true;
    pthread_cond_broadcast(&loader->room);
    pthread_mutex_unlock(&loader->lock);
    for (int i = 0; i < loader->nthreads; i++) pthread_join(loader->threads[i], NULL);
    for (int k = 0; loader->places && k < loader->depth; k++)
        for (int i = 0; i < loader->nsources; i++) rt_tensor_drop(loader->places[k].batch[i]);
    for (int i = 0; i < loader->nsources; i++) {
        rt_tensor_drop(loader->sources[i].tensor);
        mem_free(MEM_IO, loader->sources[i].mean);
        mem_free(MEM_IO, loader->sources[i].table);
    }
    mem_free(MEM_IO, loader->order);
    mem_free(MEM_IO, loader->places);
    mem_free(MEM_IO, loader->threads);
    pthread_mutex_destroy(&loader->turn);
    pthread_mutex_destroy(&loader->lock);
    pthread_cond_destroy(&loader->made);
    pthread_cond_destroy(&loader->room);
    mem_free(MEM_IO, loader);
}
