// Cases of the shape family. What an op does to the places of elements is said by hand: the result
// as a walk over the row-major input, with shape, strides and offset.
#include "ops/cases.h"

typedef struct Part {
    int n;
    int64_t shape[6], stride[6], offset;
} Part;

// One sample: the input's shape, the attributes, the shape of a second input whose values do not
// matter, the outputs.
typedef struct Move {
    int n;
    int64_t shape[4];
    const void *attrs;
    int other; // dimensions of the second input; -1: there is none
    int64_t other_shape[4];
    int nparts;
    Part part[5];
} Move;

static bool make_move(Sample *s, int k, const Move *moves, int count, size_t attrs_bytes) {
    if (k >= count) return false;
    sample_input(s, -3, 3, moves[k].n, moves[k].shape);
    if (moves[k].other >= 0)
        sample_kind_input(s, SAMPLE_CONSTANT, 0, 1, moves[k].other, moves[k].other_shape);
    if (moves[k].attrs) s->attrs = sample_attrs_copy(s, moves[k].attrs, attrs_bytes);
    return true;
}

// Fills output `out` from the row-major values x.
static void fill_part(Sample *s, int out, const Part *part, const double *x) {
    double *y = sample_output(s, out, part->n, part->shape);
    int64_t count = sample_numel(part->n, part->shape);
    for (int64_t j = 0; j < count; j++) {
        int64_t rest = j, at = part->offset;
        for (int d = part->n - 1; d >= 0; d--) {
            at += rest % part->shape[d] * part->stride[d];
            rest /= part->shape[d];
        }
        y[j] = x[at];
    }
}

static void truth_move(Sample *s, const Move *moves, int count, size_t attrs_bytes) {
    for (int k = 0; k < count; k++) {
        const Move *move = &moves[k];
        bool same = s->ndim[0] == move->n &&
                    !memcmp(s->shape[0], move->shape, (size_t)move->n * sizeof(int64_t)) &&
                    (move->other < 0 || (s->ndim[1] == move->other &&
                                         !memcmp(s->shape[1], move->other_shape,
                                                 (size_t)move->other * sizeof(int64_t)))) &&
                    (!move->attrs || !memcmp(s->attrs, move->attrs, attrs_bytes));
        if (!same) continue;
        for (int i = 0; i < move->nparts; i++) fill_part(s, i, &move->part[i], s->x[0]);
        return;
    }
    fail_msg("no such sample");
}

// Tables, a line a sample. What is not named in one is zero.
#pragma GCC diagnostic ignored "-Wmissing-field-initializers"
// clang-format off
#define COUNT(array_) ((int)(sizeof(array_) / sizeof *(array_)))
#define MOVES(name_, attrs_)                                                                       \
    static bool make_##name_(Sample *s, int k) {                                                   \
        return make_move(s, k, moves_##name_, COUNT(moves_##name_), sizeof(RtAttrs_##attrs_));     \
    }                                                                                              \
    static void truth_##name_(Sample *s) {                                                         \
        truth_move(s, moves_##name_, COUNT(moves_##name_), sizeof(RtAttrs_##attrs_));              \
    }                                                                                              \
    const OpCase case_##name_ = {.make = make_##name_, .truth = truth_##name_, .dtypes = ON_ALL}

#define NO .other = -1, .nparts = 1
#define INTS(...) {.n = (int)(sizeof((int64_t[]){__VA_ARGS__}) / sizeof(int64_t)), .v = {__VA_ARGS__}}
#define NO_INTS {.n = -1}

// ------------------------------------------------------------------------------------------- views

#define SIZE(...) &(const RtAttrs_size) { .size = INTS(__VA_ARGS__) }
#define SHAPE(...) &(const RtAttrs_shape) { .shape = INTS(__VA_ARGS__) }
#define AXES(...) &(const RtAttrs_axes) { .dims = INTS(__VA_ARGS__) }
#define DIMS(a_, b_) &(const RtAttrs_dims) { .dim0 = a_, .dim1 = b_, .end_dim = -1 }
#define FLATTEN(a_, b_) &(const RtAttrs_dims) { .dim1 = 1, .start_dim = a_, .end_dim = b_ }
#define SLICE(...) &(const RtAttrs_slice) { .step = 1, __VA_ARGS__ }
#define DIAGONAL(...) &(const RtAttrs_diagonal) { __VA_ARGS__ }
#define NOT RT_INT_NONE

static const Move moves_view[] = {
    {2, {4, 6}, SIZE(2, 2, 3, -1), NO, .part = {{4, {2, 2, 3, 2}, {12, 6, 2, 1}}}},
    {1, {6}, SIZE(1, 6, 1), NO, .part = {{3, {1, 6, 1}, {0, 1, 0}}}},
    {0, {0}, SIZE(1, 1), NO, .part = {{2, {1, 1}}}},
    {2, {0, 3}, SIZE(3, 0), NO, .part = {{2, {3, 0}}}},
};
MOVES(view, size);

static const Move moves_expand[] = {
    {2, {3, 1}, SIZE(2, -1, 4), NO, .part = {{3, {2, 3, 4}, {0, 1, 0}}}},
    {0, {0}, SIZE(2, 2), NO, .part = {{2, {2, 2}}}},
    {1, {1}, SIZE(0), NO, .part = {{1, {0}}}},
};
MOVES(expand, size);

static const Move moves_broadcast_to[] = {{2, {3, 1}, SIZE(2, 3, 4), NO, .part = {{3, {2, 3, 4}, {0, 1, 0}}}}};
MOVES(broadcast_to, size);

static const Move moves_expand_as[] = {
    {2, {3, 1}, NULL, .other = 3, .other_shape = {2, 3, 4}, .nparts = 1, .part = {{3, {2, 3, 4}, {0, 1, 0}}}}};
MOVES(expand_as, none);

static const Move moves_view_as[] = {
    {2, {4, 6}, NULL, .other = 3, .other_shape = {4, 2, 3}, .nparts = 1, .part = {{3, {4, 2, 3}, {6, 3, 1}}}}};
MOVES(view_as, none);

static const Move moves_permute[] = {
    {3, {2, 3, 5}, AXES(2, 0, 1), NO, .part = {{3, {5, 2, 3}, {1, 15, 5}}}},
    {3, {2, 3, 5}, AXES(-3, -1, 1), NO, .part = {{3, {2, 5, 3}, {15, 1, 5}}}},
    {4, {2, 1, 3, 4}, AXES(3, 2, 1, 0), NO, .part = {{4, {4, 3, 1, 2}, {1, 4, 12, 12}}}},
};
MOVES(permute, axes);

