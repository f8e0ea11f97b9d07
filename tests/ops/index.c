// Cases of the index family. Where an op writes, the samples name no place twice unless the order
// of writes is part of what it promises (sums, products, …).
#include "ops/cases.h"

#define INTS(...)                                                                                  \
    ((RtInts){.n = (int)(sizeof((int64_t[]){__VA_ARGS__}) / sizeof(int64_t)), .v = {__VA_ARGS__}})

static int64_t at(const Sample *s, int input, int64_t j,
                  int64_t size) { // position j of an index tensor
    int64_t value = (int64_t)s->x[input][j];
    return value < 0 ? value + size : value;
}

static double *copied(Sample *s) { // output 0 begins as input 0
    double *y = sample_output(s, 0, s->ndim[0], s->shape[0]);
    memcpy(y, s->x[0], (size_t)sample_numel(s->ndim[0], s->shape[0]) * sizeof *y);
    return y;
}

// -------------------------------------------------------------------------------------------- x[…]

// The ways to index a (3, 4, 5) tensor that the three ops are tested with: index tensors, the
// dimensions they stand for, the shape of the result.
enum { ROWS, NEIGHBOURS, APART, MASK, MASK_AND_INDEX, INNER, ONE, FULL, EMPTY, WAYS };
static const struct {
    int count, dims[2], ndim[2];
    int64_t shape[2][3];
    bool mask[2];
    int n;
    int64_t result[4]; // -1: the number of trues
} ways[WAYS] = {
    [ROWS] = {1, {0}, {2}, {{2, 2}}, {false}, 4, {2, 2, 4, 5}},
    [NEIGHBOURS] = {2, {1, 2}, {1, 2}, {{3}, {2, 1}}, {false}, 3, {3, 2, 3}},
    [APART] = {2, {0, 2}, {1, 1}, {{6}, {6}}, {false}, 2, {6, 4}},
    [MASK] = {1, {0}, {2}, {{3, 4}}, {true}, 2, {-1, 5}},
    [MASK_AND_INDEX] = {2, {1, 2}, {1, 2}, {{4}, {2, 1}}, {true}, 3, {3, 2, -1}},
    [INNER] = {1, {2}, {0}, {{0}}, {false}, 2, {3, 4}},
    [ONE] = {1, {1}, {1}, {{1}}, {false}, 3, {3, 1, 5}},
    [FULL] = {1, {0}, {3}, {{3, 4, 5}}, {true}, 1, {-1}},
    [EMPTY] = {1, {1}, {1}, {{0}}, {false}, 3, {3, 0, 5}},
};
static const int64_t self_shape[3] = {3, 4, 5};

// The attributes name the way (in `size`, which only index_backward reads, and which holds more
// dimensions there).
static RtAttrs_index way_attrs(int way, bool accumulate) {
    RtAttrs_index attrs = rt_defaults_index();
    attrs.dims = INTS(ways[way].dims[0], ways[way].dims[1]);
    attrs.dims.n = ways[way].count;
    attrs.accumulate = accumulate;
    attrs.size = INTS(3, 4, 5);
    attrs.size.v[RT_MAX_DIMS - 1] = way;
    return attrs;
}
static int way_of(const Sample *s) {
    return (int)((const RtAttrs_index *)s->attrs)->size.v[RT_MAX_DIMS - 1];
}

static void add_indices(Sample *s, int way) {
    for (int j = 0; j < ways[way].count; j++) {
        double size = (double)self_shape[ways[way].dims[j]];
        sample_kind_input(s, ways[way].mask[j] ? SAMPLE_BOOLS : SAMPLE_INDICES, -size, size - 1,
                          ways[way].ndim[j], ways[way].shape[j]);
    }
}

// Calls visit(result position, self position) for each element of the result; returns the result's
// shape.
typedef void (*Visit)(Sample *s, int64_t result, int64_t self);
static int walk_index(Sample *s, int first, int64_t *shape, Visit visit) {
    int way = way_of(s), n = ways[way].n;
    const double *i0 = s->x[first], *i1 = s->x[first + 1];
    int64_t trues = 0, found[60], marks = way == FULL ? 60 : way == MASK ? 12 : 4;
    for (int64_t j = 0; ways[way].mask[0] && j < marks; j++)
        if (i0[j] != 0) found[trues++] = j;
    for (int d = 0; d < n; d++) shape[d] = ways[way].result[d] < 0 ? trues : ways[way].result[d];
    for (int64_t j = 0; j < sample_numel(n, shape); j++) {
        int64_t c[4] = {0}, rest = j, self = 0;
        for (int d = n - 1; d >= 0; d--) {
            c[d] = rest % shape[d];
            rest /= shape[d];
        }
#define WRAP(value_, size_)                                                                        \
    ((int64_t)(value_) < 0 ? (int64_t)(value_) + (size_) : (int64_t)(value_))
        switch (way) {
        case ROWS: self = WRAP(i0[c[0] * 2 + c[1]], 3) * 20 + c[2] * 5 + c[3]; break;
        case NEIGHBOURS: self = c[0] * 20 + WRAP(i0[c[2]], 4) * 5 + WRAP(i1[c[1]], 5); break;
        case APART: self = WRAP(i0[c[0]], 3) * 20 + c[1] * 5 + WRAP(i1[c[0]], 5); break;
        case MASK: self = found[c[0]] * 5 + c[1]; break;
        case FULL: self = found[c[0]]; break;
        case MASK_AND_INDEX: self = c[0] * 20 + found[c[2]] * 5 + WRAP(i1[c[1]], 5); break;
        case ONE: self = c[0] * 20 + WRAP(i0[0], 4) * 5 + c[2]; break;
        case INNER: self = c[0] * 20 + c[1] * 5 + WRAP(i0[0], 5); break;
        default: break;
        }
        if (visit) visit(s, j, self);
    }
    return n;
}

