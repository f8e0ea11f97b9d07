// node.c: the nodes of the graph as Python sees them (Tensor.grad_fn).
//
// A node has at most one Python object at a time: a table maps nodes to their objects, weakly. Each
// kind of node has a class of its own below Node (AddBackward0, …), made when it is first seen.
#include "autograd.h"

typedef struct NodeObject {
    PyObject ob_base;
    RtNode *node;
    PyObject *metadata, *weak;
} NodeObject;

static PyTypeObject node_type;
static PyObject *objects; // int(address of a node) → its NodeObject; the reference is not counted
static PyObject *classes; // name → class

static PyObject *class_of(const RtNode *node) {
    // PyTorch counts the overloads of an op behind the name; ours have one each. Functions keep
    // their bare name.
    bool numbered =
        !function_context_object(node) && strcmp(rt_node_name(node), "AccumulateGrad") != 0;
    PyObject *name = PyUnicode_FromFormat(numbered ? "%s0" : "%s", rt_node_name(node));
    if (!name) return NULL;
    PyObject *class = PyDict_GetItemWithError(classes, name);
    Py_XINCREF(class);
    if (!class && !PyErr_Occurred()) {
        class = PyObject_CallFunction((PyObject *)&PyType_Type, "O(O){ssss}", name,
                                      (PyObject *)&node_type, "__module__",
                                      "rustorch.autograd.graph", "__doc__", "A node of the graph.");
        if (class && PyDict_SetItem(classes, name, class) < 0) Py_CLEAR(class);
    }
    Py_DECREF(name);
    return class;
}

PyObject *ext_node(RtNode *node) {
    if (!node) Py_RETURN_NONE;
    PyObject *key = PyLong_FromVoidPtr(node);
    if (!key) return NULL;
    PyObject *known = PyDict_GetItemWithError(objects, key);
    if (known) {
        PyObject *object = PyLong_AsVoidPtr(known);
        if (Py_REFCNT(object) > 0) { // it is not just going
            Py_DECREF(key);
            return Py_NewRef(object);
        }
    }
    PyObject *class = PyErr_Occurred() ? NULL : class_of(node);
    NodeObject *self =
        class ? (NodeObject *)((PyTypeObject *)class)->tp_alloc((PyTypeObject *)class, 0) : NULL;
    Py_XDECREF(class);
    if (self) {
        self->node = rt_node_keep(node);
        PyObject *address = PyLong_FromVoidPtr(self);
        if (!address || PyDict_SetItem(objects, key, address) < 0) Py_CLEAR(self);
        Py_XDECREF(address);
    }
    Py_DECREF(key);
    return (PyObject *)self;
}

static void node_dealloc(PyObject *object) {
    NodeObject *self = (NodeObject *)object;
    PyObject_GC_UnTrack(object);
    PyObject *type, *value, *traceback;
    PyErr_Fetch(&type, &value, &traceback);
    PyObject *key = self->node ? PyLong_FromVoidPtr(self->node) : NULL;
    PyObject *known = key ? PyDict_GetItemWithError(objects, key) : NULL;
    if (known && PyLong_AsVoidPtr(known) == (void *)self) PyDict_DelItem(objects, key);
    PyErr_Clear();
    Py_XDECREF(key);
    PyErr_Restore(type, value, traceback);
    if (self->weak) PyObject_ClearWeakRefs(object);
    Py_CLEAR(self->metadata);
    rt_node_drop(self->node);
    Py_TYPE(object)->tp_free(object);
}

static int node_traverse(PyObject *object, visitproc visit, void *arg) {
    Py_VISIT(((NodeObject *)object)->metadata);
    return 0;
}

static int node_clear(PyObject *object) {
    Py_CLEAR(((NodeObject *)object)->metadata);
    return 0;
}

static PyObject *node_repr(PyObject *object) {
    return PyUnicode_FromFormat("<%s object at %p>", Py_TYPE(object)->tp_name, (void *)object);
}

static PyObject *node_name(PyObject *object, PyObject *Py_UNUSED(none)) {
    return PyObject_GetAttrString((PyObject *)Py_TYPE(object), "__name__");
}

static PyObject *get_next_functions(PyObject *object, void *Py_UNUSED(closure)) {
    RtNode *node = ((NodeObject *)object)->node;
    int n = rt_node_inputs(node);
    PyObject *tuple = PyTuple_New(n);
    for (int i = 0; tuple && i < n; i++) {
        RtNode *next;
        int output = rt_node_next(node, i, &next);
        PyObject *pair = Py_BuildValue("(Ni)", ext_node(next), next ? output : 0);
        if (!pair)
            Py_CLEAR(tuple);
        else
            PyTuple_SET_ITEM(tuple, i, pair);
    }
    return tuple;
}

static PyObject *get_metadata(PyObject *object, void *Py_UNUSED(closure)) {
    NodeObject *self = (NodeObject *)object;
    if (!self->metadata && !(self->metadata = PyDict_New())) return NULL;
    return Py_NewRef(self->metadata);
}

// The node of a Function also answers for its ctx: y.grad_fn.saved_tensors, y.grad_fn.my_attribute.
static PyObject *node_getattro(PyObject *object, PyObject *name) {
    PyObject *found = PyObject_GenericGetAttr(object, name);
    if (found || !PyErr_ExceptionMatches(PyExc_AttributeError)) return found;
    PyObject *ctx = function_context_object(((NodeObject *)object)->node);
    if (!ctx) return NULL;
    PyErr_Clear();
    return PyObject_GetAttr(ctx, name);
}

static PyMethodDef methods[] = {
    {"name", node_name, METH_NOARGS,
     "name($self)\n--\n\nThe name of the node, such as 'MulBackward0'."},
    {NULL, NULL, 0, NULL},
};

static PyGetSetDef properties[] = {
    {"next_functions", get_next_functions, NULL,
     "For each input the node it came from (None: no gradient goes there) and which output of it "
     "it was.",
     NULL},
    {"metadata", get_metadata, NULL, "A dict for the caller's own use.", NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

static PyTypeObject node_type = {
    PyVarObject_HEAD_INIT(NULL, 0).tp_name = "rustorch.autograd.graph.Node",
    .tp_basicsize = sizeof(NodeObject),
    .tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE | Py_TPFLAGS_HAVE_GC,
    .tp_doc = "One recorded operation: the way a gradient takes backward.\n"
              "\n"
              "``tensor.grad_fn`` is one; ``next_functions`` leads to those it came from.\n"
              "\n"
              "Examples\n"
              "--------\n"
              ">>> x = rustorch.ones(2, requires_grad=True)\n"
              ">>> node = (x * 2).sum().grad_fn\n"
              ">>> node.name(), node.next_functions[0][0].name()\n"
              "('SumBackward0', 'MulBackward0')\n"
              ">>> isinstance(node, rustorch.autograd.graph.Node)\n"
              "True\n",
    .tp_dealloc = node_dealloc,
    .tp_traverse = node_traverse,
    .tp_clear = node_clear,
    .tp_repr = node_repr,
    .tp_getattro = node_getattro,
    .tp_weaklistoffset = offsetof(NodeObject, weak),
    .tp_methods = methods,
    .tp_getset = properties,
};

int node_add_type(PyObject *module) {
    if (PyType_Ready(&node_type) < 0 || !(objects = PyDict_New()) || !(classes = PyDict_New()))
        return -1;
    return PyModule_AddObjectRef(module, "Node", (PyObject *)&node_type);
}