static const Move moves_transpose[] = {
    {3, {2, 3, 5}, DIMS(0, 2), NO, .part = {{3, {5, 3, 2}, {1, 5, 15}}}},
    {2, {4, 7}, DIMS(-1, -2), NO, .part = {{2, {7, 4}, {1, 7}}}},
    {2, {0, 7}, DIMS(0, 1), NO, .part = {{2, {7, 0}}}},
    {0, {0}, DIMS(0, -1), NO, .part = {{0}}},
};
MOVES(transpose, dims);

static const Move moves_t[] = {
    {2, {4, 7}, NULL, NO, .part = {{2, {7, 4}, {1, 7}}}},
    {1, {5}, NULL, NO, .part = {{1, {5}, {1}}}},
};
MOVES(t, none);

static const Move moves_adjoint[] = {{3, {2, 3, 5}, NULL, NO, .part = {{3, {2, 5, 3}, {15, 1, 5}}}}};
MOVES(adjoint, none);

#define MOVEDIM(from_, to_) &(const RtAttrs_movedim) { .source = from_, .destination = to_ }
static const Move moves_movedim[] = {
    {3, {2, 3, 5}, MOVEDIM(INTS(0), INTS(-1)), NO, .part = {{3, {3, 5, 2}, {5, 1, 15}}}},
    {3, {2, 3, 5}, MOVEDIM(INTS(0, 1), INTS(2, 0)), NO, .part = {{3, {3, 5, 2}, {5, 1, 15}}}},
};
MOVES(movedim, movedim);

#define SQUEEZE(dims_) &(const RtAttrs_squeeze) { .dim = dims_ }
static const Move moves_squeeze[] = {
    {4, {1, 3, 1, 5}, SQUEEZE(NO_INTS), NO, .part = {{2, {3, 5}, {5, 1}}}},
    {4, {1, 3, 1, 5}, SQUEEZE(INTS(-2)), NO, .part = {{3, {1, 3, 5}, {0, 5, 1}}}},
    {4, {1, 3, 1, 5}, SQUEEZE(INTS(0, 1)), NO, .part = {{3, {3, 1, 5}, {5, 0, 1}}}},
    {2, {1, 1}, SQUEEZE(NO_INTS), NO, .part = {{0}}},
};
MOVES(squeeze, squeeze);

#define AT(dim_) SLICE(.dim = dim_, .start = NOT, .end = NOT)
static const Move moves_unsqueeze[] = {
    {2, {3, 5}, AT(1), NO, .part = {{3, {3, 1, 5}, {5, 0, 1}}}},
    {2, {3, 5}, AT(-1), NO, .part = {{3, {3, 5, 1}, {5, 1, 0}}}},
    {0, {0}, AT(0), NO, .part = {{1, {1}}}},
};
MOVES(unsqueeze, slice);

#define SELECT(dim_, index_) SLICE(.dim = dim_, .index = index_)
static const Move moves_select[] = {
    {3, {2, 3, 5}, SELECT(1, 2), NO, .part = {{2, {2, 5}, {15, 1}, 10}}},
    {3, {2, 3, 5}, SELECT(-1, -5), NO, .part = {{2, {2, 3}, {15, 5}}}},
    {1, {4}, SELECT(0, 3), NO, .part = {{0, .offset = 3}}},
};
MOVES(select, slice);

static const Move moves_slice[] = {
    {2, {4, 7}, SLICE(.dim = 1, .start = 1, .end = 6), NO, .part = {{2, {4, 5}, {7, 1}, 1}}},
    {2, {4, 7}, &(const RtAttrs_slice){.dim = -1, .start = -6, .end = NOT, .step = 3}, NO, .part = {{2, {4, 2}, {7, 3}, 1}}},
    {2, {4, 7}, SLICE(.dim = 0, .start = NOT, .end = -1), NO, .part = {{2, {3, 7}, {7, 1}}}},
    {2, {4, 7}, SLICE(.dim = 0, .start = 3, .end = 1), NO, .part = {{2, {0, 7}}}},
    {1, {3}, SLICE(.dim = 0, .start = -100, .end = 100), NO, .part = {{1, {3}, {1}}}},
};
MOVES(slice, slice);

static const Move moves_narrow[] = {
    {2, {4, 7}, SLICE(.dim = 1, .start = 2, .end = NOT, .length = 3), NO, .part = {{2, {4, 3}, {7, 1}, 2}}},
    {2, {4, 7}, SLICE(.dim = 0, .start = -2, .end = NOT, .length = 2), NO, .part = {{2, {2, 7}, {7, 1}, 14}}},
};
MOVES(narrow, slice);

static const Move moves_diagonal[] = {
    {2, {4, 4}, DIAGONAL(.dim2 = 1), NO, .part = {{1, {4}, {5}}}},
    {2, {3, 5}, DIAGONAL(.dim2 = 1, .offset = 2), NO, .part = {{1, {3}, {6}, 2}}},
    {2, {5, 3}, DIAGONAL(.dim2 = 1, .offset = -3), NO, .part = {{1, {2}, {4}, 9}}},
    {3, {2, 3, 5}, DIAGONAL(.dim1 = -1, .dim2 = 0), NO, .part = {{2, {3, 2}, {5, 16}}}},
    {2, {3, 5}, DIAGONAL(.dim2 = 1, .offset = 9), NO, .part = {{1, {0}}}},
};
MOVES(diagonal, diagonal);

#define UNFOLD(dim_, size_, step_) &(const RtAttrs_unfold) { .dimension = dim_, .size = size_, .step = step_ }
static const Move moves_unfold[] = {
    {1, {7}, UNFOLD(0, 3, 2), NO, .part = {{2, {3, 3}, {2, 1}}}},
    {2, {4, 6}, UNFOLD(0, 2, 1), NO, .part = {{3, {3, 6, 2}, {6, 1, 6}}}},
    {2, {4, 6}, UNFOLD(-1, 2, 4), NO, .part = {{3, {4, 2, 2}, {6, 4, 1}}}},
};
MOVES(unfold, unfold);

static const Move moves_reshape[] = {
    {3, {2, 3, 4}, SHAPE(4, -1), NO, .part = {{2, {4, 6}, {6, 1}}}},
    {3, {2, 3, 4}, SHAPE(24), NO, .part = {{1, {24}, {1}}}},
    {1, {1}, &(const RtAttrs_shape){.shape = {.n = 0}}, NO, .part = {{0}}},
    {2, {0, 4}, SHAPE(2, 0), NO, .part = {{2, {2, 0}}}},
};
MOVES(reshape, shape);