static void visit_read(Sample *s, int64_t result, int64_t self) { s->y[0][result] = s->x[0][self]; }
static bool make_index(Sample *s, int k) {
    if (k >= WAYS) return false;
    sample_input(s, -3, 3, 3, self_shape);
    add_indices(s, k);
    RtAttrs_index attrs = way_attrs(k, false);
    s->attrs = sample_attrs_copy(s, &attrs, sizeof attrs);
    return true;
}
static void truth_index(Sample *s) {
    int64_t shape[4];
    int n = walk_index(s, 1, shape, NULL);
    sample_output(s, 0, n, shape);
    walk_index(s, 1, shape, visit_read);
}
const OpCase case_index = {.make = make_index, .truth = truth_index, .dtypes = ON_ALL};

// The values are one number, or one for each position of the last dimension. Added, in every way;
// written, where no place is named twice.
static void visit_put(Sample *s, int64_t result, int64_t self) {
    int64_t n = sample_numel(s->ndim[1], s->shape[1]);
    if (((const RtAttrs_index *)s->attrs)->accumulate)
        s->y[0][self] += s->x[1][result % n];
    else
        s->y[0][self] = s->x[1][result % n];
}
static bool make_index_put(Sample *s, int k) {
    static const int once[] = {MASK, INNER, ONE};
    if (k >= WAYS + 3) return false;
    int way = k < WAYS ? k : once[k - WAYS], n = ways[way].n;
    sample_input(s, -3, 3, 3, self_shape);
    bool number = ways[way].result[n - 1] < 0 || way == INNER;
    sample_input(s, -3, 3, number ? 0 : 1, &ways[way].result[n - 1]);
    add_indices(s, way);
    RtAttrs_index attrs = way_attrs(way, k < WAYS);
    s->attrs = sample_attrs_copy(s, &attrs, sizeof attrs);
    return true;
}
static void truth_index_put(Sample *s) {
    int64_t shape[4];
    copied(s);
    walk_index(s, 2, shape, visit_put);
}
const OpCase case_index_put = {
    .make = make_index_put, .truth = truth_index_put, .dtypes = ON_NUMBERS};

// Not the ways whose result has as many elements as a mask has trues: the gradient's shape would
// depend on the draw.
static void visit_back(Sample *s, int64_t result, int64_t self) {
    s->y[0][self] += s->x[0][result];
}
static bool make_index_backward(Sample *s, int k) {
    static const int fixed[] = {ROWS, NEIGHBOURS, APART, INNER, ONE, EMPTY};
    if (k >= 6) return false;
    sample_input(s, -3, 3, ways[fixed[k]].n, ways[fixed[k]].result);
    add_indices(s, fixed[k]);
    RtAttrs_index attrs = way_attrs(fixed[k], false);
    s->attrs = sample_attrs_copy(s, &attrs, sizeof attrs);
    return true;
}
static void truth_index_backward(Sample *s) {
    int64_t shape[4];
    sample_output(s, 0, 3, self_shape);
    walk_index(s, 1, shape, visit_back);
}
const OpCase case_index_backward = {
    .make = make_index_backward, .truth = truth_index_backward, .dtypes = ON_NUMBERS};

static bool make_index_put_list(Sample *s, int k) {
    if (k >= 2) return false;
    sample_input(s, -3, 3, 2, (int64_t[]){3, 4});
    sample_kind_input(s, k ? SAMPLE_ABSENT : SAMPLE_INDICES, -3, 2, 1, (int64_t[]){1});
    sample_kind_input(s, SAMPLE_INDICES, -4, 3, 1, (int64_t[]){1});
    sample_input(s, -3, 3, 1, (int64_t[]){1});
    SAMPLE_ATTRS(s, index, .accumulate = k == 0);
    return true;
}
static void truth_index_put_list(Sample *s) {
    double *y = copied(s);
    int64_t column = at(s, 2, 0, 4);
    if (s->kind[1] == SAMPLE_ABSENT)
        for (int row = 0; row < 3; row++) y[row * 4 + column] = s->x[3][0];
    else
        y[at(s, 1, 0, 3) * 4 + column] += s->x[3][0];
}
const OpCase case_index_put_list = {
    .make = make_index_put_list, .truth = truth_index_put_list, .dtypes = ON_NUMBERS};

