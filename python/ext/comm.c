// Process groups, works and the reducer of data-parallel training, as small types that
// rustorch.distributed builds on. Every call that could wait releases the GIL, and looks for
// signals ten times a second while it does.
#include "comm/comm.h"
#include "ext/ext.h"

#define POLL_SECONDS 0.1

typedef struct PyGroup {
    PyObject_HEAD RtGroup *group;
} PyGroup;

typedef struct PyWork {
    PyObject_HEAD RtWork *work;
} PyWork;

typedef struct PyReducer {
    PyObject_HEAD RtReducer *reducer;
} PyReducer;

static PyTypeObject *group_type, *work_type, *reducer_type;

// Frees an instance of a heap type.
static void free_instance(PyObject *self) {
    PyTypeObject *type = Py_TYPE(self);
    type->tp_free(self);
    Py_DECREF(type);
}

// ------------------------------------------------------------------------------ works

static PyObject *wrap_work(RtWork *work) { // takes over the count
    if (!work) return ext_raise();
    PyWork *self = (PyWork *)work_type->tp_alloc(work_type, 0);
    if (!self) {
        rt_work_drop(work);
        return NULL;
    }
    self->work = work;
    return (PyObject *)self;
}

static void work_dealloc(PyObject *self) {
    rt_work_drop(((PyWork *)self)->work);
    free_instance(self);
}

static PyObject *work_wait(PyObject *self, PyObject *args) {
    RtWork *work = ((PyWork *)self)->work;
    double seconds = -1;
    if (!PyArg_ParseTuple(args, "|d:wait", &seconds)) return NULL;
    for (double waited = 0;; waited += POLL_SECONDS) {
        bool done = false;
        Status status;
        double now =
            seconds < 0 || seconds - waited > POLL_SECONDS ? POLL_SECONDS : seconds - waited;
        EXT_UNLOCKED(status = rt_work_wait(work, now > 0 ? now : 0, &done));
        if (status < 0) return ext_raise();
        if (done) Py_RETURN_TRUE;
        if (PyErr_CheckSignals() < 0) return NULL;
        if (seconds >= 0 && waited >= seconds) Py_RETURN_FALSE;
    }
}

static PyObject *work_completed(PyObject *self, PyObject *unused) {
    (void)unused;
    return PyBool_FromLong(rt_work_done(((PyWork *)self)->work));
}

static PyObject *work_source(PyObject *self, PyObject *unused) {
    (void)unused;
    return PyLong_FromLong(rt_work_source(((PyWork *)self)->work));
}

static PyMethodDef work_methods[] = {
    {"wait", work_wait, METH_VARARGS,
     "wait(seconds=-1): True once the work is over, False when the time was up. Raises the work's "
     "error."},
    {"is_completed", work_completed, METH_NOARGS, "Is the work over, well or not?"},
    {"source", work_source, METH_NOARGS, "Of a finished recv: the rank of the group that sent."},
    {NULL, NULL, 0, NULL},
};
static PyType_Slot work_slots[] = {
    {Py_tp_dealloc, work_dealloc},
    {Py_tp_methods, work_methods},
    {Py_tp_doc, "A collective under way."},
    {0, NULL},
};
static PyType_Spec work_spec = {"rustorch._C._Work", sizeof(PyWork), 0, Py_TPFLAGS_DEFAULT,
                                work_slots};

// ------------------------------------------------------------------------------ groups

static PyObject *wrap_group(RtGroup *group) { // takes over the count
    if (!group) return ext_raise();
    PyGroup *self = (PyGroup *)group_type->tp_alloc(group_type, 0);
    if (!self) {
        rt_group_drop(group);
        return NULL;
    }
    self->group = group;
    return (PyObject *)self;
}

static RtGroup *group_of(PyObject *self) { return ((PyGroup *)self)->group; }

static void group_dealloc(PyObject *self) {
    rt_group_drop(group_of(self));
    free_instance(self);
}

static PyObject *group_rank(PyObject *self, PyObject *unused) {
    (void)unused;
    return PyLong_FromLong(rt_group_rank(group_of(self)));
}

static PyObject *group_size(PyObject *self, PyObject *unused) {
    (void)unused;
    return PyLong_FromLong(rt_group_size(group_of(self)));
}