static const Move moves_reshape_as[] = {
    {2, {4, 6}, NULL, .other = 2, .other_shape = {3, 8}, .nparts = 1, .part = {{2, {3, 8}, {8, 1}}}}};
MOVES(reshape_as, none);

static const Move moves_flatten[] = {
    {3, {2, 3, 4}, FLATTEN(0, -1), NO, .part = {{1, {24}, {1}}}},
    {4, {2, 3, 4, 2}, FLATTEN(1, 2), NO, .part = {{3, {2, 12, 2}, {24, 2, 1}}}},
    {2, {2, 3}, FLATTEN(1, 1), NO, .part = {{2, {2, 3}, {3, 1}}}},
    {0, {0}, FLATTEN(0, -1), NO, .part = {{1, {1}}}},
};
MOVES(flatten, dims);

#define UNFLATTEN(dim_, ...) &(const RtAttrs_unflatten) { .dim = dim_, .sizes = INTS(__VA_ARGS__) }
static const Move moves_unflatten[] = {
    {2, {4, 6}, UNFLATTEN(1, 2, -1), NO, .part = {{3, {4, 2, 3}, {6, 3, 1}}}},
    {2, {4, 6}, UNFLATTEN(-2, 2, 2), NO, .part = {{3, {2, 2, 6}, {12, 6, 1}}}},
};
MOVES(unflatten, unflatten);

static const Move moves_ravel[] = {{3, {2, 3, 4}, NULL, NO, .part = {{1, {24}, {1}}}}, {0, {0}, NULL, NO, .part = {{1, {1}}}}};
MOVES(ravel, none);

// ---------------------------------------------------------------------------------- lists of views

static const Move moves_unbind[] = {
    {2, {3, 4}, AT(0), .other = -1, .nparts = 3, .part = {{1, {4}, {1}}, {1, {4}, {1}, 4}, {1, {4}, {1}, 8}}},
    {2, {3, 2}, AT(-1), .other = -1, .nparts = 2, .part = {{1, {3}, {2}}, {1, {3}, {2}, 1}}},
};
MOVES(unbind, slice);

#define SPLIT(...) &(const RtAttrs_split) { __VA_ARGS__ }
#define NO_LISTS .split_sizes = {.n = -1}, .indices = {.n = -1}, .chunks = 1
static const Move moves_split[] = {
    {2, {5, 2}, SPLIT(NO_LISTS, .split_size = 2), .other = -1, .nparts = 3,
     .part = {{2, {2, 2}, {2, 1}}, {2, {2, 2}, {2, 1}, 4}, {2, {1, 2}, {2, 1}, 8}}},
    {2, {2, 5}, SPLIT(.split_sizes = {2, (const int64_t[]){1, 4}}, .indices = {.n = -1}, .dim = -1), .other = -1, .nparts = 2,
     .part = {{2, {2, 1}, {5, 1}}, {2, {2, 4}, {5, 1}, 1}}},
    {1, {0}, SPLIT(NO_LISTS, .split_size = 2), .other = -1, .nparts = 1, .part = {{1, {0}}}},
};
MOVES(split, split);

static const Move moves_chunk[] = {
    {1, {5}, SPLIT(.split_sizes = {.n = -1}, .indices = {.n = -1}, .chunks = 3), .other = -1, .nparts = 3,
     .part = {{1, {2}, {1}}, {1, {2}, {1}, 2}, {1, {1}, {1}, 4}}},
    {2, {2, 4}, SPLIT(.split_sizes = {.n = -1}, .indices = {.n = -1}, .chunks = 3, .dim = 1), .other = -1, .nparts = 2,
     .part = {{2, {2, 2}, {4, 1}}, {2, {2, 2}, {4, 1}, 2}}},
};
MOVES(chunk, split);

static const Move moves_split_at[] = {
    {1, {7}, SPLIT(NO_LISTS, .sections = 3), .other = -1, .nparts = 3,
     .part = {{1, {3}, {1}}, {1, {2}, {1}, 3}, {1, {2}, {1}, 5}}},
    {2, {2, 7}, SPLIT(.split_sizes = {.n = -1}, .indices = {2, (const int64_t[]){1, -2}}, .dim = 1), .other = -1, .nparts = 3,
     .part = {{2, {2, 1}, {7, 1}}, {2, {2, 4}, {7, 1}, 1}, {2, {2, 2}, {7, 1}, 5}}},
    {1, {4}, SPLIT(.split_sizes = {.n = -1}, .indices = {2, (const int64_t[]){3, 1}}), .other = -1, .nparts = 3, // parts that overlap
     .part = {{1, {3}, {1}}, {1, {0}, {1}, 3}, {1, {3}, {1}, 1}}},
};
MOVES(split_at, split);

static const Move moves_hsplit[] = {
    {2, {3, 4}, SPLIT(NO_LISTS, .sections = 2), .other = -1, .nparts = 2, .part = {{2, {3, 2}, {4, 1}}, {2, {3, 2}, {4, 1}, 2}}},
    {1, {4}, SPLIT(.split_sizes = {.n = -1}, .indices = {1, (const int64_t[]){3}}), .other = -1, .nparts = 2,
     .part = {{1, {3}, {1}}, {1, {1}, {1}, 3}}},
};
MOVES(hsplit, split);

static const Move moves_vsplit[] = {
    {2, {4, 3}, SPLIT(NO_LISTS, .sections = 2), .other = -1, .nparts = 2, .part = {{2, {2, 3}, {3, 1}}, {2, {2, 3}, {3, 1}, 6}}}};
MOVES(vsplit, split);

// ---------------------------------------------------------------------------- copies of one tensor

static const Move moves_clone[] = {
    {3, {2, 3, 5}, NULL, NO, .part = {{3, {2, 3, 5}, {15, 5, 1}}}},
    {2, {70, 130}, NULL, NO, .part = {{2, {70, 130}, {130, 1}}}}, // more than one tile of a transpose
    {0, {0}, NULL, NO, .part = {{0}}},
    {2, {3, 0}, NULL, NO, .part = {{2, {3, 0}}}},
};
MOVES(clone, none);

static const Move moves_contiguous[] = {{3, {2, 3, 5}, NULL, NO, .part = {{3, {2, 3, 5}, {15, 5, 1}}}}};
MOVES(contiguous, none);