// ----------------------------------------------------------------------------- along one dimension

// Tensors as (O, D, I) around the dimension; two samples: dimension 1 of (2, 4, 3), and the last of
// (3, 4) as -1.
typedef struct Around {
    int64_t O, D, I;
} Around;
static Around around(const Sample *s, int input) {
    return s->ndim[input] == 3
               ? (Around){s->shape[input][0], s->shape[input][1], s->shape[input][2]}
               : (Around){s->shape[input][0], s->shape[input][1], 1};
}
static void add_tensor(Sample *s, int k, int64_t positions) {
    if (k == 0)
        sample_input(s, -3, 3, 3, (int64_t[]){2, positions, 3});
    else
        sample_input(s, -3, 3, 2, (int64_t[]){3, positions});
}
static void set_dim(Sample *s, int k) { SAMPLE_ATTRS(s, gather, .dim = k ? -1 : 1); }

static bool make_index_select(Sample *s, int k) {
    if (k >= 2) return false;
    add_tensor(s, k, 4);
    sample_kind_input(s, SAMPLE_INDICES, 0, 3, k, (int64_t[]){6});
    set_dim(s, k);
    return true;
}
static void truth_index_select(Sample *s) {
    Around x = around(s, 0);
    int64_t shape[3], n = sample_numel(s->ndim[1], s->shape[1]);
    memcpy(shape, s->shape[0], sizeof shape);
    shape[1] = n;
    double *y = sample_output(s, 0, s->ndim[0], shape);
    for (int64_t o = 0; o < x.O; o++)
        for (int64_t j = 0; j < n; j++)
            for (int64_t i = 0; i < x.I; i++)
                *y++ = s->x[0][(o * x.D + at(s, 1, j, x.D)) * x.I + i];
}
const OpCase case_index_select = {
    .make = make_index_select, .truth = truth_index_select, .dtypes = ON_ALL};

static bool make_index_add(Sample *s, int k) {
    if (k >= 2) return false;
    add_tensor(s, k, 4);
    sample_kind_input(s, SAMPLE_INDICES, 0, 3, 1, (int64_t[]){6});
    add_tensor(s, k, 6);
    SAMPLE_ATTRS(s, gather, .dim = k ? -1 : 1, .alpha = k ? rt_int(2) : rt_int(1));
    return true;
}
static void truth_index_add(Sample *s) {
    Around x = around(s, 0);
    double *y = copied(s), alpha = rt_scalar_double(((const RtAttrs_gather *)s->attrs)->alpha);
    for (int64_t o = 0; o < x.O; o++)
        for (int64_t j = 0; j < 6; j++)
            for (int64_t i = 0; i < x.I; i++)
                y[(o * x.D + at(s, 1, j, x.D)) * x.I + i] += alpha * s->x[2][(o * 6 + j) * x.I + i];
}
const OpCase case_index_add = {
    .make = make_index_add, .truth = truth_index_add, .dtypes = ON_NUMBERS};

static bool make_index_copy(Sample *s, int k) {
    if (k >= 2) return false;
    add_tensor(s, k, 4);
    sample_kind_input(s, SAMPLE_INDICES, 0, 3, 1, (int64_t[]){1});
    add_tensor(s, k, 1);
    set_dim(s, k);
    return true;
}
static bool make_index_fill(Sample *s, int k) {
    if (k >= 2) return false;
    add_tensor(s, k, 4);
    sample_kind_input(s, SAMPLE_INDICES, 0, 3, 0, NULL);
    sample_input(s, -3, 3, 0, NULL);
    set_dim(s, k);
    return true;
}
static void truth_index_copy(Sample *s) {
    Around x = around(s, 0);
    double *y = copied(s);
    bool number = s->ndim[2] == 0;
    for (int64_t o = 0; o < x.O; o++)
        for (int64_t i = 0; i < x.I; i++)
            y[(o * x.D + at(s, 1, 0, x.D)) * x.I + i] = s->x[2][number ? 0 : o * x.I + i];
}
const OpCase case_index_copy = {
    .make = make_index_copy, .truth = truth_index_copy, .dtypes = ON_ALL};
const OpCase case_index_fill = {
    .make = make_index_fill, .truth = truth_index_copy, .dtypes = ON_ALL};

// gather and scatter: calls visit(place in index, place in self, place in src) for each element of
// the index, whose shape is (2, D, 3) or (3, D) or smaller
static void walk_gather(Sample *s, int source, Visit visit) {
    Around x = around(s, 0), index = around(s, 1),
           from = source ? around(s, source) : (Around){0, 0, 0};
    for (int64_t o = 0; o < index.O; o++)
        for (int64_t j = 0; j < index.D; j++)
            for (int64_t i = 0; i < index.I; i++) {
                int64_t place = (o * index.D + j) * index.I + i;
                visit(s, source ? (o * from.D + j) * from.I + i : place,
                      (o * x.D + at(s, 1, place, x.D)) * x.I + i);
            }
}
static void add_places(Sample *s, int k,
                       int64_t positions) { // smaller than self in another dimension
    if (k == 0)
        sample_kind_input(s, SAMPLE_INDICES, 0, 3, 3, (int64_t[]){2, positions, 2});
    else
        sample_kind_input(s, SAMPLE_INDICES, 0, 3, 2, (int64_t[]){2, positions});
}