static PyObject *group_ranks(PyObject *self, PyObject *unused) {
    RtGroup *group = group_of(self);
    (void)unused;
    PyObject *list = PyList_New(rt_group_size(group));
    for (int i = 0; list && i < rt_group_size(group); i++) {
        PyObject *rank = PyLong_FromLong(rt_group_world_rank(group, i));
        if (!rank)
            Py_CLEAR(list);
        else
            PyList_SET_ITEM(list, i, rank);
    }
    return list;
}

static PyObject *group_timeout(PyObject *self, PyObject *unused) {
    (void)unused;
    return PyFloat_FromDouble(rt_group_timeout(group_of(self)));
}

// Hands the call to comm without the GIL: packing and, in a group of one, the whole work happens on
// this thread.
#define START(call_)                                                                               \
    do {                                                                                           \
        RtWork *work_;                                                                             \
        EXT_UNLOCKED(work_ = (call_));                                                             \
        return wrap_work(work_);                                                                   \
    } while (0)

static int parse_op(const char *word, RtReduceOp *out) {
    *out = rt_reduce_find(word);
    if (*out < RT_REDUCE_COUNT) return 0;
    ext_error(ERR_VALUE, "there is no reduce operation '%s'", word);
    return -1;
}

static PyObject *group_barrier(PyObject *self, PyObject *unused) {
    (void)unused;
    START(rt_group_barrier(group_of(self)));
}

static PyObject *group_broadcast(PyObject *self, PyObject *args) {
    PyObject *object;
    int root;
    if (!PyArg_ParseTuple(args, "Oi:broadcast", &object, &root)) return NULL;
    RtTensor *tensor = ext_tensor(object);
    if (!tensor) return NULL;
    START(rt_group_broadcast(group_of(self), tensor, root));
}

static PyObject *group_all_reduce(PyObject *self, PyObject *args) {
    PyObject *object;
    const char *word;
    RtReduceOp op;
    if (!PyArg_ParseTuple(args, "Os:all_reduce", &object, &word) || parse_op(word, &op) < 0)
        return NULL;
    RtTensor *tensor = ext_tensor(object);
    if (!tensor) return NULL;
    START(rt_group_all_reduce(group_of(self), tensor, op));
}

static PyObject *group_reduce(PyObject *self, PyObject *args) {
    PyObject *object;
    const char *word;
    int root;
    RtReduceOp op;
    if (!PyArg_ParseTuple(args, "Ois:reduce", &object, &root, &word) || parse_op(word, &op) < 0)
        return NULL;
    RtTensor *tensor = ext_tensor(object);
    if (!tensor) return NULL;
    START(rt_group_reduce(group_of(self), tensor, root, op));
}

static PyObject *group_send(PyObject *self, PyObject *args) {
    PyObject *object;
    int peer, tag;
    if (!PyArg_ParseTuple(args, "Oii:send", &object, &peer, &tag)) return NULL;
    RtTensor *tensor = ext_tensor(object);
    if (!tensor) return NULL;
    START(rt_group_send(group_of(self), tensor, peer, tag));
}

static PyObject *group_recv(PyObject *self, PyObject *args) {
    PyObject *object;
    int peer, tag;
    if (!PyArg_ParseTuple(args, "Oii:recv", &object, &peer, &tag)) return NULL;
    RtTensor *tensor = ext_tensor(object);
    if (!tensor) return NULL;
    START(rt_group_recv(group_of(self), tensor, peer, tag));
}

// A list of n tensors (of any length where n is negative); None gives no list at all.
static int list_init(ExtTensors *list, PyObject *sequence, int n, const char *what) {
    *list = (ExtTensors){0};
    if (sequence == Py_None) return 0;
    if (ext_tensors_read(sequence, list) < 0) return -1;
    if (n < 0 || list->n == n) return 0;
    ext_error(ERR_VALUE, "%s: the list has %d tensors, but the group has %d ranks", what, list->n,
              n);
    ext_tensors_clear(list);
    return -1;
}

static PyObject *group_all_gather(PyObject *self, PyObject *args) {
    PyObject *objects, *object;
    ExtTensors outputs;
    if (!PyArg_ParseTuple(args, "OO:all_gather", &objects, &object)) return NULL;
    RtTensor *tensor = ext_tensor(object);
    if (!tensor || list_init(&outputs, objects, rt_group_size(group_of(self)), "all_gather") < 0)
        return NULL;
    RtWork *work;
    EXT_UNLOCKED(work = rt_group_all_gather(group_of(self), outputs.items, tensor));
    ext_tensors_clear(&outputs);
    return wrap_work(work);
}

