// rustorch.h: the public C API of librustorch, and only that.
//
// Failure: a function returns Status (0 or negative), or a pointer that is NULL on failure;
// rt_error_message tells why. An op given NULL returns NULL and leaves the first message alone, so
// nested expressions need one check at the end. An absent optional tensor is RT_NONE, never NULL.
//
// Ownership: arguments are borrowed. A tensor made by an op belongs to the innermost open scope of
// the calling thread and goes when the scope closes; who wants it longer calls rt_tensor_keep and
// owes one rt_tensor_drop. An op outside any scope is an error.
//
// Threads: everything may be called from any thread; scopes, errors and the gradient mode belong to
// the thread; counts are atomic. Writing to one tensor from two threads at once is the caller's
// mistake.
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/status.h"

#define RT_MAX_DIMS 16

// ---------------------------------------------------------------------------------------------- element types

typedef enum RtDtype {
#define DTYPE(name_, type_, kind_, bytes_, python_, letter_) RT_##name_,
#include "tensor/dtype.def"
#undef DTYPE
    RT_DTYPE_COUNT,
    RT_DTYPE_NONE = -1 // "not given"
} RtDtype;

typedef enum RtKind { RT_KIND_BOOL, RT_KIND_INT, RT_KIND_FLOAT } RtKind;

typedef struct RtF16 {
    uint16_t bits;
} RtF16;
typedef struct RtBf16 {
    uint16_t bits;
} RtBf16;

RT_API size_t rt_dtype_bytes(RtDtype dtype);
RT_API RtKind rt_dtype_kind(RtDtype dtype);
RT_API const char *rt_dtype_name(RtDtype dtype); // "float32"
RT_API RtDtype rt_dtype_find(const char *name);  // RT_DTYPE_NONE if there is none of that name
RT_API RtDtype rt_dtype_promote(RtDtype a, RtDtype b);
RT_API bool rt_dtype_can_cast(RtDtype from, RtDtype to); // kind of `to` is not below kind of `from`
RT_API RtDtype rt_default_dtype(void);                   // float32 unless set; process-wide
RT_API Status rt_set_default_dtype(RtDtype dtype);

typedef enum RtDeviceType { RT_CPU, RT_CUDA, RT_DEVICE_NONE = -1 } RtDeviceType;
typedef struct RtDevice {
    int8_t type;  // RtDeviceType
    int8_t index; // which one; 0 on the CPU
} RtDevice;
RT_API Status rt_device_parse(const char *text, RtDevice *out); // "cpu", "cuda", "cuda:1"
RT_API Status
rt_device_check(RtDevice device); // an error that says what is missing, if it cannot be used

// A number from outside: a Python int, float or bool.
typedef struct RtScalar {
    enum { RT_SCALAR_NONE, RT_SCALAR_BOOL, RT_SCALAR_INT, RT_SCALAR_FLOAT } kind;
    union {
        double f;
        int64_t i; // also BOOL: 0 or 1
    };
} RtScalar;
static inline RtScalar rt_int(int64_t value) {
    return (RtScalar){.kind = RT_SCALAR_INT, .i = value};
}
static inline RtScalar rt_float(double value) {
    return (RtScalar){.kind = RT_SCALAR_FLOAT, .f = value};
}
RT_API double rt_scalar_double(RtScalar scalar);
RT_API int64_t rt_scalar_int(RtScalar scalar); // a float is truncated

typedef struct RtInts {
    int n; // -1: not given
    int64_t v[RT_MAX_DIMS];
} RtInts;
#define RT_INTS(...)                                                                               \
    ((RtInts){.n = (int)(sizeof((int64_t[]){__VA_ARGS__}) / sizeof(int64_t)), .v = {__VA_ARGS__}})
#define RT_INTS_NONE ((RtInts){.n = -1})

// A list of any length, borrowed: it need not outlive the call, so gradients do not read it.
typedef struct RtSizes {
    int64_t n; // -1: not given
    const int64_t *v;
} RtSizes;
#define RT_SIZES(...)                                                                               \
    ((RtSizes){.n = (int64_t)(sizeof((const int64_t[]){__VA_ARGS__}) / sizeof(int64_t)),            \
              .v = (const int64_t[]){__VA_ARGS__}})