static bool make_gather(Sample *s, int k) {
    if (k >= 2) return false;
    add_tensor(s, k, 4);
    add_places(s, k, 6);
    set_dim(s, k);
    return true;
}
static void truth_gather(Sample *s) {
    sample_output(s, 0, s->ndim[1], s->shape[1]);
    walk_gather(s, 0, visit_read);
}
const OpCase case_gather = {.make = make_gather, .truth = truth_gather, .dtypes = ON_ALL};

static bool make_take_along_dim(Sample *s, int k) {
    if (k >= 2) return false;
    sample_input(s, -3, 3, 2, (int64_t[]){3, 4});
    sample_kind_input(s, SAMPLE_INDICES, 0, k ? 11 : 3, 2, (int64_t[]){1, 5});
    SAMPLE_ATTRS(s, dim, .dim = k ? RT_INT_NONE : 1);
    return true;
}
static void truth_take_along_dim(Sample *s) {
    bool flat = ((const RtAttrs_dim *)s->attrs)->dim == RT_INT_NONE;
    double *y = sample_output(s, 0, flat ? 1 : 2, flat ? (int64_t[]){5, 0} : (int64_t[]){3, 5});
    for (int64_t j = 0; j < (flat ? 5 : 15); j++)
        y[j] = s->x[0][(flat ? 0 : j / 5 * 4) + (int64_t)s->x[1][j % 5]];
}
const OpCase case_take_along_dim = {
    .make = make_take_along_dim, .truth = truth_take_along_dim, .dtypes = ON_ALL};

static bool make_take(Sample *s, int k) {
    if (k >= 1) return false;
    sample_input(s, -3, 3, 2, (int64_t[]){3, 4});
    sample_kind_input(s, SAMPLE_INDICES, -12, 11, 2, (int64_t[]){2, 5});
    return true;
}
static void truth_take(Sample *s) {
    double *y = sample_output(s, 0, 2, (int64_t[]){2, 5});
    for (int64_t j = 0; j < 10; j++) y[j] = s->x[0][at(s, 1, j, 12)];
}
const OpCase case_take = {.make = make_take, .truth = truth_take, .dtypes = ON_ALL};

// One position along dim, so that no place is written twice; src is larger than the index, or one
// number.
static bool make_scatter(Sample *s, int k) {
    if (k >= 3) return false;
    add_tensor(s, k % 2, 4);
    add_places(s, k % 2, 1);
    if (k == 2)
        sample_input(s, -3, 3, 0, NULL);
    else
        add_tensor(s, k, 2);
    set_dim(s, k % 2);
    return true;
}
static void visit_write(Sample *s, int64_t source, int64_t self) {
    s->y[0][self] = s->x[2][s->ndim[2] ? source : 0];
}
static void truth_scatter(Sample *s) {
    copied(s);
    walk_gather(s, s->ndim[2] ? 2 : 0, visit_write);
}
const OpCase case_scatter = {.make = make_scatter, .truth = truth_scatter, .dtypes = ON_ALL};

static bool make_scatter_add(Sample *s, int k) {
    if (k >= 2) return false;
    add_tensor(s, k, 4);
    add_places(s, k, 6);
    add_tensor(s, k, 7);
    set_dim(s, k);
    return true;
}
static void visit_add(Sample *s, int64_t source, int64_t self) { s->y[0][self] += s->x[2][source]; }
static void truth_scatter_add(Sample *s) {
    copied(s);
    walk_gather(s, 2, visit_add);
}
const OpCase case_scatter_add = {
    .make = make_scatter_add, .truth = truth_scatter_add, .dtypes = ON_NUMBERS};

// Values from 0.5 on, all different: no ties for amax and amin, no zeros in products, small
// integers.
static bool make_scatter_reduce(Sample *s, int k) {
    enum { SUM = 1, PROD, MEAN, AMAX, AMIN };
    if (k >= 10) return false;
    s->apart = true;
    sample_input(s, 0.5, 1.9, 2, (int64_t[]){3, 4});
    add_places(s, 1, 5);
    sample_input(s, 0.6, 2.1, 2, (int64_t[]){2, 5});
    SAMPLE_ATTRS(s, gather, .dim = 1, .reduce = 1 + k / 2, .include_self = k % 2);
    return true;
}
static int64_t counts[12];
static void visit_reduce(Sample *s, int64_t source, int64_t self) {
    const RtAttrs_gather *a = s->attrs;
    double *y = &s->y[0][self], b = s->x[2][source];
    bool first = counts[self]++ == 0 && !a->include_self;
    switch (a->reduce) {
    case 2: *y = first ? b : *y * b; break;
    case 4: *y = first || b > *y ? b : *y; break;
    case 5: *y = first || b < *y ? b : *y; break;
    default: *y = first ? b : *y + b; break;
    }
}
static void truth_scatter_reduce(Sample *s) {
    const RtAttrs_gather *a = s->attrs;
    memset(counts, 0, sizeof counts);
    copied(s);
    walk_gather(s, 2, visit_reduce);
    for (int i = 0; i < 12 && a->reduce == 3; i++)
        if (counts[i]) s->y[0][i] /= (double)(counts[i] + a->include_self);
}
const OpCase case_scatter_reduce = {
    .make = make_scatter_reduce, .truth = truth_scatter_reduce, .dtypes = ON_NUMBERS};