static PyObject *group_gather(PyObject *self, PyObject *args) {
    PyObject *objects, *object;
    int root;
    ExtTensors outputs;
    if (!PyArg_ParseTuple(args, "OOi:gather", &objects, &object, &root)) return NULL;
    RtTensor *tensor = ext_tensor(object);
    if (!tensor || list_init(&outputs, objects, rt_group_size(group_of(self)), "gather") < 0)
        return NULL;
    RtWork *work;
    EXT_UNLOCKED(work = rt_group_gather(group_of(self), outputs.items, tensor, root));
    ext_tensors_clear(&outputs);
    return wrap_work(work);
}

static PyObject *group_scatter(PyObject *self, PyObject *args) {
    PyObject *objects, *object;
    int root;
    ExtTensors inputs;
    if (!PyArg_ParseTuple(args, "OOi:scatter", &object, &objects, &root)) return NULL;
    RtTensor *tensor = ext_tensor(object);
    if (!tensor || list_init(&inputs, objects, rt_group_size(group_of(self)), "scatter") < 0)
        return NULL;
    RtWork *work;
    EXT_UNLOCKED(work = rt_group_scatter(group_of(self), tensor, inputs.items, root));
    ext_tensors_clear(&inputs);
    return wrap_work(work);
}

static PyObject *group_reduce_scatter(PyObject *self, PyObject *args) {
    PyObject *objects, *object;
    const char *word;
    RtReduceOp op;
    ExtTensors inputs;
    if (!PyArg_ParseTuple(args, "OOs:reduce_scatter", &object, &objects, &word) ||
        parse_op(word, &op) < 0)
        return NULL;
    RtTensor *tensor = ext_tensor(object);
    if (!tensor || list_init(&inputs, objects, rt_group_size(group_of(self)), "reduce_scatter") < 0)
        return NULL;
    RtWork *work;
    EXT_UNLOCKED(work = rt_group_reduce_scatter(group_of(self), tensor, inputs.items, op));
    ext_tensors_clear(&inputs);
    return wrap_work(work);
}

static PyObject *group_all_to_all(PyObject *self, PyObject *args) {
    PyObject *out_objects, *in_objects;
    ExtTensors outputs, inputs;
    int n = rt_group_size(group_of(self));
    if (!PyArg_ParseTuple(args, "OO:all_to_all", &out_objects, &in_objects)) return NULL;
    if (list_init(&outputs, out_objects, n, "all_to_all") < 0) return NULL;
    if (list_init(&inputs, in_objects, n, "all_to_all") < 0) {
        ext_tensors_clear(&outputs);
        return NULL;
    }
    RtWork *work;
    EXT_UNLOCKED(work = rt_group_all_to_all(group_of(self), outputs.items, inputs.items));
    ext_tensors_clear(&outputs);
    ext_tensors_clear(&inputs);
    return wrap_work(work);
}

static PyObject *group_broadcast_list(PyObject *self, PyObject *args) {
    PyObject *objects;
    int root;
    ExtTensors tensors;
    if (!PyArg_ParseTuple(args, "Oi:broadcast_list", &objects, &root)) return NULL;
    if (list_init(&tensors, objects, -1, "broadcast") < 0) return NULL;
    RtWork *work;
    EXT_UNLOCKED(work = rt_group_broadcast_list(group_of(self), tensors.items, tensors.n, root));
    ext_tensors_clear(&tensors);
    return wrap_work(work);
}