#define RT_SIZES_NONE ((RtSizes){.n = -1})
#define RT_INT_NONE INT64_MIN // an optional integer that is not given

// ---------------------------------------------------------------------------------------------- tensors

// Counted bytes on a device, shared by all views. `version` counts the writes.
typedef struct RtStorage {
    _Atomic int64_t count;
    void *data;
    size_t bytes; // of the block
    size_t asked; // of them: those that tensors may lie in
    RtDevice device;
    _Atomic uint32_t version;
    void (*release)(
        void *context); // frees foreign memory; NULL: the block is the allocator's, or the parent's
    void *context; // what release gets; for a large block of the allocator's, its span
    struct RtStorage
        *parent; // an alias with a version of its own (tensor.data): the parent owns the bytes
} RtStorage;

typedef struct RtAutograd RtAutograd; // grad/tape.h
typedef struct RtNode RtNode;         // grad/tape.h
typedef struct RtGenerator RtGenerator;

typedef struct RtTensor {
    _Atomic int64_t count;
    int8_t dtype; // RtDtype
    int8_t ndim;
    RtDevice device;
    bool wrapped;          // a Python number: takes part in promotion by its kind alone
    bool is_parameter;     // nn.Parameter
    bool
        inference; // made in inference mode, or a view of such a tensor: not saved, not written outside
    bool no_grad_view;     // a view made while gradients were off
    uint32_t view_version; // of the storage, when the view's place in the graph was last worked out
    int64_t numel;
    int64_t offset; // in elements, from the start of the storage
    RtStorage *storage;
    RtAutograd *autograd;  // NULL until a gradient is wanted
    struct RtTensor *base; // what this is a view of (never itself a view), or NULL
    void *_Atomic wrapper; // the Python object, a weak pointer
    int64_t shape[RT_MAX_DIMS], stride[RT_MAX_DIMS]; // in elements; only the first ndim are set
} RtTensor;

RT_API extern RtTensor *const RT_NONE; // the absent tensor

RT_API Status rt_init(void); // installs the backend and the recorder; calling it again does nothing

RT_API RtTensor *rt_tensor_keep(RtTensor *tensor); // returns tensor
RT_API void rt_tensor_drop(RtTensor *tensor);      // NULL and RT_NONE are allowed
// release(wrapper) is called when a tensor goes whose `wrapper` is still set: then the wrapper
// holds no count, and the tensor holds the wrapper. On any thread.
RT_API void rt_set_wrapper_release(void (*release)(void *wrapper));
// Uninitialised memory; belongs to the open scope.
RT_API RtTensor *rt_tensor_new(int ndim, const int64_t *shape, RtDtype dtype, RtDevice device);
// A tensor over memory of the caller's. release(context) is called when the last view is gone, also
// on failure; NULL: the memory outlives all views. Strides in elements.
RT_API RtTensor *rt_tensor_wrap(void *data, size_t bytes, int ndim, const int64_t *shape,
                                const int64_t *stride, RtDtype dtype, RtDevice device,
                                void (*release)(void *), void *context);
// A 0-dimensional tensor. `wrapped`: it stands for a Python number in type promotion.
RT_API RtTensor *rt_tensor_scalar(RtScalar value, RtDtype dtype, bool wrapped);
RT_API RtTensor *
rt_tensor_alias(RtTensor *tensor); // same bytes, own version counter, no gradient: Tensor.data
RT_API Status rt_tensor_set_data(RtTensor *tensor,
                                 RtTensor *source); // tensor.data = source: takes over its storage
RT_API bool rt_tensor_is_contiguous(const RtTensor *tensor);
RT_API RtScalar rt_tensor_item(const RtTensor *tensor,
                               int64_t index);       // element at a flat (row-major) index; CPU
RT_API void *rt_tensor_data(const RtTensor *tensor); // address of element 0
RT_API uint32_t rt_tensor_version(const RtTensor *tensor);
RT_API void
rt_tensor_written(RtTensor *tensor); // somebody outside the engine wrote to it: bumps the version

typedef struct RtScope {
    int64_t mark;
} RtScope;
RT_API Status rt_scope_open(RtScope *out);
RT_API void rt_scope_close(RtScope scope);
RT_API Status rt_scope_adopt(
    RtTensor *tensor); // the scope takes over one count of the caller's (dropped on failure)