// ------------------------------------------------------------------------------------------- masks

static bool make_masked(Sample *s, int k,
                        bool wide) { // wide: the mask may have dimensions that self lacks
    if (k >= (wide ? 3 : 2)) return false;
    sample_input(s, -3, 3, k == 2 ? 1 : 2, k == 2 ? (int64_t[]){4, 0} : (int64_t[]){3, 4});
    sample_kind_input(s, SAMPLE_BOOLS, 0, 1, k == 1 ? 1 : 2,
                      k == 1 ? (int64_t[]){4, 0} : (int64_t[]){3, 4});
    return true;
}
static double masked_x(const Sample *s, int64_t j) { return s->x[0][s->ndim[0] == 1 ? j % 4 : j]; }
static bool masked_at(const Sample *s, int64_t j) {
    return s->x[1][s->ndim[1] == 1 ? j % 4 : j] != 0;
}

static bool make_masked_fill(Sample *s, int k) {
    if (!make_masked(s, k, true)) return false;
    sample_input(s, -3, 3, 0, NULL);
    return true;
}
static void truth_masked_fill(Sample *s) {
    double *y = sample_output(s, 0, 2, (int64_t[]){3, 4});
    for (int64_t j = 0; j < 12; j++) y[j] = masked_at(s, j) ? s->x[2][0] : masked_x(s, j);
}
const OpCase case_masked_fill = {
    .make = make_masked_fill, .truth = truth_masked_fill, .dtypes = ON_ALL};

static bool make_masked_select(Sample *s, int k) { return make_masked(s, k, true); }
static void truth_masked_select(Sample *s) {
    int64_t n = 0;
    for (int64_t j = 0; j < 12; j++) n += masked_at(s, j);
    double *y = sample_output(s, 0, 1, &n);
    for (int64_t j = 0; j < 12; j++)
        if (masked_at(s, j)) *y++ = masked_x(s, j);
}
const OpCase case_masked_select = {
    .make = make_masked_select, .truth = truth_masked_select, .dtypes = ON_ALL};

static bool make_masked_scatter(Sample *s, int k) {
    if (!make_masked(s, k, true)) return false;
    sample_input(s, -3, 3, 2, (int64_t[]){5, 3});
    return true;
}
static void truth_masked_scatter(Sample *s) {
    double *y = sample_output(s, 0, 2, (int64_t[]){3, 4});
    for (int64_t j = 0, n = 0; j < 12; j++) y[j] = masked_at(s, j) ? s->x[2][n++] : masked_x(s, j);
}
const OpCase case_masked_scatter = {
    .make = make_masked_scatter, .truth = truth_masked_scatter, .dtypes = ON_ALL};

static bool make_nonzero(Sample *s, int k) {
    if (k >= 3) return false;
    sample_kind_input(s, k == 1 ? SAMPLE_INDICES : SAMPLE_BOOLS, 0, 2, k == 2 ? 0 : 3,
                      (int64_t[]){2, 3, 4});
    return true;
}
static void truth_nonzero(Sample *s) {
    int64_t n = 0, total = sample_numel(s->ndim[0], s->shape[0]);
    for (int64_t j = 0; j < total; j++) n += s->x[0][j] != 0;
    double *y = sample_output(s, 0, 2, (int64_t[]){n, s->ndim[0]});
    for (int64_t j = 0; j < total && s->ndim[0]; j++) {
        if (s->x[0][j] == 0) continue;
        *y++ = (double)(j / 12);
        *y++ = (double)(j / 4 % 3);
        *y++ = (double)(j % 4);
    }
}
const OpCase case_nonzero = {.make = make_nonzero, .truth = truth_nonzero, .dtypes = ON_F64};

// ------------------------------------------------------------------------------- tables of vectors

// One bag of all; several, and empty ones, are in tests/python/test_embedding.py.
static bool make_bag(Sample *s, int k) {
    if (k >= 4) return false;
    sample_input(s, -3, 3, 2, (int64_t[]){5, k % 2 ? 21 : 4});
    sample_kind_input(s, SAMPLE_INDICES, 0, 4, 1, (int64_t[]){6});
    sample_kind_input(s, SAMPLE_INDICES, 6, 6, 1, (int64_t[]){1});
    SAMPLE_ATTRS(s, embedding, .padding_idx = k < 2 ? RT_INT_NONE : k == 2 ? 3 : -2);
    return true;
}
static bool in_bag(const Sample *s, int64_t i) {
    int64_t padding = ((const RtAttrs_embedding *)s->attrs)->padding_idx;
    return padding == RT_INT_NONE || (int64_t)s->x[1][i] != 3;
}

