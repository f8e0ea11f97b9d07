// profile_log.h: how a log is written; for profile.c alone. Functions that find no memory say so by their result.
#pragma once

#include "base/profile.h"

typedef struct ProfileKey {
    RtProfileKind kind;
    bool backward;
    const char *name, *shapes; // shapes may be NULL
} ProfileKey;

int profile_row(ProfileLog *log, const ProfileKey *key); // found or made; -1: no memory
bool profile_event(ProfileLog *log, const RtProfileEvent *event);
void profile_log_empty(ProfileLog *log); // rows keep their places, with nothing in them
void profile_log_move(ProfileLog *to, ProfileLog *from);