static PyMethodDef group_methods[] = {
    {"rank", group_rank, METH_NOARGS,
     "The rank of this process in the group; -1 if it is not a member."},
    {"size", group_size, METH_NOARGS, "The number of ranks."},
    {"ranks", group_ranks, METH_NOARGS,
     "The ranks of the job that are members, in the order of the group."},
    {"timeout", group_timeout, METH_NOARGS, "Seconds that a collective waits for a late rank."},
    {"barrier", group_barrier, METH_NOARGS, "barrier() -> work"},
    {"broadcast", group_broadcast, METH_VARARGS, "broadcast(tensor, root) -> work"},
    {"broadcast_list", group_broadcast_list, METH_VARARGS, "broadcast_list(tensors, root) -> work"},
    {"all_reduce", group_all_reduce, METH_VARARGS, "all_reduce(tensor, op) -> work"},
    {"reduce", group_reduce, METH_VARARGS, "reduce(tensor, root, op) -> work"},
    {"all_gather", group_all_gather, METH_VARARGS, "all_gather(outputs, input) -> work"},
    {"gather", group_gather, METH_VARARGS, "gather(outputs or None, input, root) -> work"},
    {"scatter", group_scatter, METH_VARARGS, "scatter(output, inputs or None, root) -> work"},
    {"reduce_scatter", group_reduce_scatter, METH_VARARGS,
     "reduce_scatter(output, inputs, op) -> work"},
    {"all_to_all", group_all_to_all, METH_VARARGS, "all_to_all(outputs, inputs) -> work"},
    {"send", group_send, METH_VARARGS, "send(tensor, peer, tag) -> work"},
    {"recv", group_recv, METH_VARARGS, "recv(tensor, peer or -1, tag) -> work"},
    {NULL, NULL, 0, NULL},
};
static PyType_Slot group_slots[] = {
    {Py_tp_dealloc, group_dealloc},
    {Py_tp_methods, group_methods},
    {Py_tp_doc, "Ranks that communicate; ranks here are those of the group."},
    {0, NULL},
};
static PyType_Spec group_spec = {"rustorch._C._Group", sizeof(PyGroup), 0, Py_TPFLAGS_DEFAULT,
                                 group_slots};

// ------------------------------------------------------------------------------ the reducer

static void reducer_dealloc(PyObject *self) {
    RtReducer *reducer = ((PyReducer *)self)->reducer;
    ((PyReducer *)self)->reducer = NULL;
    EXT_UNLOCKED(rt_reducer_drop(reducer)); // may wait for buckets under way
    free_instance(self);
}

static const char **name_list(PyObject *names, int n) { // borrowed from the strings
    const char **list = PyMem_Malloc((size_t)(n + 1) * sizeof *list);
    if (!list) {
        PyErr_NoMemory();
        return NULL;
    }
    for (int i = 0; i < n; i++)
        if (!(list[i] = PyUnicode_AsUTF8(PyTuple_GET_ITEM(names, i)))) {
            PyMem_Free(list);
            return NULL;
        }
    return list;
}

static PyObject *reducer_new(PyTypeObject *type, PyObject *args, PyObject *keywords) {
    PyObject *group, *parameters, *names;
    Py_ssize_t first_bytes, cap_bytes;
    int static_graph;
    (void)keywords;
    if (!PyArg_ParseTuple(args, "O!OO!nnp:_Reducer", group_type, &group, &parameters, &PyTuple_Type,
                          &names, &first_bytes, &cap_bytes, &static_graph))
        return NULL;
    ExtTensors list;
    if (list_init(&list, parameters, (int)PyTuple_GET_SIZE(names), "_Reducer") < 0) return NULL;
    PyReducer *self = NULL;
    const char **words = name_list(names, list.n);
    RtReducer *reducer = NULL;
    if (words) {
        reducer = rt_reducer_new(group_of(group), list.items, words, list.n, (size_t)first_bytes,
                                 (size_t)cap_bytes, static_graph);
        if (!reducer) ext_raise();
    }
    if (reducer && (self = (PyReducer *)type->tp_alloc(type, 0))) self->reducer = reducer;
    if (!self) rt_reducer_drop(reducer);
    PyMem_Free((void *)words);
    ext_tensors_clear(&list);
    return (PyObject *)self;
}

static PyObject *reducer_set_sync(PyObject *self, PyObject *value) {
    int on = PyObject_IsTrue(value);
    if (on < 0) return NULL;
    rt_reducer_set_sync(((PyReducer *)self)->reducer, on);
    Py_RETURN_NONE;
}

static PyObject *reducer_begin(PyObject *self, PyObject *unused) {
    Status status;
    (void)unused;
    EXT_UNLOCKED(status = rt_reducer_begin(((PyReducer *)self)->reducer));
    if (ext_status(status) < 0) return NULL;
    Py_RETURN_NONE;
}

static PyObject *reducer_flush(PyObject *self, PyObject *unused) {
    Status status;
    (void)unused;
    EXT_UNLOCKED(status = rt_reducer_flush(((PyReducer *)self)->reducer));
    if (ext_status(status) < 0) return NULL;
    Py_RETURN_NONE;
}

static PyObject *reducer_buckets(PyObject *self, PyObject *unused) {
    RtReducer *reducer = ((PyReducer *)self)->reducer;
    (void)unused;
    PyObject *list = PyList_New(rt_reducer_buckets(reducer));
    for (int b = 0; list && b < rt_reducer_buckets(reducer); b++) {
        PyObject *bytes = PyLong_FromSize_t(rt_reducer_bucket_bytes(reducer, b));
        if (!bytes)
            Py_CLEAR(list);
        else
            PyList_SET_ITEM(list, b, bytes);
    }
    return list;
}