static bool make_embedding_sum(Sample *s, int k) {
    if (!make_bag(s, k / 2)) return false;
    if (k % 2)
        sample_input(s, -2, 2, 1, (int64_t[]){6});
    else
        sample_kind_input(s, SAMPLE_ABSENT, 0, 0, 0, NULL);
    return true;
}
static void truth_embedding_sum(Sample *s) {
    int64_t n = s->shape[0][1];
    double *y = sample_output(s, 0, 2, (int64_t[]){1, n});
    for (int64_t i = 0; i < 6 * n; i++)
        if (in_bag(s, i / n))
            y[i % n] += s->x[0][(int64_t)s->x[1][i / n] * n + i % n] *
                        (s->kind[3] == SAMPLE_ABSENT ? 1 : s->x[3][i / n]);
}
const OpCase case_embedding_sum = {.make = make_embedding_sum, .truth = truth_embedding_sum, .dtypes = 1 << RT_F32 | 1 << RT_F64};

static bool make_embedding_max(Sample *s, int k) {
    s->apart = true;
    return make_bag(s, k);
}
static void truth_embedding_max(Sample *s) {
    int64_t n = s->shape[0][1];
    double *y = sample_output(s, 0, 2, (int64_t[]){1, n}), *row = sample_output(s, 1, 2, (int64_t[]){1, n});
    for (int64_t k = 0; k < n; k++) row[k] = -1;
    for (int64_t i = 0; i < 6 * n; i++) {
        double x = s->x[0][(int64_t)s->x[1][i / n] * n + i % n];
        if (!in_bag(s, i / n) || (row[i % n] >= 0 && x <= y[i % n])) continue;
        y[i % n] = x;
        row[i % n] = s->x[1][i / n];
    }
}
const OpCase case_embedding_max = {.make = make_embedding_max, .truth = truth_embedding_max, .dtypes = 1 << RT_F32 | 1 << RT_F64};

static bool make_embedding(Sample *s, int k) {
    if (k >= 2) return false;
    sample_kind_input(s, SAMPLE_INDICES, 0, 4, k ? 0 : 2, (int64_t[]){2, 3});
    sample_input(s, -3, 3, 2, (int64_t[]){5, 4});
    SAMPLE_ATTRS(s, embedding, .padding_idx = RT_INT_NONE);
    return true;
}
static void truth_embedding(Sample *s) {
    bool one = s->ndim[0] == 0;
    double *y = sample_output(s, 0, one ? 1 : 3, one ? (int64_t[]){4, 0, 0} : (int64_t[]){2, 3, 4});
    for (int64_t j = 0; j < (one ? 4 : 24); j++)
        y[j] = s->x[1][(int64_t)s->x[0][j / 4] * 4 + j % 4];
}
const OpCase case_embedding = {.make = make_embedding, .truth = truth_embedding, .dtypes = ON_ALL};

static bool make_embedding_backward(Sample *s, int k) {
    if (k >= 2) return false;
    sample_input(s, -3, 3, 3, (int64_t[]){2, 3, 4});
    sample_kind_input(s, SAMPLE_INDICES, 0, 4, 2, (int64_t[]){2, 3});
    SAMPLE_ATTRS(s, embedding, .num_weights = 5, .padding_idx = k ? -3 : RT_INT_NONE);
    return true;
}
static void truth_embedding_backward(Sample *s) {
    double *y = sample_output(s, 0, 2, (int64_t[]){5, 4});
    bool padding = ((const RtAttrs_embedding *)s->attrs)->padding_idx != RT_INT_NONE;
    for (int64_t j = 0; j < 24; j++) {
        int64_t row = (int64_t)s->x[1][j / 4];
        if (!padding || row != 2) y[row * 4 + j % 4] += s->x[0][j];
    }
}
const OpCase case_embedding_backward = {
    .make = make_embedding_backward, .truth = truth_embedding_backward, .dtypes = ON_FLOATS};

// ------------------------------------------------------------------------------------------- order