#define REPEAT(...) &(const RtAttrs_repeat) { .repeats = INTS(__VA_ARGS__) }
static const Move moves_repeat[] = {
    {2, {2, 3}, REPEAT(2, 1, 2), NO, .part = {{4, {2, 2, 2, 3}, {0, 3, 0, 1}}}},
    {1, {3}, REPEAT(0), NO, .part = {{1, {0}}}},
    {1, {2}, REPEAT(1), NO, .part = {{1, {2}, {1}}}},
};
static bool make_repeat(Sample *s, int k) { return make_move(s, k, moves_repeat, 3, sizeof(RtAttrs_repeat)); }
static void truth_repeat(Sample *s) {
    truth_move(s, moves_repeat, 3, sizeof(RtAttrs_repeat));
    if (s->out_ndim[0] == 4) { // the repeats of a dimension and the dimension are one
        s->out_ndim[0] = 3;
        memcpy(s->out_shape[0], (int64_t[]){2, 2, 6}, 3 * sizeof(int64_t));
    }
}
const OpCase case_repeat = {.make = make_repeat, .truth = truth_repeat, .dtypes = ON_ALL};

static const Move moves_tile[] = {{2, {2, 3}, AXES(2), NO, .part = {{3, {2, 2, 3}, {3, 0, 1}}}}};
static bool make_tile(Sample *s, int k) { return make_move(s, k, moves_tile, 1, sizeof(RtAttrs_axes)); }
static void truth_tile(Sample *s) {
    truth_move(s, moves_tile, 1, sizeof(RtAttrs_axes));
    s->out_ndim[0] = 2;
    memcpy(s->out_shape[0], (int64_t[]){2, 6}, 2 * sizeof(int64_t));
}
const OpCase case_tile = {.make = make_tile, .truth = truth_tile, .dtypes = ON_ALL};

#define INTERLEAVE(repeats_, dim_) &(const RtAttrs_interleave) { .repeats = repeats_, .dim = dim_, .output_size = NOT }
static const Move moves_repeat_interleave[] = {
    {2, {2, 3}, INTERLEAVE(2, 1), NO, .part = {{3, {2, 3, 2}, {3, 1, 0}}}},
    {2, {2, 3}, INTERLEAVE(2, NOT), NO, .part = {{2, {6, 2}, {1, 0}}}},
};
static bool make_repeat_interleave(Sample *s, int k) {
    return make_move(s, k, moves_repeat_interleave, 2, sizeof(RtAttrs_interleave));
}
static void truth_repeat_interleave(Sample *s) {
    truth_move(s, moves_repeat_interleave, 2, sizeof(RtAttrs_interleave));
    bool flat = s->out_ndim[0] == 2;
    s->out_ndim[0] = flat ? 1 : 2;
    memcpy(s->out_shape[0], flat ? (int64_t[]){12, 0} : (int64_t[]){2, 6}, 2 * sizeof(int64_t));
}
const OpCase case_repeat_interleave = {.make = make_repeat_interleave, .truth = truth_repeat_interleave, .dtypes = ON_ALL};

static const Move moves_flip[] = {
    {2, {3, 5}, AXES(0), NO, .part = {{2, {3, 5}, {-5, 1}, 10}}},
    {3, {2, 3, 5}, AXES(-1, 0), NO, .part = {{3, {2, 3, 5}, {-15, 5, -1}, 19}}},
    {1, {0}, AXES(0), NO, .part = {{1, {0}}}},
};
MOVES(flip, axes);

static const Move moves_fliplr[] = {{2, {3, 5}, NULL, NO, .part = {{2, {3, 5}, {5, -1}, 4}}}};
MOVES(fliplr, none);
static const Move moves_flipud[] = {{2, {3, 5}, NULL, NO, .part = {{2, {3, 5}, {-5, 1}, 10}}}};
MOVES(flipud, none);

static const Move moves_diag[] = {
    {2, {3, 5}, DIAGONAL(.dim2 = 1, .diagonal = 1), NO, .part = {{1, {3}, {6}, 1}}},
    {2, {5, 3}, DIAGONAL(.dim2 = 1, .diagonal = -2), NO, .part = {{1, {3}, {4}, 6}}},
    {1, {2}, DIAGONAL(.dim2 = 1, .diagonal = 1), NO, .part = {{2, {3, 3}}}}, // written out below
};
static bool make_diag(Sample *s, int k) { return make_move(s, k, moves_diag, 3, sizeof(RtAttrs_diagonal)); }
static void truth_diag(Sample *s) {
    truth_move(s, moves_diag, 3, sizeof(RtAttrs_diagonal));
    if (s->ndim[0] != 1) return;
    double *y = sample_output(s, 0, 2, (int64_t[]){3, 3});
    y[1] = s->x[0][0];
    y[5] = s->x[0][1];
}
const OpCase case_diag = {.make = make_diag, .truth = truth_diag, .dtypes = ON_ALL};

static bool make_diag_embed(Sample *s, int k) {
    if (k >= 2) return false;
    sample_input(s, -3, 3, 2, (int64_t[]){2, 3});
    SAMPLE_ATTRS(s, diagonal, .offset = k ? -1 : 0, .dim1 = k ? 2 : -2, .dim2 = k ? 0 : -1);
    return true;
}
static void truth_diag_embed(Sample *s) {
    if (((const RtAttrs_diagonal *)s->attrs)->offset == 0) {
        double *y = sample_output(s, 0, 3, (int64_t[]){2, 3, 3});
        for (int i = 0; i < 6; i++) y[i / 3 * 9 + i % 3 * 4] = s->x[0][i];
        return;
    }
    // dim1 = 2 counts the rows, one further on than the columns of dim 0
    double *y = sample_output(s, 0, 3, (int64_t[]){4, 2, 4});
    for (int i = 0; i < 6; i++) y[i % 3 * 8 + i / 3 * 4 + i % 3 + 1] = s->x[0][i];
}
const OpCase case_diag_embed = {.make = make_diag_embed, .truth = truth_diag_embed, .dtypes = ON_ALL};

// clang-format on

// roll: shifts modulo the size, per dimension or of the flattened tensor
static bool make_roll(Sample *s, int k) {
    static const RtAttrs_roll attrs[] = {
        {INTS(2), INTS(1)}, {INTS(-1, 8), INTS(0, -1)}, {INTS(4), {.n = 0}}, {INTS(0), INTS(0)}};
    if (k >= COUNT(attrs)) return false;
    sample_input(s, -3, 3, 2, (int64_t[]){3, 5});
    s->attrs = sample_attrs_copy(s, &attrs[k], sizeof attrs[k]);
    return true;
}
static void truth_roll(Sample *s) {
    const RtAttrs_roll *a = s->attrs;
    double *y = sample_output(s, 0, 2, s->shape[0]);
    int64_t shift[2] = {0, 0};
    for (int i = 0; i < a->dims.n; i++)
        shift[a->dims.v[i] < 0 ? a->dims.v[i] + 2 : a->dims.v[i]] += a->shifts.v[i];
    for (int64_t i = 0; i < 15; i++) {
        int64_t row = i / 5, column = i % 5;
        int64_t to = a->dims.n == 0 ? (i + a->shifts.v[0]) % 15
                                    : (row + shift[0] + 3) % 3 * 5 + (column + shift[1] + 10) % 5;
        y[to] = s->x[0][i];
    }
}
const OpCase case_roll = {.make = make_roll, .truth = truth_roll, .dtypes = ON_ALL};

