"""A word-level language model: Embedding, two layers of LSTM, tied weights, hidden state carried on, clipped SGD, perplexity."""

import math

import torch
import torch.nn as nn
import torch.nn.functional as F

from common import fill, report

text = """the quick fox jumps over the lazy dog and the dog sleeps while the fox runs over the hill
the lazy dog dreams of the quick fox and the fox dreams of the hill where the dog never runs""".split() * 6


class Dictionary(object):
    def __init__(self):
        self.word2idx = {}
        self.idx2word = []

    def add_word(self, word):
        if word not in self.word2idx:
            self.idx2word.append(word)
            self.word2idx[word] = len(self.idx2word) - 1
        return self.word2idx[word]

    def __len__(self):
        return len(self.idx2word)


class RNNModel(nn.Module):
    def __init__(self, ntoken, ninp, nhid, nlayers):
        super(RNNModel, self).__init__()
        self.encoder = nn.Embedding(ntoken, ninp)
        self.rnn = nn.LSTM(ninp, nhid, nlayers)
        self.decoder = nn.Linear(nhid, ntoken)
        self.decoder.weight = self.encoder.weight
        self.nhid, self.nlayers = nhid, nlayers

    def forward(self, input, hidden):
        output, hidden = self.rnn(self.encoder(input), hidden)
        return F.log_softmax(self.decoder(output).view(-1, self.decoder.out_features), dim=1), hidden

    def init_hidden(self, bsz):
        weight = next(self.parameters())
        return weight.new_zeros(self.nlayers, bsz, self.nhid), weight.new_zeros(self.nlayers, bsz, self.nhid)


def batchify(data, bsz):
    nbatch = data.size(0) // bsz
    data = data.narrow(0, 0, nbatch * bsz)
    return data.view(bsz, -1).t().contiguous()


def repackage_hidden(h):
    return h.detach() if isinstance(h, torch.Tensor) else tuple(repackage_hidden(v) for v in h)


dictionary = Dictionary()
ids = torch.tensor([dictionary.add_word(word) for word in text]).type(torch.int64)
source, bptt = batchify(ids, 4), 10
model = fill(RNNModel(len(dictionary), 24, 24, 2))
assert model.decoder.weight is model.encoder.weight
criterion = nn.NLLLoss()
losses, lr = [], 5.0
model.train()
for epoch in range(2):
    hidden = model.init_hidden(4)
    for i in range(0, source.size(0) - 1, bptt):
        seq_len = min(bptt, len(source) - 1 - i)
        data, targets = source[i : i + seq_len], source[i + 1 : i + 1 + seq_len].view(-1)
        model.zero_grad()
        hidden = repackage_hidden(hidden)
        output, hidden = model(data, hidden)
        loss = criterion(output, targets)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 0.25)
        for p in model.parameters():
            p.data.add_(p.grad, alpha=-lr)
        losses.append(loss.item())
    lr /= 2
report(losses)
report([math.exp(losses[-1]), len(dictionary)], "end")