// Long enough for the radix sort in the last sample; integers and bool have many equal elements.
static bool make_order(Sample *s, int k) {
    if (k >= 4) return false;
    s->apart = true;
    if (k == 3)
        sample_input(s, -9, 9, 1, (int64_t[]){130});
    else
        sample_input(s, -9, 9, k == 2 ? 0 : 2, (int64_t[]){4, 5});
    return true;
}
static bool make_sort(Sample *s, int k) {
    if (!make_order(s, k)) return false;
    SAMPLE_ATTRS(s, dim, .dim = k == 1 ? 0 : -1, .descending = k % 2);
    return true;
}
static bool make_topk(Sample *s, int k) {
    if (!make_order(s, k)) return false;
    SAMPLE_ATTRS(s, dim, .dim = k == 1 ? 0 : -1, .largest = k % 2,
                 .k = k == 3   ? 100
                      : k == 2 ? 1
                               : 3);
    return true;
}
// The first `keep` of each line in a stable order, found by choosing the least that is left.
static void order(Sample *s, bool descending, int64_t keep, double *values, double *indices) {
    bool first_dim = ((const RtAttrs_dim *)s->attrs)->dim == 0;
    int64_t n = s->ndim[0] == 0 ? 1 : s->ndim[0] == 1 ? 130 : first_dim ? 4 : 5;
    int64_t lines = sample_numel(s->ndim[0], s->shape[0]) / n, step = first_dim ? 5 : 1;
    for (int64_t line = 0; line < lines; line++) {
        const double *x = s->x[0] + (first_dim ? line : line * n);
        bool taken[130] = {false};
        for (int64_t k = 0; k < keep; k++) {
            int64_t best = -1;
            for (int64_t j = 0; j < n; j++) {
                if (taken[j]) continue;
                if (best < 0 ||
                    (descending ? x[j * step] > x[best * step] : x[j * step] < x[best * step]))
                    best = j;
            }
            taken[best] = true;
            int64_t to = (first_dim ? line : line * keep) + k * step;
            if (values) values[to] = x[best * step];
            indices[to] = (double)best;
        }
    }
}
static void truth_sort(Sample *s) {
    const RtAttrs_dim *a = s->attrs;
    double *values = sample_output(s, 0, s->ndim[0], s->shape[0]),
           *indices = sample_output(s, 1, s->ndim[0], s->shape[0]);
    order(s, a->descending, s->ndim[0] ? s->shape[0][a->dim < 0 ? s->ndim[0] - 1 : 0] : 1, values,
          indices);
}
static void truth_argsort(Sample *s) {
    const RtAttrs_dim *a = s->attrs;
    double *indices = sample_output(s, 0, s->ndim[0], s->shape[0]);
    order(s, a->descending, s->ndim[0] ? s->shape[0][a->dim < 0 ? s->ndim[0] - 1 : 0] : 1, NULL,
          indices);
}
static void truth_topk(Sample *s) {
    const RtAttrs_dim *a = s->attrs;
    int64_t shape[2];
    memcpy(shape, s->shape[0], sizeof shape);
    if (s->ndim[0]) shape[a->dim < 0 ? s->ndim[0] - 1 : 0] = a->k;
    double *values = sample_output(s, 0, s->ndim[0], shape),
           *indices = sample_output(s, 1, s->ndim[0], shape);
    order(s, a->largest, a->k, values, indices);
}
const OpCase case_sort = {.make = make_sort, .truth = truth_sort, .dtypes = ON_ALL};
const OpCase case_argsort = {.make = make_sort, .truth = truth_argsort, .dtypes = ON_ALL};
const OpCase case_topk = {.make = make_topk, .truth = truth_topk, .dtypes = ON_ALL};

static bool make_bincount(Sample *s, int k) {
    if (k >= 3) return false;
    int64_t n = k == 2 ? 0 : 9;
    sample_kind_input(s, SAMPLE_INDICES, 4, 4, 1, &n);
    sample_kind_input(s, k ? SAMPLE_CONSTANT : SAMPLE_ABSENT, 0, 3, 1, &n);
    SAMPLE_ATTRS(s, bincount, .minlength = k ? 7 : 0);
    return true;
}
static void truth_bincount(Sample *s) {
    int64_t size = s->kind[1] == SAMPLE_ABSENT ? 5 : 7;
    double *y = sample_output(s, 0, 1, &size);
    for (int64_t j = 0; j < s->shape[0][0]; j++)
        y[(int64_t)s->x[0][j]] += s->kind[1] == SAMPLE_ABSENT ? 1 : s->x[1][j];
}
const OpCase case_bincount = {
    .make = make_bincount, .truth = truth_bincount, .dtypes = 1 << RT_F32 | ON_F64};

// -------------------------------------------------------------------------------- written in
// others

static bool make_put(Sample *s, int k) {
    if (k >= 2) return false;
    sample_input(s, -3, 3, 2, (int64_t[]){3, 4});
    // one position, so that none is written twice; four that add up
    sample_kind_input(s, SAMPLE_INDICES, -12, 11, 2, (int64_t[]){1, k ? 4 : 1});
    sample_input(s, -3, 3, 1, (int64_t[]){k ? 4 : 1});
    SAMPLE_ATTRS(s, put, .accumulate = k);
    return true;
}
static void truth_put(Sample *s) {
    double *y = copied(s);
    for (int64_t j = 0; j < s->shape[2][0]; j++) {
        double *place = &y[at(s, 1, j, 12)];
        *place = s->x[2][j] + (((const RtAttrs_put *)s->attrs)->accumulate ? *place : 0);
    }
}
const OpCase case_put = {.make = make_put, .truth = truth_put, .dtypes = ON_NUMBERS};