// ----------------------------------------------------------------------------------------- padding

static const RtAttrs_pad pads[] = {
    {.pad = INTS(1, 2), .value = {.kind = RT_SCALAR_INT, .i = 1}},
    {.pad = INTS(0, 1, 2, 0)},
    {.pad = INTS(-1, 2, 1, -2), .value = {.kind = RT_SCALAR_INT, .i = 1}},
    {.pad = INTS(2, 1, 1, 2), .mode = 1},
    {.pad = INTS(5, 4, 3, 0), .mode = 2},
    {.pad = INTS(4, 1, 0, 3), .mode = 3},
    {.pad = INTS(-2, 3), .mode = 1},
};

static int64_t pad_source(int mode, int64_t at, int64_t size) { // -1: the constant
    if (at >= 0 && at < size) return at;
    switch (mode) {
    case 1: return at < 0 ? -at : 2 * (size - 1) - at;
    case 2: return at < 0 ? 0 : size - 1;
    case 3: return (at + size) % size;
    default: return -1;
    }
}

static bool make_some_pad(Sample *s, int k, int count) {
    if (k >= count) return false;
    sample_input(s, -3, 3, 3, (int64_t[]){2, 4, 5});
    s->attrs = sample_attrs_copy(s, &pads[k], sizeof pads[k]);
    return true;
}
static bool make_pad(Sample *s, int k) { return make_some_pad(s, k, COUNT(pads)); }
static bool make_pad_constant(Sample *s, int k) { return make_some_pad(s, k, 3); }
static void truth_pad(Sample *s) {
    const RtAttrs_pad *a = s->attrs;
    int64_t before[3] = {0}, shape[3];
    memcpy(shape, s->shape[0], sizeof shape);
    for (int i = 0; i < a->pad.n; i += 2) {
        before[2 - i / 2] = a->pad.v[i];
        shape[2 - i / 2] += a->pad.v[i] + a->pad.v[i + 1];
    }
    double *y = sample_output(s, 0, 3, shape);
    for (int64_t j = 0; j < shape[0] * shape[1] * shape[2]; j++) {
        int64_t row = pad_source(a->mode, j / shape[2] % shape[1] - before[1], 4);
        int64_t column = pad_source(a->mode, j % shape[2] - before[2], 5);
        y[j] = row < 0 || column < 0 ? rt_scalar_double(a->value)
                                     : s->x[0][(j / shape[2] / shape[1] * 4 + row) * 5 + column];
    }
}
const OpCase case_pad = {.make = make_pad, .truth = truth_pad, .dtypes = ON_ALL};
const OpCase case_pad_constant = {.make = make_pad_constant, .truth = truth_pad, .dtypes = ON_ALL};

// --------------------------------------------------------------------------------- several tensors

static const int64_t cat_shapes[][3][3] = {{{2, 3, 4}, {2, 1, 4}, {2, 2, 4}},
                                           {{0, 0, 0}, {3, 2, 0}, {1, 2, 0}}};
static bool make_cat(Sample *s, int k) {
    if (k >= 3) return false;
    int which = k == 2;
    for (int i = 0; i < 3; i++) // the second set: an empty vector before two matrices
        sample_input(s, -3, 3, which ? (i == 0 ? 1 : 2) : 3, cat_shapes[which][i]);
    SAMPLE_ATTRS(s, slice, .dim = which ? 0 : k ? -2 : 1);
    return true;
}
static void truth_cat(Sample *s) {
    if (s->ndim[0] == 1) {
        double *y = sample_output(s, 0, 2, (int64_t[]){4, 2});
        memcpy(y, s->x[1], 6 * sizeof *y);
        memcpy(y + 6, s->x[2], 2 * sizeof *y);
        return;
    }
    double *y = sample_output(s, 0, 3, (int64_t[]){2, 6, 4});
    for (int b = 0; b < 2; b++)
        for (int i = 0, row = 0; i < 3; row += (int)s->shape[i++][1])
            memcpy(y + b * 24 + row * 4, s->x[i] + b * s->shape[i][1] * 4,
                   (size_t)s->shape[i][1] * 4 * sizeof *y);
}
const OpCase case_cat = {.make = make_cat, .truth = truth_cat, .dtypes = ON_ALL};

static bool make_stack(Sample *s, int k) {
    if (k >= 3) return false;
    for (int i = 0; i < 3; i++) sample_input(s, -3, 3, 2, (int64_t[]){2, 4});
    SAMPLE_ATTRS(s, slice, .dim = k - 1);
    return true;
}
static void truth_stack(Sample *s) {
    int64_t dim = ((const RtAttrs_slice *)s->attrs)->dim;
    if (dim < 0) dim += 3;
    int64_t shape[3] = {2, 4, 4}, inner = dim == 0 ? 8 : dim == 1 ? 4 : 1;
    if (dim == 2) shape[1] = 4;
    shape[dim] = 3;
    if (dim == 0) shape[1] = 2, shape[2] = 4;
    double *y = sample_output(s, 0, 3, shape);
    for (int i = 0; i < 3; i++)
        for (int j = 0; j < 8; j++) y[j / inner * inner * 3 + i * inner + j % inner] = s->x[i][j];
}
const OpCase case_stack = {.make = make_stack, .truth = truth_stack, .dtypes = ON_ALL};

static bool make_pile(Sample *s, int k) { // two vectors, or two matrices
    if (k >= 2) return false;
    for (int i = 0; i < 2; i++)
        sample_input(s, -3, 3, k ? 2 : 1, k ? (int64_t[]){2, 3} : (int64_t[]){3, 0});
    return true;
}
static void truth_hstack(Sample *s) {
    bool matrix = s->ndim[0] == 2;
    double *y = sample_output(s, 0, matrix ? 2 : 1, matrix ? (int64_t[]){2, 6} : (int64_t[]){6, 0});
    for (int i = 0; i < 2; i++)
        for (int j = 0; j < (matrix ? 6 : 3); j++) y[j / 3 * 6 + i * 3 + j % 3] = s->x[i][j];
}
static void truth_vstack(Sample *s) {
    int rows = s->ndim[0] == 2 ? 2 : 1;
    double *y = sample_output(s, 0, 2, (int64_t[]){2 * rows, 3});
    for (int i = 0; i < 2; i++) memcpy(y + i * rows * 3, s->x[i], (size_t)rows * 3 * sizeof *y);
}
const OpCase case_hstack = {.make = make_pile, .truth = truth_hstack, .dtypes = ON_ALL};
const OpCase case_vstack = {.make = make_pile, .truth = truth_vstack, .dtypes = ON_ALL};

