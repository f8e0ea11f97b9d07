#define _GNU_SOURCE
#include "io/file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/log.h"
#include "base/memory.h"

static void host_name(char *out, size_t bytes) {
    if (gethostname(out, bytes) != 0) snprintf(out, bytes, "host");
    out[bytes - 1] = 0;
    for (char *c = out; *c; c++)
        if (*c == '/' || *c == '-') *c = '_';
}

// ".NAME.HOST-PID-NUMBER.rustorch-tmp" begins so; long names are cut, so that the whole is one the
// system takes.
#define TEMPORARY_START ".%.100s.%.40s-"
// Stays in cache between the copy, its checksum and the write; larger writes get larger pages of
// the file's cache.
#define BUFFER_BYTES ((size_t)1 << 20)
#define START_BYTES ((int64_t)16 << 20) // the way to the disk begins so often, beside the writing

// Nobody holds the file: a temporary file is locked as long as its writer lives, in whatever
// container.
static bool abandoned(int folder, const char *name) {
    int handle = openat(folder, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (handle < 0) return false;
    bool free = flock(handle, LOCK_EX | LOCK_NB) == 0;
    close(handle);
    return free;
}

// Leftovers of a process that was killed while it saved this file: named as ours are, by a process
// of this host that no longer lives. Anything else stays.
static void remove_leftovers(const CommitFile *file) {
    char start[512], host[128];
    host_name(host, sizeof host);
    int length = snprintf(start, sizeof start, TEMPORARY_START, file->name, host);
    int copy = dup(file->folder);
    DIR *folder = copy >= 0 ? fdopendir(copy) : NULL;
    if (!folder) {
        if (copy >= 0) close(copy);
        return;
    }
    rewinddir(folder);
    for (struct dirent *entry; (entry = readdir(folder));) {
        const char *ending = strrchr(entry->d_name, '.');
        if (strncmp(entry->d_name, start, (size_t)length) != 0 || !ending ||
            strcmp(ending, ".rustorch-tmp") != 0)
            continue;
        long pid = strtol(entry->d_name + length, NULL, 10);
        if (pid > 0 && kill((pid_t)pid, 0) != 0 && errno == ESRCH &&
            abandoned(file->folder, entry->d_name)) {
            log_info("removing %s, left by process %ld", entry->d_name, pid);
            unlinkat(file->folder, entry->d_name, 0);
        }
    }
    closedir(folder);
}

// A link is followed, so that the file it names is replaced and not the link; a device, pipe or
// folder is not replaced.
static Status resolve(CommitFile *file, const char *path) {
    struct stat facts;
    char whole[PATH_MAX];
    if (lstat(path, &facts) == 0 && S_ISLNK(facts.st_mode) && realpath(path, whole)) path = whole;
    if (stat(path, &facts) == 0 && !S_ISREG(facts.st_mode))
        return fail(ERR_FILE, "%s cannot be saved: there is a %s of that name", path,
                    S_ISDIR(facts.st_mode) ? "folder" : "device or pipe");
    file->path = mem_text(MEM_IO, path);
    return file->path ? OK : ERR_MEMORY;
}

static Status open_folder(CommitFile *file) {
    char *slash = strrchr(file->path, '/');
    file->name = slash ? slash + 1 : file->path;
    if (!*file->name)
        return fail(ERR_FILE, "%s: the path of a file is needed, this is a folder", file->path);
    if (slash && slash != file->path) *slash = 0;
    const char *folder = !slash ? "." : slash == file->path ? "/" : file->path;
    file->folder = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    Status status = OK;
    if (file->folder < 0)
        status = fail_errno(errno, "the folder %s of %s cannot be opened", folder, file->name);
    if (slash && slash != file->path) *slash = '/';
    return status;
}

static Status write_failed(const CommitFile *file, int number) {
    struct statvfs space;
    if ((number == ENOSPC || number == EDQUOT || number == EFBIG) &&
        fstatvfs(file->folder, &space) == 0)
        return fail_errno(number,
                          "%s cannot be saved: %lld bytes were written, %lld are free; an earlier "
                          "file of that name is untouched",
                          file->path, (long long)file->written,
                          (long long)space.f_bavail * (long long)space.f_frsize);
    return fail_errno(
        number, "%s cannot be saved after %lld bytes; an earlier file of that name is untouched",
        file->path, (long long)file->written);
}

Status commit_open(CommitFile *file, const char *path) {
    static _Atomic unsigned next;
    char host[128];
    *file = (CommitFile){.handle = -1, .folder = -1};
    TRY(resolve(file, path));
    file->temporary = mem_alloc(MEM_IO, 256);
    file->buffer = mem_alloc(MEM_IO, BUFFER_BYTES);
    if (!file->temporary || !file->buffer) return ERR_MEMORY;
    TRY(open_folder(file));
    remove_leftovers(file);
    host_name(host, sizeof host);
    snprintf(file->temporary, 256, TEMPORARY_START "%d-%u.rustorch-tmp", file->name, host,
             (int)getpid(), next++);
    file->handle =
        openat(file->folder, file->temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (file->handle < 0) {
        int number = errno;
        mem_free(MEM_IO, file->temporary); // none of ours
        file->temporary = NULL;
        errno = number;
        return write_failed(file, number);
    }
    flock(file->handle,
          LOCK_EX | LOCK_NB); // where the file system has no locks, the process number has to do
    return OK;
}

static Status flush(CommitFile *file) {
    const char *at = file->buffer;
    while (file->held) {
        ssize_t done = write(file->handle, at, file->held);
        if (done < 0 && errno == EINTR) continue;
        if (done < 0) return write_failed(file, errno);
        at += done;
        file->held -= (size_t)done;
        file->written += done;
    }
    if (file->written - file->started >= START_BYTES) { // only for speed: fsync is what counts
        sync_file_range(file->handle, file->started, file->written - file->started,
                        SYNC_FILE_RANGE_WRITE);
        file->started = file->written;
    }
    return OK;
}

Status commit_write_summed(CommitFile *file, const void *bytes, size_t n, uint32_t *crc) {
    const char *from = bytes;
    while (n) {
        size_t part = n < BUFFER_BYTES - file->held ? n : BUFFER_BYTES - file->held;
        char *to = file->buffer + file->held;
        memcpy(to, from, part);
        *crc = crc32c(*crc, to, part);
        file->held += part;
        from += part;
        n -= part;
        if (file->held == BUFFER_BYTES) TRY(flush(file));
    }
    return OK;
}

Status commit_write(CommitFile *file, const void *bytes, size_t n) {
    uint32_t unused = 0;
    return commit_write_summed(file, bytes, n, &unused);
}

Status commit_finish(CommitFile *file) {
    TRY(flush(file));
    if (fsync(file->handle) != 0) return write_failed(file, errno);
    if (renameat(file->folder, file->temporary, file->folder, file->name) != 0)
        return write_failed(file, errno);
    mem_free(MEM_IO, file->temporary);
    file->temporary = NULL;
    int closed =
        close(file->handle); // after the rename: the lock guards the temporary name to the last
    file->handle = -1;
    if (closed != 0) return fail_errno(errno, "%s was saved, but not closed", file->path);
    if (fsync(file->folder) != 0 && errno != EINVAL) // some file systems know no sync of folders
        return fail_errno(errno, "%s was saved, but its folder could not be synced", file->path);
    return OK;
}

void commit_clear(CommitFile *file) {
    if (file->temporary && file->handle >= 0) unlinkat(file->folder, file->temporary, 0);
    if (file->handle >= 0) close(file->handle);
    if (file->folder >= 0) close(file->folder);
    mem_free(MEM_IO, file->path);
    mem_free(MEM_IO, file->temporary);
    mem_free(MEM_IO, file->buffer);
    *file = (CommitFile){.handle = -1, .folder = -1};
}

RtCommit *rt_commit_open(const char *path) {
    RtCommit *commit = mem_alloc(MEM_IO, sizeof *commit);
    if (!commit || commit_open(commit, path) == OK) return commit;
    ErrorRecord record; // what failed first, whatever happens while cleaning up
    error_take(&record);
    rt_commit_drop(commit);
    error_give(&record);
    return NULL;
}

Status rt_commit_write(RtCommit *commit, const void *bytes, size_t n) {
    return commit_write(commit, bytes, n);
}

Status rt_commit_finish(RtCommit *commit) { return commit_finish(commit); }

void rt_commit_drop(RtCommit *commit) {
    if (!commit) return;
    commit_clear(commit);
    mem_free(MEM_IO, commit);
}