// Closes the scope and hands n results to the scope below it (or to the caller: see rt_tensor_keep
// before closing).
RT_API Status rt_scope_close_with(RtScope scope, RtTensor **results, int n);

// ---------------------------------------------------------------------------------------------- ops

#include "ops/table.h" // enum RtOp, attribute structs, RtOpRow, and one function rt_NAME a row

// ---------------------------------------------------------------------------------------------- autograd

RT_API bool rt_grad_enabled(void); // of this thread
RT_API void rt_set_grad_enabled(bool enabled);
RT_API bool rt_inference(void); // of this thread: are tensors made for inference alone?
RT_API void rt_set_inference(bool enabled);
RT_API bool rt_requires_grad(const RtTensor *tensor);
RT_API Status rt_set_requires_grad(RtTensor *tensor, bool requires_grad); // leaves only
RT_API bool rt_is_leaf(const RtTensor *tensor);
RT_API RtTensor *rt_grad_of(const RtTensor *tensor);         // borrowed; RT_NONE when there is none
RT_API Status rt_set_grad(RtTensor *tensor, RtTensor *grad); // RT_NONE clears it
RT_API RtTensor *rt_detach(RtTensor *tensor);
RT_API Status rt_detach_in_place(RtTensor *tensor);
// tensor itself gets the geometry, and the place in the graph, of a view of it (squeeze_, t_, …).
RT_API Status rt_take_view(RtTensor *tensor, RtTensor *view);
RT_API Status rt_retain_grad(RtTensor *tensor); // a computed tensor gets .grad as well
RT_API bool rt_retains_grad(const RtTensor *tensor);
RT_API int rt_output_index(const RtTensor *tensor); // which output of its node it is
RT_API RtNode *
rt_grad_node(RtTensor *tensor); // borrowed; NULL for a leaf; may rebuild the node of a view
RT_API const char *rt_node_name(const RtNode *node); // "MulBackward"
RT_API RtNode *rt_node_keep(RtNode *node);
RT_API void rt_node_drop(RtNode *node);
RT_API int rt_node_next(const RtNode *node, int input,
                        RtNode **out_node); // output index there; borrowed, NULL: no edge
RT_API int rt_node_inputs(const RtNode *node);

// Accumulates into the .grad of leaves. grads[i] may be RT_NONE for a tensor of one element. n ≥ 1.
// inputs: n_inputs tensors to which accumulation is limited, or NULL for all leaves.
RT_API Status rt_backward(RtTensor **tensors, RtTensor **grads, int n, RtTensor **inputs,
                          int n_inputs, bool retain_graph, bool create_graph);
// Gradients with respect to inputs, into out (belonging to the open scope; RT_NONE where unused and
// allowed).
RT_API Status rt_grad(RtTensor **outputs, RtTensor **grads, int n, RtTensor **inputs, int n_inputs,
                      bool retain_graph, bool create_graph, bool allow_unused, RtTensor **out);

// Hooks. A hook gets the gradient and may return another in *out (NULL: unchanged). It runs on the
// thread that called backward. `drop(context)` is called when the hook goes. Returns an id ≥ 1 for
// rt_hook_remove, or a negative Status.
typedef Status (*RtGradHook)(void *context, RtTensor *grad, RtTensor **out);
RT_API int64_t rt_hook_add(RtTensor *tensor, RtGradHook hook, void *context, void (*drop)(void *));
// After the gradient of a leaf was accumulated into .grad. This is what data-parallel training
// listens to.
typedef Status (*RtLeafHook)(void *context, RtTensor *leaf);
RT_API int64_t rt_leaf_hook_add(RtTensor *leaf, RtLeafHook hook, void *context,
                                void (*drop)(void *));
// Where the first gradient of a leaf is written when it has no .grad yet: the buffer then becomes
// its .grad (buckets of data-parallel training). RT_NONE takes it away. Same shape and dtype as the
// leaf.
RT_API Status rt_set_grad_buffer(RtTensor *leaf, RtTensor *buffer);
RT_API void rt_hook_remove(RtTensor *tensor, int64_t id);
// Called once at the end of the backward pass that is running on this thread; an error outside of
// one.
typedef Status (*RtBackwardEnd)(void *context);
RT_API Status rt_backward_end(RtBackwardEnd end, void *context, void (*drop)(void *)); // drop(context): always; or NULL

