"""A straight line through noisy points: the smallest training loop.

    python regression.py
"""

import rustorch as torch
from rustorch import nn, optim
from rustorch.data import DataLoader, TensorDataset


def main():
    torch.manual_seed(0)
    x = torch.linspace(-1, 1, 200).reshape(200, 1)
    y = 2 * x + 1 + 0.1 * torch.randn(200, 1)

    model = nn.Linear(1, 1)
    optimizer = optim.SGD(model.parameters(), lr=0.1)
    loader = DataLoader(TensorDataset(x, y), batch_size=20, shuffle=True)

    for epoch in range(20):
        total = 0.0
        for inputs, targets in loader:
            optimizer.zero_grad()
            loss = nn.functional.mse_loss(model(inputs), targets)
            loss.backward()
            optimizer.step()
            total += loss.item()
        if epoch % 5 == 4:
            print(f"epoch {epoch + 1}: loss {total / len(loader):.4f}")

    print(f"y = {model.weight.item():.2f} x + {model.bias.item():.2f}")


if __name__ == "__main__":
    main()