static bool make_index_reduce(Sample *s, int k) {
    if (k >= 8) return false;
    s->apart = true;
    sample_input(s, 0.5, 1.9, 2, (int64_t[]){3, 4});
    sample_kind_input(s, SAMPLE_INDICES, 0, 3, 1, (int64_t[]){5});
    sample_input(s, 0.6, 2.1, 2, (int64_t[]){3, 5});
    SAMPLE_ATTRS(s, gather, .dim = -1, .reduce = 2 + k / 2, .include_self = k % 2);
    return true;
}
static void truth_index_reduce(Sample *s) {
    const RtAttrs_gather *a = s->attrs;
    memset(counts, 0, sizeof counts);
    copied(s);
    for (int64_t i = 0; i < 15; i++) visit_reduce(s, i, i / 5 * 4 + at(s, 1, i % 5, 4));
    for (int i = 0; i < 12 && a->reduce == 3; i++)
        if (counts[i]) s->y[0][i] /= (double)(counts[i] + a->include_self);
}
const OpCase case_index_reduce = {
    .make = make_index_reduce, .truth = truth_index_reduce, .dtypes = ON_NUMBERS};

static bool make_scatter_word(Sample *s, int k) {
    if (k >= 4) return false;
    sample_input(s, 1, 2, 2, (int64_t[]){3, 4});
    sample_kind_input(s, SAMPLE_INDICES, 0, 3, 2, (int64_t[]){3, 2});
    if (k >= 2)
        sample_input(s, 2, 2, 0, NULL);
    else
        sample_input(s, 1, 2, 2, (int64_t[]){3, 2});
    SAMPLE_ATTRS(s, scatter_word, .dim = 1, .reduce = k % 2);
    return true;
}
static void truth_scatter_word(Sample *s) {
    double *y = copied(s);
    for (int64_t j = 0; j < 6; j++) {
        double *place = &y[j / 2 * 4 + at(s, 1, j, 4)], value = s->x[2][s->ndim[2] ? j : 0];
        *place = ((const RtAttrs_scatter_word *)s->attrs)->reduce ? *place * value : *place + value;
    }
}
const OpCase case_scatter_word = {
    .make = make_scatter_word, .truth = truth_scatter_word, .dtypes = ON_NUMBERS};

// A part of a (3, 4): row 1, columns 1 and 3, the diagonal above the main one.
static bool make_select_scatter(Sample *s, int k) {
    if (k) return false;
    sample_input(s, -3, 3, 2, (int64_t[]){3, 4});
    sample_input(s, -3, 3, 1, (int64_t[]){4});
    SAMPLE_ATTRS(s, slice, .dim = 0, .index = -2);
    return true;
}
static void truth_select_scatter(Sample *s) { memcpy(copied(s) + 4, s->x[1], 4 * sizeof(double)); }
const OpCase case_select_scatter = {
    .make = make_select_scatter, .truth = truth_select_scatter, .dtypes = ON_ALL};

static bool make_slice_scatter(Sample *s, int k) {
    if (k) return false;
    sample_input(s, -3, 3, 2, (int64_t[]){3, 4});
    sample_input(s, -3, 3, 2, (int64_t[]){3, 2});
    SAMPLE_ATTRS(s, slice, .dim = 1, .start = 1, .step = 2);
    return true;
}
static void truth_slice_scatter(Sample *s) {
    double *y = copied(s);
    for (int j = 0; j < 6; j++) y[j / 2 * 4 + 1 + j % 2 * 2] = s->x[1][j];
}
const OpCase case_slice_scatter = {
    .make = make_slice_scatter, .truth = truth_slice_scatter, .dtypes = ON_ALL};

static bool make_diagonal_scatter(Sample *s, int k) {
    if (k) return false;
    sample_input(s, -3, 3, 2, (int64_t[]){3, 4});
    sample_input(s, -3, 3, 1, (int64_t[]){3});
    SAMPLE_ATTRS(s, diagonal, .offset = 1);
    return true;
}
static void truth_diagonal_scatter(Sample *s) {
    double *y = copied(s);
    for (int j = 0; j < 3; j++) y[j * 5 + 1] = s->x[1][j];
}
const OpCase case_diagonal_scatter = {
    .make = make_diagonal_scatter, .truth = truth_diagonal_scatter, .dtypes = ON_ALL};

static bool make_where_places(Sample *s, int k) {
    if (k >= 2) return false;
    sample_input(s, -1.4, 1.4, 1 + k, k ? (int64_t[]){3, 4} : (int64_t[]){7});
    return true;
}
static void truth_where_places(Sample *s) {
    int64_t n = sample_numel(s->ndim[0], s->shape[0]), found = 0, width = s->ndim[0] == 2 ? 4 : 7;
    for (int64_t i = 0; i < n; i++) found += s->x[0][i] != 0;
    for (int dim = 0; dim < s->ndim[0]; dim++) {
        double *y = sample_output(s, dim, 1, &found);
        for (int64_t i = 0; i < n; i++)
            if (s->x[0][i] != 0)
                *y++ = (double)(s->ndim[0] == 2 && dim == 0 ? i / width : i % width);
    }
}
const OpCase case_where_places = {
    .make = make_where_places, .truth = truth_where_places, .dtypes = ON_ALL};