// A node whose gradient is computed by the caller (autograd.Function). backward gets the gradients
// of the outputs (RT_NONE where there is none, unless materialised by the caller) and fills one a
// input (RT_NONE: none), all belonging to the open scope.
typedef struct RtFunction {
    const char *name;
    Status (*backward)(void *context, RtTensor **grads_out, int n_out, RtTensor **grads_in,
                       int n_in);
    void (*drop)(void *context);
    void (*release)(void *context); // what was saved can go: a walk went through and the graph is
                                    // not retained; may be NULL
} RtFunction;
// Marks outputs as made from inputs by `function`; takes over context (dropped on failure too).
RT_API Status rt_function_record(const RtFunction *function, void *context, RtTensor **inputs,
                                 int n_in, RtTensor **outputs, int n_out, RtNode **out_node);
// The context of a node that rt_function_record made with this drop function, or NULL.
RT_API void *rt_function_context(const RtNode *node, void (*drop)(void *));

// For a garbage collector: visits the contexts of the hooks on a tensor, and of the function that
// made it, as far as this tensor alone keeps them alive; `drop` is what was given with the context.
// Stops at a result other than 0.
typedef int (*RtVisitor)(void *context, void (*drop)(void *), void *arg);
RT_API int rt_visit(const RtTensor *tensor, RtVisitor visitor, void *arg);

// A tensor saved for the backward pass: its version is checked when it is taken out again, and an
// output is held without its node, so that no cycle arises.
typedef struct RtSaved RtSaved;
// Anomaly mode, of all threads: trace() is called when an operation is recorded, failed(trace) when its gradient fails or,
// with check_nan, has NaN in it, which is then an error. NULL: off.
typedef struct RtAnomaly {
    void *(*trace)(void); // NULL: unknown
    void (*failed)(void *trace, const char *name);
    void (*drop)(void *trace);
} RtAnomaly;
RT_API void rt_set_anomaly(const RtAnomaly *anomaly, bool check_nan);
// What becomes of the tensors that this thread saves for gradients. pack returns what stands for a tensor, NULL after an
// error; unpack gives back a tensor of the same shape, dtype and values, in the open scope. With the tape's own way (NULL) a
// tensor is kept, and must not be written to until it is used.
typedef struct RtSaveHooks {
    void *(*pack)(void *context, RtTensor *tensor);
    RtTensor *(*unpack)(void *object);
    void (*drop)(void *object);
} RtSaveHooks;
RT_API void rt_set_save_hooks(const RtSaveHooks *hooks, void *context); // context: borrowed while set
RT_API RtSaved *rt_save(RtTensor *tensor, RtNode *node_of_output, int output_index); // node NULL: an input
RT_API RtTensor *rt_saved_take(RtSaved *saved, RtNode *node);                  // belongs to the open scope
RT_API void rt_saved_drop(RtSaved *saved);

// Mixed precision (ops/autocast.h), of this thread.
typedef struct RtAutocast {
    bool enabled, cache; // cache: keep the casts of leaves
    RtDtype dtype;       // the low precision: RT_BF16 or RT_F16
} RtAutocast;
RT_API RtAutocast rt_autocast(void);
RT_API Status rt_autocast_set(RtAutocast mode, bool forget); // forget: let go of the casts that were kept

// ---------------------------------------------------------------------------------------------- optimisers

typedef enum RtOptimRule {
#define OPTIMIZER(name_, states_, scalars_, words_) RT_OPTIM_##name_,
#include "optim/optim.def"
#undef OPTIMIZER
    RT_OPTIM_COUNT
} RtOptimRule;

#define RT_OPTIM_STATES 3
#define RT_OPTIM_SCALARS 3

// Options of all rules; a rule reads its own (see optim/options.def).
typedef struct RtOptim {
#define OPTION_NUMBER(name_) double name_;
#define OPTION_FLAG(name_) bool name_;
#include "optim/options.def"
#undef OPTION_NUMBER
#undef OPTION_FLAG
} RtOptim;