static bool make_broadcast_tensors(Sample *s, int k) {
    if (k >= 1) return false;
    sample_input(s, -3, 3, 2, (int64_t[]){2, 1});
    sample_input(s, -3, 3, 1, (int64_t[]){3});
    return true;
}
static void truth_broadcast_tensors(Sample *s) {
    fill_part(s, 0, &(Part){2, {2, 3}, {1, 0}, 0}, s->x[0]);
    fill_part(s, 1, &(Part){2, {2, 3}, {0, 1}, 0}, s->x[1]);
}
const OpCase case_broadcast_tensors = {
    .make = make_broadcast_tensors, .truth = truth_broadcast_tensors, .dtypes = ON_ALL};

static bool make_meshgrid(Sample *s, int k) {
    if (k >= 2) return false;
    sample_input(s, -3, 3, 1, (int64_t[]){2});
    sample_input(s, -3, 3, 1, (int64_t[]){3});
    sample_input(s, -3, 3, 0, NULL);
    SAMPLE_ATTRS(s, meshgrid, .indexing = k);
    return true;
}
static void truth_meshgrid(Sample *s) {
    bool swap = ((const RtAttrs_meshgrid *)s->attrs)->indexing == 1;
    Part grid = {3, {swap ? 3 : 2, swap ? 2 : 3, 1}, {0}, 0};
    for (int i = 0; i < 3; i++) {
        Part part = grid;
        if (i < 2) part.stride[swap ? 1 - i : i] = 1;
        fill_part(s, i, &part, s->x[i]);
    }
}
const OpCase case_meshgrid = {.make = make_meshgrid, .truth = truth_meshgrid, .dtypes = ON_ALL};

// ----------------------------------------------------------------------- sizes that depend on data

static bool make_repeat_index(Sample *s, int k) {
    if (k >= 2) return false;
    sample_kind_input(s, SAMPLE_INDICES, 0, 3, 1, (int64_t[]){k ? 0 : 6});
    SAMPLE_ATTRS(s, interleave, .repeats = 1);
    return true;
}
static void truth_repeat_index(Sample *s) {
    int64_t total = 0, n = s->shape[0][0];
    for (int64_t i = 0; i < n; i++) total += (int64_t)s->x[0][i];
    double *y = sample_output(s, 0, 1, &total);
    for (int64_t i = 0; i < n; i++)
        for (int k = 0; k < (int)s->x[0][i]; k++) *y++ = (double)i;
}
const OpCase case_repeat_index = {
    .make = make_repeat_index, .truth = truth_repeat_index, .dtypes = ON_F64};

static bool make_repeat_interleave_by(Sample *s, int k) {
    if (k >= 2) return false;
    sample_input(s, -3, 3, 2, (int64_t[]){2, 3});
    sample_kind_input(s, SAMPLE_INDICES, k ? 2 : 0, k ? 2 : 3, 1,
                      (int64_t[]){k ? 1 : 3}); // one number goes for all
    SAMPLE_ATTRS(s, interleave, .dim = 1);
    return true;
}
static void truth_repeat_interleave_by(Sample *s) {
    int64_t total = 0, repeats[3];
    for (int i = 0; i < 3; i++) total += repeats[i] = (int64_t)s->x[1][s->shape[1][0] == 1 ? 0 : i];
    double *y = sample_output(s, 0, 2, (int64_t[]){2, total});
    for (int i = 0; i < 6; i++)
        for (int k = 0; k < repeats[i % 3]; k++) *y++ = s->x[0][i];
}
const OpCase case_repeat_interleave_by = {
    .make = make_repeat_interleave_by, .truth = truth_repeat_interleave_by, .dtypes = ON_ALL};

static bool make_one_hot(Sample *s, int k) {
    if (k >= 3) return false;
    sample_kind_input(s, SAMPLE_INDICES, k == 1 ? 4 : 0, 4, k, (int64_t[]){3, 2});
    SAMPLE_ATTRS(s, one_hot, .num_classes = k == 1 ? -1 : 6);
    return true;
}
static void truth_one_hot(Sample *s) {
    int64_t shape[3], n = sample_numel(s->ndim[0], s->shape[0]), width = s->ndim[0] == 1 ? 5 : 6;
    memcpy(shape, s->shape[0], sizeof shape);
    shape[s->ndim[0]] = width;
    double *y = sample_output(s, 0, s->ndim[0] + 1, shape);
    for (int64_t i = 0; i < n; i++) y[i * width + (int64_t)s->x[0][i]] = 1;
}
const OpCase case_one_hot = {.make = make_one_hot, .truth = truth_one_hot, .dtypes = ON_F64};

// ---------------------------------------------------------------------------- geometry written out

// Contiguous, transposed and overlapping layouts of self, and views that overlap or reach beyond
// self.
static const RtAttrs_geometry geometries[] = {
    {.size = INTS(2, 3),
     .stride = INTS(6, 2),
     .storage_offset = 1,
     .self_size = INTS(3, 4),
     .self_stride = NO_INTS},
    {.size = INTS(4),
     .stride = INTS(3),
     .storage_offset = 0,
     .self_size = INTS(3, 4),
     .self_stride = INTS(1, 3)},
    {.size = INTS(2, 2),
     .stride = INTS(8, 1),
     .storage_offset = 7,
     .self_size = INTS(3, 4),
     .self_stride = INTS(8, 2),
     .self_offset = 5},
    {.size = INTS(3, 3),
     .stride = INTS(1, 1),
     .storage_offset = 2,
     .self_size = INTS(3, 4),
     .self_stride = NO_INTS},
    {.size = INTS(3),
     .stride = INTS(4),
     .storage_offset = 0,
     .self_size = INTS(3, 4),
     .self_stride = INTS(4, 0)},
    {.size = {.n = 0},
     .stride = {.n = 0},
     .storage_offset = 3,
     .self_size = INTS(3, 4),
     .self_stride = NO_INTS},
};

