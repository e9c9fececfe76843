"""Convolutional autoencoder: shared kernels.

Each layer applies the same small kernel at every pixel of an image.

The model. Images have the shape (B, height, width, channels). Kernels are 3 × 3; the border is padded with zeros.

    encoder    28 × 28 × 1 → convolution → 28 × 28 × 8 → max pooling → 14 × 14 × 8
                           → convolution → 14 × 14 × 4 → max pooling →  7 × 7 × 4, the code
    decoder     7 × 7 × 4  → convolution →  7 × 7 × 4  → upsampling  → 14 × 14 × 4
                           → convolution → 14 × 14 × 8 → upsampling  → 28 × 28 × 8 → convolution → logits

Convolution with C input and O output channels. Output pixel p = (row, column) reads the 9 input pixels p + t with
t = (−1, −1), (−1, 0), …, (1, 1). Its channel o is

    y_po = Σ_t Σ_c x_{p+t, c} W_tco + b_o

Write the 9 C numbers that pixel p reads into row p of a matrix X = im2col(x), and read W as a matrix of shape (9 C, O).
Then y = X W + b. This is a dense layer with one row per pixel of each image, and its derivatives are known:

    dW = Xᵀ dy        db_o = Σ_p dy_po        dX = dy Wᵀ

The last step leads from dX to dx. Input pixel q occurs in up to 9 rows of X, in row p = q − t for each t. Their
derivatives add up:

    dx_qc = Σ_t dX_{q−t, tc}                      col2im, the adjoint (the transposed matrix) of im2col

Max pooling with windows of 2 × 2, t = (0, 0), (1, 0), (0, 1), (1, 1). Only the largest pixel of a window acts on y, so
it receives the whole derivative. [c] is 1 where the condition c holds, otherwise 0:

    y_p = max_t x_{2p+t}                          dx_{2p+t} = dy_p [t is the first place of the maximum]

Upsampling by 2. Each pixel is copied to 4 places, so it receives the sum of their derivatives:

    y_q = x_{⌊q/2⌋}                               dx_p = Σ_{q: ⌊q/2⌋ = p} dy_q

python -m demos.from_scratch.convolutional        test: 86.6 nats per image; 24 s on one core
Goodfellow, Bengio & Courville 2016, "Deep Learning", sections 9.1, 9.3 and 9.5; Chellapilla, Puri & Simard 2006, "High
performance convolutional neural networks for document processing" (im2col)
"""

from demos.from_scratch.autoencoder import IDENTITY, RELU, Adam, Dense, Network, check, cross_entropy, setup, train, xp

TAPS = [(i, j) for i in range(3) for j in range(3)]  # the 9 places of a 3 × 3 window
PLACES = [(0, 0), (1, 0), (0, 1), (1, 1)]  # the 4 places (row, column) of a 2 × 2 window, column by column


def im2col(x):
    B, H, W, C = x.shape
    padded = xp.zeros((B, H + 2, W + 2, C))
    padded[:, 1:-1, 1:-1] = x
    # X[p, tc] = x_{p+t, c}: one shifted image for each tap t, side by side
    return xp.concatenate([padded[:, i : i + H, j : j + W] for i, j in TAPS], axis=3).reshape(B * H * W, 9 * C)


def col2im(dX, shape):
    B, H, W, C = shape
    padded = xp.zeros((B, H + 2, W + 2, C))
    for (i, j), dX_t in zip(TAPS, xp.split(dX.reshape(B, H, W, 9 * C), 9, axis=3), strict=True):
        padded[:, i : i + H, j : j + W] += dX_t  # dx_qc = Σ_t dX_{q−t, tc}
    return padded[:, 1:-1, 1:-1]


class Convolution(Dense):  # h = φ(X W + b),  X = im2col(x)
    def __init__(self, c_in, c_out, activation, rng):
        super().__init__(9 * c_in, c_out, activation, rng)

    def forward(self, x):
        self.shape = x.shape
        return super().forward(im2col(x)).reshape(*x.shape[:3], -1)

    def backward(self, dh):
        dX = super().backward(dh.reshape(-1, dh.shape[3]))  # dW = Xᵀ da,  db_o = Σ_p da_po,  dX = da Wᵀ
        return col2im(dX, self.shape)


class MaxPooling:
    theta = gradient = ()  # no parameters

    def forward(self, x):
        windows = xp.stack([x[:, i::2, j::2] for i, j in PLACES])  # x_{2p+t}, t first
        self.first = windows.argmax(axis=0)  # the first place t of the maximum
        return windows.max(axis=0)  # y_p = max_t x_{2p+t}

    def backward(self, dy):
        B, H, W, C = dy.shape
        dx = xp.empty((B, 2 * H, 2 * W, C))
        for t, (i, j) in enumerate(PLACES):
            dx[:, i::2, j::2] = dy * (self.first == t)  # dx_{2p+t} = dy_p [t is the first place of the maximum]
        return dx


class Upsampling:
    theta = gradient = ()  # no parameters

    def forward(self, x):
        return x.repeat(2, axis=1).repeat(2, axis=2)  # y_q = x_{⌊q/2⌋}

    def backward(self, dy):
        B, H, W, C = dy.shape
        return dy.reshape(B, H // 2, 2, W // 2, 2, C).sum(axis=(2, 4))  # dx_p = Σ_{q: ⌊q/2⌋ = p} dy_q


def convolutional_autoencoder(rng, channels=(8, 4)):
    c1, c2 = channels
    encoder = [Convolution(1, c1, RELU, rng), MaxPooling(), Convolution(c1, c2, RELU, rng), MaxPooling()]
    decoder = [Convolution(c2, c2, RELU, rng), Upsampling(), Convolution(c2, c1, RELU, rng), Upsampling()]
    return Network([*encoder, *decoder, Convolution(c1, 1, IDENTITY, rng)])


def main(argv=None):
    epochs, rng, x, x_test = setup(argv, epochs=2)
    x, x_test = x.reshape(-1, 28, 28, 1), x_test.reshape(-1, 28, 28, 1)
    model = convolutional_autoencoder(rng)
    for b in model.theta[1::2]:
        b += 0.1  # at b = 0 all black regions have a = 0, the kink of the ReLU, where finite differences fail
    check(lambda: model.backpropagate(x[:4], x[:4]), model, rng, eps=1e-6)
    adam = Adam(model, eta=3e-3)
    train({"cross-entropy": (lambda x: model.backpropagate(x, x), adam)}, x, epochs, rng, B=50)
    J, _ = cross_entropy(model.forward(x_test), x_test)
    print(f"test: cross-entropy {J:.2f} nats per image")


if __name__ == "__main__":
    main()