static PyMethodDef reducer_methods[] = {
    {"set_sync", reducer_set_sync, METH_O, "set_sync(on): does backward average gradients?"},
    {"begin", reducer_begin, METH_NOARGS,
     "Before a forward pass: clears up after a backward pass that failed half-way."},
    {"flush", reducer_flush, METH_NOARGS, "Averages the gradients that are there now."},
    {"buckets", reducer_buckets, METH_NOARGS,
     "The size of each bucket in bytes, in the order of sending."},
    {NULL, NULL, 0, NULL},
};
static PyType_Slot reducer_slots[] = {
    {Py_tp_new, reducer_new},
    {Py_tp_dealloc, reducer_dealloc},
    {Py_tp_methods, reducer_methods},
    {Py_tp_doc, "_Reducer(group, parameters, names, first_bytes, cap_bytes, static_graph): "
                "gradients in buckets."},
    {0, NULL},
};
static PyType_Spec reducer_spec = {"rustorch._C._Reducer", sizeof(PyReducer), 0, Py_TPFLAGS_DEFAULT,
                                   reducer_slots};

// ------------------------------------------------------------------------------ the process

static PyObject *comm_open(PyObject *module, PyObject *args) {
    const char *backend;
    double seconds;
    Status status;
    (void)module;
    if (!PyArg_ParseTuple(args, "zd:_comm_open", &backend, &seconds)) return NULL;
    EXT_UNLOCKED(status = rt_comm_open(backend, seconds));
    if (ext_status(status) < 0) return NULL;
    Py_RETURN_NONE;
}

// _comm_join(rank, size, fds, hosts)
static PyObject *comm_join(PyObject *module, PyObject *args) {
    PyObject *lists[2];
    int rank, size;
    Status status;
    (void)module;
    if (!PyArg_ParseTuple(args, "iiO!O!:_comm_join", &rank, &size, &PyList_Type, &lists[0],
                          &PyList_Type, &lists[1]))
        return NULL;
    if (rank < 0 || rank >= size || PyList_GET_SIZE(lists[0]) != size ||
        PyList_GET_SIZE(lists[1]) != size)
        return PyErr_Format(PyExc_ValueError, "_comm_join: rank %d of %d, with a list entry each",
                            rank, size);
    int *numbers = PyMem_Calloc(2 * (size_t)size, sizeof *numbers);
    if (!numbers) return PyErr_NoMemory();
    for (int i = 0; i < 2 * size && !PyErr_Occurred(); i++)
        numbers[i] = (int)PyLong_AsLong(PyList_GET_ITEM(lists[i / size], i % size));
    if (!PyErr_Occurred()) {
        EXT_UNLOCKED(status = rt_comm_join(rank, size, numbers, numbers + size));
        ext_status(status);
    }
    PyMem_Free(numbers);
    if (PyErr_Occurred()) return NULL;
    Py_RETURN_NONE;
}

static PyObject *comm_joined(PyObject *module, PyObject *unused) {
    (void)module;
    (void)unused;
    return Py_BuildValue("ii", rt_comm_joined_rank(), rt_comm_joined_size());
}

static PyObject *comm_close(PyObject *module, PyObject *unused) {
    Status status;
    (void)module;
    (void)unused;
    EXT_UNLOCKED(status = rt_comm_close());
    if (ext_status(status) < 0) return NULL;
    Py_RETURN_NONE;
}

static PyObject *comm_leave(PyObject *module, PyObject *unused) {
    (void)module;
    (void)unused;
    for (bool left = false; !left;) {
        Status status;
        EXT_UNLOCKED(status = rt_comm_leave(POLL_SECONDS, &left));
        if (ext_status(status) < 0 || PyErr_CheckSignals() < 0) return NULL;
    }
    Py_RETURN_NONE;
}

static PyObject *comm_abandon(PyObject *module, PyObject *unused) {
    (void)module;
    (void)unused;
    EXT_UNLOCKED(rt_comm_abandon());
    Py_RETURN_NONE;
}

static PyObject *comm_is_open(PyObject *module, PyObject *unused) {
    (void)module;
    (void)unused;
    return PyBool_FromLong(rt_comm_is_open());
}