static int64_t position(const RtInts *size, const RtInts *stride, int64_t offset, int64_t j) {
    for (int d = size->n - 1; d >= 0; d--) {
        offset += j % size->v[d] * stride->v[d];
        j /= size->v[d];
    }
    return offset;
}

// Where the elements of self and of the view are in the storage, and how many elements of self
// share a position.
typedef struct Places {
    int nself, nview;
    int self[12], view[12], count[64];
} Places;

static Places places_of(const RtAttrs_geometry *g) {
    Places p = {.nself = (int)sample_numel(g->self_size.n, g->self_size.v),
                .nview = (int)sample_numel(g->size.n, g->size.v)};
    RtInts row_major = {.n = 2, .v = {4, 1}};
    for (int i = 0; i < p.nself; i++) {
        p.self[i] = (int)position(
            &g->self_size, g->self_stride.n < 0 ? &row_major : &g->self_stride, g->self_offset, i);
        p.count[p.self[i]]++;
    }
    for (int j = 0; j < p.nview; j++)
        p.view[j] = (int)position(&g->size, &g->stride, g->storage_offset, j);
    return p;
}

static bool make_geometry(Sample *s, int k, bool of_self) {
    if (k >= COUNT(geometries)) return false;
    const RtInts *size = of_self ? &geometries[k].self_size : &geometries[k].size;
    sample_input(s, -3, 3, size->n, size->v);
    s->attrs = sample_attrs_copy(s, &geometries[k], sizeof geometries[k]);
    return true;
}

static bool make_as_strided_copy(Sample *s, int k) { return make_geometry(s, k, true); }
static void truth_as_strided_copy(Sample *s) {
    const RtAttrs_geometry *g = s->attrs;
    Places p = places_of(g);
    double storage[64] = {0}, *y = sample_output(s, 0, g->size.n, g->size.v);
    for (int i = 0; i < p.nself; i++) storage[p.self[i]] += s->x[0][i] / p.count[p.self[i]];
    for (int j = 0; j < p.nview; j++) y[j] = storage[p.view[j]];
}
const OpCase case_as_strided_copy = {
    .make = make_as_strided_copy, .truth = truth_as_strided_copy, .dtypes = ON_FLOATS};

static bool make_as_strided_backward(Sample *s, int k) { return make_geometry(s, k, false); }
static void truth_as_strided_backward(Sample *s) {
    const RtAttrs_geometry *g = s->attrs;
    Places p = places_of(g);
    double storage[64] = {0}, *y = sample_output(s, 0, g->self_size.n, g->self_size.v);
    for (int j = 0; j < p.nview; j++) storage[p.view[j]] += s->x[0][j];
    for (int i = 0; i < p.nself; i++) y[i] = storage[p.self[i]] / p.count[p.self[i]];
}
const OpCase case_as_strided_backward = {
    .make = make_as_strided_backward, .truth = truth_as_strided_backward, .dtypes = ON_FLOATS};

static bool make_as_strided_scatter(Sample *s, int k) {
    static const int usable[] = {0, 1, 2, 5}; // written places are distinct, and all in self
    if (k >= COUNT(usable)) return false;
    make_geometry(s, usable[k], true);
    const RtAttrs_geometry *g = s->attrs;
    sample_input(s, -3, 3, g->size.n, g->size.v);
    return true;
}
static void truth_as_strided_scatter(Sample *s) {
    const RtAttrs_geometry *g = s->attrs;
    Places p = places_of(g);
    double storage[64] = {0}, *y = sample_output(s, 0, 2, g->self_size.v);
    for (int i = 0; i < p.nself; i++) storage[p.self[i]] = s->x[0][i];
    for (int j = 0; j < p.nview; j++) storage[p.view[j]] = s->x[1][j];
    for (int i = 0; i < p.nself; i++) y[i] = storage[p.self[i]];
}
const OpCase case_as_strided_scatter = {
    .make = make_as_strided_scatter, .truth = truth_as_strided_scatter, .dtypes = ON_ALL};

// as_strided reads the storage whatever the layout of the tensor, so the samples' layouts do not
// fit it.
static RtTensor *counting(int64_t n) {
    RtTensor *x = rt_tensor_new(1, &n, RT_F64, (RtDevice){RT_CPU, 0});
    for (int64_t i = 0; i < n; i++) ((double *)rt_tensor_data(x))[i] = (double)i;
    return x;
}

static void own_as_strided(void) {
    RtScope scope;
    CHECK_OK(rt_scope_open(&scope));
    RtTensor *x = rt_view(counting(12), WITH(size, .size = RT_INTS(3, 4)));
    CHECK_OK(rt_set_requires_grad(x, true));
    RtTensor *turned = rt_transpose(x, WITH(dims, .dim0 = 0, .dim1 = 1));
    RtAttrs_geometry geometry =
        WITH(geometry, .size = RT_INTS(3, 3), .stride = RT_INTS(1, 2), .storage_offset = 1);
    RtTensor *y = rt_as_strided(turned, geometry); // x[1 + i + 2j]: windows that overlap
    CHECK_MADE(y);
    for (int i = 0; i < 9; i++) assert_true(rt_tensor_item(y, i).f == 1 + i / 3 + 2 * (i % 3));
    assert_ptr_equal(y->storage, x->storage);
    RtTensor *sum = rt_sum(y, rt_defaults_reduce()), *none = RT_NONE;
    CHECK_OK(rt_backward(&sum, &none, 1, NULL, 0, false, false));
    static const double expected[12] = {0, 1, 1, 2, 1, 2, 1, 1, 0, 0, 0, 0};
    for (int i = 0; i < 12; i++) assert_true(rt_tensor_item(rt_grad_of(x), i).f == expected[i]);
    // Without an offset, the tensor's own.
    RtTensor *last = rt_select(x, WITH(slice, .dim = 0, .index = 2));
    RtTensor *z = rt_as_strided(last, WITH(geometry, .size = RT_INTS(2), .stride = RT_INTS(3)));
    CHECK_MADE(z);
    assert_true(rt_tensor_item(z, 0).f == 8 && rt_tensor_item(z, 1).f == 11);
    CHECK_FAILS(rt_as_strided(x, WITH(geometry, .size = RT_INTS(13), .stride = RT_INTS(1),
                                      .storage_offset = 0))
                    ? 1
                    : -1,
                ERR_VALUE, "reaches element 12 of a storage of 12");
    CHECK_FAILS(rt_as_strided(x, WITH(geometry, .size = RT_INTS(2), .stride = RT_INTS(-1),
                                      .storage_offset = 3))
                    ? 1
                    : -1,
                ERR_VALUE, "negative");
    rt_scope_close(scope);
}
const OpCase case_as_strided = {.own = own_as_strided};
const OpCase case_as_strided_view = {.own = own_as_strided};

