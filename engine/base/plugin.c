#define _GNU_SOURCE
#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/settings.h"
#include "rustorch_plugin.h"

// The file of a plug-in: in RUSTORCH_PLUGIN_PATH if that is set and holds it, else beside this library.
static bool plugin_file(const char *name, char *path, size_t bytes) {
    const char *folder = setting_text(SETTING_plugin_path);
    if (*folder) {
        snprintf(path, bytes, "%s/rustorch_%s.so", folder, name);
        if (access(path, R_OK) == 0) return true;
    }
    Dl_info info;
    if (!dladdr((void *)(uintptr_t)plugin_file, &info)) return false;
    const char *slash = strrchr(info.dli_fname, '/');
    int length = slash ? (int)(slash - info.dli_fname) : 1;
    snprintf(path, bytes, "%.*s/rustorch_%s.so", length, slash ? info.dli_fname : ".", name);
    return access(path, R_OK) == 0;
}

bool plugin_present(const char *name) {
    char path[4096];
    return plugin_file(name, path, sizeof path);
}

Status plugin_open(const RtPluginName *name, void *vtable, size_t bytes) {
    static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
    char path[4096];
    if (!plugin_file(name->name, path, sizeof path))
        return fail(ERR_PLUGIN, "%s is not part of this build of rustorch: install %s and build again", name->feature,
                    name->package);
    pthread_mutex_lock(&lock);
    void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL); // opened again, it is the same library
    RtPluginEntry entry = library ? (RtPluginEntry)(uintptr_t)dlsym(library, "rt_plugin") : NULL;
    Status status = OK;
    if (!entry)
        status = fail(ERR_PLUGIN, "%s cannot be used: %s. Install %s", name->feature, dlerror(), name->package);
    pthread_mutex_unlock(&lock);
    return status < 0 ? status : entry(vtable, bytes);
}
