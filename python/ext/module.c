// The module rustorch._C: each file of the extension adds what it has.
#include "methods.h"

static int add_parts(PyObject *module) {
    static int (*const parts[])(PyObject *) = {
        ext_add_errors, ext_add_values,    ext_add_tensor,   copy_add,          compare_add,
        ext_add_ops,    ext_add_generator, ext_add_autograd, ext_add_array,     ext_add_dlpack,
        ext_add_index,  ext_add_engine,    ext_add_optim,    ext_add_comm,      ext_add_io,
        ext_add_data,   ext_add_plot,      ext_add_image,    ext_add_file_rows, ext_add_extend,
        ext_add_seed,
        ext_add_profile,
    };
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        if (parts[i](module) < 0) return -1;
    return 0;
}

PyMODINIT_FUNC PyInit__C(void);

PyMODINIT_FUNC PyInit__C(void) {
    static struct PyModuleDef definition = {
        PyModuleDef_HEAD_INIT, .m_name = "rustorch._C",
        .m_doc = "The C part of rustorch: see the package rustorch.", .m_size = -1};
    PyObject *module = PyModule_Create(&definition);
    if (!module) return NULL;
    if (rt_init() < 0) {
        PyErr_Format(PyExc_ImportError, "rustorch: %s", rt_error_message());
    } else if (add_parts(module) == 0 &&
               PyModule_AddStringConstant(module, "__version__", RUSTORCH_VERSION) == 0) {
        return module;
    }
    Py_DECREF(module);
    return NULL;
}