// -------------------------------------------------------------------------------- turns and stacks

static bool make_rot90(Sample *s, int k) {
    if (k >= 5) return false;
    sample_input(s, -3, 3, 3, (int64_t[]){2, 3, 4});
    SAMPLE_ATTRS(s, rot90, .k = k - 2, .dims = RT_INTS(k == 4 ? 2 : 0, k == 4 ? 0 : -1));
    return true;
}
// k quarter turns one after the other: y[i][j] = x[j][m - 1 - i], i along the first dimension.
static void truth_rot90(Sample *s) {
    const RtAttrs_rot90 *a = s->attrs;
    int from = (int)((a->dims.v[0] + 3) % 3);
    int64_t rows = from ? 4 : 2, columns = from ? 2 : 4; // of the plane
    double plane[8], turned[8];
    int turns = (int)((a->k % 4 + 4) % 4);
    int64_t shape[3] = {2, 3, 4};
    if (turns % 2) shape[0] = 4, shape[2] = 2;
    double *y = sample_output(s, 0, 3, shape);
    for (int64_t middle = 0; middle < 3; middle++) {
        int64_t n = rows, m = columns;
        for (int64_t i = 0; i < 8; i++)
            plane[i] = from ? s->x[0][i % m * 12 + middle * 4 + i / m]
                            : s->x[0][i / m * 12 + middle * 4 + i % m];
        for (int turn = 0; turn < turns; turn++) {
            for (int64_t i = 0; i < 8; i++) turned[i] = plane[i % n * m + (m - 1 - i / n)];
            memcpy(plane, turned, sizeof plane);
            int64_t swap = n;
            n = m;
            m = swap;
        }
        for (int64_t i = 0; i < 8; i++) {
            int64_t first = from ? i % m : i / m, last = from ? i / m : i % m;
            y[(first * 3 + middle) * shape[2] + last] = plane[i];
        }
    }
}
const OpCase case_rot90 = {.make = make_rot90, .truth = truth_rot90, .dtypes = ON_ALL};

static bool make_diagflat(Sample *s, int k) {
    if (k >= 2) return false;
    sample_input(s, -3, 3, 2, (int64_t[]){2, 2});
    SAMPLE_ATTRS(s, diagonal, .offset = -k);
    return true;
}
static void truth_diagflat(Sample *s) {
    int64_t down = -((const RtAttrs_diagonal *)s->attrs)->offset, n = 4 + down;
    double *y = sample_output(s, 0, 2, (int64_t[]){n, n});
    for (int i = 0; i < 4; i++) y[(i + down) * n + i] = s->x[0][i];
}
const OpCase case_diagflat = {.make = make_diagflat, .truth = truth_diagflat, .dtypes = ON_ALL};

static const Move moves_dsplit[] = {
    {3,
     {2, 3, 4},
     SPLIT(NO_LISTS, .sections = 2),
     .other = -1,
     .nparts = 2,
     .part = {{3, {2, 3, 2}, {12, 4, 1}}, {3, {2, 3, 2}, {12, 4, 1}, 2}}},
};
MOVES(dsplit, split);

static void truth_dstack(Sample *s) {
    bool matrix = s->ndim[0] == 2;
    double *y = sample_output(s, 0, 3, matrix ? (int64_t[]){2, 3, 2} : (int64_t[]){1, 3, 2});
    for (int i = 0; i < 2; i++)
        for (int j = 0; j < (matrix ? 6 : 3); j++) y[j * 2 + i] = s->x[i][j];
}
static void truth_column_stack(Sample *s) {
    bool matrix = s->ndim[0] == 2;
    double *y = sample_output(s, 0, 2, matrix ? (int64_t[]){2, 6} : (int64_t[]){3, 2});
    for (int i = 0; i < 2; i++)
        for (int j = 0; j < (matrix ? 6 : 3); j++)
            y[matrix ? j / 3 * 6 + i * 3 + j % 3 : j * 2 + i] = s->x[i][j];
}
const OpCase case_dstack = {.make = make_pile, .truth = truth_dstack, .dtypes = ON_ALL};
const OpCase case_column_stack = {.make = make_pile, .truth = truth_column_stack, .dtypes = ON_ALL};

// The bytes of another dtype: 1 is 0x3f800000 as a float, 0x3f80 above 0 as two halves.
static void own_view_dtype(void) {
    RtScope scope;
    rt_scope_open(&scope);
    RtTensor *x = rt_ones(WITH(factory, .size = RT_INTS(2, 3), .dtype = RT_F32));
    RtTensor *whole = rt_view_dtype(x, WITH(cast, .dtype = RT_I32)),
             *halves = rt_view_dtype(x, WITH(cast, .dtype = RT_I16));
    CHECK_MADE(whole);
    CHECK_MADE(halves);
    assert_true(whole->shape[1] == 3 && rt_scalar_int(rt_tensor_item(whole, 5)) == 0x3f800000);
    assert_true(halves->shape[1] == 6 && rt_scalar_int(rt_tensor_item(halves, 10)) == 0 &&
                rt_scalar_int(rt_tensor_item(halves, 11)) == 0x3f80);
    RtTensor *back = rt_view_dtype(halves, WITH(cast, .dtype = RT_F32));
    CHECK_MADE(back);
    assert_true(back->shape[1] == 3 && rt_tensor_data(back) == rt_tensor_data(x));
    uint32_t version = rt_tensor_version(x);
    CHECK_MADE(rt_zero_(whole));
    assert_true(rt_scalar_double(rt_tensor_item(x, 4)) == 0 && rt_tensor_version(x) > version);
    RtTensor *row =
        rt_view_dtype(rt_select(x, WITH(slice, .dim = 0, .index = 1)), WITH(cast, .dtype = RT_U8));
    CHECK_MADE(row);
    assert_true(row->numel == 12 && (char *)rt_tensor_data(row) == (char *)rt_tensor_data(x) + 12);
    CHECK_FAILS((intptr_t)rt_view_dtype(x, WITH(cast, .dtype = RT_F64)), ERR_SHAPE, "divisible");
    CHECK_FAILS((intptr_t)rt_view_dtype(rt_transpose(x, WITH(dims, .dim0 = 0, .dim1 = 1)),
                                        WITH(cast, .dtype = RT_I16)),
                ERR_SHAPE, "gaps");
    rt_scope_close(scope);
}
const OpCase case_view_dtype = {.own = own_view_dtype};