// One step for n parameters: params[i] is written, its states[k][i] (RT_NONE where the options need
// none), and its scalars[k][i]: tensors of one element, f32 or f64, the first of which counts the
// steps taken. A parameter whose grads[i] is RT_NONE is left out. On failure nothing has been
// written.
RT_API Status rt_optim_step(RtOptimRule rule, const RtOptim *options, int n,
                            RtTensor *const *params, RtTensor *const *grads,
                            RtTensor *const *states[RT_OPTIM_STATES],
                            RtTensor *const *scalars[RT_OPTIM_SCALARS]);
// The 2-norm of n tensors taken together, in double; the same bits for the same tensors whatever the thread count.
RT_API Status rt_norm_together(int n, RtTensor *const *tensors, double *out);

// ---------------------------------------------------------------------------------------------- random numbers

// Philox 4x32-10, counted: the value at (seed, position) depends on nothing else (Salmon et al., SC
// 2011).
RT_API RtGenerator *rt_generator_new(uint64_t seed); // counted: keep and drop below
RT_API RtGenerator *rt_generator_keep(RtGenerator *generator);
RT_API void rt_generator_drop(RtGenerator *generator);
RT_API RtGenerator *rt_generator_default(void);                       // borrowed
RT_API void rt_generator_seed(RtGenerator *generator, uint64_t seed); // and back to position 0
RT_API void rt_generator_get(const RtGenerator *generator, uint64_t *out_seed,
                             uint64_t *out_position);
RT_API void rt_generator_set(RtGenerator *generator, uint64_t seed, uint64_t position);

// ---------------------------------------------------------------------------------------------- memory, threads, facts

typedef struct RtMemoryStats {
    int64_t live_bytes, peak_bytes;        // in tensors
    int64_t reserved_bytes, peak_reserved; // held from the system
    int64_t allocations, system_allocations;
} RtMemoryStats;
RT_API void rt_memory_stats(RtMemoryStats *out);
RT_API void rt_memory_reset_peak(void);
RT_API void rt_memory_release(void); // gives cached blocks back to the system

RT_API int rt_threads(void);
RT_API int rt_default_threads(void); // before rt_set_threads
RT_API Status rt_set_threads(int n);

// At most `bytes` in tensors; what more would be needed is ERR_MEMORY, and cached blocks beyond it go back to the system. 0: no
// limit. What is there already stays.
RT_API void rt_set_memory_limit(int64_t bytes);
RT_API int64_t rt_memory_limit(void);

// A multi-line text for show_config(): versions, instruction set, BLAS, plug-ins. The caller frees
// it with rt_text_free.
RT_API char *rt_config_text(void);
RT_API void rt_text_free(char *text);

// ---------------------------------------------------------------------------------------------- profiling

#include "base/profile_data.h" // RtProfileKind, RtProfileRow, RtProfileEvent, RtProfileThread

// One profiler runs at a time, for all threads. What it finds is added to what it found before, until reset.
typedef struct RtProfile RtProfile;
// Rows are kept for all spans, events for the first max_events. shapes: a row for each set of shapes of the inputs.
RT_API RtProfile *rt_profile_new(int64_t max_events, bool shapes);
RT_API void rt_profile_free(RtProfile *profile); // stops it
RT_API Status rt_profile_start(RtProfile *profile);
RT_API Status rt_profile_stop(RtProfile *profile); // spans that are open end
RT_API void rt_profile_reset(RtProfile *profile);  // forgets; a running one goes on
RT_API bool rt_profile_running(const RtProfile *profile);

typedef struct RtProfileData { // borrowed until the next call with this profiler
    int64_t elapsed_ns;        // while it ran
    const RtProfileRow *rows;
    int nrows;
    const RtProfileEvent *events;
    int64_t nevents, lost; // lost: spans beyond max_events
    int nthreads;
} RtProfileData;
RT_API Status rt_profile_read(RtProfile *profile, RtProfileData *out); // a running one goes on
RT_API RtProfileThread rt_profile_thread(int number);

// A span of the caller's on this thread; spans nest. A token, 0 when no profiler runs; leaving ends what is still open
// inside, and nothing when the span is over. From any thread.
RT_API int64_t rt_profile_enter(RtProfileKind kind, const char *name);
RT_API void rt_profile_leave(int64_t token);

RT_API const char *rt_error_message(void);
RT_API Status rt_error_code(void);
RT_API int rt_error_errno(void);
RT_API void rt_error_clear(void);
RT_API Status
rt_error_set(Status code, const char *message); // for code outside the engine that fails through it