static PyObject *comm_backend(PyObject *module, PyObject *unused) {
    const char *name = rt_comm_backend();
    (void)module;
    (void)unused;
    if (!name) Py_RETURN_NONE;
    return PyUnicode_FromString(name);
}

static PyObject *comm_expects_peers(PyObject *module, PyObject *unused) {
    (void)module;
    (void)unused;
    return PyBool_FromLong(rt_comm_expects_peers());
}

static PyObject *comm_has_mpi(PyObject *module, PyObject *unused) {
    (void)module;
    (void)unused;
    return PyBool_FromLong(rt_comm_has_mpi());
}

static PyObject *comm_local(PyObject *module, PyObject *unused) {
    (void)module;
    (void)unused;
    return Py_BuildValue("ii", rt_comm_local_rank(), rt_comm_local_size());
}

static PyObject *comm_world(PyObject *module, PyObject *unused) {
    (void)module;
    (void)unused;
    return wrap_group(rt_group_keep(rt_group_world()));
}

static PyObject *comm_new_group(PyObject *module, PyObject *args) {
    PyObject *sequence;
    double seconds;
    (void)module;
    if (!PyArg_ParseTuple(args, "Od:_comm_new_group", &sequence, &seconds)) return NULL;
    PyObject *list = PySequence_Fast(sequence, "new_group: ranks must be a list of integers");
    if (!list) return NULL;
    int n = (int)PySequence_Fast_GET_SIZE(list);
    int *ranks = PyMem_Malloc((size_t)(n + 1) * sizeof *ranks);
    for (int i = 0; ranks && i < n; i++) {
        long rank = PyLong_AsLong(PySequence_Fast_GET_ITEM(list, i));
        ranks[i] = rank < 0 || rank > INT32_MAX ? -1 : (int)rank;
    }
    Py_DECREF(list);
    if (!ranks) return PyErr_NoMemory();
    RtGroup *group = NULL;
    if (!PyErr_Occurred()) EXT_UNLOCKED(group = rt_group_new(ranks, n, seconds));
    PyMem_Free(ranks);
    return PyErr_Occurred() ? NULL : wrap_group(group);
}

static PyMethodDef functions[] = {
    {"_comm_open", comm_open, METH_VARARGS,
     "_comm_open(backend or None, seconds): makes the default group."},
    {"_comm_join", comm_join, METH_VARARGS,
     "_comm_join(rank, size, fds, hosts): joins ranks that are connected by sockets."},
    {"_comm_joined", comm_joined, METH_NOARGS,
     "(rank, size) of the job that this process joined over sockets or MPI; size 0: none."},
    {"_comm_close", comm_close, METH_NOARGS, "Forgets the default group."},
    {"_comm_leave", comm_leave, METH_NOARGS,
     "The end of a process that finished its work: waits for the other ranks' end."},
    {"_comm_abandon", comm_abandon, METH_NOARGS,
     "The end of a process that failed: stops communicating and waits for nobody."},
    {"_comm_is_open", comm_is_open, METH_NOARGS, "Is the default group there?"},
    {"_comm_backend", comm_backend, METH_NOARGS, "'mpi', 'tcp', 'solo' or None."},
    {"_comm_expects_peers", comm_expects_peers, METH_NOARGS,
     "Was this process started as one of several ranks?"},
    {"_comm_has_mpi", comm_has_mpi, METH_NOARGS, "Is the MPI plug-in there?"},
    {"_comm_local", comm_local, METH_NOARGS, "(rank among those on this host, their number)"},
    {"_comm_world", comm_world, METH_NOARGS, "The default group."},
    {"_comm_new_group", comm_new_group, METH_VARARGS,
     "_comm_new_group(ranks, seconds): called by all ranks of the job."},
    {NULL, NULL, 0, NULL},
};

static int add_type(PyObject *module, const char *name, PyType_Spec *spec, PyTypeObject **out) {
    *out = (PyTypeObject *)PyType_FromSpec(spec);
    if (!*out) return -1;
    return PyModule_AddObjectRef(module, name, (PyObject *)*out);
}

int ext_add_comm(PyObject *module) {
    if (add_type(module, "_Group", &group_spec, &group_type) < 0 ||
        add_type(module, "_Work", &work_spec, &work_type) < 0 ||
        add_type(module, "_Reducer", &reducer_spec, &reducer_type) < 0)
        return -1;
    group_type->tp_new = work_type->tp_new = NULL; // made by calls, not by hand
    return PyModule_AddFunctions(module, functions);
}
