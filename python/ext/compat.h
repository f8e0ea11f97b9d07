// compat.h: what younger Pythons have and 3.8 and 3.9 spell differently.
#pragma once

#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <structmember.h>

#if PY_VERSION_HEX < 0x03090000
#define PyObject_Vectorcall _PyObject_Vectorcall
#define PyObject_CallOneArg(callable_, arg_) PyObject_CallFunctionObjArgs(callable_, arg_, NULL)
#define PyObject_CallNoArgs(callable_) PyObject_CallFunctionObjArgs(callable_, NULL)
#define Py_TPFLAGS_HAVE_VECTORCALL _Py_TPFLAGS_HAVE_VECTORCALL
#define Py_SET_REFCNT(object_, n_) (Py_REFCNT(object_) = (n_))
#define Py_IS_TYPE(object_, type_) (Py_TYPE(object_) == (type_))
#endif

#if PY_VERSION_HEX < 0x030A0000
static inline PyObject *ext_new_ref(PyObject *object) {
    Py_INCREF(object);
    return object;
}
#define Py_NewRef(object_) ext_new_ref((PyObject *)(object_))
static inline int ext_module_add_ref(PyObject *module, const char *name, PyObject *object) {
    Py_INCREF(object);
    if (PyModule_AddObject(module, name, object) == 0) return 0;
    Py_DECREF(object);
    return -1;
}
#define PyModule_AddObjectRef ext_module_add_ref
#define Py_TPFLAGS_IMMUTABLETYPE 0
#endif

#if PY_VERSION_HEX < 0x030D0000
#define Py_IsFinalizing _Py_IsFinalizing
#endif

// The object behind a weak reference, as a new reference; NULL without an exception when it is gone.
static inline PyObject *ext_weak_get(PyObject *reference) {
    PyObject *object = NULL;
#if PY_VERSION_HEX < 0x030D0000
    object = PyWeakref_GET_OBJECT(reference);
    return object == Py_None ? NULL : Py_NewRef(object);
#else
    if (PyWeakref_GetRef(reference, &object) < 0) PyErr_Clear();
    return object;
#endif
}
