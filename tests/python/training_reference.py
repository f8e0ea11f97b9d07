"""A small network trained by NumPy in double precision: what the tests of training compare with."""

import numpy as np


def softmax(z):
    e = np.exp(z - z.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


def steps(kind, x, weights, backwards=False, mask=None):
    """The outputs of a recurrent layer, step by step; where the mask is False, state and output stay as they are."""
    kernel, recurrent = weights[:2]
    units = recurrent.shape[0]
    bias = weights[2] if len(weights) > 2 else np.zeros((2, 3 * units) if kind == "GRU" else kernel.shape[1])
    h, c, out = np.zeros((len(x), units)), np.zeros((len(x), units)), []
    for t in range(x.shape[1])[:: -1 if backwards else 1]:
        before = h, c
        if kind == "SimpleRNN":
            h = np.tanh(x[:, t] @ kernel + h @ recurrent + bias)
        elif kind == "LSTM":
            i, f, g, o = np.split(x[:, t] @ kernel + h @ recurrent + bias, 4, 1)
            c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
            h = sigmoid(o) * np.tanh(c)
        else:
            xz, xr, xh = np.split(x[:, t] @ kernel + bias[0], 3, 1)
            hz, hr, hh = np.split(h @ recurrent + bias[1], 3, 1)
            z, r = sigmoid(xz + hz), sigmoid(xr + hr)
            h = z * h + (1 - z) * np.tanh(xh + r * hh)
        if mask is not None:
            h, c = (np.where(mask[:, t : t + 1], new, old) for new, old in zip((h, c), before))
        out.append(h)
    return np.stack(out, 1)


class Net:
    """x → tanh(x W0 + b0) → … → last(x Wn + bn); weights as Keras has them: [W0, b0, W1, b1, …]."""

    def __init__(self, weights, last="linear", l1=0.0, l2=0.0):
        self.weights = [np.array(w, np.float64) for w in weights]
        self.last, self.l1, self.l2 = last, l1, l2

    def forward(self, x):
        self.inputs = []
        n = len(self.weights) // 2
        for i in range(n):
            self.inputs.append(x)
            z = x @ self.weights[2 * i] + self.weights[2 * i + 1]
            x = np.tanh(z) if i + 1 < n else {"linear": lambda z: z, "softmax": softmax, "sigmoid": sigmoid}[self.last](z)
        self.output = x
        return x

    def values(self, y, loss):
        """One loss a sample."""
        p = self.output
        if loss == "mse":
            return ((p - y) ** 2).mean(-1)
        if loss == "mae":
            return np.abs(p - y).mean(-1)
        if loss == "cce":
            return -(y * np.log(p)).sum(-1)
        if loss == "bce":
            return -(y * np.log(p) + (1 - y) * np.log(1 - p)).mean(-1)
        raise AssertionError(loss)

    def penalty(self):
        return sum(self.l1 * np.abs(w).sum() + self.l2 * (w**2).sum() for w in self.weights[::2])

    def gradients(self, y, loss, weight):
        """Of the mean of weight · value; the cross entropies with their activations."""
        n, k = self.output.shape
        p = self.output
        delta = {
            "mse": 2 * (p - y) / k, "mae": np.sign(p - y) / k, "cce": p * y.sum(-1, keepdims=True) - y, "bce": (p - y) / k,
        }[loss] * weight[:, None] / n  # fmt: skip
        grads = []
        for i in reversed(range(len(self.weights) // 2)):
            x = self.inputs[i]
            w = self.weights[2 * i]
            grads = [x.T @ delta + self.l1 * np.sign(w) + 2 * self.l2 * w, delta.sum(0)] + grads
            delta = (delta @ w.T) * (1 - x**2)
        return grads


class Optimizer:
    """Keras 3's formulas, as its sources have them."""

    def __init__(self, name, clip=None, decay=0.0, **options):
        self.name, self.o, self.clip, self.decay, self.t, self.s = name, options, clip, decay, 0, {}

    def state(self, i, key, like, fill=0.0):
        return self.s.setdefault((i, key), np.full_like(like, fill))

    def step(self, weights, grads):
        self.t += 1
        if self.clip:
            grads = clipped(grads, *self.clip)
        lr = self.o["lr"]
        for i, (w, g) in enumerate(zip(weights, grads)):
            w -= lr * self.decay * w
            w += getattr(self, self.name)(i, w, g, lr, self.t)

    def sgd(self, i, w, g, lr, t):
        m = self.o.get("momentum", 0.0)
        if not m:
            return -lr * g
        v = self.state(i, "v", w)
        v[...] = m * v - lr * g
        return m * v - lr * g if self.o.get("nesterov") else v

    def adam(self, i, w, g, lr, t):
        b1, b2, eps = self.o.get("b1", 0.9), self.o.get("b2", 0.999), self.o.get("eps", 1e-7)
        m, v = self.state(i, "m", w), self.state(i, "v", w)
        alpha = lr * np.sqrt(1 - b2**t) / (1 - b1**t)
        m += (g - m) * (1 - b1)
        v += (g * g - v) * (1 - b2)
        if self.o.get("amsgrad"):
            top = self.state(i, "top", w)
            top[...] = np.maximum(top, v)
            v = top
        return -m * alpha / (np.sqrt(v) + eps)

    def rmsprop(self, i, w, g, lr, t):
        rho, eps = self.o.get("rho", 0.9), self.o.get("eps", 1e-7)
        v = self.state(i, "v", w)
        v[...] = rho * v + (1 - rho) * g * g
        below = v + eps
        if self.o.get("centered"):
            a = self.state(i, "a", w)
            a[...] = rho * a + (1 - rho) * g
            below = v - a * a + eps
        change = lr * g / np.sqrt(below)
        if self.o.get("momentum"):
            m = self.state(i, "m", w)
            m[...] = self.o["momentum"] * m + change
            change = m
        return -change

    def adagrad(self, i, w, g, lr, t):
        a = self.state(i, "a", w, self.o.get("start", 0.1))
        a += g * g
        return -lr * g / np.sqrt(a + self.o.get("eps", 1e-7))

    def adadelta(self, i, w, g, lr, t):
        rho, eps = self.o.get("rho", 0.95), self.o.get("eps", 1e-7)
        a, d = self.state(i, "a", w), self.state(i, "d", w)
        a[...] = rho * a + (1 - rho) * g * g
        change = -np.sqrt(d + eps) / np.sqrt(a + eps) * g
        d[...] = rho * d + (1 - rho) * change**2
        return lr * change

    def adamax(self, i, w, g, lr, t):
        b1, b2, eps = 0.9, 0.999, self.o.get("eps", 1e-7)
        m, u = self.state(i, "m", w), self.state(i, "u", w)
        m += (g - m) * (1 - b1)
        u[...] = np.maximum(b2 * u, np.abs(g))
        return -lr * m / ((1 - b1**t) * (u + eps))

    def nadam(self, i, w, g, lr, t):
        b1, b2, eps = 0.9, 0.999, self.o.get("eps", 1e-7)
        now, after = (b1 * (1 - 0.5 * 0.96**k) for k in (t, t + 1))
        product = np.prod([b1 * (1 - 0.5 * 0.96**k) for k in range(1, t + 1)])
        m, v = self.state(i, "m", w), self.state(i, "v", w)
        m += (g - m) * (1 - b1)
        v += (g * g - v) * (1 - b2)
        m_hat = after * m / (1 - product * after) + (1 - now) * g / (1 - product)
        return -lr * m_hat / (np.sqrt(v / (1 - b2**t)) + eps)

    def lion(self, i, w, g, lr, t):
        b1, b2 = 0.9, 0.99
        m = self.state(i, "m", w)
        change = -lr * np.sign(m * b1 + g * (1 - b1))
        m[...] = m * b2 + g * (1 - b2)
        return change

    def ftrl(self, i, w, g, lr, t):
        power = 0.5
        n, z = self.state(i, "n", w, 0.1), self.state(i, "z", w)
        l1, l2 = self.o.get("l1", 0.0), self.o.get("l2", 0.0)
        before = n**power
        n += g * g
        z += g - (n**power - before) / lr * w
        quadratic = n**power / lr + 2 * l2
        return (np.clip(z, -l1, l1) - z) / quadratic - w


def clipped(grads, kind, bound):
    if kind == "clipvalue":
        return [np.clip(g, -bound, bound) for g in grads]
    if kind == "clipnorm":
        return [g * bound / max(np.linalg.norm(g), bound) for g in grads]
    norm = np.sqrt(sum((g * g).sum() for g in grads))
    return [g * bound / max(norm, bound) for g in grads]


def train(net, optimizer, x, y, loss, epochs, batch, weight=None, steps=None, accumulate=1):
    """The mean loss of each epoch, as Keras counts it; changes the net's weights. ``steps`` batches an epoch go on and on."""
    n = len(x)
    weight = np.ones(n) if weight is None else np.asarray(weight, np.float64)
    order = [(i, min(i + batch, n)) for i in range(0, n, batch)]
    history, at, waiting = [], 0, []
    for _ in range(epochs):
        total = count = 0.0
        if steps is None:
            plan = order
        else:
            plan = [order[(at + k) % len(order)] for k in range(steps)]
            at += steps
        for a, b in plan:
            net.forward(x[a:b])
            value = (net.values(y[a:b], loss) * weight[a:b]).mean() + net.penalty()
            total += value * (b - a)
            count += b - a
            waiting.append(net.gradients(y[a:b], loss, weight[a:b]))
            if len(waiting) == accumulate:
                optimizer.step(net.weights, [sum(each) / accumulate for each in zip(*waiting)])
                waiting = []
        if waiting:  # what is left counts as a whole batch
            optimizer.step(net.weights, [sum(each) / len(waiting) for each in zip(*waiting)])
            waiting = []
        history.append(total / count)
    return history


def evaluate(net, x, y, loss, weight=None):
    weight = np.ones(len(x)) if weight is None else weight
    net.forward(x)
    return float((net.values(y, loss) * weight).mean() + net.penalty())
